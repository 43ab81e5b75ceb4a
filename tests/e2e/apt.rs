//! apt packages: planned with versions, waited for, and apt's own word when it cannot.

use hostwright::host::rehearsal::{Base, image};

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
        "with 2 more that they bring: ".to_owned(),
        format!("libjq1 {version}"),
    ] {
        assert!(plan.stdout.contains(&line), "{line} in\n{}", plan.stdout);
    }
    assert!(!plan.stdout.contains("index is refreshed"), "{}", plan.stdout);

    let lock = "/var/lib/dpkg/lock-frontend";
    apply_while_held(&host, lock, "Waiting for cache lock", JQ).ok();
    assert_eq!(host.sh("echo '[1]' | jq -c ."), "[1]");
    assert!(host.plan(JQ).ok().stdout.contains("Nothing to change."));

    // A name that a fresh index does not know is refused. With an old one it is refreshed first, and apt-get
    // does not wait for its lock.
    let unknown = "name: tools\napt: { packages: [no-such-package-here] }\n";
    refused(&host, unknown, "Unable to locate package no-such-package-here");
    host.sh("touch -d '2 days ago' /var/lib/apt/lists/partial");
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

/// No mail server comes along with cron, and cron works.
#[test]
fn a_host_without_an_index_refreshes_it_first() {
    let Some(base) = base() else { return };
    let host = Host::of(&base);
    let playbook = format!("{JQ}cron: {{ job: {{ schedule: \"@reboot\", command: touch /srv/ran }} }}\n");
    let plan = host.plan(&playbook);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    let said = "the package index is refreshed first; it says then which versions";
    assert!(plan.stdout.contains(said), "{}", plan.stdout);
    host.converge(&playbook);
    assert_eq!(host.sh("dpkg-query -W 'exim4*' 2>/dev/null || true"), "");
    assert_eq!(host.sh("systemctl is-active cron"), "active");
}

