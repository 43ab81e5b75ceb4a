//! What the program says, word for word: exit status, stdout and stderr in one pinned environment.

use std::fmt::Write;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

fn hostwright(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("HOME", folder);
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().unwrap_or(-1);
    format!("{}{}[{status}]\n", text(&output.stdout), text(&output.stderr))
}

/// What `check` says of each playbook, given without its first line.
fn checked(cases: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (what, playbook) in cases {
        let folder = TempDir::new().expect("a folder");
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        file("p.yml", &format!("name: x\n{playbook}\n"));
        file("t.hbs", "first\n{{#if debgu}}x{{/if}}\n");
        file("open.hbs", "{{#if a}}\n");
        let _ = writeln!(
            all,
            "### {what}\n{}",
            said(hostwright(folder.path()).args(["check", "p.yml"]))
        );
    }
    all
}

#[test]
fn keys_and_types_are_named_with_their_place() {
    insta::assert_snapshot!(checked(&[
        ("unknown key", "nginx:\n  site:\n    prxy: \"127.0.0.1:80\""),
        ("unknown section", "ngnix: {}"),
        ("duplicate name", "users:\n  a: {}\n  a: {}"),
        ("missing key", "binaries:\n  a: { path: a }"),
        ("list for a mapping", "files:\n  /etc/x: [1]"),
        ("list for a value", "nginx:\n  site: { proxy: [a] }"),
        ("value for a list", "apt: { packages: nginx }"),
        ("null for a value", "binaries:\n  a: { path: a, to: }"),
        ("tab", "users:\n\ta: {}"),
        ("open bracket", "users: {a: {}"),
    ]));
}

#[test]
fn values_are_read_by_their_field() {
    insta::assert_snapshot!(checked(&[
        ("mode", "directories:\n  /srv: { mode: 0955 }"),
        ("flag", "users:\n  a: { system: yes }"),
        ("port", "nginx:\n  a: { proxy: \"127.0.0.1:99999\" }"),
        (
            "schedule",
            "cron:\n  a: { schedule: \"61 * * * *\", command: \"true\" }"
        ),
        ("firewall rule", "ufw:\n  allow: [22/tcp, ssh]"),
        ("path", "files:\n  etc/x: { content: a }"),
        ("time", "checks:\n  a: { tcp: \"h:1\", within: 30 }"),
        ("domain", "certificates:\n  a: { domain: nodots }"),
        (
            "all of these are right",
            "users:\n  a: { system: true }\ndirectories:\n  /srv: { mode: 755, owner: a }"
        ),
    ]));
}

#[test]
fn what_does_not_fit_together_is_said() {
    insta::assert_snapshot!(checked(&[
        (
            "unknown variable",
            "vars: { port: 80 }\nnginx:\n  a: { proxy: \"127.0.0.1:${prot}\" }"
        ),
        (
            "null variable",
            "vars: { d: null }\nbinaries:\n  a: { path: a, to: \"${d}\" }"
        ),
        ("unused variable", "vars: { port: 80 }"),
        ("template variable", "files:\n  /etc/x: { template: t.hbs }"),
        ("template syntax", "files:\n  /etc/x: { template: open.hbs }"),
        ("missing template", "files:\n  /etc/x: { template: none.hbs }"),
        ("two sources", "files:\n  /etc/x: { content: a, source: b }"),
        (
            "unknown id",
            "files:\n  /etc/x: { content: a, after: [file./etc/yy] }\n  /etc/y: { content: a }"
        ),
        (
            "circle",
            "files:\n  /etc/x: { content: a, after: [file./etc/y] }\n  /etc/y: { content: a, after: [file./etc/x] }",
        ),
        (
            "unknown certificate",
            "nginx:\n  a: { proxy: \"127.0.0.1:80\", certificate: mian }\ncertificates:\n  main: { domain: example.com }",
        ),
        (
            "certificate without a site",
            "certificates:\n  main: { domain: example.com }"
        ),
        ("command without an end", "commands:\n  a: { run: \"true\" }"),
        (
            "check without a probe",
            "checks:\n  a: { expect: { status: 200 } }"
        ),
        ("secret that is not set", "secrets: { token: { env: NOT_SET } }"),
        ("root directory", "absent: [/etc]"),
    ]));
}

/// Everything that can be wrong, at once.
const ALL_WRONG: &str = r#"
vars: { port: 80, bad: [1], derived: "${bad}", gone: "${nope}" }
secrets:
  unset: { env: NOT_SET }
  unset_too: { env: NOT_SET_EITHER }
  empty: { env: EMPTY }
  allowed: { env: EMPTY, empty: true }
  two: { env: A, file: b }
apt: { packages: [nginx, Curl, -x], pakages: [curl] }
users:
  a: { system: maybe, shel: /bin/sh }
  a: { system: true }
directories:
  /srv/x: { mode: 0955, owner: "-", source: none }
  /srv/y: { mode: "${prot}", exclude: [x] }
files:
  /etc/a: { content: "${unset} ${derived}", after: [file./etc/none, user.a] }
  /etc/b: { template: t.hbs }
  /etc/c: { template: two.hbs, mode: 9 }
  /etc/d: { content: a, source: b }
  etc/e: { content: a }
ufw: { allow: [ssh, 0/tcp] }
absent: [/etc, /usr, /srv/old]
nginx:
  site: { proxy: "127.0.0.1:99999", certificate: main }
certificates:
  main: { domain: nodots }
  other: { domain: example.com }
commands:
  x: { run: "true" }
checks:
  x: { expect: { status: fine } }
"#;

