//! Compiled programs: a directory a release, a link that changes at once, and a way back.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::host::{Host, Run, run};

const TOOL: &str = r#"
name: tool
directories: { /opt/tool: {} }
binaries:
  tool: { path: tool, to: /opt/tool, keep: 2 }
supervisor:
  tool: { command: /opt/tool/current/tool }
"#;

/// Puts the program's version `number` beside the playbook, and says its release.
fn build(host: &Host, number: u32) -> String {
    let text = format!("#!/bin/sh\n# version {number}\nexec sleep 10000{number}\n");
    host.file("tool", &text);
    hostwright::change::sha256(text.as_bytes())[..12].to_owned()
}

fn running(host: &Host) -> String {
    host.sh("tr '\\0' ' ' </proc/$(supervisorctl pid tool)/cmdline")
}

fn releases(host: &Host) -> Vec<String> {
    host.sh("ls -t /opt/tool/releases")
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn releases_come_stay_go_and_come_back() {
    let Some(host) = Host::boot() else { return };
    let first = build(&host, 1);
    host.converge(TOOL);
    assert_eq!(running(&host), "sleep 100001");
    assert_eq!(
        host.sh("stat -c '%a %U:%G' /opt/tool/current/tool; readlink /opt/tool/current"),
        format!("755 root:root\nreleases/{first}")
    );

    // Whoever starts the program while it is replaced finds one.
    host.sh("systemd-run --quiet --unit=watch sh -c 'while [ -x /opt/tool/current/tool ]; do :; done'");
    let second = build(&host, 2);
    let plan = host.plan(TOOL);
    let link = format!("current: releases/{first} → releases/{second}");
    assert!(plan.stdout.contains(&link), "{link} in\n{}", plan.stdout);
    host.converge(TOOL);
    assert_eq!(running(&host), "sleep 100002");
    assert_eq!(releases(&host), [second.as_str(), first.as_str()]);
    assert_eq!(
        host.sh("systemctl is-active watch; systemctl stop watch"),
        "active"
    );

    let third = build(&host, 3);
    host.converge(TOOL);
    assert_eq!(releases(&host), [third.as_str(), second.as_str()]);

    // The way back sends nothing.
    build(&host, 2);
    let plan = host.plan(TOOL);
    let said = format!("go to release {second}, which is there");
    assert!(plan.stdout.contains(&said), "{}", plan.stdout);
    assert!(!plan.stdout.contains("bytes"), "{}", plan.stdout);
    let inode = format!("stat -c %i /opt/tool/releases/{second}/tool");
    let before = host.sh(&inode);
    host.converge(TOOL);
    assert_eq!(running(&host), "sleep 100002");
    assert_eq!(host.sh(&inode), before, "it was written again");

    // The live one and the one before it stay, though the live one is not the newest.
    let fourth = build(&host, 4);
    host.converge(TOOL);
    assert_eq!(releases(&host), [fourth.as_str(), second.as_str()]);

    // A release that does not start goes, and the one before it runs again.
    let broken = "#!/bin/sh\necho 'no such flag' >&2\nexit 2\n";
    host.file("tool", broken);
    let failed = host.apply(TOOL);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in ["no such flag", "put back: /opt/tool/current"] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert_eq!(
        host.sh("readlink /opt/tool/current"),
        format!("releases/{fourth}")
    );
    assert_eq!(running(&host), "sleep 100004");
    build(&host, 4);
    host.converge(TOOL);

    host.sh("echo 'echo evil' >>/opt/tool/current/tool");
    let plan = host.plan(TOOL);
    let said = format!("repair release {fourth}");
    assert!(plan.stdout.contains(&said), "{}", plan.stdout);
    host.converge(TOOL);
    assert!(!host.sh("cat /opt/tool/current/tool").contains("evil"));
}

#[test]
fn a_program_for_another_machine_is_refused() {
    let Some(host) = Host::boot() else { return };
    let (code, name) = if cfg!(target_arch = "x86_64") {
        (0xb7, "aarch64")
    } else {
        (0x3e, "x86_64")
    };
    let mut header = [0_u8; 64];
    header[..4].copy_from_slice(b"\x7fELF");
    header[18] = code;
    std::fs::write(host.folder.path().join("tool"), header).expect("written");
    for run in [host.plan(TOOL), host.apply(TOOL)] {
        assert_eq!(run.status, 1, "{}", run.stdout);
        let said = format!("built for {name}, and the host is {}", host.sh("uname -m"));
        assert!(run.stderr.contains(&said), "{}", run.stderr);
    }
    assert_eq!(host.sh("ls /opt"), "");
}

/// Whether an error says this, wherever its lines are broken.
fn says(run: &Run, said: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    plain(&run.text()).contains(&plain(said))
}

/// A tar.gz with a program that says `tool`, and files beside it.
const ARCHIVE: &[u8] = include_bytes!("../../fuzz/seeds/archive/tool.tar.gz");

/// Serves the archive at a port of this machine; how often it was asked for.
fn serve() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a visitor");
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 2048]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                ARCHIVE.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), ARCHIVE].concat());
        }
    });
    (port, asked)
}

