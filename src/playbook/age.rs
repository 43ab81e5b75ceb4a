//! Files that age encrypted (<https://age-encryption.org/v1>), opened with age's own keys or SSH keys.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity, IdentityFile, ssh};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use russh::keys::PrivateKey;

use crate::host::provider::folder;
use crate::host::ssh::Person;

/// What is wrong with a secret, and what to do.
pub(super) type Wrong = (String, String);

/// Names the file of the identity.
const VARIABLE: &str = "HOSTWRIGHT_AGE_IDENTITY";

/// How often a passphrase is asked for.
const TRIES: usize = 3;

/// A private key, or several.
enum Key {
    Ready(Box<dyn Identity>),
    /// An SSH key that its passphrase opens, with the tag by which a header names it.
    Locked(Box<ssh::EncryptedKey>, String),
}

/// The files of keys.
pub(super) struct Identities {
    files: Vec<PathBuf>,
    /// Whether somebody named them.
    named: bool,
}

impl Identities {
    /// Those of whoever runs this.
    pub fn here() -> Self {
        match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => Self {
                files: vec![path.into()],
                named: true,
            },
            None => {
                let ssh = std::env::home_dir().unwrap_or_else(|| "/".into()).join(".ssh");
                let own = folder("XDG_CONFIG_HOME", ".config").join("age.txt");
                Self {
                    files: vec![own, ssh.join("id_ed25519"), ssh.join("id_rsa")],
                    named: false,
                }
            }
        }
    }
}

/// What the file at `path` holds, which messages call `what`. A passphrase is asked for only where the file is encrypted
/// for the key that wants it.
pub(super) fn open(
    path: &Path,
    what: &str,
    identities: &Identities,
    person: Option<&Person>,
) -> Result<Vec<u8>, Wrong> {
    let sealed = fs::read(path).map_err(|error| {
        (
            format!("{} cannot be read: {error}", what.trim_start_matches("the file ")),
            "make it with age: `age -R RECIPIENTS -o FILE`".into(),
        )
    })?;
    let broken = |cause: &dyn std::fmt::Display| {
        (
            format!("{what} is not a file of age's, or it is damaged: {cause}"),
            "make it anew with age: `age -R RECIPIENTS -o FILE`".to_owned(),
        )
    };
    let mut bytes = Vec::new();
    ArmoredReader::new(&sealed[..])
        .read_to_end(&mut bytes)
        .map_err(|error| broken(&error))?;
    let mut keys = Vec::new();
    let mut tried = Vec::new();
    for file in &identities.files {
        match read(file) {
            Ok(found) => {
                tried.push(file.display().to_string());
                keys.extend(found.into_iter().map(|key| (file.clone(), key)));
            }
            Err(cause) if identities.named => {
                return Err((
                    format!("{VARIABLE} names {}, and {cause}", file.display()),
                    "name a key file of age's (age-keygen makes one), or an SSH key of type ed25519 or RSA"
                        .into(),
                ));
            }
            Err(_) => {}
        }
    }
    let ready = keys.iter().filter_map(|(_, key)| match key {
        Key::Ready(identity) => Some(identity.as_ref()),
        Key::Locked(..) => None,
    });
    match unseal(&bytes, ready) {
        Err(DecryptError::NoMatchingKeys) => {}
        opened => return opened.map_err(|error| broken(&error)),
    }
    for (file, key) in &keys {
        if let Key::Locked(key, tag) = key
            && is_for(&bytes, tag)
        {
            let identity = unlock(file, key, what, person)?;
            return unseal(&bytes, std::iter::once(&identity as &dyn Identity))
                .map_err(|error| broken(&error));
        }
    }
    if names(&bytes, "scrypt").next().is_some() {
        return Err((
            format!("{what} is encrypted with a passphrase"),
            "encrypt it for keys: `age -R RECIPIENTS -o FILE`".into(),
        ));
    }
    let tried = match tried.is_empty() {
        true => "there is no key here to open it with".to_owned(),
        false => format!(
            "it is encrypted for other keys than those of {}",
            tried.join(", ")
        ),
    };
    Err((
        format!("{what} stays closed: {tried}"),
        format!(
            "have it encrypted for a key of yours as well, or name the file of the right one in {VARIABLE}"
        ),
    ))
}

