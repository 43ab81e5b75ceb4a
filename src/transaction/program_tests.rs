//! Programs run by the real `sh` of this machine, in a folder of their own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::compile::{OnFailure, compile};
use crate::change::{Action, Change, Content, Id, Verb};

mod proof;

/// A host's root in a temporary directory.
struct Root {
    dir: TempDir,
    owner: String,
}

impl Root {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let meta = dir.path().metadata().expect("there");
        let base = dir.path().join("base");
        for name in ["store", "loaded", "runs"] {
            fs::create_dir_all(base.join(name)).expect("made");
        }
        Self {
            owner: format!("{}:{}", meta.uid(), meta.gid()),
            dir,
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str, secret: bool) -> Action {
        Action::Write {
            path: self.path(name),
            content: Content::new(text.as_bytes(), secret),
            mode: "0640".into(),
            owner: self.owner.clone(),
            validate: None,
            like: None,
        }
    }

    /// Runs the changes as the run `id`; the journal comes back with `token` for the run's token.
    fn run(&self, id: &str, changes: &[Change]) -> String {
        self.start(id, changes, "")
    }

    fn start(&self, id: &str, changes: &[Change], tools: &str) -> String {
        let program = self.program(id, changes, tools);
        let status = Command::new("sh").arg(program).status().expect("sh runs");
        assert!(status.success());
        self.journal(id)
    }

    fn journal(&self, id: &str) -> String {
        fs::read_to_string(self.path(&format!("base/runs/{id}/journal"))).unwrap_or_default()
    }

    /// The run's program with all that it needs.
    fn program(&self, id: &str, changes: &[Change], tools: &str) -> PathBuf {
        let run = self.dir.path().join("base/runs").join(id);
        fs::create_dir_all(run.join("files")).expect("made");
        for action in changes.iter().flat_map(|change| &change.actions) {
            if let Action::Write { content, .. } = action {
                let folder = if content.secret {
                    run.join("files")
                } else {
                    self.dir.path().join("base/store")
                };
                fs::write(folder.join(&content.sha256), &content.bytes).expect("written");
            }
        }
        let program = compile(id, "token", changes, None, OnFailure::Stop)
            .replace("/var/lib/hostwright", &self.path("base"))
            .replace("/etc/systemd/system", &self.path("base/units"))
            .replace("PATH=/usr/local/sbin", &format!("PATH={tools}:/usr/local/sbin"));
        let program_file = run.join("program");
        fs::write(&program_file, program).expect("written");
        program_file
    }

