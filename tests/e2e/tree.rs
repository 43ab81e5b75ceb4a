//! Directories filled from this machine: what is there is there, what is excluded stays, and no more travels
//! than what is different.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::host::Host;

const SITE: &str = r"
name: site
users: { web: { system: true } }
directories:
  /srv/site: { source: site, exclude: ['*.map', /cache/, .git], owner: web, mode: 0750 }
";

fn deleting() -> String {
    SITE.replace("source: site,", "source: site, delete: true,")
}

/// Writes the site beside the playbook.
fn site(host: &Host) {
    host.file("site/index.html", "<h1>One</h1>\n<p>Two</p>\n");
    host.file("site/app.js.map", "{}");
    host.file("site/.git/config", "mine");
    host.file("site/cache/x", "mine");
    host.file("site/a b/cache/é.txt", "text");
    let run = host.file("site/bin/run", "#!/bin/sh\n");
    fs::set_permissions(run, fs::Permissions::from_mode(0o700)).expect("set");
    fs::create_dir(host.folder.path().join("site/empty")).expect("made");
    symlink("index.html", host.folder.path().join("site/home")).expect("made");
}

fn tree(host: &Host) -> String {
    host.sh("cd /srv/site; find . -printf '%y %m %u:%g %P %l\\n' | sort -k 4 | sed 's/ *$//'")
}

#[test]
fn a_directory_is_filled_and_kept_equal() {
    let Some(host) = Host::boot() else { return };
    site(&host);
    let first = host.converge(SITE);
    assert!(
        first.stdout.contains("make directory /srv/site with 8 in it"),
        "{}",
        first.stdout
    );
    let wanted = "d 750 web:web
d 750 web:web a b
d 750 web:web a b/cache
f 644 web:web a b/cache/é.txt
d 750 web:web bin
f 755 web:web bin/run
d 750 web:web empty
l 777 root:root home index.html
f 644 web:web index.html";
    assert_eq!(tree(&host), wanted);

    // Only what is different is named, shown and written.
    let inode = host.sh("stat -c %i /srv/site/bin/run");
    host.file("site/index.html", "<h1>One</h1>\n<p>Three</p>\n");
    host.file("site/new", "new\n");
    host.sh("chmod 600 '/srv/site/a b/cache/é.txt'; ln -sfT /etc/passwd /srv/site/home");
    let plan = host.plan(SITE);
    assert!(
        plan.stdout
            .contains("update /srv/site: 1 new, 3 changed, 0 removed"),
        "{}",
        plan.stdout
    );
    for line in [
        "- <p>Two</p>",
        "+ <p>Three</p>",
        "/srv/site/a b/cache/é.txt\n      mode: 0600 → 0644",
    ] {
        assert!(plan.stdout.contains(line), "{line} in {}", plan.stdout);
    }
    assert!(!plan.stdout.contains("bin/run"), "{}", plan.stdout);
    host.converge(SITE);
    assert_eq!(
        host.sh("stat -c %i /srv/site/bin/run"),
        inode,
        "it was written again"
    );
    assert_eq!(
        host.sh("cat /srv/site/home /etc/passwd | head -n 2 | tail -n 1"),
        "<p>Three</p>"
    );
    assert!(
        host.sh("cat /etc/passwd").starts_with("root:"),
        "a link was written through"
    );
}

#[test]
fn what_is_not_here_goes_only_when_told_to() {
    let Some(host) = Host::boot() else { return };
    site(&host);
    host.converge(SITE);
    host.sh(
        "cd /srv/site; mkdir -p old/deep cache logs/.git; echo x >old/deep/x; echo x >cache/x; echo x >own.map
        echo x >logs/.git/x; echo x >logs/y; echo mine >conf",
    );
    host.plan(SITE).ok();
    let playbook = format!(
        "{}files: {{ /srv/site/conf: {{ content: \"mine\\n\" }} }}\n",
        deleting()
    );
    let plan = host.plan(&playbook);
    assert!(
        plan.stdout.contains("0 new, 0 changed, 2 removed"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout.contains("removes old\n") && plan.stdout.contains("removes logs/y\n"),
        "{}",
        plan.stdout
    );
    host.converge(&playbook);
    // What is excluded stays, and what another resource puts there.
    let left = host.sh("cd /srv/site; ls -d old logs/y cache/x own.map logs/.git/x conf 2>/dev/null || true");
    assert_eq!(left, "cache/x\nconf\nlogs/.git/x\nown.map");
    // What went is kept with the run.
    assert_eq!(
        host.sh("cat /var/lib/hostwright/runs/*/kept/*/*.moved/deep/x"),
        "x"
    );
}

#[test]
fn what_is_in_the_way_is_named_and_goes_only_when_told_to() {
    let Some(host) = Host::boot() else { return };
    site(&host);
    host.sh(
        "mkdir -p /srv/site/index.html/in /srv/elsewhere/cache; echo other >/srv/elsewhere/cache/é.txt
        ln -s /srv/elsewhere '/srv/site/a b'",
    );
    let refused = host.plan(SITE);
    assert_eq!(refused.status, 1);
    let said =
        "directory./srv/site: /srv/site/a b is a link to /srv/elsewhere on the host and a directory here";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    host.converge(&deleting());
    assert_eq!(
        host.sh("cat '/srv/site/a b/cache/é.txt' /srv/elsewhere/cache/é.txt"),
        "textother"
    );
    assert!(host.sh("cat /srv/site/index.html").contains("Two"));
}

#[test]
fn a_failed_fill_leaves_the_directory_as_it_was() {
    let Some(host) = Host::boot() else { return };
    site(&host);
    host.converge(&deleting());
    // Where the new file is written first, something stands that is no file.
    host.sh("echo x >/srv/site/old; mkdir '/srv/site/a b/cache/.é.txt.hostwright-new~'");
    let before = tree(&host);
    host.file("site/a b/cache/é.txt", "other");
    host.file("site/aa", "new");
    host.file("site/bin/run", "changed");
    let failed = host.apply(&deleting());
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert_eq!(tree(&host), before);
    assert_eq!(host.sh("cat /srv/site/bin/run"), "#!/bin/sh");
}

#[test]
fn thousands_of_files_are_compared_at_once() {
    let Some(host) = Host::boot() else { return };
    let fill = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let name = format!(
                "site/{:03}/a-file-with-a-rather-long-name-so-that-no-command-line-holds-all-{number}",
                number % 100
            );
            host.file(&name, &format!("{number}\n"));
        }
    };
    // As many as a command line just holds, then far more.
    fill(0..400);
    host.converge(&deleting());
    fill(400..3000);
    host.converge(&deleting());
    host.file(
        "site/007/a-file-with-a-rather-long-name-so-that-no-command-line-holds-all-7",
        "changed\n",
    );
    let plan = host.plan(&deleting());
    assert!(
        plan.stdout.contains("0 new, 1 changed, 0 removed"),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("+ changed"), "{}", plan.stdout);
}