/// The keys of a file, or why there are none.
fn read(file: &Path) -> Result<Vec<Key>, String> {
    let text = fs::read_to_string(file).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => "it holds no key".to_owned(),
        _ => format!("it cannot be read: {error}"),
    })?;
    if !text.starts_with("-----BEGIN ") {
        let keys = IdentityFile::from_buffer(text.as_bytes()).and_then(|file| {
            file.into_identities()
                .map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error.to_string()))
        });
        let keys = keys.map_err(|_| "it holds no key of age's that can be read".to_owned())?;
        return Ok(keys
            .into_iter()
            .map(|key| Key::Ready(key as Box<dyn Identity>))
            .collect());
    }
    let unreadable = "it holds no SSH key of type ed25519 or RSA in a format of OpenSSH's";
    let key = ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| unreadable.to_owned())?;
    match key {
        ssh::Identity::Unencrypted(_) => Ok(vec![Key::Ready(Box::new(key))]),
        ssh::Identity::Encrypted(key) => {
            // OpenSSH's own format keeps the public half readable.
            let public = PrivateKey::from_openssh(&text).and_then(|key| key.public_key().to_bytes());
            let public = public.map_err(|_| unreadable.to_owned())?;
            Ok(vec![Key::Locked(Box::new(key), tag(&public))])
        }
        ssh::Identity::Unsupported(_) => Err(unreadable.to_owned()),
    }
}

/// How a header names an SSH key: by the first bytes of its hash (age's "ssh-ed25519 recipient type").
fn tag(public: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, public);
    BASE64_STANDARD_NO_PAD.encode(&hash.as_ref()[..4])
}

/// The first arguments of the header's lines whose kind begins so: `-> KIND ARGUMENT …`.
fn names<'b>(bytes: &'b [u8], kind: &'static str) -> impl Iterator<Item = &'b str> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let header = lines.take_while(|line| !line.starts_with(b"---"));
    header.filter_map(move |line| {
        let mut words = std::str::from_utf8(line).ok()?.strip_prefix("-> ")?.split(' ');
        words.next().filter(|word| word.starts_with(kind))?;
        words.next()
    })
}

/// Whether a file is encrypted for the SSH key of this tag.
fn is_for(bytes: &[u8], tag: &str) -> bool {
    names(bytes, "ssh-").any(|name| name == tag)
}

fn unseal<'k>(bytes: &[u8], keys: impl Iterator<Item = &'k dyn Identity>) -> Result<Vec<u8>, DecryptError> {
    let mut opened = Vec::new();
    let mut reader = Decryptor::new(bytes)?.decrypt(keys)?;
    reader.read_to_end(&mut opened).map_err(DecryptError::Io)?;
    Ok(opened)
}