#[test]
fn what_is_fetched_comes_once_with_what_stands_beside_it_and_goes_back_without_the_network() {
    let Some(host) = Host::boot() else { return };
    let (port, asked) = serve();
    let url = format!("http://127.0.0.1:{port}/tool.tar.gz");
    let right = hostwright::change::sha256(ARCHIVE);
    let playbook = |sha256: &str, member: &str, assets: &str| {
        format!(
            "name: fetched\nbinaries:\n  fetched:\n    url: {url}\n    sha256: {sha256}\n    member: {member}\n    assets: {{ {assets} }}\n    to: /opt/fetched\n    keep: 2\n"
        )
    };
    let both = playbook(&right, "tool/bin/tool", "share: tool/share, README: tool/README");

    // Another file than is meant is told with its place, and nothing of it is kept.
    let wrong = "0".repeat(64);
    let refused = host.plan(&playbook(&wrong, "tool/bin/tool", ""));
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    for word in [&*url, &right, &wrong, "playbook.yml:4"] {
        assert!(says(&refused, word), "{word} in\n{}", refused.stderr);
    }
    let lacking = host.plan(&playbook(&right, "bin/tool", ""));
    assert_eq!(lacking.status, 1, "{}", lacking.stdout);
    let said = "no file `bin/tool`; it holds tool/bin/tool, tool/README";
    assert!(lacking.text().contains(said), "{}", lacking.stderr);

    assert_eq!(asked.load(Ordering::SeqCst), 2);
    host.converge(&both);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        2,
        "what is here is not fetched again"
    );
    assert_eq!(host.sh("/opt/fetched/current/fetched"), "tool");
    let beside = "cd /opt/fetched/current/ && find . ! -name . -printf '%P %M %l\\n' | sort";
    let whole = "README -rw-r--r-- \nfetched -rwxr-xr-x \nshare drwxr-xr-x \nshare/a drwxr-xr-x \n\
        share/a/b -rw-r--r-- \nshare/link lrwxrwxrwx a/b\nshare/run -rwxr-xr-x";
    assert_eq!(host.sh(beside), whole);

    // Other files beside the same program are another release.
    host.converge(&playbook(&right, "tool/bin/tool", "share: tool/share/a"));
    assert_eq!(
        host.sh(beside),
        "fetched -rwxr-xr-x \nshare drwxr-xr-x \nshare/b -rw-r--r--"
    );
    assert_eq!(host.sh("ls /opt/fetched/releases | wc -l"), "2");

    // Nothing is left here of what was fetched, and nobody is asked for it.
    std::fs::remove_dir_all(host.folder.path().join("cache")).expect("removed");
    run(host.bare("rollback").arg("--yes")).ok();
    assert_eq!(host.sh(beside), whole);
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    // What stands beside it goes with its release.
    let alone = "name: fetched\nbinaries: { fetched: { path: tool, to: /opt/fetched, keep: 1 } }\n";
    build(&host, 1);
    host.converge(alone);
    host.converge("name: fetched\n");
    assert_eq!(host.sh("ls /opt"), "");
}

