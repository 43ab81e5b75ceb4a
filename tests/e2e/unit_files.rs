//! Files of systemd's units: what systemd ignores of them fails, what runs of them is started anew.

use crate::host::{Host, wait_for};

fn property(host: &Host, unit: &str, property: &str) -> String {
    host.sh(&format!("systemctl show -p {property} --value {unit}"))
}

/// `nap`, with more lines in its `[Service]`.
fn nap(lines: &str) -> String {
    format!(
        "
name: unit
files:
  /etc/systemd/system/nap.service:
    content: |
      [Service]
      {lines}
      [Install]
      WantedBy=multi-user.target
systemd: {{ nap: {{}} }}
"
    )
}

#[test]
fn a_drop_in_is_loaded_and_restarts_what_runs() {
    let Some(host) = Host::boot() else { return };
    drop_ins(&host);
}

#[test]
fn a_drop_in_is_loaded_and_restarts_what_runs_in_debian_13_too() {
    let Some(host) = Host::of_next_release() else {
        return;
    };
    drop_ins(&host);
}

fn drop_ins(host: &Host) {
    let with = |text: &str| {
        format!(
            "name: p\nfiles:\n  /etc/systemd/system/cron.service.d/own.conf:\n    content: |\n      [Service]\n      {text}\n"
        )
    };
    let pid = property(host, "cron", "MainPID");
    let plan = host.plan(&with("Environment=COLOUR=red"));
    assert!(plan.stdout.contains("restart cron.service"), "{}", plan.stdout);
    host.converge(&with("Environment=COLOUR=red"));
    let second = property(host, "cron", "MainPID");
    assert_ne!(second, pid);
    host.sh("tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value cron)/environ | grep -x COLOUR=red");

    // A line that systemd ignores is a failure; cron goes on as before.
    let failed = host.apply(&with("Environment=COLOUR=red\n      Restrat=always"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in [
        "/etc/systemd/system/cron.service.d/own.conf:3",
        "Restrat",
        "put back: /etc/systemd/system/cron.service.d/own.conf",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert!(
        !host
            .sh("cat /etc/systemd/system/cron.service.d/own.conf")
            .contains("Restrat")
    );
    assert_eq!(
        property(host, "cron", "ActiveState,NeedDaemonReload"),
        "active\nno"
    );
    host.converge(&with("Environment=COLOUR=red"));

    // What somebody changed there runs no more when the file is put back.
    host.sh("sed -i s/red/blue/ /etc/systemd/system/cron.service.d/own.conf; systemctl daemon-reload; systemctl restart cron");
    host.converge(&with("Environment=COLOUR=red"));
    host.sh("tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value cron)/environ | grep -x COLOUR=red");

    // One from which it does not start is taken away again: it was not there before.
    let failed = host.apply(
        "name: p\nfiles:\n  /etc/systemd/system/cron.service.d/zz.conf: { content: \"[Service]\\nExecStartPre=/bin/sh -c 'echo not today; exit 1'\\n\" }\n",
    );
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    assert!(said.contains("not today"), "{said}");
    assert_eq!(host.sh("ls /etc/systemd/system/cron.service.d"), "own.conf");
    assert_eq!(
        property(host, "cron", "ActiveState,NeedDaemonReload"),
        "active\nno"
    );

    // Taken away, it counts no more.
    host.converge("name: p\nabsent: [/etc/systemd/system/cron.service.d/own.conf]\n");
    assert_eq!(
        property(host, "cron", "Environment,NeedDaemonReload"),
        "\nno".trim()
    );
    host.sh("! tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value cron)/environ | grep COLOUR");
}

#[test]
fn a_unit_that_does_not_stay_up_is_shown_and_undone() {
    let Some(host) = Host::boot() else { return };
    let dies = nap("ExecStart=/bin/sh -c 'echo the cause; sleep 0.5; exit 3'");
    let failed = host.apply(&dies);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in ["the last lines of nap.service", "the cause", "status=3"] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert!(!said.contains("systemctl status"), "{said}");
    assert_eq!(
        host.sh("systemctl is-active nap || systemctl is-enabled nap 2>/dev/null || ls /etc/systemd/system/nap.service 2>&1 || true").lines().next(),
        Some("inactive")
    );

    let good = nap("ExecStart=/usr/bin/sleep 100001");
    host.converge(&good);
    let failed = host.apply(&dies);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    assert!(
        said.contains("put back: /etc/systemd/system/nap.service"),
        "{said}"
    );
    host.sh("pgrep -x -f '/usr/bin/sleep 100001'");
    assert_eq!(
        property(&host, "nap", "ActiveState,NeedDaemonReload"),
        "active\nno"
    );
    host.converge(&good);

    // One that falls and is tried again and again is not running, whatever moment a plan sees.
    host.sh("sed -i 's,ExecStart=.*,ExecStart=/bin/false\\nRestart=always\\nRestartSec=60,' /etc/systemd/system/nap.service
        systemctl daemon-reload; systemctl restart nap; true");
    wait_for("it waits to be tried again", || {
        property(&host, "nap", "SubState") == "auto-restart"
    });
    host.sh("sed -i '/^Restart/d; s,/bin/false,/usr/bin/sleep 100001,' /etc/systemd/system/nap.service");
    let plan = host.plan(&good);
    assert!(plan.stdout.contains("start nap.service"), "{}", plan.stdout);
    host.converge(&good);
}

#[test]
fn a_oneshot_that_went_through_is_as_it_should_be() {
    let Some(host) = Host::boot() else { return };
    let one = |command: &str| nap(&format!("Type=oneshot\n      ExecStart={command}"));
    host.converge(&one("/bin/sh -c 'echo one >>/srv/ran'"));
    host.converge(&one("/bin/sh -c 'echo two >>/srv/ran'"));
    assert_eq!(host.sh("cat /srv/ran"), "one\ntwo");
    // One that nothing refers to systemd forgets.
    let loose = one("/bin/sh -c 'echo three >>/srv/ran'").replace("nap: {}", "nap: { enabled: false }");
    host.converge(&loose);
    assert_eq!(property(&host, "nap", "ExecMainStartTimestampMonotonic"), "0");
    assert_eq!(host.sh("cat /srv/ran"), "one\ntwo\nthree");

    let failed = host.apply(&one("/bin/sh -c 'echo the cause; exit 5'"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    assert!(said.contains("the cause"), "{said}");
}

#[test]
fn templates_timers_sockets_and_folders_of_units_are_loaded() {
    let Some(host) = Host::boot() else { return };
    for (name, text) in [
        (
            "units/w@.service",
            "[Service]\nExecStart=/usr/bin/sleep 10000%i\n",
        ),
        (
            "units/w@.service.d/own.conf",
            "[Service]\nEnvironment=COLOUR=red\n",
        ),
        (
            "units/tick.service",
            "[Service]\nType=oneshot\nExecStart=/bin/true\n",
        ),
        (
            "units/tick.timer",
            "[Timer]\nOnCalendar=hourly\n[Install]\nWantedBy=timers.target\n",
        ),
        ("units/door.socket", "[Socket]\nListenStream=127.0.0.1:7001\n"),
        (
            "units/door.service",
            "[Service]\nExecStart=/usr/bin/sleep 100009\n",
        ),
    ] {
        host.file(name, text);
    }
    let playbook = "
name: p
directories: { /etc/systemd/system: { source: units } }
systemd:
  w@1: { enabled: false }
  tick.timer: {}
  door.socket: { enabled: false }
";
    host.converge(playbook);
    host.sh("systemctl start w@2 door.service");
    let pids = || ["w@1", "w@2", "door.service"].map(|unit| property(&host, unit, "MainPID"));
    let before = pids();
    host.file(
        "units/w@.service.d/own.conf",
        "[Service]\nEnvironment=COLOUR=blue\n",
    );
    host.converge(playbook);
    for unit in ["w@1", "w@2"] {
        host.sh(&format!(
            "tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value {unit})/environ | grep -x COLOUR=blue"
        ));
    }
    assert_eq!(pids()[2], before[2], "its files have not changed");

    host.file("units/door.socket", "[Socket]\nListenStream=127.0.0.1:7002\n");
    host.file(
        "units/tick.timer",
        "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
    );
    host.converge(playbook);
    assert_eq!(host.sh("ss -Hltn | grep -o '127.0.0.1:700.'"), "127.0.0.1:7002");
    assert_eq!(property(&host, "door.service", "ActiveState"), "active");
    assert!(property(&host, "tick.timer", "TimersCalendar").contains("00:00:00"));

    host.file(
        "units/w@.service.d/own.conf",
        "[Service]\nEnvironmental=COLOUR=blue\n",
    );
    let failed = host.apply(playbook);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    assert!(said.contains("Environmental"), "{said}");
    assert!(
        host.sh("cat /etc/systemd/system/w@.service.d/own.conf")
            .contains("COLOUR=blue")
    );
}
