//! Backups: made, listed, read to their end, restored; kept on the host and elsewhere.

use std::process::Command;

use crate::host::{Host, Run, run, wait_for};

/// The command line of `hostwright backup VERB` for the backup `name`.
pub fn backup(host: &Host, verb: &str, name: &str) -> Command {
    let mut command = host.bare(verb);
    let words: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
    let mut whole = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    whole.arg("backup").args(words);
    if !name.is_empty() {
        whole.arg(name);
    }
    whole.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command = whole;
    command.stdin(std::process::Stdio::null());
    command
}

fn backed_up(host: &Host, verb: &str, name: &str) -> Run {
    run(&mut backup(host, verb, name))
}

const KEPT: &str = r#"
name: kept
files:
  /srv/app/config: { content: "of the playbook\n" }
supervisor:
  reader: { command: /bin/sleep infinity }
backups:
  data:
    paths: [/srv/app]
    exclude: [/srv/app/cache, "*.tmp"]
    schedule: "0 2 * * *"
    keep: 2
    hooks: { before: "date +%N >/srv/app/dump", after: "touch /run/after", restored: "touch /run/restored" }
    restart: [supervisor.reader]
    to: { folder: /opt/backups }
checks:
  config: { command: "grep -q playbook /srv/app/config" }
"#;

