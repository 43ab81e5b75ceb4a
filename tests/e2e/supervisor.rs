//! Programs under supervisor: only what changed is restarted, what cannot start is undone.

use crate::host::{Host, wait_for};

/// Two programs; the environment of the first holds what supervisor is known to mangle.
const PROGRAMS: &str = r#"
name: programs
vars: { setting: one }
users: { app: { system: true } }
files:
  /srv/app.conf: { content: "setting ${setting}\n" }
supervisor:
  app:
    command: /usr/bin/sleep 100000
    user: app
    restart_on: [/srv/app.conf]
    environment:
      PERCENT: "100% %(program_name)s %s"
      BLANKS: "  two  blanks, and a comma "
      SINGLE: "it's so"
      DOUBLE: '{"a": "b c", "d": ["e"]}'
      SLASHES: 'C:\new\"x'
      MARKS: "a#b;c=d $HOME `id` é"
  other: { command: /usr/bin/sleep 100001 }
"#;

fn pid(host: &Host, program: &str) -> String {
    host.sh(&format!("supervisorctl pid {program}"))
}

fn status(host: &Host, program: &str) -> String {
    host.sh(&format!("supervisorctl status {program} || true"))
}

#[test]
fn a_program_runs_as_declared_and_only_it_is_restarted() {
    let Some(host) = Host::boot() else { return };
    host.converge(PROGRAMS);
    let (app, other) = (pid(&host, "app"), pid(&host, "other"));
    assert_eq!(host.sh(&format!("stat -c %U /proc/{app}")), "app");
    let environment = host.sh(&format!("tr '\\0' '\\n' </proc/{app}/environ"));
    for line in [
        "PERCENT=100% %(program_name)s %s",
        "BLANKS=  two  blanks, and a comma ",
        "SINGLE=it's so",
        r#"DOUBLE={"a": "b c", "d": ["e"]}"#,
        r#"SLASHES=C:\new\"x"#,
        "MARKS=a#b;c=d $HOME `id` é",
    ] {
        assert!(
            environment.lines().any(|known| known == line),
            "{line} in\n{environment}"
        );
    }

    let changed = PROGRAMS.replace("it's so", "it's not so");
    host.converge(&changed);
    let second = pid(&host, "app");
    assert_ne!(second, app, "its environment changed");
    assert_eq!(pid(&host, "other"), other, "nothing of it changed");

    let changed = changed.replace("setting: one", "setting: two");
    let plan = host.plan(&changed);
    assert!(plan.stdout.contains("restart app"), "{}", plan.stdout);
    host.converge(&changed);
    assert_ne!(pid(&host, "app"), second, "a file that it reads changed");
    assert_eq!(pid(&host, "other"), other, "nothing of it changed");

    // So it is when somebody changes it and starts the program with that.
    host.sh("sed -i s/two/three/ /srv/app.conf; supervisorctl restart app");
    let third = pid(&host, "app");
    host.converge(&changed);
    assert_ne!(pid(&host, "app"), third, "what it reads was put back");

    host.sh("supervisorctl stop app");
    let plan = host.plan(&changed);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    for line in ["start again app", "it is STOPPED now", "1 change: 1 to run."] {
        assert!(plan.stdout.contains(line), "{line} in\n{}", plan.stdout);
    }
    host.converge(&changed);
    assert!(status(&host, "app").contains("RUNNING"));

    let unseen = changed.replace("[/srv/app.conf]", "[/etc/hostname]");
    let refused = host.plan(&unseen);
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("/etc/hostname"), "{}", refused.stderr);
}

