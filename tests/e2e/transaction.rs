//! Runs that fail, are cut off or meet each other: no file is half written, and the next apply goes on.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::host::{Host, on_a_terminal, run, wait_for};

/// An apply that goes on beside the test. What it says is read while it runs.
pub struct Apply {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Apply {
    pub fn start(host: &Host, playbook: &str, name: &str) -> Self {
        // Each has its own playbook file: another apply may just be reading it.
        let path = host.file(&format!("{name}/playbook.yml"), playbook);
        let [stdout, stderr] = ["out", "err"].map(|end| host.folder.path().join(name).join(end));
        let file = |path: &PathBuf| File::create(path).expect("made");
        let child = host
            .command_for("apply", &path)
            .arg("-v")
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .expect("the program starts");
        Self {
            child,
            stdout,
            stderr,
        }
    }

    pub fn said(&self) -> String {
        [&self.stdout, &self.stderr]
            .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned())
            .concat()
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Its exit status and what it said; it must end within `limit`.
    #[track_caller]
    pub fn end(mut self, limit: Duration) -> (i32, String) {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return (status.code().unwrap_or(-1), self.said());
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("it goes on and on:\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A run that waits for `/srv/go` between two files.
fn waiting(name: &str) -> String {
    format!(
        r#"
name: waiting
files:
  /srv/before: {{ content: "before\n" }}
  /srv/after: {{ content: "after\n", after: [command.wait] }}
commands:
  wait:
    run: |
      n=0
      echo "begin {name}" >>/srv/log
      touch /srv/started-{name}
      until [ -e /srv/go ]; do n=$((n + 1)); echo "line $n"; sleep 0.1; done
      echo "$n lines"
      echo "end {name}" >>/srv/log
      touch /srv/done-{name}
    creates: /srv/done-{name}
    after: [file./srv/before]
"#
    )
}

fn exists(host: &Host, path: &str) -> bool {
    host.sh(&format!("[ ! -e {path} ] || echo yes")) == "yes"
}

#[test]
fn a_failed_step_is_named_put_back_and_the_next_apply_goes_on() {
    let Some(host) = Host::boot() else { return };
    let playbook = |command: &str, sudoers: &str| {
        format!(
            r#"
name: failing
files:
  /srv/first: {{ content: "first\n" }}
  /etc/sudoers.d/new: {{ content: "{sudoers}\n", mode: 0440, validate: "sh -c 'grep -q ALL \"$1\" || {{ echo this is no rule; exit 1; }}' - {{}}" }}
  /srv/last: {{ content: "last\n", after: [supervisor.api] }}
supervisor:
  api: {{ command: "{command}", after: [file./etc/sudoers.d/new] }}
"#
        )
    };
    // An older configuration of the program's, with a mode and an owner of its own.
    host.sh("printf '; an older one' >/etc/supervisor/conf.d/api.conf; chown games:nogroup /etc/supervisor/conf.d/api.conf; chmod 4604 /etc/supervisor/conf.d/api.conf");
    let seen = "stat -c '%a %U:%G %Y' /etc/supervisor/conf.d/api.conf; cat /etc/supervisor/conf.d/api.conf; ls -A /etc/supervisor/conf.d /etc/sudoers.d";
    let before = host.sh(seen);

    let failed = host.apply(&playbook("/bin/sleep 1000", "nonsense"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    for line in [
        "The step failed: [",
        "file./etc/sudoers.d/new  write /etc/sudoers.d/new\n",
        "    this is no rule\n",
        "the files of the failed one are as they were.",
        "Not started: directory./var/log/api, supervisor.api, file./srv/last.",
        "apply again",
    ] {
        assert!(failed.stdout.contains(line), "{line} in\n{}", failed.stdout);
    }
    assert!(
        failed.stderr.contains("step file./etc/sudoers.d/new failed"),
        "{}",
        failed.stderr
    );
    assert_eq!(host.sh(seen), before);
    assert_eq!(host.sh("cat /srv/first; ls /srv"), "first\nfirst");

    // Now the program does not stay up: its configuration is put back with all that it was.
    let failed = host.apply(&playbook(
        "/bin/sh -c 'echo no database >&2; exit 1'",
        "%x ALL=(ALL) ALL",
    ));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    for line in [
        "supervisor.api  ",
        "    no database\n",
        "put back: /etc/supervisor/conf.d/api.conf\n",
    ] {
        assert!(failed.stdout.contains(line), "{line} in\n{}", failed.stdout);
    }
    assert_eq!(host.sh(seen), before.replace("README\n", "README\nnew\n"));
    assert!(!exists(&host, "/srv/last"));

    let mended = host.converge(&playbook("/bin/sleep 1000", "%x ALL=(ALL) ALL"));
    assert!(!mended.stdout.contains("/srv/first"), "{}", mended.stdout);
    assert_eq!(host.sh("cat /srv/last"), "last");
}

#[test]
fn what_cannot_be_undone_is_said_and_nothing_is_promised() {
    let Some(host) = Host::boot() else { return };
    host.sh("echo '; an older one' >/etc/supervisor/conf.d/api.conf");
    // It stands where the old file is made anew.
    let spoil = "/bin/sh -c 'mkdir -p /etc/supervisor/conf.d/.api.conf.hostwright-new~; exit 1'";
    let playbook = format!("name: stuck\nsupervisor:\n  api: {{ command: \"{spoil}\" }}\n");
    let failed = host.apply(&playbook);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    for line in [
        "could not put back: /etc/supervisor/conf.d/api.conf (what stood there is kept in /var/lib/hostwright/runs/",
        "not all that the failed one did could be undone",
        "Put that right by hand first",
    ] {
        assert!(failed.stdout.contains(line), "{line} in\n{}", failed.stdout);
    }
    assert!(!failed.stdout.contains("goes on from there"), "{}", failed.stdout);
    assert_eq!(
        host.sh("cat /var/lib/hostwright/runs/*/kept/*/*.old"),
        "; an older one"
    );
}

#[test]
fn a_failed_command_says_what_was_and_was_not_done() {
    let Some(host) = Host::boot() else { return };
    let playbook = |run: &str| {
        format!(
            r#"
name: commands
files: {{ /srv/last: {{ content: "last\n", after: [command.bad] }} }}
commands:
  bad: {{ run: "{run}", creates: /srv/made }}
"#
        )
    };
    for (run, says) in [
        ("echo half way; false; touch /srv/made", "    half way\n"),
        ("if true; then", "yntax error"),
    ] {
        let failed = host.apply(&playbook(run));
        assert_eq!(failed.status, 1, "{}", failed.stdout);
        for line in [
            "The step failed: [1/2] command.bad",
            says,
            "0 of 2 steps were done; what the failed one did until then was not undone",
            "Not started: file./srv/last.",
        ] {
            assert!(failed.stdout.contains(line), "{line} in\n{}", failed.stdout);
        }
        assert_eq!(host.sh("ls /srv"), "");
    }
    host.converge(&playbook("touch /srv/made"));
}

#[test]
fn the_host_finishes_alone_and_a_second_apply_waits_for_it() {
    let Some(host) = Host::boot() else { return };
    let mut first = Apply::start(&host, &waiting("one"), "first");
    wait_for("the run goes on", || exists(&host, "/srv/started-one"));
    first.child.kill().expect("killed");
    first.child.wait().expect("ended");

    let second = Apply::start(&host, &waiting("one"), "second");
    wait_for("the second waits", || {
        second.said().contains("is still going on on root@")
    });
    assert!(!exists(&host, "/srv/after"));
    host.sh("touch /srv/go");
    let (status, said) = second.end(Duration::from_secs(30));
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains("waiting for its end.") && said.contains("Nothing to change."),
        "{said}"
    );
    assert_eq!(host.sh("cat /srv/log /srv/after"), "begin one\nend one\nafter");
    host.plan(&waiting("one")).ok();
}

#[test]
fn whoever_interrupts_an_apply_is_told_that_the_run_goes_on() {
    let Some(host) = Host::boot() else { return };
    let apply = Apply::start(&host, &waiting("one"), "first");
    wait_for("the run is followed", || apply.said().contains("line 3\n"));
    let pid = apply.child.id().to_string();
    let interrupted = run(Command::new("kill").args(["-s", "INT", &pid]));
    assert_eq!(interrupted.status, 0, "{}", interrupted.stderr);
    let (status, said) = apply.end(Duration::from_secs(10));
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("goes on by itself") && said.contains("apply again"),
        "{said}"
    );
    host.sh("touch /srv/go");
    host.converge(&waiting("one"));
    assert_eq!(host.sh("cat /srv/log /srv/after"), "begin one\nend one\nafter");
}

#[test]
fn two_applies_never_run_at_the_same_time() {
    let Some(host) = Host::boot() else { return };
    // Both start on a host that is free; whoever comes second waits or is turned away.
    let applies = ["one", "two", "three"].map(|name| Apply::start(&host, &waiting(name), name));
    wait_for("one of them has the lock", || {
        !host.sh("cat /srv/log 2>/dev/null || true").is_empty()
    });
    // Those who were turned away said so and changed nothing; the others wait.
    wait_for("the others have met the lock", || {
        let met = |apply: &&Apply| {
            let said = apply.said();
            said.contains("is still going on") || said.contains("another run is going on")
        };
        applies.iter().filter(met).count() == 2
    });
    assert_eq!(host.sh("grep -c begin /srv/log"), "1");
    host.sh("touch /srv/go");
    let mut done = 0;
    for apply in applies {
        let (status, said) = apply.end(Duration::from_secs(60));
        if status == 0 {
            done += 1;
        } else {
            assert!(
                said.contains("nothing was changed; wait until it is over"),
                "{said}"
            );
        }
    }
    assert!(done >= 1);
    let log = host.sh("cat /srv/log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), done * 2, "{log}");
    for pair in lines.chunks(2) {
        assert_eq!(
            pair[0].strip_prefix("begin "),
            pair[1].strip_prefix("end "),
            "{log}"
        );
    }
    // The journals say the same: no run starts a step before the run ahead of it has ended.
    let spans = host.sh(
        r#"cd /var/lib/hostwright/runs; for j in */journal; do grep -q ' started ' "$j" &&
        printf '%s %s\n' "$(sed -n 's/^@[^ ]* started 1 //p' "$j")" "$(sed -n 's/^@[^ ]* end ok //p' "$j")"; done | sort -n"#,
    );
    let spans: Vec<(u64, u64)> = spans
        .lines()
        .map(|line| {
            let (start, end) = line.split_once(' ').expect("two times");
            (start.parse().expect("a time"), end.parse().expect("a time"))
        })
        .collect();
    assert_eq!(spans.len(), done);
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
}

#[test]
fn a_cut_connection_is_made_again_and_no_line_is_lost() {
    let Some(host) = Host::boot() else { return };
    // What a login prints must not be taken for the run's output, either.
    host.sh(
        "printf 'echo Welcome\\n' | cat - /root/.bashrc >/root/new 2>/dev/null; mv /root/new /root/.bashrc",
    );
    let apply = Apply::start(&host, &waiting("one"), "first");
    for cut in ["line 3\n", "line 9\n"] {
        wait_for("the run is followed", || apply.said().contains(cut));
        // The sshd of this session: what the journal is read with is its child.
        let killed = host.sh("for p in $(pgrep -x tail); do kill -9 $(ps -o ppid= -p $p) && echo $p; done");
        assert_ne!(killed, "");
    }
    wait_for("it is followed again", || apply.said().contains("line 15\n"));
    host.sh("touch /srv/go");
    let (status, said) = apply.end(Duration::from_secs(30));
    assert_eq!(status, 0, "{said}");
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("line "))
        .collect();
    let all: Vec<String> = (1..=lines.len()).map(|n| format!("line {n}")).collect();
    assert_eq!(lines, all);
    assert!(said.contains(&format!("    {} lines\n", lines.len())), "{said}");
    assert!(!said.contains("Welcome"), "{said}");
    host.plan(&waiting("one")).ok();
}

#[test]
fn a_power_cut_leaves_whole_files_and_is_told() {
    let Some(mut host) = Host::boot() else { return };
    let playbook = waiting("one");
    let apply = Apply::start(&host, &playbook, "first");
    wait_for("the run goes on", || exists(&host, "/srv/started-one"));
    host.machine.kill().expect("no power");
    host.machine.start().expect("power again");
    // Whoever has the run's number now is not the run.
    let (status, said) = apply.end(Duration::from_secs(90));
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("was cut off; was the host restarted, or the run killed?")
            && said.contains("Run apply again"),
        "{said}"
    );
    assert_eq!(
        host.sh("cat /srv/before; find / -xdev -name '*.hostwright-new~*'"),
        "before"
    );
    host.sh("touch /srv/go");
    let again = host.converge(&playbook);
    assert!(!again.stdout.contains("/srv/before"), "{}", again.stdout);
    assert_eq!(host.sh("cat /srv/log"), "begin one\nbegin one\nend one");
}

#[test]
fn a_host_that_does_not_come_back_is_told() {
    let Some(mut host) = Host::boot() else { return };
    let apply = Apply::start(&host, &waiting("one"), "first");
    wait_for("the run is followed", || apply.said().contains("line 3\n"));
    host.machine.kill().expect("no power");
    // It is asked again for two minutes.
    let (status, said) = apply.end(Duration::from_secs(200));
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("was lost in the middle of the run") && said.contains("apply again"),
        "{said}"
    );
}

#[test]
fn a_yes_is_a_yes_to_the_plan_that_was_shown() {
    let Some(host) = Host::boot() else { return };
    let playbook = "name: x\nfiles: { /srv/a: { content: \"a\\n\" }, /srv/b: { content: \"b\\n\" } }\n";
    let out = host.folder.path().join("out");
    let mut apply = on_a_terminal(&host.command("apply", playbook), "--yes");
    let mut apply = apply
        .stdin(Stdio::piped())
        .stdout(File::create(&out).expect("made"))
        .spawn()
        .expect("script starts");
    let mut stdin = apply.stdin.take().expect("piped");
    let asked = || {
        let said = fs::read_to_string(&out).expect("text");
        said.matches("Apply these changes? [y/N]").count()
    };
    wait_for("it asks", || asked() == 1);
    host.sh("echo other >/srv/b");
    stdin.write_all(b"y\n").expect("it reads");
    wait_for("it asks again", || asked() == 2);
    let said = fs::read_to_string(&out).expect("text");
    let (_, again) = said.split_once("has changed meanwhile.").expect("it says so");
    assert!(again.contains("- other"), "{said}");
    assert_eq!(host.sh("cat /srv/b; ls /srv"), "other\nb");
    stdin.write_all(b"y\n").expect("it reads");
    assert!(apply.wait().expect("it ends").success());
    assert_eq!(host.sh("cat /srv/a /srv/b"), "a\nb");
    host.plan(playbook).ok();
}

#[test]
fn after_a_restart_another_process_with_the_runs_number_is_not_taken_for_it() {
    let Some(host) = Host::boot() else { return };
    let apply = Apply::start(&host, &waiting("one"), "first");
    wait_for("the run is followed", || apply.said().contains("line 3\n"));
    // As after a restart: the run is gone, and its number is a daemon's.
    host.sh(
        "cd /var/lib/hostwright/runs/*; follows=$(ps -o ppid= -p $(pgrep -x tail)); run=$(cat pid); pgrep -o systemd >pid
         kill -9 $run; kill -9 $follows || true",
    );
    let (status, said) = apply.end(Duration::from_secs(20));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("was cut off"), "{said}");
}

#[test]
fn a_login_shell_that_talks_does_no_harm() {
    let Some(host) = Host::boot() else { return };
    host.sh("printf 'printf \"Welcome to the host, %%s\" \"$HOME\"\\necho oh no >&2\\n' >/root/.bashrc");
    host.converge("name: x\nfiles: { /srv/file: { content: \"x\\n\" } }\nchecks: { there: { command: test -e /srv/file } }\n");
    host.sh("printf 'echo go away\\nexit 3\\n' >/root/.bashrc");
    let refused = run(&mut host.command("plan", "name: x\nfiles: { /srv/file: { content: \"x\\n\" } }\n"));
    assert_eq!(refused.status, 1);
    assert!(
        refused
            .stderr
            .contains("does not run commands for root: its login shell ended with 3; it said: go away")
            && refused.stderr.contains("must work"),
        "{}",
        refused.stderr
    );
}