/// The key, once a person has given its passphrase.
fn unlock(
    file: &Path,
    key: &ssh::EncryptedKey,
    what: &str,
    person: Option<&Person>,
) -> Result<ssh::Identity, Wrong> {
    let name = file.display();
    let Some(person) = person else {
        return Err((
            format!("{what} opens with {name}, which a passphrase protects, and nobody is here to give it"),
            format!("run it on a terminal, or name a key without a passphrase in {VARIABLE}"),
        ));
    };
    let question = format!("Passphrase of {name}:");
    for _ in 0..TRIES {
        let Some(passphrase) = person.secret_now(&question) else {
            break;
        };
        match key.decrypt(passphrase.text().to_owned().into()) {
            Ok(key) => return Ok(key.into()),
            Err(_) => person.forget(&question),
        }
    }
    Err((
        format!("{what} opens with {name}, and that was not its passphrase"),
        "run it again with the right one".into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::ssh::Ask;
    use std::collections::VecDeque;
    use std::process::Command;
    use std::sync::{Arc, Mutex};

    /// Answers from a list, and counts the questions.
    #[derive(Clone)]
    struct Answers(Arc<Mutex<VecDeque<&'static str>>>);

    impl Answers {
        fn person(answers: &[&'static str]) -> (Self, Person) {
            let all = Self(Arc::new(Mutex::new(answers.iter().copied().collect())));
            (all.clone(), Person::new(all))
        }
    }

    impl Ask for Answers {
        fn secret(&self, _: &str) -> Option<String> {
            self.0.lock().unwrap().pop_front().map(str::to_owned)
        }
        fn line(&self, question: &str) -> Option<String> {
            self.secret(question)
        }
    }

    fn named(files: &[&Path]) -> Identities {
        Identities {
            files: files.iter().map(|file| file.to_path_buf()).collect(),
            named: true,
        }
    }

    /// An SSH key of this type and passphrase, and what encrypts for it.
    fn ssh_key(folder: &Path, kind: &str, passphrase: &str) -> (PathBuf, ssh::Recipient) {
        let path = folder.join(format!("{kind}-{passphrase}"));
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", passphrase, "-f"])
            .arg(&path)
            .status();
        assert!(made.expect("ssh-keygen").success());
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        (path, public.parse().expect("a recipient"))
    }

    #[test]
    fn a_file_opens_with_a_key_of_age_s_and_with_ssh_keys() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.age");
        let own = age::x25519::Identity::generate();
        let keys = folder.path().join("age.txt");
        let text = age::secrecy::ExposeSecret::expose_secret(&own.to_string()).to_owned();
        fs::write(&keys, format!("# made by age-keygen\n{text}\n")).unwrap();
        let (ed25519, for_ed25519) = ssh_key(folder.path(), "ed25519", "");
        let (rsa, for_rsa) = ssh_key(folder.path(), "rsa", "");
        let sealed = [
            (age::encrypt(&own.to_public(), b"hunter22\n").unwrap(), &keys),
            (
                age::encrypt_and_armor(&for_ed25519, b"hunter22\n")
                    .unwrap()
                    .into_bytes(),
                &ed25519,
            ),
            (age::encrypt(&for_rsa, b"hunter22\n").unwrap(), &rsa),
        ];
        for (sealed, key) in &sealed {
            fs::write(&file, sealed).unwrap();
            let opened = open(&file, "it", &named(&[key]), None);
            assert_eq!(opened.as_deref(), Ok(&b"hunter22\n"[..]), "{}", key.display());
            let all = Identities {
                files: vec!["/none".into(), keys.clone(), ed25519.clone(), rsa.clone()],
                named: false,
            };
            assert!(open(&file, "it", &all, None).is_ok());
        }
        // The last one is for RSA.
        let (cause, help) = open(&file, "it", &named(&[&keys]), None).unwrap_err();
        assert!(
            cause.contains("other keys than those of") && cause.contains("age.txt"),
            "{cause}"
        );
        assert!(help.contains(VARIABLE), "{help}");
        let (cause, _) = open(&file, "it", &named(&[Path::new("/none")]), None).unwrap_err();
        assert!(cause.contains("names /none, and it cannot be read"), "{cause}");
        let (cause, _) = open(&file, "it", &named(&[&file]), None).unwrap_err();
        assert!(cause.contains("it holds no key"), "{cause}");
        let mut cut = sealed[0].0.clone();
        cut.pop();
        fs::write(&file, cut).unwrap();
        let (cause, _) = open(&file, "it", &named(&[&keys]), None).unwrap_err();
        assert!(cause.contains("damaged"), "{cause}");
        fs::write(&file, "hunter22").unwrap();
        let (cause, _) = open(&file, "it", &named(&[&keys]), None).unwrap_err();
        assert!(
            cause.contains("is not a file of age's") && !cause.contains("hunter22"),
            "{cause}"
        );
        let passphrase = age::scrypt::Recipient::new("wide open".to_owned().into());
        fs::write(&file, age::encrypt(&passphrase, b"x").unwrap()).unwrap();
        let (cause, _) = open(&file, "it", &named(&[&keys]), None).unwrap_err();
        assert_eq!(cause, "it is encrypted with a passphrase");
    }

    #[test]
    fn a_passphrase_is_asked_for_once_and_only_for_the_key_that_opens_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.age");
        let (locked, recipient) = ssh_key(folder.path(), "ed25519", "wide open");
        fs::write(&file, age::encrypt(&recipient, b"hunter22").unwrap()).unwrap();
        let (cause, _) = open(&file, "it", &named(&[&locked]), None).unwrap_err();
        assert!(cause.contains("nobody is here"), "{cause}");
        let (answers, person) = Answers::person(&["", "wide shut", "wide open", "not asked for"]);
        for _ in 0..2 {
            let opened = open(&file, "it", &named(&[&locked]), Some(&person));
            assert_eq!(opened.as_deref(), Ok(&b"hunter22"[..]));
        }
        assert_eq!(answers.0.lock().unwrap().len(), 1);

        let (_, other) = ssh_key(folder.path(), "ed25519", "");
        fs::write(&file, age::encrypt(&other, b"hunter22").unwrap()).unwrap();
        let (answers, person) = Answers::person(&["wide open"]);
        let (cause, _) = open(&file, "it", &named(&[&locked]), Some(&person)).unwrap_err();
        assert!(cause.contains("other keys"), "{cause}");
        assert_eq!(answers.0.lock().unwrap().len(), 1);
    }
}