#[test]
fn a_backup_is_made_read_and_restored_into_place() {
    let Some(host) = Host::boot() else { return };
    let none = backed_up(&host, "list", "");
    assert_eq!(none.status, 1);
    assert!(none.text().contains("has no backup"), "{}", none.stderr);
    host.sh("mkdir -p /srv/app/cache /srv/app/sub && cd /srv/app && echo one >one && echo two >'sub/with space' && echo x >cache/x && echo y >y.tmp && ln -s one link");
    host.converge(KEPT);
    let listed = || backed_up(&host, "list", "").ok().stdout;
    assert!(listed().contains("no archive yet"), "{}", listed());

    let made = backed_up(&host, "run", "data").ok().stdout;
    assert!(made.contains("✓ data of kept: kept-data-2"), "{made}");
    let archive = made.split_whitespace().nth(4).expect("its name").to_owned();
    assert_eq!(
        host.sh(&format!(
            "tar -tzf /opt/backups/{archive} | sort; stat -c %a /opt/backups/{archive} /run/after | head -n 1"
        )),
        "srv/app/\nsrv/app/config\nsrv/app/dump\nsrv/app/link\nsrv/app/one\nsrv/app/sub/\nsrv/app/sub/with space\n600"
    );
    assert!(listed().contains(&archive), "{}", listed());
    let verified = backed_up(&host, "verify", "").ok().stdout;
    assert!(verified.contains("was read to its end: 7 entries"), "{verified}");

    // What cron runs is the same program.
    assert!(
        host.sh("cat /etc/cron.d/kept-backup-data")
            .contains("0 2 * * * root /usr/local/lib/kept/backups/data/run run >/dev/null")
    );
    let busy = host.sh(
        "flock /var/lib/hostwright/backups/kept/data/lock /usr/local/lib/kept/backups/data/run run || true",
    );
    assert!(busy.contains("another run"), "{busy}");

    // Without --yes and a terminal it is a plan and nothing else.
    host.sh("cd /srv/app && echo other >one && rm -r sub && echo new >\"$(printf 'n\\303\\244w\\tb')\" && chmod 0700 link config && echo z >cache/z");
    let pid = host.sh("supervisorctl pid reader");
    let before = host.sh("find /srv/app -printf '%p %m %s\\n' | sort");
    let planned = backed_up(&host, "restore", "data");
    assert_eq!(planned.status, 1);
    for line in [
        "- /srv/app/näw\\tb\n",
        "+ /srv/app/sub\n",
        "+ /srv/app/sub/with space\n",
        "~ /srv/app/one  (mode differs, ",
        "~ /srv/app/config  (mode differs)\n",
        "2 to put back, 2 to replace, 1 to take away.",
    ] {
        assert!(planned.stdout.contains(line), "{line} in\n{}", planned.stdout);
    }
    assert!(
        planned.text().contains("nothing was changed"),
        "{}",
        planned.stderr
    );
    assert_eq!(host.sh("find /srv/app -printf '%p %m %s\\n' | sort"), before);

    let restored = run(backup(&host, "restore", "data").arg("--yes")).ok().stdout;
    assert!(
        restored.contains("started again: supervisor.reader"),
        "{restored}"
    );
    assert!(restored.contains("✓ check config"), "{restored}");
    assert_eq!(
        host.sh("cd /srv/app && cat one 'sub/with space' cache/z && stat -c %a config && ls -A && test -e /run/restored"),
        "one\ntwo\nz\n644\ncache\nconfig\ndump\nlink\none\nsub\ny.tmp"
    );
    assert_ne!(host.sh("supervisorctl pid reader"), pid);
    // What was replaced comes back from what was kept.
    let kept = restored
        .split_whitespace()
        .find(|word| word.starts_with("before-kept-data-"))
        .expect("kept")
        .to_owned();
    assert!(listed().contains(&kept), "{}", listed());
    run(backup(&host, "restore", "data").args(["--yes", "--archive", &kept])).ok();
    assert_eq!(
        host.sh("cd /srv/app && cat one n*b && ls -AN | grep -v b$"),
        "other\nnew\ncache\nconfig\ndump\nlink\none\ny.tmp"
    );

    // A restore that cannot end puts back what stood here.
    host.sh(
        "mkdir /srv/app/sub && chattr +i /srv/app/sub 2>/dev/null || mount -t tmpfs -o ro none /srv/app/sub",
    );
    let failed = run(backup(&host, "restore", "data").args(["--yes", "--archive", &archive]));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(
        failed.stdout.contains("could not be restored whole"),
        "{}",
        failed.stdout
    );
    host.sh("chattr -i /srv/app/sub 2>/dev/null; umount /srv/app/sub 2>/dev/null; rmdir /srv/app/sub");
    assert_eq!(host.sh("cd /srv/app && cat one n*b"), "other\nnew");

    // Broken bytes, half an archive and one without its manifest are none.
    host.sh(&format!(
        "cd /opt/backups && printf x | dd of={archive} bs=1 seek=20 conv=notrunc 2>/dev/null"
    ));
    let broken = backed_up(&host, "verify", "data");
    assert_eq!(broken.status, 1);
    assert!(
        broken.stdout.contains("is not what was written"),
        "{}",
        broken.stdout
    );
    host.sh(&format!("cd /opt/backups && truncate -s 30 {archive} && touch kept-data-20200101T000000Z.tar.gz kept-data-x-20200101T000000Z.tar.gz"));
    assert!(listed().contains("no archive yet"), "{}", listed());
    let none = backed_up(&host, "verify", "data");
    assert!(none.stdout.contains("there is no archive"), "{}", none.stdout);

    // Two stay, and what is another's.
    for _ in 0..3 {
        host.sh("while [ -e /opt/backups/kept-data-$(date -u +%Y%m%dT%H%M%SZ).tar.gz ]; do sleep 0.1; done");
        backed_up(&host, "run", "").ok();
    }
    assert_eq!(
        host.sh("cd /opt/backups && ls -A | grep -c '^kept-data-2.*gz$'; ls -A | wc -l; ls kept-data-x*"),
        "2\n5\nkept-data-x-20200101T000000Z.tar.gz"
    );
    // One that fails is told, and leaves the others.
    host.sh("mv /srv/app /srv/away");
    let failed = backed_up(&host, "run", "data");
    assert_eq!(failed.status, 1);
    assert!(
        failed.stdout.contains("the hook `before` failed"),
        "{}",
        failed.stdout
    );
    let status = run(&mut host.bare("status")).ok().stdout;
    let line = status
        .lines()
        .find(|line| line.contains("data") && line.contains("ago"))
        .expect("a line");
    assert!(
        line.contains("✗") && line.contains("the last run of the backup data failed"),
        "{line}"
    );
    host.sh("mv /srv/away /srv/app");

    // What is no longer declared goes from cron; archives stay.
    let without = KEPT.split("backups:").next().expect("the part before").to_owned();
    host.converge(&without);
    assert_eq!(host.sh("ls /etc/cron.d | grep -c kept || true; ls /opt/backups | grep -c 'gz$'; ls /usr/local/lib/kept/backups/data/run 2>/dev/null || true"), "0\n3");
}

