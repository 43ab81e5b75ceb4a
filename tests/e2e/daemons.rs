//! What daemons read by themselves: a file that one does not take, or of which it would pass over a line, is a failed
//! step with its words and is put back; the right one is in force when the apply is done.

use crate::host::{Host, wait_for};

/// A file, what is wrong with it and what is said of that, what is right, and what proves that it counts.
struct Case {
    path: &'static str,
    wrong: &'static str,
    says: [&'static str; 2],
    right: &'static str,
    proof: [&'static str; 2],
}

const CASES: [Case; 12] = [
    Case {
        path: "/etc/tmpfiles.d/app.conf",
        wrong: "d /srv/made 0755 root root -\nX\n",
        says: ["/etc/tmpfiles.d/app.conf:2", "Syntax error"],
        right: "d /srv/made 0750 root root -\nf /srv/made/x 0600 root root - hello\n",
        proof: ["cat /srv/made/x; stat -c ' %a' /srv/made", "hello 750"],
    },
    Case {
        path: "/etc/modprobe.d/app.conf",
        wrong: "blacklist floppy\nfoo bar\n",
        says: ["/etc/modprobe.d/app.conf line 2", "ignoring bad line"],
        right: "blacklist floppy\n",
        proof: ["modprobe -c | grep -x 'blacklist floppy'", "blacklist floppy"],
    },
    Case {
        path: "/etc/modules-load.d/app.conf",
        wrong: "# modules\napp\nnosuch\n",
        says: ["/etc/modules-load.d/app.conf names nosuch", "has no such module"],
        right: "app\n",
        proof: ["true", ""],
    },
    Case {
        path: "/etc/udev/rules.d/90-app.rules",
        wrong: "KERNEL==\"app\", MODE=\"0600\"\nKERNL==\"app\"\n",
        says: ["/etc/udev/rules.d/90-app.rules:2", "Invalid key"],
        right: "KERNEL==\"app\", MODE=\"0600\"\n",
        proof: ["true", ""],
    },
    Case {
        path: "/etc/apt/apt.conf.d/90app",
        wrong: "APT::App \"1\"\nfoo {\n",
        says: ["/etc/apt/apt.conf.d/90app:2", "Syntax error"],
        right: "APT::App \"1\";\n",
        proof: ["apt-config dump APT::App", "APT::App \"1\";"],
    },
    Case {
        path: "/etc/apt/sources.list.d/app.sources",
        wrong: "Types: deb\nURIs http://archive.example/\nSuites: a\n",
        says: ["/etc/apt/sources.list.d/app.sources", "Malformed entry 1"],
        right: "Types: deb\nURIs: file:/srv/archive\nSuites: ./\nTrusted: yes\n",
        proof: ["apt-cache show own-app | grep ^Version", "Version: 7"],
    },
    Case {
        path: "/etc/apt/preferences.d/app",
        wrong: "Package *\n",
        says: ["/etc/apt/preferences.d/app", "Unable to parse"],
        right: "Package: own-app\nPin: version 7\nPin-Priority: 77\n",
        proof: ["apt-cache policy own-app | grep -o ' 7 77$'", "7 77"],
    },
    Case {
        path: "/etc/rsyslog.d/app.conf",
        wrong: "foo bar baz\n",
        says: ["/etc/rsyslog.d/app.conf", "on or before line 1"],
        right: "local0.* /var/log/app.log\n",
        proof: [
            "logger -p local0.info hello; until grep -o hello /var/log/app.log 2>/dev/null; do sleep 0.05; done",
            "hello",
        ],
    },
    Case {
        path: "/etc/security/limits.d/app.conf",
        wrong: "# who\nroot hard nofile lots\n",
        says: ["/etc/security/limits.d/app.conf:2", "`lots` is no limit"],
        right: "root hard nofile 4097\n",
        proof: ["su -s /bin/sh root -c 'ulimit -Hn'", "4097"],
    },
    Case {
        path: "/etc/systemd/system.conf.d/app.conf",
        wrong: "[Manager]\nDefaultTasksMax=lots\n",
        says: ["/etc/systemd/system.conf.d/app.conf:2", "ignoring"],
        right: "[Manager]\nDefaultTasksMax=4001\n",
        proof: ["systemctl show -p DefaultTasksMax --value", "4001"],
    },
    Case {
        path: "/etc/systemd/journald.conf.d/app.conf",
        wrong: "[Journal]\nSystemMaxUze=64M\n",
        says: ["/etc/systemd/journald.conf.d/app.conf:2", "knows no SystemMaxUze"],
        right: "[Journal]\nSystemMaxUse=64M\n",
        proof: ["systemctl is-active systemd-journald", "active"],
    },
    Case {
        path: "/etc/systemd/logind.conf.d/app.conf",
        wrong: "[Login]\nInhibitDelayMaxSec=7\nKillUserProcesses=maybe\n",
        says: ["/etc/systemd/logind.conf.d/app.conf:3", "ignoring"],
        right: "[Login]\nInhibitDelayMaxSec=7\n",
        proof: [
            "busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager InhibitDelayMaxUSec",
            "t 7000000",
        ],
    },
];

/// A playbook that puts these texts in place.
fn files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let files = files.into_iter().map(|(path, text)| {
        let lines: Vec<String> = text.lines().map(|line| format!("      {line}\n")).collect();
        format!("  {path}:\n    content: |\n{}", lines.concat())
    });
    format!("name: p\nfiles:\n{}", files.collect::<String>())
}

/// The same with all that is right elsewhere: what a playbook no longer declares would go.
fn with<const N: usize>(changed: [(&str, &str); N]) -> String {
    let others = CASES.iter().map(|case| (case.path, case.right));
    let others = others.filter(|(path, _)| changed.iter().all(|(other, _)| other != path));
    files(others.chain(changed))
}

/// What was said where a playbook was applied, or failed without these words.
fn missed(host: &Host, playbook: &str, says: &[&str]) -> Option<String> {
    let failed = host.apply(playbook);
    let said = failed.stdout + &failed.stderr;
    let right = failed.status == 1 && says.iter().all(|words| said.contains(words));
    (!right).then(|| format!("{says:?} in\n{said}"))
}

#[track_caller]
fn fails(host: &Host, playbook: &str, says: &[&str]) {
    assert_eq!(missed(host, playbook, says), None);
}

/// An archive with one package, and modules for the kernel of which one is built in.
const WORLD: &str = "mkdir -p /srv/archive /lib/modules/$(uname -r)
cd /srv/archive
printf 'Package: own-app\\nVersion: 7\\nArchitecture: all\\nMaintainer: x\\nFilename: ./x.deb\\nSize: 1\\nSHA256: 0\\nDescription: x\\n' >Packages
printf 'Date: %s\\nSHA256:\\n %s %s Packages\\n' \"$(date -uR)\" \"$(sha256sum Packages | cut -d ' ' -f 1)\" \"$(wc -c <Packages)\" >Release
cd /lib/modules/$(uname -r)
echo kernel/app.ko >modules.builtin
touch modules.order
depmod";

fn daemons(host: &Host) {
    host.sh(WORLD);
    let standing = "ls -A /etc/tmpfiles.d /etc/mod*.d /etc/udev/rules.d /etc/apt/*.d /etc/rsyslog.d /etc/security/limits.d";
    let before = host.sh(standing);
    let wrong = CASES
        .iter()
        .map(|case| (files([(case.path, case.wrong)]), case.says));
    let taken: Vec<String> = wrong
        .filter_map(|(playbook, says)| missed(host, &playbook, &says))
        .collect();
    assert_eq!(taken.join("\n\n"), "");
    assert_eq!(host.sh(standing), before);
    assert_eq!(
        host.sh("ls -d /etc/systemd/*.conf.d 2>/dev/null; ls /srv"),
        "archive"
    );
    let right = || CASES.iter().map(|case| (case.path, case.right));
    host.converge(&files(right()));
    for Case { path, proof, .. } in &CASES {
        assert_eq!(host.sh(proof[0]).replace('\n', "").trim(), proof[1], "{path}");
    }
    // What was right before is in force again after a failure.
    let wrong = "[Login]\nInhibitDelayMaxSec=8\nNope=1\n";
    fails(
        host,
        &with([("/etc/systemd/logind.conf.d/app.conf", wrong)]),
        &["knows no Nope in [Login]"],
    );
    let delay = CASES[11].proof;
    wait_for("logind is as before", || host.sh(delay[0]) == delay[1]);

    // A path of which another file has decided, and sources that are written right and are none.
    host.sh("echo 'd /srv/twice 0755 root root -' >/etc/tmpfiles.d/aa.conf");
    let twice = with([("/etc/tmpfiles.d/app.conf", "d /srv/twice 0700 root root -\n")]);
    fails(host, &twice, &["/etc/tmpfiles.d/app.conf:1", "Duplicate line"]);
    // What it had made by then goes again.
    let halfway = with([(
        "/etc/tmpfiles.d/app.conf",
        "d /srv/new 0700 root root -\nf /proc/none/x 0600 root root -\n",
    )]);
    fails(host, &halfway, &["Failed to"]);
    assert_eq!(
        host.sh("ls /srv; cat /etc/tmpfiles.d/app.conf | wc -l"),
        "archive\nmade\n2"
    );
    let nowhere = CASES[5].right.replace("archive", "nowhere");
    fails(
        host,
        &with([(CASES[5].path, nowhere.as_str())]),
        &["file:/srv/nowhere", "cannot use the sources"],
    );
    assert_eq!(host.sh(&format!("grep -c archive {}", CASES[5].path)), "1");
    // Sources that are right alone, and of which apt takes none together with another's.
    host.sh("echo 'deb [trusted=no] file:/srv/archive ./' >/etc/apt/sources.list.d/theirs.list");
    let another = format!("# another\n{}", CASES[5].right);
    fails(
        host,
        &with([(CASES[5].path, another.as_str())]),
        &["Conflicting values set", "together with its other files"],
    );
    host.sh("rm /etc/apt/sources.list.d/theirs.list");
    for (path, why) in [
        ("/etc/apt/sources.list.d/app.conf", "`.list` or `.sources`"),
        ("/etc/tmpfiles.d/app", "`.conf`"),
        ("/etc/udev/rules.d/app.conf", "`.rules`"),
    ] {
        let refused = host.plan(&files([(path, "x\n")]));
        assert!(refused.text().contains(why), "{path}: {}", refused.stderr);
    }
    // What others did wrong before does not stop us, and is said.
    host.sh("echo 'foo bar baz' >/etc/rsyslog.d/theirs.conf; echo X >/etc/tmpfiles.d/theirs.conf");
    let run = host.converge(&with([
        ("/etc/rsyslog.d/app.conf", "local1.* /var/log/app.log\n"),
        ("/etc/tmpfiles.d/app.conf", "d /srv/more 0750 root root -\n"),
    ]));
    for words in ["rsyslog says without", "/etc/tmpfiles.d/theirs.conf:1"] {
        assert!(run.stdout.contains(words), "{words} in\n{}", run.stdout);
    }
}

#[test]
fn a_file_that_a_daemon_does_not_take_is_a_failed_step() {
    let Some(host) = Host::with_daemons() else { return };
    daemons(&host);
}

#[test]
fn a_file_that_a_daemon_does_not_take_is_a_failed_step_in_debian_13_too() {
    let Some(host) = Host::of_next_release() else {
        return;
    };
    daemons(&host);
}