    /// Runs a step that changes things and waits for its proof; ends every process of it there, as a power cut does.
    fn cut_off(&self, id: &str, changes: &[Change]) {
        let program = self.program(id, changes, "");
        let mut run = Command::new("sh")
            .arg(program)
            .process_group(0)
            .spawn()
            .expect("sh runs");
        while !self.journal(id).contains("@token confirm 1 ") {
            assert!(run.try_wait().expect("a child").is_none(), "{}", self.journal(id));
            std::thread::sleep(Duration::from_millis(10));
        }
        let group = format!("-{}", run.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        assert!(killed.expect("kill runs").success());
        let _ = run.wait();
    }

    /// What systemd would start at the next boot, if anything.
    fn at_boot(&self) -> Option<String> {
        let unit = self.path("base/units/hostwright-undo.service");
        let wanted = self.path("base/units/multi-user.target.wants/hostwright-undo.service");
        let text = fs::read_to_string(&wanted).ok()?;
        assert_eq!(fs::read_to_string(unit).ok().as_ref(), Some(&text));
        text.lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .map(str::to_owned)
    }

    /// Every path with its kind, mode and contents, but for the runs' own folder.
    fn tree(&self) -> String {
        let script = format!(
            r#"cd '{}'; find . -path ./base -prune -o -printf '%P %y %m %l ' \( -type f -exec cat {{}} \; -o -true \) -printf '\n' | sort"#,
            self.dir.path().display()
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("sh runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn change(actions: impl IntoIterator<Item = Action>) -> Change {
    let mut change = Change::new(&Id::new("file", "x"), Verb::Update, "x");
    change.actions.extend(actions);
    change
}

fn fails() -> Action {
    Action::Shell("echo it is broken; false".into())
}

fn mode(path: &str) -> u32 {
    fs::symlink_metadata(path).expect("there").permissions().mode() & 0o7777
}

/// A name that breaks whoever forgets to quote, or takes a file's name for an option.
const AWKWARD: &str = "-it's \"$HOME\" `a` *.path";

#[test]
fn a_failed_step_puts_everything_back() {
    let root = Root::new();
    let (file, link, tree) = (root.path(AWKWARD), root.path("a link"), root.path("-r tree"));
    fs::write(&file, "old\nno newline").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4751)).expect("set");
    symlink("nowhere at all", &link).expect("linked");
    fs::create_dir_all(format!("{tree}/deep")).expect("made");
    fs::set_permissions(&tree, fs::Permissions::from_mode(0o2710)).expect("set");
    // Names that look like the run's own notes.
    fs::write(format!("{tree}/deep/9.path"), "x").expect("written");
    fs::create_dir(root.path("odd")).expect("made");
    fs::set_permissions(root.path("odd"), fs::Permissions::from_mode(0o1755)).expect("set");
    fs::create_dir(root.path("behind")).expect("made");
    symlink("behind", root.path("before")).expect("linked");
    let before = root.tree();
    let owner = root.owner.clone();
    let journal = root.run(
        "1",
        &[
            change([
                root.write(AWKWARD, "new", false),
                root.write("new folder/and below/-file", "new", true),
                Action::Link {
                    path: link.clone(),
                    target: "elsewhere".into(),
                },
                Action::Link {
                    path: root.path("links/new"),
                    target: "elsewhere".into(),
                },
                Action::Remove {
                    path: tree.clone(),
                    secret: false,
                },
                Action::Remove {
                    path: file.clone(),
                    secret: false,
                },
                Action::Directory {
                    path: root.path("made/here"),
                    mode: "0700".into(),
                    owner: owner.clone(),
                },
                Action::Attributes {
                    path: root.path("odd"),
                    mode: "6777".into(),
                    owner: owner.clone(),
                },
                Action::Attributes {
                    path: root.path("before"),
                    mode: "0700".into(),
                    owner,
                },
                fails(),
            ]),
            change([Action::Shell("echo never".into())]),
        ],
    );
    assert_eq!(root.tree(), before, "{journal}");
    assert_eq!((mode(&file), mode(&tree)), (0o4751, 0o2710));
    assert!(journal.contains("it is broken\n"), "{journal}");
    // What was never there is not put back.
    for (words, path) in [
        ("put back", &file),
        ("put back", &root.path("behind")),
        ("taken away again", &root.path("links/new")),
        ("taken away again", &root.path("made")),
    ] {
        assert!(
            journal.contains(&format!("\n{words}: {path}\n")),
            "{path} in {journal}"
        );
    }
    assert!(journal.contains("@token failed 1 "), "{journal}");
    assert!(journal.contains("@token end failed "), "{journal}");
    assert!(
        !journal.contains("never") && !journal.contains("could not") && !journal.contains(" stuck "),
        "{journal}"
    );
}

#[test]
fn the_same_actions_without_a_failure_are_kept() {
    let root = Root::new();
    fs::create_dir(root.path("setgid")).expect("made");
    fs::set_permissions(root.path("setgid"), fs::Permissions::from_mode(0o2755)).expect("set");
    let journal = root.run(
        "1",
        &[change([
            root.write(&format!("new/{AWKWARD}"), "new", false),
            Action::Link {
                path: root.path("links/-l"),
                target: "-to".into(),
            },
            Action::Directory {
                path: root.path("setgid"),
                mode: "0755".into(),
                owner: root.owner.clone(),
            },
        ])],
    );
    let file = root.path(&format!("new/{AWKWARD}"));
    assert_eq!(fs::read_to_string(&file).expect("there"), "new", "{journal}");
    assert_eq!(mode(&file), 0o640);
    assert_eq!(
        fs::read_link(root.path("links/-l")).expect("a link"),
        Path::new("-to")
    );
    // Else every plan would find it again.
    assert_eq!(mode(&root.path("setgid")), 0o755);
    assert!(journal.contains("@token end ok "), "{journal}");
}

#[test]
fn a_directory_of_another_file_system_comes_back() {
    let root = Root::new();
    let Ok(other) = TempDir::new_in("/dev/shm") else {
        return;
    };
    let path = other.path().join("a dir");
    fs::create_dir(&path).expect("made");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("set");
    fs::write(path.join("file"), "x").expect("written");
    symlink("file", path.join("link")).expect("linked");
    let text = path.display().to_string();
    let remove = Action::Remove {
        path: text.clone(),
        secret: false,
    };
    root.run("1", &[change([remove.clone(), fails()])]);
    assert_eq!(fs::read_to_string(path.join("link")).expect("back"), "x");
    assert_eq!(mode(&text), 0o700);
    root.run("2", &[change([remove])]);
    assert!(!path.exists());
    let kept = root.path("base/runs/2/kept/1/1.moved/file");
    assert_eq!(fs::read_to_string(kept).expect("kept"), "x");
}

#[test]
fn what_cannot_be_kept_whole_is_not_touched() {
    let root = Root::new();
    fs::write(root.path("file"), "precious").expect("written");
    // As on a full disk: a part is written, then there is no room.
    let tools = root.path("tools");
    fs::create_dir(&tools).expect("made");
    fs::write(
        format!("{tools}/cp"),
        "#!/bin/sh\nfor to; do :; done\nprintf pre >\"$to\"\nexit 1\n",
    )
    .expect("written");
    fs::set_permissions(format!("{tools}/cp"), fs::Permissions::from_mode(0o755)).expect("set");
    let journal = root.start("1", &[change([root.write("file", "new", false)])], &tools);
    assert!(journal.contains("@token end failed "), "{journal}");
    assert_eq!(fs::read_to_string(root.path("file")).expect("there"), "precious");
}

#[test]
fn a_file_that_cannot_be_put_back_is_named_and_whole() {
    let root = Root::new();
    fs::write(root.path("file"), "old").expect("written");
    let tools = root.path("tools");
    fs::create_dir(&tools).expect("made");
    // The step itself fills the disk.
    let fill = format!(
        "printf '%s\\n' '#!/bin/sh' 'for to; do :; done' 'printf o >\"$to\"' 'exit 1' >'{tools}/cp'\nchmod 0755 '{tools}/cp'"
    );
    let changes = [change([
        root.write("file", "new", false),
        Action::Shell(fill),
        fails(),
    ])];
    let journal = root.start("1", &changes, &tools);
    assert!(
        journal.contains(&format!("could not put back: {}", root.path("file"))),
        "{journal}"
    );
    assert!(journal.contains("@token stuck 1 "), "{journal}");
    assert_eq!(fs::read_to_string(root.path("file")).expect("there"), "new");
    let kept = root.path("base/runs/1/kept/1/1.old");
    assert_eq!(fs::read_to_string(kept).expect("kept"), "old");
}

#[test]
fn no_secret_outlives_its_run() {
    let root = Root::new();
    fs::write(root.path("token"), "hunter1").expect("written");
    // A run that was cut off, and one that is still being sent.
    for (run, begun) in [("cut", true), ("sent", false)] {
        let run = root.dir.path().join("base/runs").join(run);
        fs::create_dir_all(run.join("files")).expect("made");
        fs::write(run.join("files/a"), "hunter3").expect("written");
        fs::write(run.join("files/secrets"), "long hunter3\0hunter3").expect("written");
        if begun {
            fs::write(run.join("journal"), "said long hunter3, hunter3\n").expect("written");
        }
    }
    let run = root.dir.path().join("base/runs/1/files");
    fs::create_dir_all(&run).expect("made");
    fs::write(run.join("secrets"), "it's $\nhunter2\0hunter2").expect("written");
    let printed = root.path("printed");
    fs::write(&printed, "begin\nit's $\nhunter2\nend hunter2\n").expect("written");
    let print = Action::Shell(format!("cat {printed}"));
    let journal = root.run("1", &[change([root.write("token", "hunter2", true), print])]);
    assert!(
        journal.contains("\nbegin\n**************\nend *******\n@token done 1 "),
        "{journal}"
    );
    let cut = fs::read_to_string(root.path("base/runs/cut/journal")).expect("there");
    assert_eq!(cut, "said ************, *******\n");
    assert_eq!(fs::read_to_string(root.path("token")).expect("there"), "hunter2");
    let found = Command::new("grep")
        .args(["-rl", "hunter", &root.path("base")])
        .output()
        .expect("grep runs");
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    let mut found: Vec<&str> = found.lines().collect();
    found.sort_unstable();
    let sent = |name: &str| root.path(&format!("base/runs/sent/files/{name}"));
    assert_eq!(found, [sent("a"), sent("secrets")]);
}

#[test]
fn a_daemon_that_a_step_leaves_behind_does_not_hold_the_lock() {
    let root = Root::new();
    let left = Change::new(&Id::new("command", "daemon"), Verb::Run, "x").shell("sleep 60 & echo pid $!");
    let journal = root.run("1", &[left]);
    let pid = journal
        .lines()
        .find_map(|line| line.strip_prefix("pid "))
        .expect("a pid");
    let second = root.run("2", &[]);
    let _ = Command::new("kill").arg(pid).status();
    assert!(second.contains("@token end ok "), "{second}");
}

#[test]
fn a_run_that_finds_the_lock_taken_does_nothing() {
    let root = Root::new();
    let mut holder = Command::new("flock")
        .args([&root.path("base/lock"), "sh", "-c", "echo held; exec sleep 60"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("flock runs");
    let mut held = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().expect("piped"), &mut held).expect("held");
    let journal = root.run("1", &[change([root.write("file", "new", true)])]);
    // flock itself holds the lock together with its child, which ends with the pipe.
    let child = format!("/proc/{0}/task/{0}/children", holder.id());
    let child = fs::read_to_string(child).unwrap_or_default();
    let _ = Command::new("kill").args(child.split_whitespace()).status();
    let _ = holder.wait();
    assert!(journal.starts_with("@token end busy "), "{journal}");
    assert!(!Path::new(&root.path("file")).exists());
    assert!(!Path::new(&root.path("base/runs/1/files")).exists());
}

#[test]
fn a_command_with_a_mistake_in_its_syntax_is_a_failed_step() {
    let root = Root::new();
    let wrong = Change::new(&Id::new("command", "wrong"), Verb::Run, "x").shell("eval 'if true; then echo'");
    let journal = root.run("1", &[change([root.write("file", "new", false)]), wrong]);
    assert!(journal.contains("@token done 1 "), "{journal}");
    assert!(journal.contains("@token failed 2 "), "{journal}");
}

#[test]
fn recovering_cannot_end_the_run_without_a_word() {
    let root = Root::new();
    let mut change = change([fails()]);
    change.recover = Some("exit 3".into());
    let journal = root.run("1", &[change]);
    let [stuck, end] = ["@token stuck 1 ", "@token end failed "].map(|mark| journal.find(mark));
    assert!(stuck.is_some() && stuck < end, "{journal}");
}