const AWAY: &str = r#"
name: away
secrets: { key: { file: key }, rclone: { file: rclone.conf } }
files:
  /srv/app/data: { content: "hidden words\n" }
backups:
  sealed:
    paths: [/srv/app]
    schedule: "@daily"
    keep: 1
    compress: zstd
    encrypt: [RECIPIENT]
    to:
      ssh: { host: 127.0.0.1, user: keeper, folder: /home/keeper/deep/app, key: "${key}", host_key: "HOST_KEY" }
  cloud:
    paths: [/srv/app]
    schedule: "@daily"
    keep: 1
    to: { rclone: { remote: "box:app/", config: "${rclone}" } }
cron:
  watch:
    schedule: "*/5 * * * *"
    template: monitor.sh.hbs
    with: { url: "", program: "", mail_to: root, logfile: /var/log/watch.log }
"#;

#[test]
fn archives_are_encrypted_and_kept_elsewhere() {
    let Some(host) = Host::with_archivers() else {
        return;
    };
    // An account that may do SFTP and nothing else.
    host.sh("useradd -m keeper && mkdir /srv/box && cd /root && ssh-keygen -q -t ed25519 -N '' -f key && age-keygen -o identity 2>/dev/null");
    host.sh("mkdir ~keeper/.ssh && echo \"restrict,command=\\\"internal-sftp\\\" $(cat /root/key.pub)\" >~keeper/.ssh/authorized_keys");
    let identity = host.sh("cat /root/identity");
    let identity = host.file("identity", &identity);
    host.file("key", &format!("{}\n", host.sh("cat /root/key && rm /root/key")));
    host.file(
        "rclone.conf",
        "[box]\ntype = alias\nremote = /srv/box\ndescription = not-to-be-seen\n",
    );
    let playbook = AWAY
        .replace(
            "RECIPIENT",
            &host.sh("age-keygen -y /root/identity && rm /root/identity"),
        )
        .replace(
            "HOST_KEY",
            &host.sh("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub"),
        );
    host.converge(&playbook);
    assert_eq!(
        host.sh("cd /usr/local/lib/away/backups && stat -c '%n %a' */key */rclone.conf"),
        "sealed/key 600\ncloud/rclone.conf 600"
    );

    let made = backed_up(&host, "run", "").ok().stdout;
    assert!(
        made.contains("✓ sealed of away") && made.contains("✓ cloud of away"),
        "{made}"
    );
    let sealed = host.sh("cd /home/keeper/deep/app && ls -A *.zst.age");
    assert_eq!(
        host.sh(&format!("head -c 21 /home/keeper/deep/app/{sealed}")),
        "age-encryption.org/v1"
    );
    assert_eq!(
        host.sh("cd /srv/box/app && tar -tzf *.tar.gz"),
        "srv/app/\nsrv/app/data"
    );
    // The older one goes when a newer one is there, with its manifest; nothing is left on the way.
    host.sh("while [ -e /home/keeper/deep/app/away-sealed-$(date -u +%Y%m%dT%H%M%SZ).tar.zst.age ]; do sleep 0.1; done");
    backed_up(&host, "run", "").ok();
    assert_eq!(host.sh("ls -A /home/keeper/deep/app /srv/box/app | grep -c away; find /var/lib/hostwright/backups -name '*.part*'"), "4");

    let unread = backed_up(&host, "verify", "").ok().stdout;
    assert!(
        unread.contains("it is encrypted, so that its contents were not read"),
        "{unread}"
    );
    assert!(
        unread.contains("✓ cloud of away") && unread.contains("read to its end: 2 entries"),
        "{unread}"
    );
    let opened = run(backup(&host, "verify", "sealed")
        .arg("--age-identity")
        .arg(&identity))
    .ok()
    .stdout;
    assert!(opened.contains("read to its end: 2 entries"), "{opened}");

    host.sh("rm /srv/app/data");
    let closed = run(backup(&host, "restore", "sealed").arg("--yes"));
    assert!(
        closed.text().contains("no age identity was given"),
        "{}",
        closed.stderr
    );
    run(backup(&host, "restore", "sealed")
        .arg("--yes")
        .arg("--age-identity")
        .arg(&identity))
    .ok();
    assert_eq!(host.sh("cat /srv/app/data"), "hidden words");
    host.sh("echo other >/srv/app/data");
    // Whoever has the archive's host and no secret of the playbook restores all the same.
    let key = ["key", "key.away"].map(|name| host.folder.path().join(name));
    std::fs::rename(&key[0], &key[1]).expect("renamed");
    let restored = run(backup(&host, "restore", "cloud").arg("--yes")).ok();
    std::fs::rename(&key[1], &key[0]).expect("renamed");
    assert_eq!(
        host.sh("cat /srv/app/data"),
        "hidden words",
        "{}",
        restored.stdout
    );
    assert!(
        restored.text().contains("the checks of away were not asked: "),
        "{}",
        restored.stderr
    );
    assert_eq!(host.sh("journalctl -o cat | grep -c -e AGE-SECRET -e not-to-be -e 'OPENSSH PRIVATE' || true; grep -rl AGE-SECRET /var/lib/hostwright || true"), "0");

    // Another host than the one that was meant gets nothing, and the monitor tells so once.
    host.sh("sed -i 's/AAAAC3NzaC1lZDI1NTE5AAAAI.../AAAAC3NzaC1lZDI1NTE5AAAAIAAA/' /usr/local/lib/away/backups/sealed/known_hosts");
    let refused = backed_up(&host, "run", "sealed");
    assert!(
        refused.status == 1 && refused.stdout.contains("Host key verification failed"),
        "{}",
        refused.stdout
    );
    let unlisted = backed_up(&host, "list", "sealed");
    assert!(
        unlisted.status == 1 && unlisted.text().contains("Host key verification failed"),
        "{}{}",
        unlisted.stdout,
        unlisted.stderr
    );
    let watch = || {
        host.sh("/usr/local/lib/away/watch && /usr/local/lib/away/watch && sed 's/^[^ ]* [^ ]* //' /var/log/watch.log && rm -f /var/log/watch.log")
    };
    let status = || run(&mut host.bare("status")).ok().stdout;
    let failed = "the last run of the backup sealed failed: Host key verification failed.";
    assert_eq!(watch(), failed);
    wait_for("the mail", || {
        host.sh("cat /var/mail/root 2>/dev/null || true").contains(failed)
    });
    let told = status();
    assert!(
        told.contains("✓ away-watch") && told.contains("✗ sealed") && told.contains(failed),
        "{told}"
    );
    host.converge(&playbook);
    backed_up(&host, "run", "sealed").ok();
    assert_eq!(watch(), "the backup sealed is well again");
    host.sh("cd /var/lib/hostwright/backups/away/cloud && awk '{ $3 = $3 - 108001; print }' newest >n && mv n newest");
    assert_eq!(watch(), "the newest archive of the backup cloud is 30 hours old");
    let told = status();
    assert!(
        told.contains("✓ sealed  ") && told.contains("✗ cloud") && told.contains("verified"),
        "{told}"
    );
    // Nothing goes from a rehearsal to where the archives of the real host are.
    host.sh("touch /var/lib/hostwright/rehearsal");
    let refused = backed_up(&host, "run", "cloud");
    assert!(
        refused.stdout.contains("this host is a rehearsal"),
        "{}",
        refused.stdout
    );
}

