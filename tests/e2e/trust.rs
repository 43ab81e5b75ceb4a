//! First contact: in with a password once, and with a key from then on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::host::{Host, Run, on_a_terminal, run};

/// As a provider hands it out: the password of root or of a user is all there is.
fn handed_out(user: &str) -> Option<Host> {
    let host = Host::of(&crate::host::base()?);
    host.sh(&format!(
        "rm -rf /root/.ssh /etc/ssh/sshd_config.d/10-keys-only.conf
        printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' >/etc/ssh/sshd_config.d/50-cloud-init.conf
        id -u {user} >/dev/null 2>&1 || useradd -m -s /bin/bash {user}
        echo '{user} ALL=(ALL) ALL' >/etc/sudoers.d/90-user
        echo {user}:first-password | chpasswd
        systemctl restart ssh"
    ));
    Some(host)
}

fn fingerprint(host: &Host) -> String {
    let listed = host.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    listed.split(' ').nth(1).expect("a fingerprint").to_owned()
}

/// Nothing of the person who runs the tests is used.
fn home(host: &Host) -> PathBuf {
    host.folder.path().join("home")
}

fn trust(host: &Host, user: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    command
        .arg("trust")
        .arg(format!("{user}@{}", host.machine.address()));
    command
        .arg("--known-hosts")
        .arg(home(host).join("known_hosts"))
        .args(words);
    command
        .env("HOME", home(host))
        .env("NO_COLOR", "1")
        .env_remove("SSH_AUTH_SOCK");
    command.env("HOSTWRIGHT_SSH_PASSWORD", "first-password");
    command.stdin(Stdio::null());
    command
}

/// What OpenSSH's client makes of what was written.
fn ssh(host: &Host, name: &str) -> Run {
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(home(host).join(".ssh/config"));
    ssh.arg("-o").arg(format!(
        "UserKnownHostsFile={}",
        home(host).join("known_hosts").display()
    ));
    ssh.args(["-o", "BatchMode=yes", name, "id -un"])
        .stdin(Stdio::null());
    run(&mut ssh)
}

struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    /// With seven keys that nobody wants.
    fn start(host: &Host) -> Self {
        let socket = host.folder.path().join("agent");
        let agent = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn();
        let child = agent.expect("ssh-agent starts");
        crate::host::wait_for("the agent to listen", || socket.exists());
        for number in 0..7 {
            let key = host.folder.path().join(format!("agents-{number}"));
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key)
                .status();
            assert!(made.expect("ssh-keygen").success());
            let added = Command::new("ssh-add")
                .arg("-q")
                .arg(&key)
                .env("SSH_AUTH_SOCK", &socket)
                .status();
            assert!(added.expect("ssh-add").success());
        }
        Self { child, socket }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The error's line and help, unwrapped.
fn said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
        .replace("\n  │ ", " ")
        .replace("\n    ", " ")
}

#[track_caller]
fn says(run: &Run, words: &[&str]) {
    let said = said(run);
    for words in words {
        assert!(said.contains(words), "{words} in\n{said}");
    }
}