/// Packages of our own, in an archive on the host: what apt is to do is known, and it takes no time.
const ARCHIVE: &str = r#"
mkdir -p /srv/archive
cd /srv/archive
deb() { # NAME FIELDS [SCRIPT TEXT]
  tree=/srv/build/$1
  mkdir -p "$tree/DEBIAN" "$tree/usr/share/$1"
  touch "$tree/usr/share/$1/file"
  printf 'Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' "$1" >"$tree/DEBIAN/control"
  [ -z "$2" ] || printf '%b\n' "$2" >>"$tree/DEBIAN/control"
  if [ $# -gt 2 ]; then
    printf '#!/bin/sh\n%s\n' "$4" >"$tree/DEBIAN/$3"
    chmod 0755 "$tree/DEBIAN/$3"
  fi
  dpkg-deb -b "$tree" "$1.deb" >/dev/null
  { dpkg-deb -f "$1.deb"; printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$1" "$(stat -c %s "$1.deb")" "$(sha256sum "$1.deb" | cut -d ' ' -f 1)"; } >>Packages
}
slow='if [ -e /srv/slow ]; then touch /srv/reached; sleep 1000; fi'
deb new-lib 'Provides: old-lib (= 1.0), both'
deb both ''
deb mta-a 'Provides: mta\nConflicts: mta\nReplaces: mta'
deb mta-b 'Provides: mta\nConflicts: mta\nReplaces: mta'
deb extra ''
deb lean 'Recommends: extra'
deb base ''
deb slow-before '' preinst "$slow"
deb slow-after 'Depends: base' postinst "$slow"
deb failing '' postinst '[ ! -e /srv/bad ] || { echo it does not fit >&2; exit 3; }'
rm -f /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list
apt-get -qq update
"#;

fn packages(names: &str) -> String {
    format!("name: tools\napt: {{ packages: [{names}] }}\n")
}

#[track_caller]
fn refused(host: &Host, playbook: &str, says: &str) {
    let before = host.sh("dpkg-query -W | sha256sum");
    let plan = host.plan(playbook);
    assert_eq!(plan.status, 1, "{}", plan.stdout);
    // The message is broken into lines.
    let said = plan.stderr.split_whitespace().filter(|word| *word != "│");
    let said = said.collect::<Vec<_>>().join(" ");
    assert!(said.contains(says), "{says} in\n{said}");
    assert_eq!(host.sh("dpkg-query -W | sha256sum"), before);
}

#[test]
fn a_plan_says_what_apt_will_do_and_refuses_what_it_would_not() {
    let Some(base) = base() else { return };
    let host = Host::of(&base);
    host.sh(ARCHIVE);
    // A playbook may bring the archive that it installs from: that comes first, and the index after it.
    host.sh("mv /etc/apt/sources.list /srv/; apt-get -qq update");
    host.converge(&format!(
        "{}files: {{ /etc/apt/sources.list.d/own.list: {{ content: \"deb [trusted=yes] file:/srv/archive ./\\n\" }} }}\n",
        packages("slow-before").replace("tools", "archive")
    ));
    assert_eq!(host.sh("ls /usr/share/slow-before"), "file");
    // A name that one other package provides is there once that is; but a package of that very name is another.
    host.converge(&packages("old-lib"));
    let plan = host.plan(&packages("old-lib, both, 'extra:all'"));
    assert!(
        plan.stdout.contains("install 2 packages: both, extra:all\n"),
        "{}",
        plan.stdout
    );
    host.converge(&packages("old-lib, both"));
    refused(&host, &packages("mta"), "mta is no package of its own: ");
    refused(&host, &packages("mta"), "mta-a");
    refused(&host, &packages("mta-a, mta-b"), "mta-");

    // A name is no pattern.
    refused(&host, &packages("ex.ra"), "Unable to locate package ex.ra");

    // What is removed is said, and nothing else is.
    host.converge(&packages("mta-a"));
    let plan = host.plan(&packages("mta-b"));
    assert!(plan.stdout.contains("REMOVES mta-a\n"), "{}", plan.stdout);
    refused(&host, &packages("mta-b, mta-a"), "this playbook wants it too");
    host.sh("apt-mark hold mta-a");
    refused(&host, &packages("mta-b"), "apt cannot install them");
    host.sh("apt-mark unhold mta-a");
    host.converge(&packages("mta-b"));
    // An old index: what a newer one would have removed is not, unless a plan says so.
    host.sh("rm -r /var/lib/apt/lists/*");
    let failed = host.apply(&packages("mta-a"));
    assert!(failed.stdout.contains("remove is disabled"), "{}", failed.stdout);
    assert_eq!(
        host.sh("dpkg-query -W -f='${Status}' mta-b"),
        "install ok installed"
    );

    // What is recommended is the playbook's choice.
    let lean = host.plan(&packages("lean")).stdout;
    assert!(lean.contains("with 1 more that they bring: extra 1.0"), "{lean}");
    host.converge(&packages("lean").replace(" }", ", recommends: false }"));
    assert_eq!(host.sh("[ ! -e /usr/share/extra/file ] || echo there"), "");
    host.sh("apt-get -qq -y purge lean");
    host.converge(&packages("lean"));
    assert_eq!(host.sh("ls /usr/share/extra"), "file");
    // What goes does not come back with what is installed after it.
    host.sh("apt-get -qq -y purge lean");
    let failed = host.apply(&packages("lean").replace(" }", ", removed: [extra] }"));
    let said = failed.stdout + &failed.stderr;
    assert!(
        said.contains("extra would come back with what is installed"),
        "{said}"
    );
    assert_eq!(host.sh("[ ! -e /usr/share/extra/file ] || echo there"), "");
    host.converge(&packages("lean"));

    // One that is not configured is not installed, and the next apply finishes it; removed, it is not installed.
    host.sh("touch /srv/bad");
    let failed = host.apply(&packages("failing"));
    assert!(failed.stdout.contains("it does not fit"), "{}", failed.stdout);
    let plan = host.plan(&packages("failing"));
    assert!(
        plan.stdout
            .contains("interrupted in: failing; install 1 package: failing"),
        "{}",
        plan.stdout
    );
    host.sh("rm /srv/bad");
    host.converge(&packages("failing"));
    host.sh("apt-get -qq -y remove failing");
    let plan = host.plan(&packages("failing"));
    assert!(
        plan.stdout.contains("install 1 package: failing\n"),
        "{}",
        plan.stdout
    );
}

#[test]
fn what_dpkg_was_cut_off_in_the_next_apply_finishes() {
    let Some(base) = base() else { return };
    let mut host = Host::of(&base);
    host.sh(ARCHIVE);
    // Once while it unpacks, once while it configures.
    for name in ["slow-before", "slow-after"] {
        host.sh("rm -f /srv/reached; touch /srv/slow");
        let mut command = host.command("apply", &packages(name));
        let apply = std::thread::spawn(move || run(&mut command));
        wait_for(name, || host.sh("ls /srv").contains("reached"));
        // As when the power fails: what dpkg has written is on the disk, and it says that it was at work.
        host.machine.kill().expect("killed");
        host.machine.start().expect("started");
        apply.join().expect("a run");
        host.sh("rm /srv/slow");
        let apt = host.sh("apt-get -y install extra 2>&1 || true");
        assert!(apt.contains("dpkg was interrupted"), "{apt}");
        // Also where nothing of the playbook's is missing.
        let plan = host.plan(&packages("tar"));
        assert!(
            plan.stdout.contains("finish what dpkg was interrupted in"),
            "{}",
            plan.stdout
        );
        let plan = host.plan(&packages(name));
        assert!(plan.stdout.contains(name), "{}", plan.stdout);
        host.converge(&packages(name));
        assert_eq!(host.sh(&format!("dpkg --audit; ls /usr/share/{name}")), "file");
    }
}

#[test]
fn a_package_that_the_release_renamed_is_there_under_its_new_name() {
    if base().is_none() {
        return;
    }
    let base = Base::of_this_machine()
        .expect("this machine's release")
        .with_suite("trixie");
    let image = image(&base, &mut |line| eprintln!("{line}")).expect("the image of trixie");
    let host = Host::of(&image);
    let said = host.converge("name: x\napt: { packages: [libssl3] }\n");
    assert!(said.stdout.contains("Nothing to change."), "{}", said.stdout);
}
