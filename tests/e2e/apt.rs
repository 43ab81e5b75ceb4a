//! apt packages: planned with versions, waited for, and apt's own word when it cannot.

use crate::host::{Host, Run, base, run, wait_for};

const JQ: &str = "name: tools\napt: { packages: [jq] }\n";

/// Applies while another process holds `lock`, which it gives up when the host is seen to wait: for that
/// its journal says `sign`.
fn apply_while_held(host: &Host, lock: &str, sign: &str, playbook: &str) -> Run {
    host.sh(&format!(
        r#"rm -f /srv/held /srv/go
systemd-run --quiet python3 -c '
import fcntl, os, time
lock = open("{lock}", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
open("/srv/held", "w").close()
while not os.path.exists("/srv/go"):
    time.sleep(0.05)'
until [ -e /srv/held ]; do sleep 0.05; done"#
    ));
    let mut command = host.command("apply", playbook);
    let apply = std::thread::spawn(move || run(&mut command));
    wait_for(sign, || {
        host.sh("cat /var/lib/hostwright/runs/*/journal 2>/dev/null || true")
            .contains(sign)
    });
    assert!(!apply.is_finished(), "it did not wait");
    host.sh("touch /srv/go");
    apply.join().expect("a run")
}

#[test]
fn a_missing_package_is_planned_and_installed_when_dpkg_is_free() {
    let Some(host) = Host::boot() else { return };
    host.sh("apt-get -qq update");
    let plan = host.plan(JQ);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    let version = host.sh("apt-cache policy jq | sed -n 's/ *Candidate: //p'");
    for line in [
        "install 1 package: jq".to_owned(),
        format!("jq {version}"),
        "with 2 more that they depend on: ".to_owned(),
        format!("libjq1 {version}"),
    ] {
        assert!(plan.stdout.contains(&line), "{line} in\n{}", plan.stdout);
    }
    assert!(!plan.stdout.contains("index is refreshed"), "{}", plan.stdout);

    let lock = "/var/lib/dpkg/lock-frontend";
    apply_while_held(&host, lock, "Waiting for cache lock", JQ).ok();
    assert_eq!(host.sh("echo '[1]' | jq -c ."), "[1]");
    assert!(host.plan(JQ).ok().stdout.contains("Nothing to change."));

    // For a name that apt does not know the index is refreshed, and apt-get does not wait for its lock.
    let unknown = "name: tools\napt: { packages: [no-such-package-here] }\n";
    let (lock, sign) = (
        "/var/lib/apt/lists/lock",
        "Could not get lock /var/lib/apt/lists/lock",
    );
    let failed = apply_while_held(&host, lock, sign, unknown);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    assert!(
        said.contains("E: Unable to locate package no-such-package-here"),
        "{said}"
    );
}

#[test]
fn a_host_without_an_index_refreshes_it_first() {
    let Some(base) = base() else { return };
    let host = Host::of(&base);
    let plan = host.plan(JQ);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    let said = "the package index is refreshed first; it says then which versions";
    assert!(plan.stdout.contains(said), "{}", plan.stdout);
    host.converge(JQ);
}