//~ First contact | `hostwright trust`, the password in the environment or a file, `--fingerprint` | a key is made, put in place with right modes, proved by a second connection; password login is switched off; the alias works with `ssh`
#[test]
fn a_password_is_used_once() {
    let Some(host) = handed_out("root") else { return };
    let unknown = run(&mut trust(&host, "root", &[]));
    says(
        &unknown,
        &["is not known: ssh-ed25519 SHA256:", "--fingerprint SHA256:"],
    );
    let print = fingerprint(&host);
    // An agent with more keys than the host takes tries.
    let agent = Agent::start(&host);
    let words = ["--fingerprint", &print, "--keys-only", "--alias", "mcp"];
    let trusted = run(trust(&host, "root", &words).env("SSH_AUTH_SOCK", &agent.socket)).ok();
    drop(agent);
    let key = home(&host).join(".ssh/id_ed25519");
    says(
        &trusted,
        &[
            &format!("Made the key {} (SHA256:", key.display()),
            &format!(
                "now lets {} in; a second connection with it alone proved it.",
                key.display()
            ),
            "sshd-takes-no-password",
            "Wrote the alias mcp (root@",
        ],
    );
    let modes = "stat -c '%a %U' /root/.ssh /root/.ssh/authorized_keys; sshd -T | grep -x 'passwordauthentication no'";
    assert_eq!(host.sh(modes), "700 root\n600 root\npasswordauthentication no");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ssh(&host, "mcp").ok().stdout, "root\n");
    // Again: nothing is left to do.
    let again = run(&mut trust(&host, "root", &["--keys-only"])).ok();
    says(&again, &["lets", "Password login is off there already."]);
    assert_eq!(host.sh("wc -l </root/.ssh/authorized_keys"), "1");
    let there = run(&mut trust(&host, "root", &["--alias", "mcp"]));
    says(&there, &["the alias mcp is there already, at"]);
    // A changed key is refused by its place, and the mend mends.
    host.sh("rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh");
    let changed = run(trust(&host, "root", &["--accept-new"]).env("COLUMNS", "1000"));
    let place = format!(
        "has changed: {}:1 knows ssh-ed25519 SHA256:",
        home(&host).join("known_hosts").display()
    );
    says(&changed, &[&place, "forget the old key: ssh-keygen -R"]);
    let said = said(&changed);
    let mend = said.split("forget the old key: ").nth(1).expect("a mend").trim();
    assert!(
        Command::new("sh")
            .args(["-c", mend])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success(),
        "{mend}"
    );
    run(&mut trust(&host, "root", &["--accept-new"])).ok();
}

//~ First contact | a password that has expired (`chage -d 0`), by password and by keyboard-interactive | replaced by a new one; plans say so at once
#[test]
fn an_expired_password_is_replaced() {
    for (user, interactive) in [("root", false), ("ubuntu", false), ("ubuntu", true)] {
        let Some(host) = handed_out(user) else { return };
        if interactive {
            host.sh("printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication yes\\n' >/etc/ssh/sshd_config.d/00.conf; systemctl restart ssh");
        }
        host.sh(&format!("chage -d 0 {user}"));
        if !interactive {
            let none = run(&mut trust(&host, user, &["--accept-new"]));
            says(&none, &["has expired", "HOSTWRIGHT_NEW_SSH_PASSWORD"]);
            let refused =
                run(trust(&host, user, &["--accept-new"])
                    .env("HOSTWRIGHT_NEW_SSH_PASSWORD", "first-password"));
            if user != "root" {
                says(&refused, &["was not changed: "]);
            }
            host.sh(&format!("chage -d 0 {user}"));
        }
        let new = trust(&host, user, &["--accept-new", "--keys-only"])
            .env("HOSTWRIGHT_NEW_SSH_PASSWORD", "Quite-Another-1")
            .output()
            .unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&new.stdout),
            String::from_utf8_lossy(&new.stderr),
        );
        assert!(new.status.success(), "{user} {interactive}: {out}{err}");
        assert!(out.contains("proved it."), "{out}");
        let left = host.sh(&format!("chage -l {user} | grep -c 'must be changed' ; stat -c %U ~{user}/.ssh/authorized_keys; sshd -T | grep ^passwordauth"));
        assert_eq!(left, format!("0\n{user}\npasswordauthentication no"));
    }
}

//~ Server | a key, and an expired password | said at once, with what changes it
#[test]
fn an_expired_password_behind_a_key_is_named_at_once() {
    let Some(host) = Host::boot() else { return };
    host.sh("echo root:first-password | chpasswd; chage -d 0 root");
    let plan = run(&mut host.command("plan", "name: x\n"));
    assert_eq!(plan.status, 1);
    says(
        &plan,
        &[
            "has expired: it must be changed before anything else",
            "`hostwright trust root@",
        ],
    );
}

