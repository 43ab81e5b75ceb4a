//! Ways to a host and into it: through other hosts, by certificates, with passwords and codes. Each test that has a
//! line `//~` is a row of docs/ssh.md.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use hostwright::host::ssh::{Ask, Connection, Options, Person, Script, SshError};
use hostwright::host::target::Target;

use crate::sshd::{Agent, Sshd, keygen};
use crate::{error, soon};

/// Somebody who knows all answers, and remembers the questions.
#[derive(Clone, Default)]
pub struct Clerk {
    answers: Vec<(&'static str, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Clerk {
    pub fn answers(answers: &[(&'static str, &str)]) -> Self {
        let answers = answers
            .iter()
            .map(|(question, answer)| (*question, (*answer).to_owned()));
        Self {
            answers: answers.collect(),
            ..Self::default()
        }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, question: &str) -> Option<String> {
        self.asked.lock().unwrap().push(question.to_owned());
        let known = self.answers.iter().find(|(words, _)| question.contains(words));
        known.map(|(_, answer)| answer.clone())
    }
}

impl Ask for Clerk {
    fn secret(&self, question: &str) -> Option<String> {
        self.answer(question)
    }

    fn line(&self, question: &str) -> Option<String> {
        self.answer(question)
    }
}

pub fn asking(options: Options, clerk: &Clerk) -> Options {
    Options {
        person: Some(Person::new(clerk.clone())),
        ..options
    }
}

/// A configuration that leads to a server as `web`, with more lines.
pub fn configured(sshd: &Sshd, more: &str) -> Options {
    let text = format!(
        "Host web\n HostName 127.0.0.1\n Port {}\n User root\n IdentityFile {}\n{more}\n",
        sshd.port,
        sshd.path("id").display()
    );
    fs::write(sshd.path("config"), text).unwrap();
    Options {
        identity: None,
        ..sshd.options()
    }
}

pub fn web() -> Target {
    "web".parse().unwrap()
}

pub async fn works(target: &Target, options: &Options) -> Connection {
    let connection = soon(Connection::open(target, options)).await.unwrap();
    let output = soon(connection.output(Script::open("echo here"))).await.unwrap();
    assert_eq!(output.stdout, b"here\n");
    connection
}

pub fn ssh_keygen(words: &[&str]) {
    let made = Command::new("ssh-keygen").args(words).output().unwrap();
    assert!(
        made.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&made.stderr)
    );
}

//~ Way | `ProxyJump gate,inner` | through both, over this program's own connections; plans and errors name the way
#[tokio::test(flavor = "multi_thread")]
async fn hosts_stand_between() {
    let (sshd, gate) = (sshd_or_skip!(), sshd_or_skip!());
    // Both servers are known, and let the same key in.
    let known = [&sshd, &gate].map(|host| fs::read_to_string(host.path("known_hosts")).unwrap());
    fs::write(sshd.path("known_hosts"), known.concat()).unwrap();
    gate.authorize(&fs::read_to_string(sshd.path("id.pub")).unwrap());
    let hop = |name: &str| {
        let (port, id) = (gate.port, sshd.path("id"));
        format!(
            "Host {name}\n HostName 127.0.0.1\n Port {port}\n User root\n IdentityFile {}\n",
            id.display()
        )
    };
    let more = |jump: &str| format!(" ProxyJump {jump}\n{}{}", hop("gate"), hop("inner"));
    for jump in ["gate", "gate,inner", &format!("root@127.0.0.1:{}", gate.port)] {
        let mut options = configured(&sshd, &more(jump));
        let agent = Agent::start(&sshd.path("hop-agent"));
        agent.add(&sshd.path("id"), "");
        options.agent = Some(agent.socket.clone());
        let connection = works(&web(), &options).await;
        let last = jump.rsplit(',').next().unwrap();
        assert_eq!(
            connection.reached().to_string(),
            format!("127.0.0.1:{} through {last}", sshd.port)
        );
        connection.close().await;
        fs::remove_file(sshd.path("hop-agent")).unwrap();
    }
    // What fails on the way says where.
    let options = configured(&sshd, &more("stranger@gate"));
    let refused = error(soon(Connection::open(&web(), &options)).await);
    let SshError::Hop { hop, cause, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(hop, "stranger@gate");
    assert!(matches!(**cause, SshError::Auth { .. }), "{cause}");
    assert!(
        refused
            .to_string()
            .starts_with("the way to web leads through stranger@gate: "),
        "{refused}"
    );
    // ssh itself refuses a host that is reached through itself.
    let circle = " ProxyJump one\nHost one\n ProxyJump two\nHost two\n ProxyJump one";
    let refused = error(soon(Connection::open(&web(), &configured(&sshd, circle))).await);
    assert!(matches!(refused, SshError::Circle { .. }), "{refused}");
    let options = configured(&sshd, &more("gate").replace(" Port ", " Port 1\n#"));
    let refused = error(soon(Connection::open(&web(), &options)).await);
    assert!(
        matches!(refused, SshError::Onward { .. } | SshError::Hop { .. }),
        "{refused}"
    );
}

//~ Way | `ProxyCommand` | the program carries the bytes; when it ends, its own words are the error
#[tokio::test(flavor = "multi_thread")]
async fn a_program_carries_the_bytes() {
    let sshd = sshd_or_skip!();
    let carry = "bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3'";
    let options = configured(&sshd, &format!(" ProxyCommand {carry}"));
    let connection = works(&web(), &options).await;
    assert!(connection.reached().to_string().contains(" through `bash -c "));
    connection.close().await;
    let options = configured(&sshd, " ProxyCommand sh -c 'echo no way to %h >&2; exit 3'");
    let refused = error(soon(Connection::open(&web(), &options)).await).to_string();
    assert!(
        refused.ends_with("ended with 3: no way to 127.0.0.1"),
        "{refused}"
    );
}

//~ Host key | `@cert-authority` in known_hosts | a certificate of it for this name is trusted; one for another name, or out of date, is not
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_vouches_for_the_host() {
    let ca = tempfile::tempdir().unwrap();
    let authority = keygen(&ca.path().join("ca"), "ed25519", "");
    let text = |path: &std::path::Path| path.display().to_string();
    let (ca_file, host_key) = (text(&ca.path().join("ca")), ca.path().join("host"));
    keygen(&host_key, "ed25519", "");
    let certificate = format!("HostKey {0}\nHostCertificate {0}-cert.pub\n", host_key.display());
    let sign = |name: &str, validity: &str| {
        let words = [
            "-q",
            "-s",
            &ca_file,
            "-I",
            "web",
            "-h",
            "-n",
            name,
            "-V",
            validity,
            &format!("{}.pub", host_key.display()),
        ];
        ssh_keygen(&words);
    };
    sign("127.0.0.1", "+1h");
    let Some(sshd) = Sshd::start_with(&certificate) else {
        return;
    };
    let known = sshd.path("by_authority");
    let trust = |line: &str| fs::write(&known, line).unwrap();
    let options = Options {
        known_hosts: Some(known.clone()),
        ..sshd.options()
    };
    trust(&format!("@cert-authority 127.0.0.* {authority}"));
    works(&sshd.target(), &options).await.close().await;
    assert_eq!(
        fs::read_to_string(&known).unwrap().lines().count(),
        1,
        "nothing is learnt"
    );
    trust(&format!("@cert-authority *.example.org {authority}"));
    let unknown = error(Connection::open(&sshd.target(), &options).await);
    assert!(matches!(unknown, SshError::UnknownKey { .. }), "{unknown}");
    trust(&format!("@cert-authority * {authority}@revoked * {authority}"));
    let revoked = error(Connection::open(&sshd.target(), &options).await);
    assert!(matches!(revoked, SshError::RevokedKey { .. }), "{revoked}");
    drop(sshd);
    for (name, validity, words) in [
        ("other.example.org", "+1h", "is for other.example.org"),
        ("127.0.0.1", "20200101:20200102", "is not valid now"),
    ] {
        sign(name, validity);
        let Some(sshd) = Sshd::start_with(&certificate) else {
            return;
        };
        let known = sshd.path("by_authority");
        fs::write(&known, format!("@cert-authority * {authority}")).unwrap();
        let options = Options {
            known_hosts: Some(known),
            ..sshd.options()
        };
        let refused = error(Connection::open(&sshd.target(), &options).await);
        assert!(matches!(refused, SshError::UnknownKey { .. }), "{refused}");
        assert!(refused.to_string().contains(words), "{words} in {refused}");
    }
}

//~ Key | a certificate beside the key (`id-cert.pub`), of `CertificateFile`, or in the agent | lets in where the key alone does not; one out of date is named
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_vouches_for_the_user() {
    let ca = tempfile::tempdir().unwrap();
    keygen(&ca.path().join("ca"), "ed25519", "");
    let ca_file = ca.path().join("ca").display().to_string();
    let more = format!("TrustedUserCAKeys {ca_file}.pub\n");
    let Some(sshd) = Sshd::start_with(&more) else {
        return;
    };
    for kind in ["ed25519", "rsa"] {
        let key = sshd.path(&format!("user_{kind}"));
        keygen(&key, kind, "");
        let options = Options {
            identity: Some(key.clone()),
            ..sshd.options()
        };
        let refused = error(Connection::open(&sshd.target(), &options).await);
        assert!(matches!(refused, SshError::Auth { .. }), "{refused}");
        let public = format!("{}.pub", key.display());
        ssh_keygen(&[
            "-q",
            "-s",
            &ca_file,
            "-I",
            "ann",
            "-n",
            "root",
            "-V",
            "20200101:20200102",
            &public,
        ]);
        let refused = error(Connection::open(&sshd.target(), &options).await).to_string();
        assert!(refused.contains("-cert.pub is not valid now"), "{refused}");
        ssh_keygen(&[
            "-q", "-s", &ca_file, "-I", "ann", "-n", "root", "-V", "+1h", &public,
        ]);
        works(&sshd.target(), &options).await.close().await;
        // The agent takes the certificate beside a key, too.
        let agent = Agent::start(&sshd.path(&format!("agent_{kind}")));
        agent.add(&key, "");
        let by_agent = Options {
            identity: None,
            agent: Some(agent.socket.clone()),
            ..sshd.options()
        };
        works(&sshd.target(), &by_agent).await.close().await;
        // Elsewhere, and named.
        let elsewhere = sshd.path(&format!("elsewhere_{kind}"));
        fs::rename(format!("{}-cert.pub", key.display()), &elsewhere).unwrap();
        let named = configured(
            &sshd,
            &format!(
                " IdentityFile {}\n CertificateFile {}",
                key.display(),
                elsewhere.display()
            ),
        );
        fs::write(sshd.path("authorized_keys"), "").unwrap();
        works(&web(), &named).await.close().await;
    }
}

//~ Key | encrypted, not in the agent | asked for once on a terminal, and only if the host wants that key; without a terminal it is named
#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_key_is_asked_for_once() {
    let sshd = sshd_or_skip!();
    let (locked, unwanted) = (sshd.path("locked"), sshd.path("unwanted"));
    sshd.authorize(&keygen(&locked, "ed25519", "secret"));
    keygen(&unwanted, "ed25519", "other");
    let more = format!(
        " IdentityFile {}\n IdentityFile {}",
        unwanted.display(),
        locked.display()
    );
    let mut options = configured(&sshd, &more);
    fs::write(
        sshd.path("config"),
        fs::read_to_string(sshd.path("config"))
            .unwrap()
            .replace(&sshd.path("id").display().to_string(), "/nonexistent"),
    )
    .unwrap();
    let clerk = Clerk::answers(&[("Passphrase of", "secret")]);
    options = asking(options, &clerk);
    for _ in 0..2 {
        works(&web(), &options).await.close().await;
    }
    assert_eq!(clerk.asked(), [format!("Passphrase of {}:", locked.display())]);
    let wrong = Clerk::answers(&[("Passphrase of", "wrong")]);
    let options = Options {
        memory: Default::default(),
        ..asking(options, &wrong)
    };
    let refused = error(Connection::open(&web(), &options).await).to_string();
    assert!(
        refused.contains(&format!("{} was not unlocked", locked.display())),
        "{refused}"
    );
    assert_eq!(wrong.asked().len(), 3);
    let refused = error(
        Connection::open(
            &web(),
            &Options {
                person: None,
                ..options
            },
        )
        .await,
    );
    assert!(matches!(refused, SshError::EncryptedKey { .. }), "{refused}");
}

//~ Key | `AuthenticationMethods publickey,publickey` | both keys are given
#[tokio::test(flavor = "multi_thread")]
async fn two_keys_are_wanted() {
    let Some(sshd) = Sshd::start_with("AuthenticationMethods publickey,publickey\n") else {
        return;
    };
    let second = sshd.path("second");
    let options = configured(&sshd, &format!(" IdentityFile {}", second.display()));
    let one = error(Connection::open(&web(), &options).await);
    let said = one.to_string();
    assert!(
        said.contains(&format!(
            "web (127.0.0.1:{}) accepted {} of root and wants publickey besides",
            sshd.port,
            sshd.path("id").display()
        )),
        "{said}"
    );
    sshd.authorize(&keygen(&second, "ed25519", ""));
    works(&web(), &options).await.close().await;
}

//~ Host key | not known, on a terminal | shown with its SHA256 fingerprint and asked for; `yes` or the fingerprint itself is remembered
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_asked_for() {
    let sshd = sshd_or_skip!();
    let known = sshd.path("new");
    let new = Options {
        known_hosts: Some(known.clone()),
        ..sshd.options()
    };
    let clerk = Clerk::answers(&[("Is it this one?", "no")]);
    let refused = error(Connection::open(&sshd.target(), &asking(new.clone(), &clerk)).await);
    let SshError::UnknownKey { fingerprint, .. } = &refused else {
        panic!("{refused}")
    };
    assert!(
        clerk.asked()[0].contains(fingerprint.as_str()),
        "{:?}",
        clerk.asked()
    );
    assert!(!known.exists());
    let clerk = Clerk::answers(&[("Is it this one?", fingerprint)]);
    works(&sshd.target(), &asking(new.clone(), &clerk))
        .await
        .close()
        .await;
    works(&sshd.target(), &asking(new, &clerk)).await.close().await;
    assert_eq!(clerk.asked().len(), 1);
}

//~ Host key | `--fingerprint SHA256:…` | the key that has it is remembered; another is refused, known or not
#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_is_enough_to_trust_a_host() {
    let sshd = sshd_or_skip!();
    let known = sshd.path("new");
    let with = |fingerprint: &str| Options {
        known_hosts: Some(known.clone()),
        fingerprint: Some(fingerprint.to_owned()),
        ..sshd.options()
    };
    let other = error(Connection::open(&sshd.target(), &with("SHA256:other")).await);
    let SshError::OtherFingerprint { fingerprint, .. } = &other else {
        panic!("{other}")
    };
    assert!(!known.exists());
    works(&sshd.target(), &with(fingerprint)).await.close().await;
    assert!(fs::read_to_string(&known).unwrap().contains("ssh-ed25519 "));
    let other = error(Connection::open(&sshd.target(), &with("SHA256:other")).await);
    assert!(matches!(other, SshError::OtherFingerprint { .. }), "{other}");
}

//~ Host key | `CheckHostIP yes`, `HashKnownHosts yes` | an address that is known with another key is refused; names are written as hashes
#[tokio::test(flavor = "multi_thread")]
async fn the_address_is_checked_and_names_are_hidden() {
    let sshd = sshd_or_skip!();
    let known = sshd.path("hidden");
    let more = " HostName localhost\n AddressFamily inet\n CheckHostIP yes\n HashKnownHosts yes";
    let options = |accept_new| Options {
        known_hosts: Some(known.clone()),
        accept_new,
        ..configured(&sshd, &more.replace(" HostName localhost\n", ""))
    };
    let config = |options: Options| {
        let text = fs::read_to_string(sshd.path("config")).unwrap();
        fs::write(
            sshd.path("config"),
            text.replace("HostName 127.0.0.1", "HostName localhost"),
        )
        .unwrap();
        options
    };
    works(&web(), &config(options(true))).await.close().await;
    let written = fs::read_to_string(&known).unwrap();
    assert_eq!(written.matches("|1|").count(), 2, "{written}");
    assert!(!written.contains("localhost") && !written.contains("127.0.0.1"));
    works(&web(), &config(options(false))).await.close().await;
    let other = keygen(&sshd.path("other"), "ed25519", "");
    let key = fs::read_to_string(sshd.path("host_key.pub")).unwrap();
    fs::write(
        &known,
        format!("[localhost]:{0} {key}[127.0.0.1]:{0} {other}", sshd.port),
    )
    .unwrap();
    let changed = error(Connection::open(&web(), &config(options(false))).await);
    let SshError::ChangedKey(changed) = &changed else {
        panic!("{changed}")
    };
    assert_eq!(changed.place, format!("{}:2", known.display()));
}
