//! What stands at a path before the playbook's own: links, mounts, attributes. A plan says what becomes of it, or
//! why nothing can.

use crate::host::{Host, Run};

#[track_caller]
fn says(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.contains(line), "{line} in\n{said}");
    }
}

const OTHERS: &str = r#"
name: others
directories:
  /opt/app: { mode: 0750 }
  /srv/linked/sub: {}
files:
  /etc/resolv.conf: { content: "nameserver 2\n" }
  /etc/same.conf: { content: "nameserver 1\n" }
  /etc/closed.conf: { content: "mine\n" }
  /etc/dangling.conf: { content: "mine\n" }
  /etc/hand.conf: { content: "mine\n" }
  /etc/one: { content: "mine\n" }
  /opt/app/x: { content: "x\n", after: [directory./opt/app] }
  /var/run/hostwright-test/pid: { content: "1\n" }
links:
  /srv/spelt: { to: /srv/release }
  /srv/other: { to: ../srv/release }
  /srv/early: { to: nobody/made/it }
"#;

#[test]
fn what_others_put_at_a_path_is_told_and_nothing_behind_a_link_is_lost() {
    let Some(host) = Host::boot() else { return };
    host.sh(
        "mkdir -p /run/stub /srv/release /srv/deep; echo nameserver 1 >/run/stub/resolv.conf
        ln -sf /run/stub/resolv.conf /etc/resolv.conf; ln -s ../run/stub/resolv.conf /etc/same.conf
        echo password >/run/stub/closed; chmod 600 /run/stub/closed; ln -s /run/stub/closed /etc/closed.conf
        ln -s nowhere /etc/dangling.conf; echo by hand >/etc/hand.conf
        echo shared >/etc/one; ln /etc/one /etc/two
        ln -s /srv/release /opt/app; ln -s deep /srv/linked
        ln -s /srv//release/ /srv/spelt; ln -s /srv/release /srv/other",
    );
    let plan = host.plan(OTHERS);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    let said = &plan.stdout;
    says(
        said,
        &[
            "~ file./etc/resolv.conf  update /etc/resolv.conf\n      /etc/resolv.conf is a link to /run/stub/resolv.conf: it becomes a file of its own, 0644 root:root\n",
            "        - nameserver 1\n        + nameserver 2\n",
            "/etc/same.conf is a link to ../run/stub/resolv.conf: it becomes a file of its own",
            "other contents; the old ones were for their owner alone",
            "~ file./etc/dangling.conf  update /etc/dangling.conf\n      /etc/dangling.conf is a link to nowhere, where nothing stands: it becomes a file",
            "~ file./etc/hand.conf  update /etc/hand.conf",
            "        - by hand\n        + mine\n",
            "/etc/one has 1 other name (hard links): what stands under them stays as it is",
            "~ directory./opt/app  set owner and mode of /opt/app\n      /opt/app is a link: the directory that it leads to, /srv/release, is meant\n      mode: 0755 → 0750\n",
            "+ directory./srv/linked/sub  make directory /srv/linked/sub",
            "target: /srv/release → ../srv/release",
            "nothing stands at /srv/nobody/made/it yet",
        ],
    );
    for never in ["0777", "password", "link./srv/spelt", "+ file./etc/"] {
        assert!(!said.contains(never), "{never} in\n{said}");
    }
    host.converge(OTHERS);
    assert_eq!(
        host.sh("stat -c '%F %a' /etc/resolv.conf /etc/same.conf /etc/dangling.conf /opt/app /srv/release /srv/linked"),
        "regular file 644\nregular file 644\nregular file 644\nsymbolic link 777\ndirectory 750\nsymbolic link 777"
    );
    assert_eq!(
        host.sh("cat /run/stub/resolv.conf /run/stub/closed /etc/two /srv/release/x /run/hostwright-test/pid; ls -d /srv/deep/sub /etc/nowhere 2>/dev/null || true"),
        "nameserver 1\npassword\nshared\nx\n1\n/srv/deep/sub"
    );

    // A tree's own directory may be a link too; below it a link is not followed.
    host.file("site/a", "a\n");
    host.sh("mkdir /srv/www; echo old >/srv/www/old; ln -s /srv/www /srv/site; ln -s /etc/passwd /srv/www/a");
    let site = "name: t\ndirectories:\n  /srv/site: { source: site, delete: true }\n";
    says(
        &host.plan(site).stdout,
        &[
            "/srv/site/a is a link to /etc/passwd: it becomes a file",
            "removes old\n",
        ],
    );
    host.converge(site);
    assert_eq!(
        host.sh("ls /srv/www; cat /srv/www/a; readlink /srv/site"),
        "a\na\n/srv/www"
    );
}