#[test]
fn a_revision_is_built_and_a_program_that_could_not_start_stays_here() {
    let Some(host) = Host::boot() else { return };
    let at = host.folder.path().join("app");
    host.file(
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n",
    );
    host.file("app/src/main.rs", "fn main() { println!(\"committed\"); }\n");
    host.file("app/web/page", "committed\n");
    let git = |script: &str| {
        let mut sh = Command::new("sh");
        sh.args(["-euc", script]).current_dir(&at);
        for name in ["AUTHOR", "COMMITTER"] {
            sh.env(format!("GIT_{name}_NAME"), "a");
            sh.env(format!("GIT_{name}_EMAIL"), "a@example.com");
        }
        run(&mut sh).ok().stdout.trim().to_owned()
    };
    let revision = git(
        "cargo generate-lockfile --offline -q; git init -q -b main; git add .; git commit -qm one; git rev-parse HEAD",
    );
    // What is not committed is no part of it.
    host.file("app/src/main.rs", "fn main() { println!(\"dirty\"); }\n");
    host.file("app/web/page", "dirty\n");
    let built = "name: built\nbinaries:\n  app: { git: { repo: app, rev: main }, assets: { web: web }, to: /opt/app }\n";
    let plan = host.plan(built);
    let said = format!("built from app at {revision} (main)");
    assert!(
        plan.stdout.contains(&said),
        "{said} in\n{}{}",
        plan.stdout,
        plan.stderr
    );
    host.converge(built);
    assert_eq!(
        host.sh("/opt/app/current/app; cat /opt/app/current/web/page"),
        "committed\ncommitted"
    );
    let bundle = host.sh("cat /var/lib/hostwright/generations/built/1/bundle.json");
    assert!(bundle.contains(&revision), "{bundle}");

    // A program of this machine's that says it needs a glibc of the future, and one with a loader that nobody has.
    let program = std::fs::read("/bin/true").expect("a program");
    let patched = |from: &str, to: &str| {
        let (from, to) = (from.as_bytes(), to.as_bytes());
        let at = program.windows(from.len()).position(|piece| piece == from);
        let mut bytes = program.clone();
        let at = at.expect("it stands in the program");
        bytes[at..at + from.len()].copy_from_slice(to);
        bytes
    };
    let has = host.sh("getconf GNU_LIBC_VERSION").replace("glibc ", "");
    for (bytes, said) in [
        (
            patched("GLIBC_2.34", "GLIBC_2.99"),
            format!("needs glibc 2.99, and the host has {has}"),
        ),
        (
            patched("/ld-linux", "/ld-nonex"),
            "the host has no such file".to_owned(),
        ),
    ] {
        std::fs::write(host.folder.path().join("tool"), bytes).expect("written");
        for refused in [host.plan(TOOL), host.apply(TOOL)] {
            assert_eq!(refused.status, 1, "{}", refused.stdout);
            assert!(refused.text().contains(&said), "{said} in\n{}", refused.stderr);
        }
    }
    assert_eq!(host.sh("ls /opt"), "app");
    // It is so: the host itself cannot start it.
    let starts = host.sh(
        "sed 's/GLIBC_2[.]34/GLIBC_2.99/' /bin/true >/tmp/true; chmod +x /tmp/true; /tmp/true 2>&1 || true",
    );
    assert!(starts.contains("version `GLIBC_2.99' not found"), "{starts}");
}

/// What builds for another platform is stood in for: the real one may not be here.
#[test]
fn a_target_is_built_by_what_it_needs_or_said_to_lack_it() {
    let Some(host) = Host::boot() else { return };
    let folder = host.folder.path().to_path_buf();
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    host.file("app/Cargo.toml", "");
    let playbook = format!(
        "name: other\nbinaries: {{ app: {{ cargo: app, target: {triple}.2.31, to: /opt/other }} }}\n"
    );
    let stand_in = |name: &str, text: &str| {
        let path = host.file(&format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("set");
    };
    std::fs::create_dir_all(folder.join("bin")).expect("made");
    std::os::unix::fs::symlink("/usr/bin/ssh", folder.join("bin/ssh")).expect("linked");
    let plan = || {
        let mut command = host.command("plan", &playbook);
        command.env("PATH", folder.join("bin"));
        command.env("CARGO_HOME", folder.join("none"));
        run(&mut command)
    };
    let message = format!(
        r#"{{"reason":"compiler-artifact","manifest_path":"{0}/app/Cargo.toml","target":{{"name":"app"}},"executable":"/bin/true"}}"#,
        folder.display()
    );
    stand_in(
        "cargo",
        &format!("echo \"$@\" >{}/said\necho '{message}'", folder.display()),
    );
    stand_in("rustc", "echo /nonexistent");
    let lacks = plan();
    assert_eq!(lacks.status, 1, "{}", lacks.stdout);
    for said in [
        "is built by cargo-zigbuild, and that is not installed here",
        "`cargo install --locked cargo-zigbuild`, and `pip install ziglang`",
    ] {
        assert!(says(&lacks, said), "{said} in\n{}", lacks.stderr);
    }
    stand_in("cargo-zigbuild", "");
    for (rustup, said) in [
        (
            false,
            format!(
                "install Rust by rustup (https://rustup.rs), which brings it: `rustup target add {triple}`"
            ),
        ),
        (true, format!("bring it: `rustup target add {triple}`")),
    ] {
        if rustup {
            stand_in("rustup", "");
        }
        let lacks = plan();
        assert_eq!(lacks.status, 1, "{}", lacks.stdout);
        assert!(says(&lacks, &said), "{said} in\n{}", lacks.stderr);
    }
    assert!(!folder.join("said").exists(), "nothing was built");
    stand_in("rustc", "echo /");
    let built = plan().ok();
    assert!(built.stdout.contains("install release"), "{}", built.stdout);
    let said = std::fs::read_to_string(folder.join("said")).expect("read");
    let words = format!("zigbuild --target {triple}.2.31 --release --locked --workspace ");
    assert!(
        said.starts_with(&words) && said.ends_with(" --bin app\n"),
        "{said}"
    );
}