#[test]
fn all_errors_are_told_at_once_and_none_that_follows_from_another() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    file("p.yml", &format!("name: x{ALL_WRONG}"));
    file("t.hbs", "first\n{{#if debgu}}x{{/if}} {{unset}}\n");
    file("two.hbs", "{{playbok}} {{prt}}\n");
    let mut command = hostwright(folder.path());
    let told = said(command.args(["check", "p.yml"]).env("EMPTY", ""));
    insta::assert_snapshot!(told);

    // What names the things above is looked at when those are right.
    let playbook = "name: x\nfiles:\n  /etc/a: { content: a, after: [file./etc/none] }\n  /etc/b: { content: b, after: [user.x] }\n";
    file("p.yml", playbook);
    let told = said(hostwright(folder.path()).args(["check", "p.yml"]));
    assert!(
        told.contains("file./etc/none") && told.contains("user.x"),
        "{told}"
    );
    assert!(told.ends_with("\nerror: 2 errors in p.yml\n[1]\n"), "{told}");
}

#[test]
fn a_secret_that_cannot_be_meant_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let mut all = String::new();
    for (what, value) in [
        ("empty", ""),
        ("newline only", "\n"),
        ("blanks", " \t\n"),
        ("byte order mark", "\u{feff}hunter22\n"),
        ("carriage return", "hunter22\r\n"),
        ("newline too many", "hunter22\n\n"),
        ("short", "abc\n"),
        ("blank at the end", "hunter22 \n"),
        ("a word of the playbook", "content\n"),
        ("a key", "BEGIN\nabcdef\nEND!\n"),
        ("right", "hunter22\n"),
    ] {
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        file("secret", value);
        file(
            "p.yml",
            "name: x\nsecrets: { s: { file: secret } }\nfiles:\n  /etc/x: { content: \"${s}\" }\n",
        );
        let told = said(hostwright(folder.path()).args(["check", "p.yml"]));
        let _ = writeln!(all, "### {what}\n{told}");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_command_line_is_explained() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("p.yml"), "name: x\nvars: { port: 80 }\n").expect("written");
    let mut all = String::new();
    for line in [
        "check none.yml",
        "check p.yml --set prot=1",
        "check p.yml --set port",
        "check p.yml --vars none.yml",
        "plan p.yml root@host:0",
        "apply p.yml root@host",
    ] {
        let _ = writeln!(
            all,
            "### {line}\n{}",
            said(hostwright(folder.path()).args(line.split(' ')))
        );
    }
    insta::assert_snapshot!(all);
}

#[test]
fn nothing_is_contacted_before_the_playbook_is_valid() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(
        folder.path().join("p.yml"),
        "name: x\nusers: { a: { system: maybe } }\n",
    )
    .expect("written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let target = listener.local_addr().expect("an address").to_string();
    let text = said(hostwright(folder.path()).args(["plan", "p.yml", &target]));
    assert!(text.contains("`maybe` is not true or false"), "{text}");
    assert!(listener.accept().is_err(), "the host was contacted");
}

#[test]
fn the_shipped_playbooks_are_valid_and_the_schema_knows_their_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    let schema: serde_json::Value =
        serde_json::from_slice(&hostwright(root).arg("schema").output().expect("runs").stdout).expect("JSON");
    let known = schema["properties"].as_object().expect("properties");
    let entries = std::fs::read_dir(root.join("playbooks")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    for path in paths.filter(|path| path.is_file()) {
        let playbook = std::fs::read_to_string(&path).expect("read");
        let mut check = hostwright(root);
        check.arg("check").arg(&path);
        // What must be said of a host a rehearsal says.
        for pair in playbook
            .split("rehearsal:\n  vars:\n")
            .skip(1)
            .flat_map(str::lines)
        {
            let Some((name, value)) = pair.strip_prefix("    ").and_then(|pair| pair.split_once(": ")) else {
                break;
            };
            check.arg("--set").arg(format!("{name}={value}"));
        }
        let text = said(&mut check);
        assert!(text.ends_with("[0]\n") && !text.contains("warning"), "{text}");
        for key in playbook
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(key, _)| key)
        {
            let top_level = key.starts_with(|c: char| c.is_ascii_lowercase());
            assert!(!top_level || known.contains_key(key), "{key}");
        }
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn every_command_has_its_completions_and_its_manual_page() {
    let folder = TempDir::new().expect("a folder");
    let pages = folder.path().join("pages");
    let said_of_man = said(hostwright(folder.path()).arg("man").arg(&pages));
    assert_eq!(said_of_man, "[0]\n");
    let bash = said(hostwright(folder.path()).args(["completions", "bash"]));
    for command in ["check", "plan", "apply", "rehearse", "up", "vm", "schema"] {
        let page = std::fs::read_to_string(pages.join(format!("hostwright-{command}.1"))).expect("a page");
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
        assert!(
            bash.contains(&format!("hostwright__subcmd__{command}")),
            "{command}"
        );
    }
    std::fs::write(folder.path().join("file"), "").expect("written");
    let refused = said(hostwright(folder.path()).args(["man", "file/pages"]));
    assert!(
        refused.contains("cannot be written to file/pages") && refused.ends_with("[1]\n"),
        "{refused}"
    );
}

/// Without the program `ssh` a configuration is read by us, and what we do not follow is no guess.
#[test]
fn a_configuration_that_only_ssh_can_follow_is_refused_by_its_place() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    std::fs::create_dir(folder.path().join(".ssh")).expect("made");
    file("p.yml", "name: x\n");
    file(
        ".ssh/config",
        "Host web\n HostName 192.0.2.1\nMatch user root\n HostName 192.0.2.2\n",
    );
    let mut plan = hostwright(folder.path());
    plan.env("PATH", folder.path())
        .args(["plan", "p.yml", "root@web"]);
    let said = said(&mut plan).replace(&folder.path().display().to_string(), "~");
    insta::assert_snapshot!(said);
}
