//! Units that a playbook makes of fields: a program with its secret and its releases, timers, sockets, templates, drop-ins,
//! masks. They come up, take what changes, are undone, and go.

use crate::host::{Host, run};

const SECRET: &str = "s3cr3t \"word\" $HOME `x` \\ 5%";

/// Says what it was given, and notes each reload.
fn program(words: &str) -> String {
    format!(
        "#!/bin/sh
printf '%s\\n' \"$TOKEN\" \"$WORDS\" \"$MORE\" >/srv/app/environment
pwd >/srv/app/directory
trap 'cat /etc/app.conf >>/srv/app/reloads' HUP
{words}
while :; do sleep 0.1; done
"
    )
}

const PLAYBOOK: &str = r#"
name: units
secrets: { token: { file: token } }
users: { app: { system: true } }
directories: { /opt/app: {}, /srv/app: { owner: app }, /srv/app/100%off: { owner: app } }
binaries: { app: { path: app, to: /opt/app } }
files:
  /etc/app.conf: { content: "one\n" }
  /etc/app.env: { content: "MORE=more\n" }
systemd:
  sweep.timer: { unit: { Timer: { OnCalendar: hourly, Persistent: true } } }
  sweep: { command: /usr/bin/touch /srv/swept, type: oneshot }
  door.socket: { unit: { Socket: { ListenStream: 127.0.0.1:7001, Service: inner8.2-door.service } } }
  inner8.2-door: { command: /usr/bin/sleep 100009 }
  whole: { template: whole.service.hbs }
  drop.path: { unit: { Path: { PathExists: /srv/drop } } }
  drop: { command: /usr/bin/mv /srv/drop /srv/dropped, type: oneshot }
  app:
    command: /opt/app/current/app --config /etc/app.conf
    user: app
    group: adm
    directory: /srv/app/100%off
    environment: { TOKEN: "${token}", WORDS: "a \"b\" $c 5% \\ é\nd" }
    environment_file: /etc/app.env
    restart: always
    restart_sec: 1m
    timeout_stop: 3s
    exec_reload: /bin/kill -HUP $MAINPID
    reload_on: [/etc/app.conf]
    unit: { Unit: { Wants: null }, Service: { NoNewPrivileges: yes, UMask: 0027 } }
  w@: { command: "/usr/bin/sleep 10000%i", environment: { NAME: "w%i" } }
  w@1: { drop_in: { Service: { Nice: 3 } } }
  cron: { environment: { COLOUR: red }, restart_on: [/etc/app.conf] }
  fstrim.timer: { masked: true }
  logrotate.timer: { masked: true }
"#;

const WHOLE: &str = "[Unit]
Description=whole of {{playbook}}
[Service]
ExecStart=/usr/bin/sleep 100010
[Install]
WantedBy=multi-user.target
";

/// What is left of it: nothing.
const LESS: &str = "name: units\nusers: { app: { system: true } }\nsystemd: { cron: {} }\n";

/// Properties of a unit, in the order in which they are named.
fn property(host: &Host, unit: &str, properties: &str) -> String {
    let names = properties.replace(',', " ");
    host.sh(&format!(
        "for name in {names}; do systemctl show -p $name --value -- {unit}; done"
    ))
}

fn pid(host: &Host, unit: &str) -> String {
    property(host, unit, "MainPID")
}

#[test]
fn units_are_made_of_fields_take_what_changes_and_go() {
    let Some(host) = Host::boot() else { return };
    whole_life(&host);
}

#[test]
fn units_are_made_of_fields_in_debian_13_too() {
    let Some(host) = Host::of_next_release() else {
        return;
    };
    host.file("token", SECRET);
    host.file("whole.service.hbs", WHOLE);
    host.file("app", &program(""));
    host.converge(PLAYBOOK);
    comes_up(&host);
    host.converge(LESS);
    is_gone(&host);
}

