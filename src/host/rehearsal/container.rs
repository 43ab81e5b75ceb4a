//! The running half of a host: systemd-nspawn and what it started.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::cgroup::Group;
use super::command::{cannot_start, program};
use super::disk;
use super::error::{RehearsalError, tail};
use super::slot::Slot;

/// How long a host may take to answer, on a slow machine with much else to do.
const BOOT: Duration = Duration::from_secs(90);
/// How long it may take to shut down before it is killed.
const SHUTDOWN: Duration = Duration::from_secs(15);
const INOTIFY: u32 = 4096;
const TICK: Duration = Duration::from_millis(10);

/// Starts systemd-nspawn in the host's control group, and again when the host reboots: nspawn
/// ends with 133 then (systemd-nspawn(1), --keep-unit leaves the restart to its caller).
const START: &str = r#"
enter() { for door in $1; do echo 0 >"$door" || exit 1; done; }
enter "$STARTER"
while :; do
    (enter "$GROUP"; exec systemd-nspawn "$@")
    [ $? -eq 133 ] || exit
done
"#;

/// A started host.
#[derive(Debug)]
pub(super) struct Container {
    child: Child,
    console: PathBuf,
}

impl Container {
    /// Starts the host in `slot` from `root`.
    pub(super) fn start(slot: &Slot, root: &Path, name: &str) -> Result<Self, RehearsalError> {
        let console = slot.dir().join("console.log");
        let log = File::create(&console).map_err(RehearsalError::io("write", &console))?;
        let also = log.try_clone().map_err(RehearsalError::io("write", &console))?;
        let group = slot.group();
        group.create()?;
        raise_inotify_limit()?;
        let mut command = program("/bin/sh");
        command
            .args([
                "-c",
                START,
                "systemd-nspawn",
                "--quiet",
                "--register=no",
                "--keep-unit",
                "--boot",
            ])
            .arg(format!("--directory={}", root.display()))
            .arg(format!("--machine={}", slot.id()))
            .arg(format!("--hostname={name}"))
            .arg(format!(
                "--network-namespace-path={}",
                slot.network().netns_path().display()
            ))
            // ufw loads rules, ping opens raw sockets, and ss -p asks who owns a socket.
            .arg("--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_PTRACE")
            .args([
                "--resolv-conf=off",
                "--timezone=off",
                "--link-journal=no",
                "--console=read-only",
            ])
            // As the kernel gives them to PID 1 on a server, whatever our own are.
            .arg("--rlimit=RLIMIT_NOFILE=1024:524288")
            .arg("systemd.show_status=yes")
            .env("GROUP", group.doors())
            .env("STARTER", group.starter_doors())
            // Only cgroup v2 inside, as on servers, whatever this machine has.
            .env("UNIFIED_CGROUP_HIERARCHY", "1")
            // /tmp as the release has it.
            .env("SYSTEMD_NSPAWN_TMPFS_TMP", "0")
            // The slot has an owner already, and these locks leave files behind.
            .env("SYSTEMD_NSPAWN_LOCK", "0")
            // A Ctrl-C at our terminal is for us alone.
            .process_group(0)
            .stdout(log)
            .stderr(also);
        let child = command.spawn().map_err(|source| cannot_start(&command, source))?;
        Ok(Self { child, console })
    }

    /// Returns when sshd greets.
    pub(super) fn await_sshd(&mut self, name: &str, address: Ipv4Addr) -> Result<(), RehearsalError> {
        let deadline = Instant::now() + BOOT;
        loop {
            if greets(address) {
                return Ok(());
            }
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() > deadline {
                let reason = if ended {
                    "systemd-nspawn ended".to_owned()
                } else {
                    format!("sshd at {address} was silent for {} s", BOOT.as_secs())
                };
                let console = tail(&fs::read(&self.console).unwrap_or_default(), 20);
                return Err(RehearsalError::NotUp {
                    name: name.to_owned(),
                    reason,
                    console,
                });
            }
            thread::sleep(TICK);
        }
    }

    /// Kills every process of it at once, as a power cut does.
    pub(super) fn kill(mut self, group: &Group) -> Result<(), RehearsalError> {
        // The shell first, or it might start nspawn again.
        let _ = self.child.kill();
        let _ = self.child.wait();
        group.kill()
    }

    /// Shuts it down in order, and kills what remains when that takes too long.
    pub(super) fn stop(mut self, group: &Group) -> Result<(), RehearsalError> {
        if let Some(init) = group.init() {
            // If it cannot even be asked, it is killed below.
            let _ = shell(init, "systemctl --no-block poweroff").output();
        }
        let deadline = Instant::now() + SHUTDOWN;
        while Instant::now() < deadline && self.child.try_wait().is_ok_and(|status| status.is_none()) {
            thread::sleep(TICK);
        }
        self.kill(group)
    }
}

/// A command that runs `script` with /bin/sh as root in the host whose PID 1 is `init`.
pub(super) fn shell(init: Pid, script: &str) -> Command {
    let mut command = program("nsenter");
    command
        .arg(format!("--target={init}"))
        .args(["--all", "--", "/bin/sh", "-c", script])
        .env_clear()
        .env("PATH", crate::layout::PATH)
        .env("HOME", "/root")
        .env("USER", "root")
        .env("LANG", "C.UTF-8");
    command
}

/// Each systemd holds several of root's inotify instances, and 128, the kernel's default, are
/// used up by a dozen and a half of them.
fn raise_inotify_limit() -> Result<(), RehearsalError> {
    let path = Path::new("/proc/sys/fs/inotify/max_user_instances");
    let text = fs::read_to_string(path).map_err(RehearsalError::io("read", path))?;
    if text.trim().parse().is_ok_and(|limit: u32| limit < INOTIFY) {
        disk::write(path, &INOTIFY.to_string())?;
    }
    Ok(())
}

fn greets(address: Ipv4Addr) -> bool {
    let limit = Duration::from_secs(1);
    let greet = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, 22)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        let mut banner = [0; 4];
        stream.read_exact(&mut banner)?;
        Ok(&banner == b"SSH-")
    };
    greet().unwrap_or(false)
}
