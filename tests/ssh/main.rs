//! The SSH layer against a real sshd on loopback. Needs root and openssh-server; without them it says so and passes,
//! but in CI, where it fails.

mod sshd;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hostwright::host::ssh::{Connection, Event, Exec, Script, SshError};
use hostwright::host::target::Target;
use miette::Diagnostic;
use sshd::{Agent, Sshd, keygen};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A command that hangs must fail its test, not stop the suite.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future)
        .await
        .expect("finished within a minute")
}

macro_rules! sshd_or_skip {
    () => {
        match Sshd::start() {
            Some(sshd) => sshd,
            None => return,
        }
    };
}

// Below the macro, which it uses.
mod commands;
mod config;
mod security_key;
mod servers;
mod ways;

fn error(result: Result<Connection, SshError>) -> SshError {
    match result {
        Ok(_) => panic!("the connection should have failed"),
        Err(error) => error,
    }
}

/// What a command does next, however much of its input is on its way by then.
async fn unfed(exec: &mut Exec) -> Result<Option<Event>, SshError> {
    loop {
        match exec.next().await {
            Ok(Some(Event::Fed(_))) => {}
            other => return other,
        }
    }
}

/// Names its sshd and itself. Its sh may be the login shell's child.
const PIDS: &str = "echo $PPID $$; exec sleep 600";

/// What it writes first.
async fn first_output(exec: &mut Exec) -> String {
    match unfed(exec).await {
        Ok(Some(Event::Stdout(bytes))) => String::from_utf8(bytes).unwrap(),
        other => panic!("no output but {other:?}"),
    }
}

//~ Host key | not known, in a script | refused with its fingerprint; `--accept-new` remembers it
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_refused_with_its_fingerprint_then_accepted_then_known() {
    let sshd = sshd_or_skip!();
    let mut options = sshd.options();
    let known_hosts = sshd.path("new/known_hosts");
    options.known_hosts = Some(known_hosts.clone());
    let target = sshd.target();

    let unknown = error(Connection::open(&target, &options).await);
    let SshError::UnknownKey {
        fingerprint,
        algorithm,
        ..
    } = &unknown
    else {
        panic!("{unknown}")
    };
    let listed = Command::new("ssh-keygen")
        .args(["-lf"])
        .arg(sshd.path("host_key.pub"))
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&listed.stdout).contains(fingerprint.as_str()),
        "{fingerprint}"
    );
    assert_eq!(algorithm, "ssh-ed25519");
    assert!(!known_hosts.exists(), "a refusal writes nothing");
    // The mend mends.
    let help = unknown.help().unwrap().to_string();
    fs::create_dir(sshd.path("new")).unwrap();
    let keyscan = help.split('`').nth(1).unwrap();
    assert!(
        Command::new("sh")
            .args(["-c", keyscan])
            .output()
            .unwrap()
            .status
            .success()
    );
    Connection::open(&target, &options).await.unwrap().close().await;
    fs::remove_dir_all(sshd.path("new")).unwrap();

    options.accept_new = true;
    Connection::open(&target, &options).await.unwrap().close().await;
    let line = fs::read_to_string(&known_hosts).unwrap();
    assert!(
        line.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", sshd.port)),
        "{line}"
    );

    options.accept_new = false;
    Connection::open(&target, &options).await.unwrap().close().await;
    assert_eq!(
        fs::read_to_string(&known_hosts).unwrap(),
        line,
        "a known host is not written again"
    );
}

//~ Host key | changed | refused with file and line, both fingerprints and the command that forgets the old one, which works
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_host_key_is_refused_even_if_new_ones_are_accepted() {
    let sshd = sshd_or_skip!();
    let other = keygen(&sshd.path("other"), "ed25519", "");
    let known_hosts = sshd.path("changed");
    let name = format!("[127.0.0.1]:{}", sshd.port);
    fs::write(&known_hosts, format!("# old\n{name} {other}\n")).unwrap();
    let mut options = sshd.options();
    (options.known_hosts, options.accept_new) = (Some(known_hosts.clone()), true);

    let SshError::ChangedKey(changed) = error(Connection::open(&sshd.target(), &options).await) else {
        panic!("not a changed key")
    };
    assert_eq!(changed.place, format!("{}:2", known_hosts.display()));
    assert!(changed.known != changed.offered && changed.known.starts_with("ssh-ed25519 SHA256:"));
    // The mend mends.
    assert!(
        Command::new("sh")
            .args(["-c", &changed.forget])
            .output()
            .unwrap()
            .status
            .success()
    );
    Connection::open(&sshd.target(), &options)
        .await
        .unwrap()
        .close()
        .await;
}