fn comes_up(host: &Host) {
    let said = format!("{SECRET}\na \"b\" $c 5% \\ é\nd\nmore");
    assert_eq!(host.sh("cat /srv/app/environment"), said);
    assert_eq!(host.sh("cat /srv/app/directory"), "/srv/app/100%off");
    assert_eq!(
        host.sh("stat -c '%a %U' /etc/systemd/system/app.service /etc/systemd/system/app.service.env"),
        "644 root\n600 root"
    );
    // Nobody but root is told the secret.
    host.sh("! { cat /etc/systemd/system/app.service; systemctl show app; ps -ef; } | grep 's3cr[3]t'");
    assert_eq!(
        property(
            host,
            "app",
            "User,Group,NoNewPrivileges,UMask,Type,TimeoutStopUSec"
        ),
        "app\nadm\nyes\n0027\nexec\n3s"
    );
    assert_eq!(
        host.sh("systemctl is-enabled app sweep.timer w@1"),
        "enabled\nenabled\nenabled"
    );
    // What a timer or a socket starts waits for it.
    assert_eq!(
        host.sh("systemctl is-active sweep.timer sweep door.socket inner8.2-door fstrim.timer || true"),
        "active\ninactive\nactive\ninactive\ninactive"
    );
    host.sh("systemctl start sweep && ls /srv/swept && ss -Hltn | grep -q 127.0.0.1:7001");
    assert_eq!(
        property(host, "whole", "Description,ActiveState"),
        "whole of units\nactive"
    );
    host.sh("touch /srv/drop; until [ -e /srv/dropped ]; do sleep 0.1; done; systemctl is-active drop.path");
    assert_eq!(property(host, "w@1", "Nice,Environment"), "3\nNAME=w1");
    assert_eq!(property(host, "cron", "Environment"), "COLOUR=red");
    for timer in ["fstrim.timer", "logrotate.timer"] {
        assert_eq!(property(host, timer, "LoadState,ActiveState"), "masked\ninactive");
    }
}

fn is_gone(host: &Host) {
    assert_eq!(
        host.sh("ls -d /etc/systemd/system/* /etc/systemd/system/*.wants/* | grep -E '/(app|sweep|door|inner|whole|drop|w@)[^/]*$' | grep -v '[.]d$' || true
            find /etc/systemd/system -name units.conf"),
        ""
    );
    assert_eq!(
        host.sh("systemctl is-active app sweep.timer door.socket whole drop.path w@1 cron || true"),
        "inactive\ninactive\ninactive\ninactive\ninactive\ninactive\nactive"
    );
    assert_eq!(
        property(host, "fstrim.timer", "LoadState,ActiveState,NeedDaemonReload"),
        "loaded\ninactive\nno"
    );
    // It ran before.
    assert_eq!(
        property(host, "logrotate.timer", "LoadState,ActiveState"),
        "loaded\nactive"
    );
    assert_eq!(property(host, "cron", "Environment"), "");
}

fn whole_life(host: &Host) {
    host.file("token", SECRET);
    host.file("whole.service.hbs", WHOLE);
    host.file("app", &program(""));
    host.converge(PLAYBOOK);
    comes_up(host);

    // A file that it reads when it is told to is no restart, though its command names it; who asks for one has one.
    let (app, cron, worker) = (pid(host, "app"), pid(host, "cron"), pid(host, "w@1"));
    let two = PLAYBOOK.replace("content: \"one", "content: \"two");
    let plan = host.plan(&two).stdout;
    assert!(plan.contains("! systemd.app  reload app.service"), "{plan}");
    host.converge(&two);
    assert_eq!(host.sh("cat /srv/app/reloads"), "two");
    assert_eq!(pid(host, "app"), app);
    assert_ne!(pid(host, "cron"), cron);

    // A socket that listens elsewhere does so though its service runs, which runs again then; what nothing can start says so.
    host.sh("systemctl start inner8.2-door");
    let two = two.replace("7001", "7002");
    host.converge(&two);
    host.sh("systemctl is-active inner8.2-door && ss -Hltn | grep -q 127.0.0.1:7002");
    let masked = run(host.bare("start").arg("fstrim.timer"));
    let said = masked.stdout + &masked.stderr;
    assert!(
        masked.status == 1 && said.contains("fstrim.timer is masked"),
        "{said}"
    );

    // A release is a restart, and so is its environment; one that does not stay up is undone with its file.
    host.file("app", &program("echo second"));
    host.converge(&two);
    let second = pid(host, "app");
    assert_ne!(second, app);
    let more = two.replace("MORE=more", "MORE=less");
    host.converge(&more);
    assert!(host.sh("cat /srv/app/environment").ends_with("\nless"));
    host.file("app", &program("echo the cause; sleep 0.3; exit 3"));
    let broken = more.replace("UMask: 0027", "UMask: 0077");
    let failed = host.apply(&broken);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for words in [
        "app.service does not stay up",
        "the cause",
        "put back: /etc/systemd/system/app.service (of an earlier step)",
        "put back: /opt/app/current (of an earlier step)",
        "app.service runs as before",
    ] {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert!(!said.contains("s3cr3t"), "{said}");
    assert_eq!(property(host, "app", "UMask,ActiveState"), "0027\nactive");
    host.sh("grep -q second /opt/app/current/app");
    assert_eq!(pid(host, "w@1"), worker, "others are left alone");

    // What this systemd does not know of, it says, and it is undone.
    host.file("app", &program("echo second"));
    let foreign = more.replace("UMask: 0027", "OnCalendar: daily");
    let failed = host.apply(&foreign);
    let said = failed.stdout + &failed.stderr;
    assert!(failed.status == 1 && said.contains("OnCalendar"), "{said}");
    host.converge(&more);

    host.converge(LESS);
    is_gone(host);
}