#[test]
fn supervisord_is_asked_itself_and_through_supervisorctl_where_it_wants_a_password() {
    let Some(host) = Host::boot() else { return };
    host.converge(PROGRAMS);
    // Without supervisorctl it is asked itself, and so it is where it wants a password.
    let asked_itself = || {
        host.sh("mv /usr/bin/supervisorctl /usr/bin/away
            printf '#!/bin/sh\\nexit 1\\n' >/usr/bin/supervisorctl; chmod 755 /usr/bin/supervisorctl");
        let plan = host.plan(PROGRAMS);
        assert!(plan.stdout.contains("it is STOPPED now"), "{}", plan.stdout);
        assert!(plan.stdout.contains("1 change: 1 to run."), "{}", plan.stdout);
        host.sh("mv /usr/bin/away /usr/bin/supervisorctl");
    };
    host.sh("supervisorctl stop other");
    asked_itself();

    host.sh(
        "sed -i '/^\\[unix_http_server/a username=u\\npassword=p' /etc/supervisor/supervisord.conf
        sed -i '/^\\[supervisorctl/a username=u\\npassword=p' /etc/supervisor/supervisord.conf
        systemctl restart supervisor",
    );
    wait_for("both run", || {
        ["app", "other"]
            .iter()
            .all(|name| status(&host, name).contains("RUNNING"))
    });
    host.sh("supervisorctl stop other");
    asked_itself();
    host.converge(PROGRAMS);

    // Where its configuration does not say the way, supervisorctl finds it.
    host.sh("sed -i 's,^serverurl.*,serverurl=unix://%(here)s/../../run/supervisor.sock,' /etc/supervisor/supervisord.conf");
    let plan = host.plan(PROGRAMS).ok();
    assert!(plan.stdout.contains("Nothing to change."), "{}", plan.stdout);
}

#[test]
fn a_program_that_cannot_start_is_undone() {
    let Some(host) = Host::boot() else { return };
    let playbook = |command: &str| {
        format!(
            "name: p\nfiles:\n  /srv/app: {{ source: app, mode: 0755 }}\nsupervisor:\n  app: {{ command: {command} }}\n"
        )
    };
    host.file(
        "app",
        "#!/bin/sh\n[ -z \"$1\" ] && exec sleep 100002\necho \"no $1 here\" >&2\nexit 3\n",
    );

    // A program that never ran leaves nothing behind.
    let failed = host.apply(&playbook("/srv/app config"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in [
        "app  ",
        "Exited too quickly",
        "the end of /var/log/app/err.log",
        "no config here",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert_eq!(host.sh("ls /etc/supervisor/conf.d"), "");
    assert!(status(&host, "app").contains("no such process"));

    host.converge(&playbook("/srv/app"));
    let before = host.sh("cat /etc/supervisor/conf.d/app.conf");
    let failed = host.apply(&playbook("/srv/gone"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in [
        "can't find command '/srv/gone'",
        "put back: /etc/supervisor/conf.d/app.conf",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert_eq!(host.sh("cat /etc/supervisor/conf.d/app.conf"), before);
    wait_for("the old program runs again", || {
        status(&host, "app").contains("RUNNING")
    });
    assert!(host.sh("pgrep -af 100002 || true").contains("sleep 100002"));

    // A new program under the old configuration goes too.
    let good = host.sh("cat /srv/app");
    let program = host.file("app", "#!/bin/sh\necho 'worse' >&2\nexit 4\n");
    let failed = host.apply(&playbook("/srv/app"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in [
        "FATAL",
        "the end of /var/log/app/err.log",
        "worse",
        "put back: /srv/app",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert_eq!(host.sh("cat /srv/app"), good);
    assert!(status(&host, "app").contains("RUNNING"));

    // supervisor gave up on it: a plan sees that, and an apply starts it again.
    host.sh("echo exit 1 >/srv/app; supervisorctl restart app || true");
    wait_for("supervisor gives up", || status(&host, "app").contains("FATAL"));
    std::fs::write(program, "#!/bin/sh\nexec sleep 100003\n").expect("written");
    let plan = host.plan(&playbook("/srv/app"));
    assert!(plan.stdout.contains("it is FATAL now"), "{}", plan.stdout);
    host.converge(&playbook("/srv/app"));
    assert!(status(&host, "app").contains("RUNNING"));
}