const DRILLED: &str = r#"
name: drilled
vars: { where: real }
rehearsal: { vars: { where: rehearsal } }
files:
  /srv/where: { content: "${where}\n" }
binaries:
  tool: { path: tool, to: /opt/tool }
backups:
  words:
    paths: [/srv/words]
    schedule: "@daily"
    to: { folder: /opt/backups }
checks:
  words: { command: "grep -q treasure /srv/words/kept", within: 1s }
  tool: { command: "/opt/tool/current/tool", within: 1s }
  rehearsal: { command: "test -e /srv/real || grep -q rehearsal /srv/where", within: 1s }
"#;

#[test]
fn a_drill_restores_on_a_rehearsal_host_and_is_remembered() {
    let Some(host) = Host::boot() else { return };
    host.file("tool", "#!/bin/sh\nexit 0\n");
    host.sh("mkdir /srv/words && echo treasure >/srv/words/kept && touch /srv/real");
    host.converge(DRILLED);
    let none = run(backup(&host, "verify", "words").arg("--drill"));
    assert!(none.text().contains("has no archive"), "{}", none.stderr);
    backed_up(&host, "run", "words").ok();
    // What it was made of is not at hand any more.
    std::fs::remove_file(host.folder.path().join("tool")).expect("removed");
    let drilled = run(backup(&host, "verify", "words").arg("--drill")).ok().stdout;
    for words in [
        "Booted the host",
        "✓ check words",
        "✓ check tool",
        "was restored on a rehearsal host; 3 checks passed in",
    ] {
        assert!(drilled.contains(words), "{words} in\n{drilled}");
    }
    let status = run(&mut host.bare("status")).ok().stdout;
    let line = status
        .lines()
        .find(|line| line.contains("✓ words"))
        .expect("a line");
    assert!(line.contains("drilled ") && line.contains(" ago"), "{line}");
    let listed = backed_up(&host, "list", "words").ok().stdout;
    assert!(
        listed.contains("✓ drilled ") && listed.contains("3 checks passed"),
        "{listed}"
    );
    disproved(&host);
}

