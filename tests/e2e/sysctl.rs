//! The kernel's values: what it does not know, does not have or will not keep is no success.

use crate::host::Host;

#[test]
fn a_value_is_what_the_kernel_has_and_keeps() {
    let Some(host) = Host::boot() else { return };
    sysctl(&host);
}

#[test]
fn a_value_is_what_the_kernel_has_and_keeps_in_debian_13_too() {
    let Some(host) = Host::of_next_release() else {
        return;
    };
    sysctl(&host);
}

fn sysctl(host: &Host) {
    let values =
        |text: &str| format!("name: p\nfiles:\n  /etc/sysctl.d/90-app.conf:\n    content: |\n      {text}\n");
    let said = |run: crate::host::Run| {
        assert_eq!(run.status, 1, "{}", run.stdout);
        run.stdout + &run.stderr
    };
    // A host that shares its machine's kernel says so.
    let applied = host.converge(&values("net.ipv4.ip_forward = 0"));
    assert!(
        applied.stdout.contains("values cannot be set on this host"),
        "{}",
        applied.stdout
    );

    host.sh("mount -o remount,rw /proc/sys; echo 0 >/proc/sys/net/ipv4/ip_forward");
    host.converge(&values(
        "net.ipv4.ip_forward = 1\n      -net.ipv4.nope = 1\n      net.ipv4.tcp_rmem = 4096 87380 8388608",
    ));
    assert_eq!(host.sh("cat /proc/sys/net/ipv4/ip_forward"), "1");

    let failed = said(host.apply(&values("net.ipv4.ip_forward = 0\n      net.ipv4.nope = 3")));
    assert!(failed.contains("net/ipv4/nope"), "{failed}");
    assert_eq!(host.sh("cat /proc/sys/net/ipv4/ip_forward"), "1");
    host.sh("! grep -q nope.=.3 /etc/sysctl.d/90-app.conf");

    // A file that is read later would take the value back at the next start.
    host.sh("echo net/ipv4/ip_forward=1 >/etc/sysctl.d/95-other.conf");
    let failed = said(host.apply(&values("net.ipv4.ip_forward = 0")));
    assert!(
        failed.contains("/etc/sysctl.d/95-other.conf, which is read later, says 1"),
        "{failed}"
    );
    host.converge(&values("net.ipv4.ip_forward = 1"));

    let refused =
        host.plan("name: p\nfiles: { /etc/sysctl.d/90-app: { content: \"net.ipv4.ip_forward = 1\\n\" } }\n");
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains(".conf"), "{}", refused.stderr);
}