#[test]
fn access_lists_and_capabilities_outlive_new_contents() {
    let Some(host) = Host::boot() else { return };
    let playbook = |mode: &str| {
        format!(
            "name: a\nfiles:\n  /srv/listed: {{ content: \"new {mode}\\n\", mode: {mode} }}\n  /srv/able: {{ content: \"new {mode}\\n\", mode: 0755 }}\n"
        )
    };
    // Access for the user 33, beside the mode; and the capability to bind a low port.
    host.sh(r#"echo old >/srv/listed; echo old >/srv/able; chmod 755 /srv/able
        python3 -c '
import os, struct
entries = [(1, 6, -1), (2, 4, 33), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
os.setxattr("/srv/listed", "system.posix_acl_access", acl)
os.setxattr("/srv/able", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))'
        chown root:root /srv/listed"#);
    let attributes = || {
        host.sh(r#"ls -l /srv/listed | cut -c 1-11
            python3 -c '
import os
print(len(os.getxattr("/srv/able", "security.capability")))'"#)
    };
    let reads = "setpriv --reuid 33 --regid 33 --clear-groups cat /srv/listed";
    assert_eq!(attributes(), "-rw-r-----+\n20");
    let kept = host.converge(&playbook("0640"));
    assert!(!kept.stdout.contains("access list"), "{}", kept.stdout);
    assert_eq!(attributes(), "-rw-r-----+\n20");
    assert_eq!(host.sh(reads), "new 0640");

    let lost = host.plan(&playbook("0600"));
    says(
        &lost.stdout,
        &["/srv/listed loses its access list", "mode: 0640 → 0600"],
    );
    host.converge(&playbook("0600"));
    assert_eq!(
        host.sh(&format!("{reads} 2>&1 || true")),
        "cat: /srv/listed: Permission denied"
    );
}

#[test]
fn what_would_stop_a_change_is_refused_with_its_cause() {
    let Some(host) = Host::boot() else { return };
    host.sh(
        "echo old >/etc/fixed.conf; echo mine >/etc/right.conf; chattr +i /etc/fixed.conf /etc/right.conf
        mkdir -p /srv/append /srv/ro /srv/dir/in /srv/data/disk /srv/app; chattr +a /srv/append
        echo 1 >/etc/mounted.conf; mount --bind /etc/hostname /etc/mounted.conf
        mount -t tmpfs -o ro tmpfs /srv/ro; mount -t tmpfs tmpfs /srv/data/disk; mkdir -p '/srv/a b'; mount -t tmpfs tmpfs '/srv/a b'
        mkfifo /srv/pipe; echo file >/srv/file; ln -s nowhere /srv/gone; ln -s /dev/zero /srv/zero
        chown games: /srv/app; ln -s /etc /srv/app/data; chown -h games: /srv/app/data",
    );
    let file = |path: &str| format!("name: p\nfiles:\n  {path}: {{ content: \"mine\\n\" }}\n");
    let directory =
        |path: &str| format!("name: p\ndirectories:\n  {path}: {{ owner: games, group: games }}\n");
    let absent = |path: &str| format!("name: p\nabsent: [{path}]\n");
    let link = |path: &str| format!("name: p\nlinks:\n  {path}: {{ to: /srv/file }}\n");
    let refused = |run: Run, lines: &[&str]| {
        assert_eq!(run.status, 1, "{}", run.stdout);
        says(&run.stderr, lines);
    };
    let cases = [
        (
            file("/etc/fixed.conf"),
            "file./etc/fixed.conf: /etc/fixed.conf is set immutable",
            "chattr -i /etc/fixed.conf",
        ),
        (
            absent("/etc/fixed.conf"),
            "/etc/fixed.conf is set immutable",
            "chattr -i",
        ),
        (
            file("/srv/append/new"),
            "/srv/append is set append-only",
            "chattr -a /srv/append",
        ),
        (
            directory("/srv/append/new/deep"),
            "/srv/append is set append-only",
            "chattr -a /srv/append",
        ),
        (
            directory("/srv/append"),
            "/srv/append is set append-only",
            "chattr -a /srv/append",
        ),
        (
            file("/etc/mounted.conf"),
            "something is mounted at /etc/mounted.conf",
            "umount /etc/mounted.conf",
        ),
        (
            file("/srv/ro/x/y"),
            "/srv/ro/x/y is on a read-only file system, mounted at /srv/ro",
            "remount,rw /srv/ro",
        ),
        (
            file("/srv/pipe"),
            "/srv/pipe is a named pipe, and a file shall stand there",
            "move it away",
        ),
        (
            file("/srv/dir"),
            "/srv/dir is a directory, and a file shall stand there",
            "move it away",
        ),
        (
            file("/srv/file/x/y"),
            "/srv/file is a file, and /srv/file/x/y shall stand below it",
            "move /srv/file away",
        ),
        (
            file("/srv/gone/x"),
            "/srv/gone is a link to nowhere, where nothing stands, and /srv/gone/x",
            "make a directory of it",
        ),
        (
            directory("/srv/file"),
            "/srv/file is a file, and a directory shall stand there",
            "`absent`",
        ),
        (
            directory("/srv/gone"),
            "/srv/gone is a link to nowhere, where nothing stands, and a directory",
            "`absent`",
        ),
        (
            directory("/srv/app/data"),
            "/srv/app/data is a link to /etc that games made, and what it leads to is root's",
            "name it in place of",
        ),
        (
            link("/srv/dir"),
            "/srv/dir is a directory, and a link shall stand there",
            "`absent`",
        ),
        (
            link("/srv/pipe"),
            "/srv/pipe is a named pipe, and a link",
            "`absent`",
        ),
        (
            absent("/srv/data"),
            "something is mounted at /srv/data/disk, below /srv/data",
            "umount /srv/data/disk",
        ),
        (
            absent("'/srv/a b'"),
            "something is mounted at /srv/a b",
            "umount /srv/a b",
        ),
    ];
    for (playbook, cause, mend) in &cases {
        refused(host.plan(playbook), &[cause, mend]);
    }
    // Nothing stops what is right already, or is not to be changed. What a link leads to is read only if it ends.
    host.plan(&file("/etc/right.conf")).ok();
    assert_eq!(host.plan(&file("/srv/data/disk/x")).status, 2);
    assert_eq!(host.sh("stat -c %U /etc"), "root");
    says(
        &host.plan(&file("/srv/zero")).stdout,
        &["/srv/zero is a link to /dev/zero: it becomes a file of its own"],
    );
    host.sh("chattr -i /etc/fixed.conf; umount /etc/mounted.conf");
    host.converge(&file("/etc/fixed.conf"));
    host.converge(&file("/etc/mounted.conf"));
    host.converge(&file("/srv/zero"));
    assert_eq!(
        host.sh("stat -c %F /dev/zero; cat /srv/zero"),
        "character special file\nmine"
    );
}