/// An archive that proves to be worth nothing: without what the checks ask for, and broken.
fn disproved(host: &Host) {
    let disproves = |words: &str| {
        let drilled = run(backup(host, "verify", "words").arg("--drill"));
        assert_eq!(drilled.status, 1, "{}", drilled.stdout);
        assert!(drilled.stdout.contains(words), "{words} in\n{}", drilled.stdout);
        assert!(
            drilled.text().contains("1 backup failed on"),
            "{}",
            drilled.stderr
        );
        let status = run(&mut host.bare("status")).ok().stdout;
        let line = status.lines().find(|line| line.contains("✗ words"));
        let line = line.unwrap_or_else(|| panic!("{status}"));
        assert!(
            line.contains("drilled (failed) ") && line.contains(words),
            "{line}"
        );
        let listed = backed_up(host, "list", "words").ok().stdout;
        assert!(
            listed.contains("✗ drilled ") && listed.contains(words),
            "{listed}"
        );
    };
    host.sh("echo lost >/srv/words/kept; while [ -e /opt/backups/drilled-words-$(date -u +%Y%m%dT%H%M%SZ).tar.gz ]; do sleep 0.1; done");
    backed_up(host, "run", "words").ok();
    disproves("was restored on a rehearsal host, where 1 of 3 checks failed");
    host.sh("cd /opt/backups && for each in *.gz; do printf x | dd of=$each bs=1 seek=20 conv=notrunc 2>/dev/null; done");
    disproves("is not what was written");
}