//~ Host key | `@revoked`, or known by another algorithm than the server prefers | refused; the known one is asked for
#[tokio::test(flavor = "multi_thread")]
async fn the_known_algorithm_is_asked_for_and_a_revoked_key_is_refused() {
    let sshd = sshd_or_skip!();
    // The server prefers its ed25519 key; only its RSA key is known.
    let known_hosts = sshd.path("rsa_only");
    let rsa = fs::read_to_string(sshd.path("host_key_rsa.pub")).unwrap();
    fs::write(&known_hosts, format!("127.0.0.1 {rsa}")).unwrap();
    let mut options = sshd.options();
    options.known_hosts = Some(known_hosts.clone());
    Connection::open(&sshd.target(), &options)
        .await
        .unwrap()
        .close()
        .await;

    fs::write(&known_hosts, format!("127.0.0.1 {rsa}@revoked * {rsa}")).unwrap();
    let revoked = error(Connection::open(&sshd.target(), &options).await);
    assert!(matches!(revoked, SshError::RevokedKey { .. }), "{revoked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_the_host_does_not_want_is_named() {
    let sshd = sshd_or_skip!();
    let stranger = sshd.path("stranger");
    keygen(&stranger, "ed25519", "");
    let mut options = sshd.options();
    options.identity = Some(stranger.clone());
    let refused = error(Connection::open(&sshd.target(), &options).await);
    assert!(matches!(refused, SshError::Auth { .. }), "{refused}");
    assert_eq!(
        refused.to_string(),
        format!(
            "127.0.0.1:{} did not let root in with {}; it takes publickey, keyboard-interactive",
            sshd.port,
            stranger.display()
        )
    );
}

//~ Server | `MaxAuthTries 2` | its own words, and what was not tried
#[tokio::test(flavor = "multi_thread")]
async fn too_many_keys_are_a_refusal_in_the_hosts_own_words() {
    let Some(sshd) = Sshd::start_with("MaxAuthTries 2\n") else {
        return;
    };
    let agent = Agent::start(&sshd.path("agent"));
    for name in ["one", "two", "three"] {
        let stranger = sshd.path(name);
        keygen(&stranger, "ed25519", "");
        agent.add(&stranger, "");
    }
    let mut options = sshd.options();
    (options.identity, options.agent) = (None, Some(agent.socket.clone()));
    let refused = error(Connection::open(&sshd.target(), &options).await);
    assert!(matches!(refused, SshError::Auth { .. }), "{refused}");
    assert!(
        refused.to_string().contains("Too many authentication failures"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_allows_no_sessions_is_told_apart() {
    let Some(sshd) = Sshd::start_with("MaxSessions 0\n") else {
        return;
    };
    let refused = soon(sshd.connect().await.output(Script::open("true")))
        .await
        .unwrap_err();
    assert!(matches!(refused, SshError::Session { .. }), "{refused}");
}

//~ Key | RSA, ECDSA, ed25519, in files or in the agent | log in
#[tokio::test(flavor = "multi_thread")]
async fn rsa_and_ecdsa_keys_log_in() {
    let sshd = sshd_or_skip!();
    for kind in ["rsa", "ecdsa"] {
        let path = sshd.path(kind);
        sshd.authorize(&keygen(&path, kind, ""));
        let mut options = sshd.options();
        options.identity = Some(path);
        Connection::open(&sshd.target(), &options)
            .await
            .unwrap()
            .close()
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_names_host_port_user_and_key() {
    let sshd = sshd_or_skip!();
    let config = sshd.path("named_config");
    let key = sshd.path("id");
    let text = format!(
        "Host web\n HostName 127.0.0.1\n Port {}\n User root\n IdentityFile {}\n",
        sshd.port,
        key.display()
    );
    fs::write(&config, text).unwrap();
    let mut options = sshd.options();
    (options.identity, options.config) = (None, Some(config));
    let target: Target = "web".parse().unwrap();
    let connection = Connection::open(&target, &options).await.unwrap();
    assert_eq!((connection.host(), connection.user()), ("web", "root"));
    options.config = Some(sshd.path("absent"));
    let absent = error(Connection::open(&target, &options).await);
    assert!(matches!(absent, SshError::Config { .. }), "{absent}");
}

//~ Key | encrypted, in the agent | logs in
#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_key_needs_the_agent_and_works_with_it() {
    let sshd = sshd_or_skip!();
    let locked = sshd.path("locked");
    sshd.authorize(&keygen(&locked, "ed25519", "secret"));
    let mut options = sshd.options();
    options.identity = Some(locked.clone());
    let refused = error(Connection::open(&sshd.target(), &options).await);
    assert!(
        matches!(&refused, SshError::EncryptedKey { file } if *file == locked),
        "{refused}"
    );

    let agent = Agent::start(&sshd.path("agent"));
    agent.add(&locked, "secret");
    options.agent = Some(agent.socket.clone());
    Connection::open(&sshd.target(), &options)
        .await
        .unwrap()
        .close()
        .await;
    // Also when nobody names a key, and with the RSA hash the agent must be told.
    let rsa = sshd.path("agent_rsa");
    sshd.authorize(&keygen(&rsa, "rsa", ""));
    agent.clear();
    agent.add(&rsa, "");
    options.identity = None;
    Connection::open(&sshd.target(), &options)
        .await
        .unwrap()
        .close()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_key_that_is_no_key_is_an_error_before_the_host_is_asked() {
    let Some(sshd) = Sshd::start() else { return };
    let garbage = sshd.path("garbage");
    fs::write(&garbage, "not a key").unwrap();
    let public = sshd.path("id.pub");
    for path in [garbage.as_path(), &public, Path::new("/nonexistent/key")] {
        let mut options = sshd.options();
        options.identity = Some(path.to_owned());
        // Nothing listens on port 1: a connection would be another error.
        let refused = error(Connection::open(&"root@127.0.0.1:1".parse().unwrap(), &options).await);
        assert!(
            matches!(&refused, SshError::KeyFile { file, .. } if file == path),
            "{refused}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_under_a_command_is_lost() {
    let sshd = sshd_or_skip!();
    let connection = sshd.connect().await;
    let mut exec = connection
        .exec(Script::fed(PIDS, vec![7; 50_000_000]))
        .await
        .unwrap();
    for pid in soon(first_output(&mut exec)).await.split_whitespace() {
        sshd::kill(pid);
    }
    assert!(matches!(soon(unfed(&mut exec)).await, Err(SshError::Lost { .. })));
    assert!(matches!(
        soon(connection.output(Script::open("true"))).await,
        Err(SshError::Lost { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two minutes: it waits until the keepalives of a silent host have run out"]
async fn a_host_that_falls_silent_is_lost() {
    let sshd = sshd_or_skip!();
    let stop = async |stdin: Vec<u8>| {
        let connection = sshd.connect().await;
        let mut exec = connection.exec(Script::fed(PIDS, stdin)).await.unwrap();
        let pids = first_output(&mut exec).await;
        let (session, sleep) = pids.trim().split_once(' ').unwrap();
        sshd::signal("STOP", session);
        let lost = timeout(Duration::from_secs(150), unfed(&mut exec))
            .await
            .expect("given up in time");
        sshd::kill(sleep);
        sshd::kill(session);
        lost
    };
    // While we wait for output, and while we have input to write.
    let (reading, writing) = tokio::join!(stop(vec![]), stop(vec![7; 50_000_000]));
    assert!(matches!(reading, Err(SshError::Lost { .. })));
    assert!(matches!(writing, Err(SshError::Lost { .. })));
}

//~ Server | another service, one that says nothing, a closed port | told apart
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_ssh_server_is_told_apart() {
    let sshd = sshd_or_skip!();
    let options = sshd.options();
    let target = |port: u16| format!("root@127.0.0.1:{port}").parse::<Target>().unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = [0; 4];
        stream.read_exact(&mut line).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        drop(stream);
        // Then one that says nothing; dropping the listener refuses all after it.
        let (stream, _) = listener.accept().await.unwrap();
        drop((stream, listener));
    });
    let http = error(Connection::open(&target(port), &options).await);
    assert!(
        matches!(&http, SshError::NotSsh { said, .. } if said == "HTTP/1.1 400 Bad Request"),
        "{http}"
    );
    let closed = error(Connection::open(&target(port), &options).await);
    assert!(matches!(closed, SshError::Closed { .. }), "{closed}");
    let refused = error(Connection::open(&target(port), &options).await);
    assert!(matches!(refused, SshError::Refused { .. }), "{refused}");

    let unresolved = error(Connection::open(&"root@no-such.invalid".parse().unwrap(), &options).await);
    assert!(matches!(unresolved, SshError::Resolve { .. }), "{unresolved}");
}

//~ Server | `MaxStartups` reached | says that sshd turns us away, and until when
#[tokio::test(flavor = "multi_thread")]
async fn an_sshd_that_has_too_many_connections_is_no_other_service() {
    let Some(sshd) = Sshd::start_with("MaxStartups 1:100:1\n") else {
        return;
    };
    let mut first = TcpStream::connect(("127.0.0.1", sshd.port)).await.unwrap();
    // It has taken this one.
    first.read_exact(&mut [0; 4]).await.unwrap();
    let away = error(Connection::open(&sshd.target(), &sshd.options()).await);
    assert!(
        matches!(&away, SshError::TurnedAway { said, .. } if said == "Exceeded MaxStartups"),
        "{away}"
    );
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_speaks_is_given_up() {
    let sshd = sshd_or_skip!();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("root@{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let silent = error(soon(Connection::open(&target, &sshd.options())).await);
    assert!(
        matches!(silent, SshError::Timeout { seconds: 10, .. }),
        "{silent}"
    );
}
