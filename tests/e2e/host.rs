//! A booted host and the program under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use hostwright::host::rehearsal::{Base, BootOptions, Image, Rehearsal, image, missing};
use tempfile::TempDir;

use crate::described;

/// What most playbooks need, installed as on a host that has run for a while.
const PACKAGES: &str = "nginx supervisor ufw cron logrotate curl certbot";

/// The image with packages, made once a machine; none (and why) where hosts cannot be booted.
static IMAGE: LazyLock<Option<Image>> = LazyLock::new(|| {
    let script = format!(
        "export DEBIAN_FRONTEND=noninteractive\napt-get -qq update\napt-get -qq -y install {PACKAGES}"
    );
    let base = base()?;
    Some(
        base.derive("packages", &script, &mut |line| eprintln!("{line}"))
            .expect("the image with packages"),
    )
});

/// The same with daemons that some hosts have.
static MORE: LazyLock<Option<Image>> =
    LazyLock::new(|| Some(with(IMAGE.as_ref()?, "daemons", "udev rsyslog kmod")));

/// The usual packages, and what backups may need.
static ARCHIVERS: LazyLock<Option<Image>> =
    LazyLock::new(|| Some(with(IMAGE.as_ref()?, "archivers", "age rclone zstd dma")));

/// The next release, Debian 13, with what tests of it need.
static NEXT: LazyLock<Option<Image>> = LazyLock::new(|| {
    base()?;
    let base = Base::of_this_machine()
        .expect("this machine's release")
        .with_suite("trixie");
    let base = image(&base, &mut |line| eprintln!("{line}")).expect("the image of trixie");
    Some(with(
        &base,
        "trixie-daemons",
        "cron logrotate udev rsyslog kmod procps",
    ))
});

fn with(image: &Image, name: &str, packages: &str) -> Image {
    let script = format!(
        "export DEBIAN_FRONTEND=noninteractive\napt-get -qq update\napt-get -qq -y --no-install-recommends install {packages}"
    );
    image
        .derive(name, &script, &mut |line| eprintln!("{line}"))
        .expect("the image with daemons")
}

/// The bare image, as a provider hands a host out.
pub fn base() -> Option<Image> {
    let missing = missing();
    if missing.is_empty() {
        let base = Base::of_this_machine().expect("this machine's release");
        return Some(image(&base, &mut |line| eprintln!("{line}")).expect("the base image"));
    }
    let what: Vec<String> = missing.iter().map(ToString::to_string).collect();
    // `tests/run` sets this as root, after it has installed everything: then nothing may be left out.
    assert!(
        std::env::var_os("HOSTWRIGHT_E2E").is_none(),
        "this machine lacks {}",
        what.join(", ")
    );
    eprintln!("left out: this machine lacks {}", what.join(", "));
    None
}

/// What the program said.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// What it said of errors, without the breaks and marks of the lines.
    pub fn text(&self) -> String {
        let words = self.stderr.split_whitespace().filter(|word| *word != "│");
        words.collect::<Vec<_>>().join(" ")
    }

    /// The run, if it ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// A throwaway host and a folder for its playbooks.
pub struct Host {
    pub machine: Rehearsal,
    pub folder: TempDir,
}

impl Host {
    /// A host with the usual packages.
    pub fn boot() -> Option<Self> {
        Some(Self::of(IMAGE.as_ref()?))
    }

    /// A host with the usual packages and udev, rsyslog and kmod.
    pub fn with_daemons() -> Option<Self> {
        Some(Self::of(MORE.as_ref()?))
    }

    /// A host with the usual packages, age, rclone, zstd and a sendmail.
    pub fn with_archivers() -> Option<Self> {
        Some(Self::of(ARCHIVERS.as_ref()?))
    }

    /// A host of Debian 13 with cron, logrotate and the same.
    pub fn of_next_release() -> Option<Self> {
        Some(Self::of(NEXT.as_ref()?))
    }

    /// A host of another image.
    pub fn of(image: &Image) -> Self {
        let machine = Rehearsal::boot(image, &BootOptions::default()).expect("a host");
        Self {
            machine,
            folder: TempDir::new().expect("a folder"),
        }
    }

