//! The SSH configuration, as the program `ssh` follows it.

use std::fs;
use std::os::unix::fs::symlink;

use hostwright::host::ssh::{Connection, Options, SshError};
use hostwright::host::target::Target;

use tokio::net::TcpListener;

use crate::error;
use crate::sshd::{Agent, Sshd, keygen};

/// Nothing but a configuration.
fn configured(sshd: &Sshd, text: &str) -> Options {
    let config = sshd.path("config");
    fs::write(&config, text).unwrap();
    Options {
        config: Some(config),
        ..Options::default()
    }
}

/// Lines that lead to the server, with its key known.
fn way(sshd: &Sshd) -> String {
    format!(
        " HostName 127.0.0.1\n Port {}\n User root\n UserKnownHostsFile {}\n",
        sshd.port,
        sshd.path("known_hosts").display()
    )
}

fn web() -> Target {
    "web".parse().unwrap()
}

//~ Configuration | quoted patterns, `1m`, `confirm`, Include of folders and dangling links, Match in an included file | as `ssh -G` reads them
#[tokio::test(flavor = "multi_thread")]
async fn forms_of_ssh_are_read_and_a_match_in_an_included_file_stays_there() {
    let sshd = sshd_or_skip!();
    fs::create_dir_all(sshd.path("config.d/folder")).unwrap();
    symlink("/nonexistent", sshd.path("config.d/dangling")).unwrap();
    let elsewhere = "Match host other\n HostName 192.0.2.1\n Port 1\n User nobody\n";
    fs::write(sshd.path("config.d/match"), elsewhere).unwrap();
    let include = format!("Include {}/*\n", sshd.path("config.d").display());
    let text = format!(
        "Host \"web\" \"db\"\n ForwardAgent {0}\n AddKeysToAgent confirm\n ServerAliveInterval 1m\n {include}{1} IdentityFile {0}\n",
        sshd.path("id").display(),
        way(&sshd)
    );
    let connection = Connection::open(&web(), &configured(&sshd, &text)).await.unwrap();
    assert_eq!(
        connection.reached().to_string(),
        format!("127.0.0.1:{}", sshd.port)
    );
    assert_eq!((connection.host(), connection.user()), ("web", "root"));
}

//~ Configuration | `UserKnownHostsFile` (several), `HostKeyAlias`, `StrictHostKeyChecking` | as ssh; `no` is not followed, and said
#[tokio::test(flavor = "multi_thread")]
async fn the_files_and_the_name_of_known_hosts_are_those_of_the_configuration() {
    let sshd = sshd_or_skip!();
    let [own, empty] = ["own", "empty"].map(|name| sshd.path(name));
    let key = fs::read_to_string(sshd.path("host_key.pub")).unwrap();
    let text = |strict: &str| {
        format!(
            "Host web\n UserKnownHostsFile {} {}\n HostKeyAlias farm\n StrictHostKeyChecking {strict}\n IdentityFile {}\n{}",
            empty.display(),
            own.display(),
            sshd.path("id").display(),
            way(&sshd)
        )
    };
    let open = async |strict: &str| Connection::open(&web(), &configured(&sshd, &text(strict))).await;
    // Whatever the person's file says, nobody is trusted blindly.
    for strict in ["ask", "yes", "no"] {
        let unknown = error(open(strict).await);
        assert!(matches!(unknown, SshError::UnknownKey { .. }), "{unknown}");
        let help = miette::Diagnostic::help(&unknown).unwrap().to_string();
        assert_eq!(
            help.contains("`StrictHostKeyChecking no` is not followed"),
            strict == "no"
        );
    }
    fs::write(&own, format!("farm {key}")).unwrap();
    open("yes").await.unwrap().close().await;
    fs::remove_file(&own).unwrap();
    open("accept-new").await.unwrap().close().await;
    let learnt = fs::read_to_string(&empty).unwrap();
    assert!(learnt.starts_with("farm ssh-ed25519 "), "{learnt}");
}

