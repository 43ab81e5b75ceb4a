//! The main job: this repository's own playbook, as its user runs it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hostwright::host::rehearsal::kept;

use crate::host::{Host, Run, base, run};

/// The playbook of the service in this repository.
fn main_playbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/mcp-crypto-api.yml")
}

/// A playbook that takes no time.
const SMALL: &str = "name: small\nfiles:\n  /etc/motd: { content: \"hello\\n\" }\nchecks:\n  motd: { command: grep -q hello /etc/motd }\n";

fn rehearse() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    command.arg("rehearse").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// A host that a rehearsal has booted, known by its host keys: its place can be taken by another.
struct Booted {
    known_hosts: PathBuf,
    keys: String,
}

impl Booted {
    /// The host of which `line` tells.
    fn of(line: &str) -> Self {
        let number = line.split(['-', ' ']).find(|word| word.parse::<u16>().is_ok());
        let known_hosts = Path::new("/var/cache/hostwright/hosts")
            .join(number.expect("the host's number"))
            .join("known_hosts");
        let keys = std::fs::read_to_string(&known_hosts).expect("a booted host has keys");
        Self { known_hosts, keys }
    }

    fn is_there(&self) -> bool {
        std::fs::read_to_string(&self.known_hosts).is_ok_and(|keys| keys == self.keys)
    }
}

/// Starts a rehearsal, calls `then` with its process id when the host is booted, and waits for its end.
fn follow(command: &mut Command, then: impl FnOnce(u32)) -> (Booted, Run) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut text = String::new();
    while !text
        .lines()
        .last()
        .is_some_and(|line| line.starts_with("Booted the host"))
    {
        assert_ne!(stdout.read_line(&mut text).expect("text"), 0, "{text}");
    }
    let booted = Booted::of(text.lines().last().expect("a line"));
    then(child.id());
    stdout.read_to_string(&mut text).expect("text");
    let output = child.wait_with_output().expect("it ends");
    let end = Run {
        status: output.status.code().unwrap_or(-1),
        stdout: text,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    (booted, end)
}

#[test]
fn a_rehearsal_of_the_main_playbook_goes_through_on_a_bare_host() {
    if base().is_none() {
        return;
    }
    let (host, run) = follow(rehearse().arg(main_playbook()), |_| ());
    let run = run.ok();
    for words in [
        "apt.packages",
        "nothing is left to change.",
        "The second plan:\nNothing to change.",
        "✓ check from-outside",
        "7 checks passed",
        "The rehearsal of mcp-crypto-api went through.",
        "second plan",
        "removal",
        "in all",
    ] {
        assert!(run.stdout.contains(words), "{words} in\n{}", run.stdout);
    }
    assert!(!host.is_there());
}

#[test]
fn a_kept_host_can_be_entered_and_removed() {
    if base().is_none() {
        return;
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    let playbook = folder.path().join("small.yml");
    std::fs::write(&playbook, SMALL).expect("written");
    let (host, kept_run) = follow(rehearse().arg(&playbook).arg("--keep"), |_| ());
    let kept_run = kept_run.ok();
    let after = |words: &str| {
        let line = kept_run.stdout.lines().find_map(|line| line.split_once(words));
        line.unwrap_or_else(|| panic!("{words} in\n{}", kept_run.stdout))
            .1
            .trim()
            .to_owned()
    };
    let (enter, name) = (after("Enter it:"), after("hostwright rehearse --remove "));
    let motd = run(Command::new("sh")
        .arg("-c")
        .arg(format!("{enter} -o BatchMode=yes cat /etc/motd")))
    .ok();
    assert_eq!(motd.stdout, "hello\n");
    assert!(host.is_there() && kept().expect("a list").iter().any(|kept| kept.name == name));
    run(rehearse().args(["--remove", &name])).ok();
    assert!(!host.is_there());
    let again = run(rehearse().args(["--remove", &name]));
    assert_eq!(again.status, 1);
    assert!(again.stderr.contains(&name), "{}", again.stderr);
    // Nothing else goes with it, and something must be rehearsed.
    assert_eq!(run(rehearse().arg(&playbook).args(["--remove", &name])).status, 1);
    assert_eq!(run(&mut rehearse()).status, 1);
}

#[test]
fn an_interrupted_rehearsal_removes_its_host() {
    if base().is_none() {
        return;
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    let playbook = folder.path().join("slow.yml");
    std::fs::write(
        &playbook,
        "name: slow\ncommands:\n  wait: { run: sleep 600, creates: /never }\n",
    )
    .expect("written");
    for (signal, keep) in [("INT", false), ("TERM", true)] {
        let mut command = rehearse();
        command.arg(&playbook);
        if keep {
            command.arg("--keep");
        }
        let (host, run) = follow(&mut command, |pid| {
            let sent = Command::new("kill")
                .args(["-s", signal, &pid.to_string()])
                .status();
            assert!(sent.expect("kill runs").success());
        });
        assert_eq!(run.status, 1, "{}", run.stdout);
        assert!(
            run.stderr.contains("the rehearsal was interrupted"),
            "{}",
            run.stderr
        );
        assert!(!host.is_there());
    }
}

#[test]
fn another_port_or_program_changes_what_it_must_and_nothing_else() {
    let Some(host) = Host::boot() else { return };
    let apply = |playbook: &Path, port: &str| {
        let mut command = host.command_for("apply", playbook);
        run(command.args(["--set", "upstream=recorded", "--set", &format!("port={port}")]))
            .ok()
            .stdout
    };
    let pids = || host.sh("cat /run/nginx.pid; supervisorctl pid mcp-crypto-api");
    let status = |port: &str| {
        host.sh(&format!(
            "curl -s -o /dev/null -w '%{{http_code}}' 127.0.0.1:{port}/health || true"
        ))
    };
    assert!(apply(&main_playbook(), "8080").contains("7 checks passed"));
    let first = pids();

    let said = apply(&main_playbook(), "9090");
    for id in [
        "~ supervisor.mcp-crypto-api",
        "~ nginx.mcp-crypto-api",
        "~ cron.monitor",
        "Applied 3 changes",
        "7 checks passed",
    ] {
        assert!(said.contains(id), "{id} in\n{said}");
    }
    assert_eq!((status("9090").as_str(), status("8080").as_str()), ("200", "000"));
    assert_ne!(pids(), first);
    assert_eq!(pids().lines().next(), first.lines().next(), "nginx was restarted");

    // The same program, but for one byte that no one reads.
    let second = pids();
    let mut program = std::fs::read(
        host.machine
            .root()
            .join("opt/mcp-crypto-api/current/mcp-crypto-api"),
    )
    .expect("it");
    program.push(0);
    std::fs::write(host.folder.path().join("program"), program).expect("written");
    let text = std::fs::read_to_string(main_playbook()).expect("read");
    let other = text.replace("cargo: ../service", "path: program");
    assert_ne!(other, text);
    let other = host.file("other.yml", &other);
    let said = apply(&other, "9090");
    assert!(
        said.contains("~ binary.mcp-crypto-api") && said.contains("Applied 2 changes"),
        "{said}"
    );
    assert_ne!(pids(), second);
    assert_eq!(pids().lines().next(), first.lines().next());
    assert_eq!(host.sh("ls /opt/mcp-crypto-api/releases | wc -l"), "2");
    assert!(apply(&other, "9090").contains("Nothing to change."));
    assert_ne!(pids(), second);
}
