//! systemd units: enabled and running as declared, and started from the file that stands there.

use crate::host::Host;

const UNIT: &str = r#"
name: unit
files:
  /etc/systemd/system/nap.service:
    content: |
      [Service]
      ExecStart=/usr/bin/sleep 100001
      [Install]
      WantedBy=multi-user.target
systemd:
  nap: {}
"#;

fn running(host: &Host) -> String {
    host.sh("tr '\\0' ' ' </proc/$(systemctl show -p MainPID --value nap)/cmdline")
}

#[test]
fn a_unit_runs_from_the_file_that_stands_there() {
    let Some(host) = Host::boot() else { return };
    host.converge(UNIT);
    assert_eq!(running(&host), "/usr/bin/sleep 100001");
    assert_eq!(host.sh("systemctl is-enabled nap"), "enabled");

    let changed = UNIT.replace("100001", "100002");
    let plan = host.plan(&changed);
    assert!(plan.stdout.contains("restart nap.service"), "{}", plan.stdout);
    host.converge(&changed);
    assert_eq!(running(&host), "/usr/bin/sleep 100002");

    // Other units are left alone, and so is this one when nothing changed.
    let pid = host.sh("systemctl show -p MainPID --value nap");
    host.sh("systemctl disable --quiet nap");
    let plan = host.plan(&changed);
    assert!(plan.stdout.contains("enable nap.service"), "{}", plan.stdout);
    host.converge(&changed);
    assert_eq!(host.sh("systemctl show -p MainPID --value nap"), pid);

    host.sh("systemctl stop nap");
    host.converge(&changed);
    assert_eq!(running(&host), "/usr/bin/sleep 100002");

    host.converge(&changed.replace("nap: {}", "nap: { enabled: false, running: false }"));
    assert_eq!(
        host.sh("systemctl is-active nap || systemctl is-enabled nap || true"),
        "inactive\ndisabled"
    );
}