    /// Writes a file beside the playbooks.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The program's command line for a playbook given as text.
    pub fn command(&self, verb: &str, playbook: &str) -> Command {
        let path = self.file("playbook.yml", playbook);
        self.command_for(verb, &path)
    }

    /// The program's command line for a playbook.
    pub fn command_for(&self, verb: &str, playbook: &Path) -> Command {
        self.command_as("root", verb, playbook)
    }

    /// The same with another remote user.
    pub fn command_as(&self, user: &str, verb: &str, playbook: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command
            .arg(verb)
            .arg(playbook)
            .arg(format!("{user}@{}", self.machine.address()));
        command.arg("--identity").arg(self.machine.identity());
        command.arg("--known-hosts").arg(self.machine.known_hosts());
        if verb == "apply" {
            command.arg("--yes");
        }
        command.env("NO_COLOR", "1").stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command
    }

    /// The command line of a verb that needs no playbook.
    pub fn bare(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command.arg(verb).arg(format!("root@{}", self.machine.address()));
        command.arg("--identity").arg(self.machine.identity());
        command.arg("--known-hosts").arg(self.machine.known_hosts());
        command.env("NO_COLOR", "1").stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command
    }

    pub fn plan(&self, playbook: &str) -> Run {
        run(self.command("plan", playbook).arg("--detailed-exitcode"))
    }

    pub fn apply(&self, playbook: &str) -> Run {
        run(&mut self.command("apply", playbook))
    }

    /// Applies, then proves that a second plan is empty.
    #[track_caller]
    pub fn converge(&self, playbook: &str) -> Run {
        let applied = self.apply(playbook).ok();
        let second = self.plan(playbook).ok();
        assert!(second.stdout.contains("Nothing to change."), "{}", second.stdout);
        applied
    }

    /// What a script prints on the host; it must succeed.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let output = self.machine.exec(script).expect("the host runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(
            output.status.success(),
            "{script}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }
}

/// Runs a command to its end. What it writes for programs is held against what is published of that.
#[track_caller]
pub fn run(command: &mut Command) -> Run {
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if command.get_args().any(|word| word == "--json") {
        described::all(&text(&output.stdout));
    }
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The same command with a terminal, which script(1) gives it, and without the word `but`.
pub fn on_a_terminal(command: &Command, but: &str) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .filter(|word| *word != but)
        .map(|word| format!("'{}'", word.display()))
        .collect();
    let mut script = Command::new("script");
    script.args(["-qec", &words.join(" "), "/dev/null"]);
    script.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    script
}

/// Waits for a condition, and says what did not come true.
#[track_caller]
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether the terminal that script(1) has for its child shows nothing of what is typed.
fn hides(script: u32) -> bool {
    let ask = format!("stty -a -F /dev/$(ps -o tty= --ppid {script} | head -n1)");
    let asked = Command::new("sh").args(["-c", &ask]).output().expect("sh");
    String::from_utf8_lossy(&asked.stdout).contains(" -echo ")
}

/// Runs a program that has a terminal: gives each answer when its question is on the screen. Returns the screen.
pub fn converse(command: &mut Command, answers: &[(&str, &str)]) -> String {
    use std::io::{Read, Write};
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = child.stdout.take().expect("a pipe");
    let (mut screen, mut seen) = (String::new(), 0);
    let mut answers = answers.iter();
    let mut next = answers.next();
    let mut bytes = [0; 4096];
    loop {
        let read = output.read(&mut bytes).expect("the screen");
        if read == 0 {
            break;
        }
        screen += &String::from_utf8_lossy(&bytes[..read]);
        while let Some((question, answer)) = next
            && let Some(at) = screen[seen..].find(question)
        {
            seen += at + question.len();
            if question.starts_with("Pass") {
                wait_for("the terminal to hide what is typed", || hides(child.id()));
            }
            writeln!(input, "{answer}").expect("typed");
            next = answers.next();
        }
    }
    drop(input);
    child.wait().expect("it ends");
    assert!(next.is_none(), "{next:?} was not asked:\n{screen}");
    screen
}
