//! Servers as they are: few tries, one session, old algorithms, slow ones. Each test that has a line `//~` is a row of
//! docs/ssh.md.

use std::fs;

use hostwright::host::ssh::{Connection, Options, Password, Script, SshError};
use hostwright::host::target::Target;

use crate::sshd::{Agent, Sshd, keygen};
use crate::ways::{Clerk, asking, configured, ssh_keygen, web, works};
use crate::{error, soon};

//~ Key | more keys in the agent than the server takes tries | the one that worked before, named ones and those that name the host go first; never more than six are tried
#[tokio::test(flavor = "multi_thread")]
async fn likely_keys_go_first_and_tries_are_few() {
    let sshd = sshd_or_skip!();
    let agent = Agent::start(&sshd.path("agent"));
    let mut labels = Vec::new();
    for number in 0..8 {
        let key = sshd.path(&format!("key{number}"));
        keygen(&key, "ed25519", "");
        labels.push(key);
        agent.add(&labels[number], "");
    }
    let options = Options {
        identity: None,
        agent: Some(agent.socket.clone()),
        ..sshd.options()
    };
    let refused = error(Connection::open(&sshd.target(), &options).await).to_string();
    let note =
        "it takes no more than 6 tries, so not tried: the agent's key ed25519, the agent's key ed25519)";
    assert!(refused.contains(note), "{refused}");
    // The last one of them, whose comment names the host.
    let named = sshd.path("named");
    ssh_keygen(&[
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        "for 127.0.0.1",
        "-f",
        &named.display().to_string(),
    ]);
    sshd.authorize(&fs::read_to_string(named.with_extension("pub")).unwrap());
    agent.add(&named, "");
    works(&sshd.target(), &options).await.close().await;
}

//~ Server | `KexAlgorithms`, `Ciphers`, `MACs`, `HostKeyAlgorithms` of the configuration | followed as far as both sides can
#[tokio::test(flavor = "multi_thread")]
async fn the_algorithms_are_those_of_the_configuration() {
    let more = "KexAlgorithms diffie-hellman-group14-sha1\nCiphers aes128-cbc\nMACs hmac-sha1\n";
    let Some(old) = Sshd::start_with(more) else { return };
    let refused = error(Connection::open(&web(), &configured(&old, "")).await);
    let said = format!("{refused}; {}", miette::Diagnostic::help(&refused).unwrap());
    for words in [
        "have no key exchange algorithm in common: it offers diffie-hellman-group14-sha1",
        "hostwright offers mlkem768x25519-sha256,",
        "printf 'Host web\\n  KexAlgorithms +diffie-hellman-group14-sha1\\n' >> ~/.ssh/config",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let lines = " KexAlgorithms +diffie-hellman-group14-sha1\n Ciphers +aes128-cbc\n MACs +hmac-sha1";
    works(&web(), &configured(&old, lines)).await.close().await;
    let lines =
        " KexAlgorithms curve25519-sha256\n Ciphers aes256-gcm@openssh.com\n HostKeyAlgorithms rsa-sha2-512";
    let Some(sshd) = Sshd::start() else { return };
    let mut options = configured(&sshd, lines);
    let changed = error(Connection::open(&web(), &options).await);
    assert!(
        matches!(changed, SshError::ChangedKey(_)),
        "only its ed25519 key is known: {changed}"
    );
    (options.known_hosts, options.accept_new) = (Some(sshd.path("rsa")), true);
    works(&web(), &options).await.close().await;
    assert!(fs::read_to_string(sshd.path("rsa")).unwrap().contains("ssh-rsa "));
}

//~ Server | `MaxSessions 1` | commands wait for each other; a session is over when sshd says so
#[tokio::test(flavor = "multi_thread")]
async fn one_session_at_a_time_will_do() {
    let Some(sshd) = Sshd::start_with("MaxSessions 1\n") else {
        return;
    };
    let connection = sshd.connect().await;
    for _ in 0..5 {
        works(&sshd.target(), &sshd.options()).await.close().await;
        let mut dropped = connection.exec(Script::open("echo one; cat")).await.unwrap();
        dropped.next().await.unwrap();
        drop(dropped);
        let (one, two) = soon(async {
            tokio::join!(
                connection.output(Script::open("echo one")),
                connection.output(Script::open("echo two"))
            )
        })
        .await;
        assert_eq!(
            (one.unwrap().stdout, two.unwrap().stdout),
            (b"one\n".to_vec(), b"two\n".to_vec())
        );
    }
}

//~ Server | one that boots, with `--wait` | knocked at every 7 s until it lets in
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_boots_is_waited_for() {
    let sshd = sshd_or_skip!();
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = front.local_addr().unwrap().port();
    let behind = sshd.port;
    // The first connection finds nobody; the second one is let through.
    tokio::spawn(async move {
        let (first, _) = front.accept().await.unwrap();
        drop(first);
        let (mut second, _) = front.accept().await.unwrap();
        let mut there = tokio::net::TcpStream::connect(("127.0.0.1", behind))
            .await
            .unwrap();
        let _ = tokio::io::copy_bidirectional(&mut second, &mut there).await;
    });
    let target: Target = format!("root@127.0.0.1:{port}").parse().unwrap();
    let options = Options {
        accept_new: true,
        wait: std::time::Duration::from_secs(30),
        ..sshd.options()
    };
    works(&target, &options).await.close().await;
}

//~ Password | given beforehand, where keys do not do | tried once, never more
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_tried_once() {
    let Some(sshd) = Sshd::start_with("") else { return };
    drop(sshd);
    // The first line of a keyword counts.
    let more = "Match all\n PasswordAuthentication yes\n PermitRootLogin yes\n";
    let Some(sshd) = Sshd::start_with(more) else {
        return;
    };
    let stranger = sshd.path("stranger");
    keygen(&stranger, "ed25519", "");
    let options = Options {
        identity: Some(stranger.clone()),
        password: Some(Password::new("wrong")),
        ..sshd.options()
    };
    let tried = format!("did not let root in with {}, the password", stranger.display());
    let refused = error(Connection::open(&sshd.target(), &options).await).to_string();
    assert!(
        refused.contains(&format!("{tried}; it takes publickey,")),
        "{refused}"
    );
    let clerk = Clerk::answers(&[("Password of root on", "wrong")]);
    let options = asking(
        Options {
            password: None,
            ..options
        },
        &clerk,
    );
    let refused = error(Connection::open(&sshd.target(), &options).await).to_string();
    assert!(
        refused.contains(&format!("{tried}, the password, the password; ")),
        "{refused}"
    );
    assert_eq!(clerk.asked().len(), 3);
}

//~ Configuration | `ConnectTimeout 60`, a server that takes 11 s to its first line | waited for
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_first_line_is_waited_for() {
    let sshd = sshd_or_skip!();
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, behind) = (front.local_addr().unwrap().port(), sshd.port);
    tokio::spawn(async move {
        let (mut stream, _) = front.accept().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(11)).await;
        let mut there = tokio::net::TcpStream::connect(("127.0.0.1", behind))
            .await
            .unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
    });
    let options = configured(&sshd, " ConnectTimeout 60");
    let text = fs::read_to_string(sshd.path("config")).unwrap();
    fs::write(
        sshd.path("config"),
        text.replace(&behind.to_string(), &port.to_string()),
    )
    .unwrap();
    let options = Options {
        accept_new: true,
        ..options
    };
    works(&web(), &options).await.close().await;
}