//~ First contact | the key fails once password login is off | the step undoes itself: passwords are taken again
#[test]
fn password_login_comes_back_when_the_key_fails() {
    let Some(host) = handed_out("root") else { return };
    // It counts from the next start of sshd on.
    host.sh("echo 'AuthorizedKeysFile /nowhere' >/etc/ssh/sshd_config.d/60-later.conf");
    let failed = run(&mut trust(&host, "root", &["--accept-new", "--keys-only"]));
    assert_eq!(failed.status, 1, "{failed:?}");
    says(
        &failed,
        &["proved it.", "no new SSH connection got in within 45 s"],
    );
    assert_eq!(
        host.sh("sshd -T | grep ^passwordauth; ls /etc/ssh/sshd_config.d"),
        "passwordauthentication yes\n50-cloud-init.conf\n60-later.conf"
    );
    host.sh("rm /etc/ssh/sshd_config.d/60-later.conf; systemctl restart ssh");
    run(&mut trust(&host, "root", &["--accept-new", "--keys-only"])).ok();
}

//~ First contact | files that are there already: no line end, wrong modes, another's, a line with a command | kept and mended, or refused by name
#[test]
fn what_is_there_already_is_kept() {
    let Some(host) = handed_out("ubuntu") else { return };
    host.sh("mkdir -m 0777 ~ubuntu/.ssh; printf 'ssh-ed25519 AAAAother other' >~ubuntu/.ssh/authorized_keys; chmod 0666 ~ubuntu/.ssh/authorized_keys
        chown -R ubuntu: ~ubuntu/.ssh; chmod 0775 ~ubuntu");
    let trusted = run(&mut trust(&host, "ubuntu", &["--accept-new"])).ok();
    says(
        &trusted,
        &["On the host: others could write to /home/ubuntu, and cannot any more."],
    );
    assert_eq!(
        host.sh("stat -c '%a %U' ~ubuntu ~ubuntu/.ssh ~ubuntu/.ssh/authorized_keys; head -1 ~ubuntu/.ssh/authorized_keys; wc -l <~ubuntu/.ssh/authorized_keys"),
        "755 ubuntu\n700 ubuntu\n600 ubuntu\nssh-ed25519 AAAAother other\n2"
    );
    // sshd trusts no file that others may write to, so that it takes the password again.
    host.sh("chmod 0777 ~ubuntu/.ssh; chmod 0666 ~ubuntu/.ssh/authorized_keys");
    run(&mut trust(&host, "ubuntu", &[])).ok();
    assert_eq!(
        host.sh("stat -c %a ~ubuntu/.ssh ~ubuntu/.ssh/authorized_keys; wc -l <~ubuntu/.ssh/authorized_keys"),
        "700\n600\n2"
    );
    host.sh("sed -i '2s/^/command=\"true\" /' ~ubuntu/.ssh/authorized_keys");
    says(
        &run(&mut trust(&host, "ubuntu", &[])),
        &["lets ubuntu in only"].map(|_| "error: "),
    );
    host.sh("rm -r ~ubuntu/.ssh; mkdir ~ubuntu/.ssh");
    says(
        &run(&mut trust(&host, "ubuntu", &[])),
        &[
            "/home/ubuntu/.ssh belongs to root",
            "chown -R ubuntu: ~ubuntu/.ssh",
        ],
    );
}

//~ First contact | on a terminal | fingerprint, password and offers are asked for
#[test]
fn a_person_is_asked() {
    let Some(host) = handed_out("root") else { return };
    let mut command = trust(&host, "root", &[]);
    command.env_remove("HOSTWRIGHT_SSH_PASSWORD");
    let mut script = on_a_terminal(&command, "");
    script
        .env_remove("HOSTWRIGHT_SSH_PASSWORD")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let print = fingerprint(&host);
    let answers = [
        ("Is it this one?", print.as_str()),
        ("Password of root on", "first-password"),
        ("Switch password login off", "y"),
        ("An alias for it", "web"),
    ];
    let screen = crate::host::converse(&mut script, &answers);
    assert!(screen.contains("Wrote the alias web (root@"), "{screen}");
    assert!(!screen.contains("first-password"), "{screen}");
    assert_eq!(ssh(&host, "web").ok().stdout, "root\n");
    assert_eq!(
        host.sh("sshd -T | grep ^passwordauth"),
        "passwordauthentication no"
    );
}
