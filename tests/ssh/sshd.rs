//! A real sshd on a free loopback port, its keys and an agent, all in one directory that is removed.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use hostwright::host::ssh::{Connection, Options};
use hostwright::host::target::Target;

const SSHD: &str = "/usr/sbin/sshd";

pub struct Sshd {
    child: Child,
    directory: tempfile::TempDir,
    pub port: u16,
}

impl Sshd {
    /// Listening, with `id` authorized for root and its host key known. `None`, with the reason printed,
    /// where that cannot be.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same with more lines in sshd_config.
    pub fn start_with(more: &str) -> Option<Self> {
        let id = Command::new("id").arg("-u").output().unwrap();
        if id.stdout != b"0\n" || !Path::new(SSHD).exists() {
            // `tests/run` sets this as root, after it has installed everything: then nothing may be left out.
            assert!(
                std::env::var_os("HOSTWRIGHT_E2E").is_none(),
                "this needs root and {SSHD}"
            );
            println!("skipped: needs root and {SSHD}");
            return None;
        }
        // sshd does not start without it, and its package makes it only when systemd starts the service.
        fs::create_dir_all("/run/sshd").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let host_key = keygen(&path("host_key"), "ed25519", "");
        keygen(&path("host_key_rsa"), "rsa", "");
        fs::write(path("authorized_keys"), keygen(&path("id"), "ed25519", "")).unwrap();
        fs::write(path("config"), "").unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        fs::write(path("known_hosts"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n{more}",
            path("host_key").display(),
            path("host_key_rsa").display(),
            path("authorized_keys").display(),
        );
        fs::write(path("sshd_config"), config).unwrap();
        let mut child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut before = Vec::new();
        loop {
            match log.next() {
                Some(line) if line.starts_with("Server listening") => break,
                Some(line) => before.push(line),
                None => panic!("sshd did not start: {before:?}"),
            }
        }
        // The pipe must be read for sshd to go on.
        thread::spawn(move || log.for_each(drop));
        Some(Sshd {
            child,
            directory,
            port,
        })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn target(&self) -> Target {
        format!("root@127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// Nothing of the person who runs the tests is used.
    pub fn options(&self) -> Options {
        Options {
            identity: Some(self.path("id")),
            known_hosts: Some(self.path("known_hosts")),
            accept_new: false,
            config: Some(self.path("config")),
            agent: Some(self.path("no-agent")),
            ..Options::default()
        }
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(&self.target(), &self.options()).await.unwrap()
    }

    pub fn authorize(&self, public_key: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .open(self.path("authorized_keys"))
            .unwrap();
        file.write_all(public_key.as_bytes()).unwrap();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Agent {
    child: Child,
    pub socket: PathBuf,
}

impl Agent {
    pub fn start(socket: &Path) -> Self {
        let mut child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(socket)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints the socket's name once it listens.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Agent {
            child,
            socket: socket.to_owned(),
        }
    }

    pub fn add(&self, key: &Path, passphrase: &str) {
        let askpass = key.with_extension("askpass");
        fs::write(&askpass, format!("#!/bin/sh\necho '{passphrase}'\n")).unwrap();
        run(Command::new("chmod").arg("+x").arg(&askpass));
        run(self
            .ssh_add()
            .env("SSH_ASKPASS", &askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .arg(key));
    }

    pub fn clear(&self) {
        run(self.ssh_add().arg("-D"));
    }

    fn ssh_add(&self) -> Command {
        let mut command = Command::new("ssh-add");
        command.arg("-q").env("SSH_AUTH_SOCK", &self.socket);
        command
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a key pair and returns its public line.
pub fn keygen(path: &Path, kind: &str, passphrase: &str) -> String {
    // Larger RSA keys take seconds to make.
    let bits: &[&str] = if kind == "rsa" { &["-b", "2048"] } else { &[] };
    run(Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-C", kind])
        .args(bits)
        .arg("-f")
        .arg(path));
    fs::read_to_string(path.with_extension("pub")).unwrap()
}

/// Ends a process that a test started on the other side.
pub fn kill(pid: &str) {
    signal("KILL", pid);
}

pub fn signal(name: &str, pid: &str) {
    run(Command::new("kill").args(["-s", name, pid]));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
