//! What a playbook says of files that others own and of the host as a whole: set, put back when it fails, and taken
//! back when it is no longer declared.

use crate::host::Host;

const ALL: &str = r##"
name: p
apt: { packages: [nano] }
directories: { /srv/real: {} }
lines:
  port: { path: /etc/app.conf, line: "port = 8080", regexp: "^#?port = ", validate: "grep -q ^port {}" }
  tries: { path: /etc/ssh/sshd_config, line: MaxAuthTries 5, regexp: "^#?MaxAuthTries " }
  nano: { path: /etc/nanorc, line: set autoindent, regexp: "^#? ?set autoindent$" }
  old: { path: /etc/app.conf, regexp: "^old", present: false }
blocks:
  more: { path: /etc/app.conf, block: "a\nb\n" }
  own: { path: /etc/own.conf, block: "c\n", create: true }
hostname: web1.example.com
hosts: { 10.0.0.5: { names: [db.internal] } }
timezone: Europe/Berlin
locale: LOCALE
modules: { dummy: { params: numdummies=0 } }
sysctl: { net.ipv4.ip_forward: 1 }
mounts:
  /srv/cache: { src: tmpfs, fstype: tmpfs, opts: "size=1m,mode=0755" }
  /srv/bound: { src: /srv/real, fstype: none, opts: bind }
swap: { /swapfile: { size: 1M } }
"##;

/// What is as it was when nothing of that is declared any more.
const BEFORE: &str =
    "cat /etc/app.conf /etc/ssh/sshd_config /etc/hosts /etc/hostname /etc/fstab /etc/default/locale
  readlink -f /etc/localtime; uname -n; ls /etc/modules-load.d /etc/sysctl.d /etc; cat /proc/mounts | wc -l";

#[test]
fn what_others_own_is_altered_and_taken_back() {
    let Some(host) = Host::with_daemons() else { return };
    settings(&host, "de_DE.UTF-8");
}

#[test]
fn what_others_own_is_altered_and_taken_back_in_debian_13_too() {
    let Some(host) = Host::of_next_release() else {
        return;
    };
    settings(&host, "C.UTF-8");
}

fn settings(host: &Host, locale: &str) {
    let all = ALL.replace("LOCALE", locale);
    host.sh(
        "printf '#port = 80\\nold = 1\\nlast' >/etc/app.conf; chmod 640 /etc/app.conf; chgrp mail /etc/app.conf
        printf '127.0.0.1\\tlocalhost\\n' >/etc/hosts; mkdir -p /etc/default
        [ -e /etc/default/locale ] || echo LANG=C >/etc/default/locale
        mount -o remount,rw /proc/sys; echo 0 >/proc/sys/net/ipv4/ip_forward",
    );
    let before = host.sh(BEFORE);
    let applied = host.converge(&all);
    for note in ["this host may not swap", "no modules for its kernel"] {
        let plan = &applied.stdout;
        assert!(plan.contains(note), "{note} in\n{plan}");
    }
    for (question, answer) in [
        (
            "cat /etc/app.conf",
            "port = 8080\nlast\n# BEGIN hostwright p more\na\nb\n# END hostwright p more",
        ),
        ("stat -c '%a %G' /etc/app.conf", "640 mail"),
        ("sshd -T | grep -i maxauthtries", "maxauthtries 5"),
        ("grep autoindent$ /etc/nanorc", "set autoindent"),
        (
            "uname -n; cat /etc/hostname",
            "web1.example.com\nweb1.example.com",
        ),
        ("getent ahostsv4 web1 | head -n 1 | cut -d ' ' -f 1", "127.0.1.1"),
        (
            "getent ahostsv4 db.internal | head -n 1 | cut -d ' ' -f 1",
            "10.0.0.5",
        ),
        ("date -d @0 +%Z", "CET"),
        (". /etc/default/locale; echo $LANG", locale),
        ("cat /proc/sys/net/ipv4/ip_forward", "1"),
        (
            "stat -f -c %T /srv/cache; touch /srv/bound/x; ls /srv/real",
            "tmpfs\nx",
        ),
        (
            "blkid -p -s TYPE -o value /swapfile; stat -c '%a %s' /swapfile",
            "swap\n600 1048576",
        ),
    ] {
        assert_eq!(host.sh(question), answer, "{question}");
    }
    host.sh(&format!(
        "locale -a | grep -qi {}",
        locale.replace("UTF-8", "utf8")
    ));

    // What was changed by hand comes back.
    host.sh("umount /srv/cache; hostname other; echo 0 >/proc/sys/net/ipv4/ip_forward; ln -sf ../usr/share/zoneinfo/UTC /etc/localtime");
    host.converge(&all);
    assert_eq!(
        host.sh("uname -n; mountpoint -q /srv/cache; cat /proc/sys/net/ipv4/ip_forward"),
        "web1.example.com\n1"
    );

    let failed = |playbook: &str, words: &[&str]| {
        let run = host.apply(playbook);
        assert_eq!(run.status, 1, "{}", run.stdout);
        let said = run.stdout + &run.stderr;
        words
            .iter()
            .for_each(|word| assert!(said.contains(word), "{word} in\n{said}"));
    };
    // sshd does not take the line; it takes the old one back.
    let files = "cat /etc/app.conf /etc/ssh/sshd_config /etc/fstab; ls /srv; grep -c /srv /proc/mounts";
    let now = host.sh(files);
    failed(
        &all.replace("MaxAuthTries 5", "MaxAuthTries many"),
        &["MaxAuthTries"],
    );
    failed(
        &all.replace("swap:", "  /srv/gone: { src: /dev/none, fstype: ext4 }\nswap:"),
        &["/dev/none"],
    );
    assert_eq!(host.sh(files), now);
    // Nothing is lost that somebody wrote meanwhile.
    let meanwhile =
        "commands: { note: { run: echo new >>/etc/app.conf; touch /run/note, creates: /run/note } }\n";
    let other = all.replace("8080\"", "8081\", after: [command.note]") + meanwhile;
    failed(&other, &["/etc/app.conf has changed since the plan was made"]);
    host.converge(&other);
    assert_eq!(
        host.sh("head -n 1 /etc/app.conf; tail -n 1 /etc/app.conf"),
        "port = 8081\nnew"
    );

    // Nothing of it is declared any more.
    host.sh("sed -i /^new$/d /etc/app.conf");
    host.converge("name: p\n");
    let after = host.sh(BEFORE);
    // Whose line goes where is the file's affair; what came with packages stays.
    let lines =
        |text: &str| -> std::collections::BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let (before, after) = (lines(&before), lines(&after));
    let lost: Vec<_> = before.difference(&after).collect();
    assert!(lost.is_empty(), "{lost:?} are gone");
    let brought = ["nanorc", "locale.gen", "locale.alias"];
    let left: Vec<_> = after
        .difference(&before)
        .filter(|line| !brought.contains(&line.as_str()))
        .collect();
    assert!(left.is_empty(), "{left:?} are left");
    assert_eq!(
        host.sh("head -n 1 /etc/app.conf; ls /swapfile 2>&1 || true"),
        "#port = 80\nls: cannot access '/swapfile': No such file or directory"
    );
}