//~ Configuration | `IdentityAgent`, `IdentityFile` that is encrypted or absent, `IdentitiesOnly` | the agent's keys are tried beside the files unless IdentitiesOnly
#[tokio::test(flavor = "multi_thread")]
async fn the_agent_of_the_configuration_is_asked_beside_its_files() {
    let sshd = sshd_or_skip!();
    let agent = Agent::start(&sshd.path("agent"));
    agent.add(&sshd.path("id"), "");
    let locked = sshd.path("locked");
    keygen(&locked, "ed25519", "secret");
    let way = way(&sshd);
    let text = format!(
        "Host web\n IdentityAgent {}\n IdentityFile {}\n IdentityFile /nonexistent/key\n{way}",
        agent.socket.display(),
        locked.display()
    );
    let options = configured(&sshd, &text);
    Connection::open(&web(), &options).await.unwrap().close().await;
    let options = configured(&sshd, &format!("{text} IdentitiesOnly yes\n"));
    let refused = error(Connection::open(&web(), &options).await);
    assert!(
        matches!(&refused, SshError::EncryptedKey { file } if *file == locked),
        "{refused}"
    );
}

//~ Configuration | `ConnectTimeout` | the time that a server gets for its first line
#[tokio::test(flavor = "multi_thread")]
async fn a_server_gets_the_time_that_the_configuration_gives_it() {
    let sshd = sshd_or_skip!();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let way = way(&sshd).replace(&sshd.port.to_string(), &port.to_string());
    let text = format!(
        "Host web\n ConnectTimeout 1\n IdentityFile {}\n{way}",
        sshd.path("id").display()
    );
    let silent = error(Connection::open(&web(), &configured(&sshd, &text)).await);
    assert!(matches!(silent, SshError::Timeout { seconds: 1, .. }), "{silent}");
}

//~ Host key | in the file of `RevokedHostKeys`, which may also be a KRL or absent | refused by file and line
#[tokio::test(flavor = "multi_thread")]
async fn no_host_has_a_key_of_the_file_of_revoked_ones() {
    let sshd = sshd_or_skip!();
    let file = sshd.path("revoked");
    let text = format!(
        "Host web\n RevokedHostKeys {}\n IdentityFile {}\n{}",
        file.display(),
        sshd.path("id").display(),
        way(&sshd)
    );
    let options = configured(&sshd, &text);
    let other = keygen(&sshd.path("another"), "ed25519", "");
    fs::write(&file, format!("# stolen\n\n{other}")).unwrap();
    Connection::open(&web(), &options).await.unwrap().close().await;

    let own = fs::read_to_string(sshd.path("host_key.pub")).unwrap();
    fs::write(&file, format!("# stolen\n{other}  {own}")).unwrap();
    let revoked = error(Connection::open(&web(), &options).await);
    let SshError::RevokedKey { place, .. } = &revoked else {
        panic!("{revoked}")
    };
    assert_eq!(*place, format!("{}:3", file.display()));

    fs::write(&file, format!("{other}ssh-ed25519 AAAA\n")).unwrap();
    let broken = error(Connection::open(&web(), &options).await).to_string();
    assert!(broken.ends_with("line 2 is no public key"), "{broken}");
    super::ways::ssh_keygen(&["-q", "-k", "-f", &file.display().to_string()]);
    let binary = error(Connection::open(&web(), &options).await).to_string();
    assert!(binary.contains("is a key revocation list"), "{binary}");
    fs::remove_file(&file).unwrap();
    let absent = error(Connection::open(&web(), &options).await);
    assert!(matches!(&absent, SshError::KnownHosts { .. }), "{absent}");
}

//~ Configuration | `KnownHostsCommand`, `RequiredRSASize`, algorithms that nobody here speaks | refused by name, file and line before anybody is reached
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_followed_is_refused_before_anybody_is_reached() {
    let sshd = sshd_or_skip!();
    let place = format!("({}:5)", sshd.path("config").display());
    let refused = |directive: &str| format!("does not follow `{directive}` for web {place}");
    for (line, words) in [
        ("KnownHostsCommand /x %H", &*refused("KnownHostsCommand /x %H")),
        ("RequiredRSASize 4096", &*refused("RequiredRSASize 4096")),
        (
            "KexAlgorithms sntrup761x25519-sha512@openssh.com",
            &*refused("KexAlgorithms sntrup761x25519-sha512@openssh.com"),
        ),
        ("MACs umac-64@openssh.com", &*refused("MACs umac-64@openssh.com")),
        ("UnheardOf yes", "line 5: Bad configuration option: unheardof"),
    ] {
        let text = format!("Host web\n{}{line}\n", way(&sshd).replace(" User root\n", ""));
        let refused = error(Connection::open(&web(), &configured(&sshd, &text)).await).to_string();
        assert!(refused.contains(words), "{words} in {refused}");
    }
}
