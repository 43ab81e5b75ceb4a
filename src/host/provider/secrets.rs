//! What proves who asks, and who answers: API keys, host keys, first passwords. None of them is ever printed.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::error::ProviderError;
use crate::host::ssh::{self, NewKey};

/// root's first password. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A host's key that was made here, before there was a host. Its `Debug` shows the public half only.
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey {
    /// The private half, as ssh-keygen writes it.
    pub private: String,
    /// The public half, one line.
    pub public: String,
}

impl HostKey {
    /// Makes one.
    ///
    /// # Errors
    /// When this machine gives no random numbers.
    pub fn new(label: &str) -> Result<Self, ProviderError> {
        let NewKey { private, public } = ssh::new_key(label).ok_or(ProviderError::Random)?;
        Ok(Self { private, public })
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", self.public)
    }
}

/// Makes the key that `ssh` looks for first, `~/.ssh/id_ed25519`, without a passphrase, and gives its public half.
///
/// # Errors
/// When it cannot be made; one that is there is not touched.
pub fn own_key(home: &Path) -> Result<(PathBuf, String), ProviderError> {
    let folder = home.join(".ssh");
    let path = folder.join("id_ed25519");
    let NewKey { private, public } = ssh::new_key("hostwright").ok_or(ProviderError::Random)?;
    let made = private_folder(&folder)
        .and_then(|()| write_private(&path, &private, true))
        .and_then(|()| fs::write(folder.join("id_ed25519.pub"), format!("{public}\n")));
    made.map_err(|error| record("make the SSH key", &path, &error))?;
    Ok((path, public))
}

/// The API key: a variable's value, or what stands in a file that nobody else can read.
pub(super) fn api_key(
    provider: &'static str,
    variable: &'static str,
    page: &'static str,
    file: PathBuf,
) -> Result<String, ProviderError> {
    if let Some(key) = std::env::var_os(variable).filter(|key| !key.is_empty()) {
        let key = key.to_string_lossy().trim().to_owned();
        return if is_key(&key) {
            Ok(key)
        } else {
            Err(odd_key(variable.into()))
        };
    }
    let place = file.display().to_string();
    let bad = |cause: String, mend: String| ProviderError::BadKey {
        place: place.clone(),
        cause,
        mend,
    };
    let metadata = match fs::metadata(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(ProviderError::NoKey {
                provider,
                variable,
                file,
                page,
            });
        }
        metadata => metadata.map_err(|error| bad(error.to_string(), "check the path".into()))?,
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        let mode = metadata.permissions().mode() & 0o777;
        return Err(bad(
            format!("others may read it (mode {mode:04o})"),
            format!("`chmod 600 {place}`; if others have logged in to this machine, make a new key"),
        ));
    }
    let key =
        fs::read_to_string(&file).map_err(|error| bad(error.to_string(), "check its permissions".into()))?;
    let key = key.trim().to_owned();
    if is_key(&key) {
        Ok(key)
    } else {
        Err(odd_key(place))
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn odd_key(place: String) -> ProviderError {
    ProviderError::BadKey {
        place,
        cause: "it is empty, or has blanks or characters that no key has".into(),
        mend: "put the key there and nothing else, on one line".into(),
    }
}

/// Makes a folder that only its owner may enter.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that only its owner may read. It is on the disk when this returns.
pub(super) fn write_private(path: &Path, text: &str, is_new: bool) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).mode(0o600);
    match is_new {
        true => options.create_new(true),
        false => options.create(true).truncate(true),
    };
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

pub(super) fn record(action: &'static str, path: &Path, error: &io::Error) -> ProviderError {
    ProviderError::Record {
        action,
        path: path.to_owned(),
        cause: error.to_string(),
    }
}

/// A folder of this user's by its XDG variable, or where it is by default.
pub(crate) fn folder(variable: &str, default: &str) -> PathBuf {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || std::env::home_dir().unwrap_or_else(|| "/".into());
    absolute(variable)
        .unwrap_or_else(|| home().join(default))
        .join("hostwright")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_that_others_can_read_is_refused_and_no_secret_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let read = || api_key("Cloud", "HOSTWRIGHT_NO_SUCH_VARIABLE", "page", file.clone());
        assert!(matches!(read(), Err(ProviderError::NoKey { .. })));
        fs::write(&file, "abc\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(
            read()
                .unwrap_err()
                .to_string()
                .contains("others may read it (mode 0640)")
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read().unwrap(), "abc");
        for odd in ["", "\n", "a b", "a\nb", "ä"] {
            fs::write(&file, odd).unwrap();
            let error = read().unwrap_err();
            assert!(matches!(error, ProviderError::BadKey { .. }), "{odd:?}");
            assert!(
                odd.trim().is_empty() || !error.to_string().contains(odd),
                "{error}"
            );
        }
        let key = HostKey::new("a").unwrap();
        assert!(!format!("{key:?}{:?}", Password("s3cret".into())).contains("s3cret"));
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}
