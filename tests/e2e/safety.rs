//! What a host must be able to rely on: a plan writes nothing, a secret is never shown, and whoever may not
//! become root is told so.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::{Host, Run, base, run};

/// Every kind, so that every question is asked. `cowsay` is in the archive and on no host.
const EVERYTHING: &str = r#"
name: everything
apt: { packages: [PACKAGES] }
users: { app: { system: true } }
directories: { /srv/app: { owner: app, mode: 0750 } }
files:
  /srv/app/file: { content: "one\n", owner: app, validate: "test -s {}" }
links: { /srv/app/link: { to: file } }
absent: [/srv/old]
commands: { once: { run: touch /srv/app/once, unless: test -e /srv/app/once, after: [directory./srv/app] } }
supervisor: { api: { command: /bin/sleep 1000, user: app } }
nginx: { site: { proxy: "127.0.0.1:8080", replaces_default: true } }
ufw: { allow: [22/tcp, 80/tcp] }
cron: { job: { schedule: "*/5 * * * *", command: /bin/true } }
logrotate: { app: { paths: [/var/log/api/*.log], every: daily } }
"#;

/// Everything on the host's disk: paths with all that is known of them, then every file's hash. The change
/// times also tell of what was written and put back.
///
/// Left out is what sshd and PAM write at any login (their log and who was logged in when). /proc, /sys, /run and
/// /dev are no disk.
const TREE: &str = r#"
list() {
  find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /var/log/journal \
    -o -path /var/log/wtmp -o -path /var/log/lastlog -o -path /var/log/auth.log \) -prune -o "$@"
}
list -printf '%p|%y|%m|%U:%G|%s|%T@|%C@|%l\n' | sort
list -type f -print0 | xargs -0 sha256sum | sort"#;

/// The host with nothing going on but the test.
fn quiet(host: &Host) {
    host.sh(
        "systemctl is-system-running --wait >/dev/null || true; systemctl stop '*.timer'; journalctl --flush",
    );
}

#[track_caller]
fn plan_writes_nothing(host: &Host, playbook: &str) -> Run {
    let before = host.sh(TREE);
    let plan = host.plan(playbook);
    let after = host.sh(TREE);
    let lines = |tree: &str, other: &str| {
        let other: std::collections::HashSet<&str> = other.lines().collect();
        let lines = tree.lines().filter(|line| !other.contains(line));
        lines.take(20).map(|line| format!("{line}\n")).collect::<String>()
    };
    assert!(
        before == after,
        "before:\n{}after:\n{}",
        lines(&before, &after),
        lines(&after, &before)
    );
    assert!(before.lines().count() > 5000, "{} lines", before.lines().count());
    plan
}

#[test]
fn a_plan_for_a_fresh_host_writes_nothing() {
    let Some(base) = base() else { return };
    let host = Host::of(&base);
    quiet(&host);
    let plan = plan_writes_nothing(&host, &EVERYTHING.replace("PACKAGES", "cowsay"));
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    assert!(plan.stdout.contains("nginx"), "{}", plan.stdout);
}

#[test]
fn a_plan_for_an_applied_host_writes_nothing() {
    let Some(host) = Host::boot() else { return };
    host.converge(&EVERYTHING.replace("PACKAGES", "curl"));
    host.sh("echo drift >>/srv/app/file");
    quiet(&host);
    // apt is asked what installing would bring. It would like to write a cache for that where there is no valid one.
    host.sh("ls /var/cache/apt/srcpkgcache.bin && touch /etc/apt/sources.list.d");
    let plan = plan_writes_nothing(&host, &EVERYTHING.replace("PACKAGES", "cowsay"));
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    for line in ["cowsay 3", "- drift", "2 changes: 1 to create, 1 to update."] {
        assert!(plan.stdout.contains(line), "{line} in\n{}", plan.stdout);
    }
}

/// A value with all that is escaped somewhere.
const SECRET: &str = r#"s3cr%t"v\al-0815"#;
const NEXT: &str = r#"n3xt%s"v\al-4711"#;

const SECRETS: &str = r#"
name: secrets
secrets: { token: { env: HW_TOKEN } }
files:
  /srv/content: { content: "TOKEN=${token}\n" }
  /srv/template: { template: secret.hbs }
  /srv/handed: { content: "${token}\n", mode: 0640, group: adm }
supervisor:
  api: { command: /srv/api, environment: { TOKEN: "${token}" } }
commands:
  loud: { run: "cat /srv/content; [ -e /srv/quiet ] && touch /srv/loud", creates: /srv/loud, after: [supervisor.api] }
"#;

/// Another one from each source, wherever a playbook can carry one.
const CARRIED: &str = r#"
name: carried
secrets:
  token: { env: HW_TOKEN }
  kept: { file: kept }
  told: { command: [sh, -c, "echo x >>runs; cat told"] }
  sealed: { age: sealed.age, key: database }
files:
  /srv/content: { content: "TOKEN=${token}\n" }
  /srv/template: { template: secret.hbs }
  /srv/handed: { content: "${kept}\n", mode: 0640, group: adm }
supervisor:
  api: { command: /srv/api, environment: { TOKEN: "${told}", SEALED: "${sealed}" } }
cron:
  job: { schedule: "0 1 * * *", template: job.hbs }
nginx:
  site: { root: /srv/www, replaces_default: true, headers: { X-Token: "${told}" } }
commands:
  loud: { run: "cat /srv/content /srv/template; [ -e /srv/quiet ] && touch /srv/loud", creates: /srv/loud, after: [supervisor.api] }
checks:
  asked: { http: "http://127.0.0.1/", headers: { Authorization: "Bearer ${sealed}" }, expect: { status: 200 } }
  posted: { http: "http://HOST/", from: here, headers: { X: "${kept}" }, within: 1s, expect: { contains: nothing } }
"#;

/// In the order of their sources; the last one is the first one's next value.
const MARKS: [&str; 5] = [
    r#"f1rst%t"v\al-0815"#,
    r#"k3pt%t"v\al-2222"#,
    r#"t0ld%t"v\al-3333"#,
    r#"s3aled%t"v\al-4444"#,
    r#"th3n%t"v\al-5555"#,
];

/// Runs the program, and looks at all command lines of this machine meanwhile, where those of its hosts are seen, too.
fn watched(command: &mut Command) -> Run {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let text = |from: Option<&mut dyn Read>| {
        let mut bytes = Vec::new();
        from.expect("a pipe").read_to_end(&mut bytes).expect("read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) = std::thread::scope(|scope| {
        let out = scope.spawn(move || text(out.as_mut().map(|pipe| pipe as _)));
        let err = scope.spawn(move || text(err.as_mut().map(|pipe| pipe as _)));
        let status = loop {
            let ended = child.try_wait().expect("it runs");
            for process in std::fs::read_dir("/proc").expect("/proc").flatten() {
                let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line);
                for mark in MARKS {
                    assert!(!forms(mark).iter().any(|form| line.contains(form)), "{line:?}");
                }
            }
            match ended {
                Some(status) => break status,
                None => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        };
        (out.join().expect("stdout"), err.join().expect("stderr"), status)
    });
    let status = status.code().unwrap_or(-1);
    let run = Run {
        status,
        stdout,
        stderr,
    };
    for mark in MARKS {
        for form in forms(mark) {
            assert!(
                !run.stdout.contains(&form) && !run.stderr.contains(&form),
                "{run:?}"
            );
        }
    }
    run
}

/// Every verb that reads what a host has or remembers, after two applies and a change of the value, in words and in
/// JSON; every file that is kept of it, on the host and here; every command line.
#[test]
fn no_verb_shows_a_secret_and_nothing_that_is_kept_holds_one() {
    let Some(host) = Host::boot() else { return };
    host.file("secret.hbs", "token: {{token}}\nsealed: {{sealed}}\n");
    host.file("job.hbs", "#!/bin/sh\n# {{kept}}\n");
    host.file("kept", MARKS[1]);
    host.file("told", &format!("{}\n", MARKS[2]));
    let public = std::fs::read_to_string(host.machine.identity().with_extension("pub")).expect("a key");
    let recipient: age::ssh::Recipient = public.parse().expect("a recipient");
    let database = format!("other: x\ndatabase: '{}'\n", MARKS[3]);
    let sealed = age::encrypt_and_armor(&recipient, database.as_bytes()).expect("sealed");
    host.file("sealed.age", &sealed);
    host.sh("printf '#!/bin/sh\\necho \"says $TOKEN $SEALED\"\\nexec sleep 1000\\n' >/srv/api; chmod 0755 /srv/api; touch /srv/quiet");
    host.sh("mkdir /srv/www; echo index >/srv/www/index.html");
    let with = |mut command: Command, token: &str| {
        command.env("HW_TOKEN", token);
        command.env("HOSTWRIGHT_AGE_IDENTITY", host.machine.identity());
        command
    };
    let applied = |text: &str, token: &str| {
        let mut command = with(host.command("apply", text), token);
        let said = watched(command.arg("-v"));
        // One of its checks fails, and says what it got.
        assert_eq!(said.status, 1, "{said:?}");
        assert!(
            said.stdout.contains("✗ check posted") && said.stdout.contains("Generation"),
            "{said:?}"
        );
    };
    applied(CARRIED, MARKS[0]);
    assert_eq!(
        std::fs::read_to_string(host.folder.path().join("runs")).expect("runs"),
        "x\n"
    );
    // A file that held a secret goes, and a value changes.
    let fewer = CARRIED.replace(
        "  /srv/handed: { content: \"${kept}\\n\", mode: 0640, group: adm }\n",
        "",
    );
    assert_ne!(fewer, CARRIED);
    applied(&fewer, MARKS[4]);
    assert_eq!(
        host.sh("cat /srv/content /srv/template; curl -sI http://127.0.0.1 | grep X-Token"),
        format!(
            "TOKEN={}\ntoken: {}\nsealed: {}\nX-Token: {}",
            MARKS[4], MARKS[4], MARKS[3], MARKS[2]
        )
    );
    let saved = host.folder.path().join("saved.plan");
    let mut command = with(host.command("plan", CARRIED), MARKS[4]);
    watched(command.arg("--out").arg(&saved)).ok();
    host.sh("sed -i s/token/other/ /srv/template");
    let verbs: [&[&str]; 9] = [
        &["history"],
        &["show"],
        &["show", "1"],
        &["diff", "1", "2"],
        &["drift"],
        &["verify"],
        &["status"],
        &["logs", "api"],
        &["rollback", "--to", "1", "--yes"],
    ];
    for verb in verbs {
        for json in [false, true] {
            let mut command = with(host.bare(verb[0]), MARKS[4]);
            command.args(&verb[1..]);
            if json {
                command.arg("--json");
            }
            let said = watched(&mut command);
            let differs = ["drift", "verify", "rollback"].contains(&verb[0]);
            assert!(said.status == 0 || differs, "{verb:?} {said:?}");
        }
    }
    for mark in MARKS {
        assert_eq!(holders(&host, "/var/lib/hostwright", mark), Vec::<String>::new());
        let mut grep = Command::new("grep");
        grep.arg("-rlF");
        for form in forms(mark) {
            grep.args(["-e", &form]);
        }
        let kept = run(grep.arg(&saved).arg(host.folder.path().join("cache")));
        assert_eq!(kept.stdout, "", "kept here");
    }
}

/// The forms in which the value may stand in a file, a diff or JSON.
fn forms(secret: &str) -> [String; 3] {
    [
        secret.to_owned(),
        secret.replace('%', "%%"),
        secret.replace('\\', "\\\\").replace('"', "\\\""),
    ]
}

#[track_caller]
fn shows_no_secret(said: &Run) {
    for form in forms(SECRET).iter().chain(&forms(NEXT)) {
        assert!(
            !said.stdout.contains(form) && !said.stderr.contains(form),
            "{said:?}"
        );
    }
}

/// The files below `folder` of the host in which the value stands, in whichever form.
fn holders(host: &Host, folder: &str, secret: &str) -> Vec<String> {
    let root = host.machine.root();
    let mut grep = Command::new("grep");
    grep.args(["-rslaF", "--devices=skip"]);
    for form in forms(secret) {
        grep.args(["-e", &form]);
    }
    let found = run(grep.arg(root.join(folder.trim_start_matches('/'))));
    let mut found: Vec<String> = found
        .stdout
        .lines()
        .map(|path| {
            format!(
                "/{}",
                Path::new(path).strip_prefix(root).expect("below").display()
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_secret_is_never_shown_and_stands_only_where_it_belongs() {
    let Some(host) = Host::boot() else { return };
    host.file("secret.hbs", "token: {{token}}\n");
    host.sh("printf '#!/bin/sh\\nprintf %%s \"$TOKEN\" >/srv/seen\\nexec sleep 1000\\n' >/srv/api; chmod 0755 /srv/api");
    // Looks at every command line as long as it lives.
    host.sh("setsid sh -c 'until [ -e /srv/enough ]; do cat /proc/[0-9]*/cmdline; sleep 0.01; done' >/srv/argv 2>/dev/null </dev/null & :");
    let ask = |verb: &str, secret: &str| {
        let said = run(host.command(verb, SECRETS).arg("-v").env("HW_TOKEN", secret));
        shows_no_secret(&said);
        said
    };

    let planned = ask("plan", SECRET).ok();
    for path in ["/srv/content", "/srv/template", "/etc/supervisor/conf.d/api.conf"] {
        assert!(
            planned
                .stdout
                .contains(&format!("{path} 0600 root:root: the contents hold a secret")),
            "{}",
            planned.stdout
        );
    }
    // The command prints the secret and fails.
    let failed = ask("apply", SECRET);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    // Its line came before or after the host took the secret out.
    let hidden = ["(secret)".to_owned(), "*".repeat(SECRET.len())];
    let lines = hidden.map(|hidden| format!("    TOKEN={hidden}\n"));
    assert!(
        lines.iter().any(|line| failed.stdout.contains(line)),
        "{}",
        failed.stdout
    );
    // What a command prints is in its journal, on the host and for root alone, but for what is secret.
    let journals = host.sh("cat /var/lib/hostwright/runs/*/journal");
    assert!(journals.contains("TOKEN=***"), "{journals}");
    assert_eq!(
        holders(&host, "/var/lib/hostwright", SECRET),
        Vec::<String>::new()
    );
    assert_eq!(host.sh("stat -c %a /var/lib/hostwright"), "700");
    host.sh("touch /srv/quiet; sed -i s/TOKEN/x/ /srv/content");
    ask("apply", SECRET);
    host.sh("touch /srv/enough");

    let belongs = [
        "/etc/supervisor/conf.d/api.conf",
        "/srv/content",
        "/srv/handed",
        "/srv/seen",
        "/srv/template",
    ];
    assert_eq!(
        host.sh("stat -c '%a %U:%G' /srv/content /srv/template /etc/supervisor/conf.d/api.conf /srv/handed"),
        "600 root:root\n600 root:root\n600 root:root\n640 root:adm"
    );
    assert_eq!(
        host.sh("cat /srv/template /srv/handed /srv/seen"),
        format!("token: {SECRET}\n{SECRET}\n{SECRET}")
    );
    let store = host.sh("ls /var/lib/hostwright/store");
    for place in ["/srv", "/etc", "/tmp", "/root", "/var"] {
        let wanted: Vec<&str> = belongs
            .into_iter()
            .filter(|path| path.starts_with(place))
            .collect();
        assert_eq!(holders(&host, place, SECRET), wanted, "{store}");
    }
    assert_ne!(host.sh("grep -ac ./program /srv/argv"), "0");
    // From its hash a short secret could be guessed.
    let hash = hostwright::change::sha256(format!("TOKEN={SECRET}\n").as_bytes());
    assert_eq!(host.sh(&format!("grep -ac {hash} /srv/argv || true")), "0");

    // Another value: seen, told, and neither the old nor the new one shown.
    let planned = ask("plan", NEXT).ok();
    assert!(
        planned.stdout.contains("~ file./srv/content"),
        "{}",
        planned.stdout
    );
    assert!(
        planned.stdout.contains("4 changes: 4 to update."),
        "{}",
        planned.stdout
    );
    ask("apply", NEXT).ok();
    assert!(ask("plan", NEXT).ok().stdout.contains("Nothing to change."));
    assert_eq!(
        host.sh("cat /srv/content /srv/seen"),
        format!("TOKEN={NEXT}\n{NEXT}")
    );
    for secret in [SECRET, NEXT] {
        assert_eq!(holders(&host, "/var", secret), Vec::<String>::new());
    }
}

#[test]
fn a_command_line_with_a_secret_is_refused() {
    let Some(host) = Host::boot() else { return };
    for command in [
        "files: { /srv/x: { content: x, validate: \"check ${token} {}\" } }",
        "commands: { x: { run: \"login ${token}\", creates: /srv/x } }",
        "cron: { x: { schedule: \"0 1 * * *\", command: \"login ${token}\" } }",
        "supervisor: { x: { command: \"/bin/login ${token}\" } }",
    ] {
        let playbook = format!("name: x\nsecrets: {{ token: {{ env: HW_TOKEN }} }}\n{command}\n");
        let said = run(host.command("plan", &playbook).env("HW_TOKEN", SECRET));
        shows_no_secret(&said);
        assert_eq!(said.status, 1, "{command}");
        assert!(
            said.stderr.contains("a command line holds a secret"),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn a_user_with_sudo_applies_and_one_without_is_told_why_not() {
    let Some(host) = Host::boot() else { return };
    host.sh(
        "useradd -m -s /bin/bash deploy && cp -r /root/.ssh /home/deploy/ && chown -R deploy: /home/deploy/.ssh
        echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy",
    );
    let playbook = "
name: x
files: { /srv/file: { content: \"it's $HOME\\n\", mode: 0600 } }
commands: { who: { run: id -un >/srv/who, creates: /srv/who } }
ufw: { allow: [22/tcp] }
checks: { there: { command: test -s /srv/file } }
";
    let as_deploy = |verb: &str, playbook: &str| {
        let path = host.file("playbook.yml", playbook);
        run(&mut host.command_as("deploy", verb, &path))
    };
    // Whom the firewall must not shut out is known through sudo, too.
    let refused = as_deploy("plan", &playbook.replace("22/tcp", "80/tcp"));
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    let gateway = host.machine.gateway();
    let says = format!("it would shut out this connection: nothing lets {gateway} in at port 22");
    assert!(refused.stderr.contains(&says), "{}", refused.stderr);

    as_deploy("apply", playbook).ok();
    assert_eq!(
        host.sh("cat /srv/file /srv/who; stat -c '%a %U' /srv/file; ufw status | head -n 1"),
        "it's $HOME\nroot\n600 root\nStatus: active"
    );
    let second = as_deploy("plan", playbook).ok();
    assert!(second.stdout.contains("Nothing to change."), "{}", second.stdout);

    host.sh("rm /etc/sudoers.d/deploy");
    let address = host.machine.address();
    let refused = as_deploy("apply", playbook);
    let says = format!("sudo on {address} wants the password of deploy");
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    assert!(
        refused.stderr.contains(&says) && refused.stderr.contains("NOPASSWD"),
        "{}",
        refused.stderr
    );

    host.sh("mv /usr/bin/sudo /usr/bin/not-sudo");
    let refused = as_deploy("apply", playbook);
    let says = format!("su on {address} wants the password of root");
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    assert!(
        refused.stderr.contains(&says) && refused.stderr.contains("apt-get install sudo"),
        "{}",
        refused.stderr
    );
}
