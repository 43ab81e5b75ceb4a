//! Where archives are kept: what a playbook says of it, and what the host needs for it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::scalar::{AbsPath, Domain, Line, Name, Port, Text, optional};
use crate::language::{Problem, Render};
use crate::managed::file::ManagedFile;

const FOLDER: &str = include_str!("folder.sh");
const SSH: &str = include_str!("ssh.sh");
const RCLONE: &str = include_str!("rclone.sh");

/// Where archives are kept: exactly one of `folder`, `ssh` and `rclone`. What two hosts keep is kept apart.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct To {
    /// A folder of the host itself.
    #[serde(default, deserialize_with = "optional")]
    pub folder: Option<AbsPath>,
    /// A folder of another host, by SFTP.
    #[serde(default)]
    pub ssh: Option<Ssh>,
    /// What rclone knows: S3 and its like.
    #[serde(default)]
    pub rclone: Option<Rclone>,
}

/// A folder of another host. An account that may do SFTP and nothing else is enough.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// Its name or address.
    pub host: Line,
    /// The port; 22 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub port: Option<Port>,
    /// Who logs in.
    pub user: Name,
    /// The folder, which is made where it is missing.
    pub folder: AbsPath,
    /// The private key that logs in, without a passphrase: a secret.
    pub key: Text,
    /// The public key by which the other host is known, as `ssh-keyscan` prints it behind the name: `ssh-ed25519 AAAA…`.
    pub host_key: Line,
}

/// A remote of rclone's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rclone {
    /// The remote and the path in it: `s3:bucket/app`.
    pub remote: Line,
    /// The text of rclone.conf, which declares the remote and its keys: a secret.
    #[serde(default, deserialize_with = "optional")]
    pub config: Option<Text>,
}

/// What a backup needs of where its archives are kept.
pub(super) struct Place {
    /// How it is called for people.
    pub told: String,
    /// Whether it is another machine.
    pub remote: bool,
    /// Where archives are made; beside what is remembered of the backup unless given.
    pub work: Option<String>,
    /// A folder of this host that holds archives.
    pub folder: Option<String>,
    /// Names and values for the sh.
    pub values: Vec<(&'static str, String)>,
    /// The sh that knows the place.
    pub library: &'static str,
    pub packages: &'static [&'static str],
    pub files: Vec<ManagedFile>,
}

/// Whether sftp takes the text within quotes, and as the argument that names a host.
fn is_plain(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || "\"'\\*?[".contains(c);
    !text.starts_with('-') && !text.contains(odd)
}

/// The text with a newline at its end, for root alone to read.
fn hidden(path: String, text: &str, cx: &Render<'_>) -> ManagedFile {
    let text = match text.is_empty() {
        true => String::new(),
        false => format!("{}\n", text.trim_end()),
    };
    ManagedFile::new(path, cx.content(text.into_bytes())).mode("0600")
}

impl To {
    /// What it needs; `own` is the backup's own directory.
    pub(super) fn place(&self, own: &str, cx: &Render<'_>) -> Result<Place, Problem> {
        match (&self.folder, &self.ssh, &self.rclone) {
            (Some(folder), None, None) => Ok(Place {
                told: folder.0.clone(),
                remote: false,
                work: Some(folder.0.clone()),
                folder: Some(folder.0.clone()),
                values: vec![("folder", folder.0.clone())],
                library: FOLDER,
                packages: &[],
                files: Vec::new(),
            }),
            (None, Some(ssh), None) => ssh.place(own, cx),
            (None, None, Some(rclone)) => Ok(rclone.place(own, cx)),
            _ => Err(Problem::new(
                "archives are kept in one place",
                "give exactly one of `folder`, `ssh` and `rclone` under `to`",
            )),
        }
    }
}

impl Ssh {
    fn place(&self, own: &str, cx: &Render<'_>) -> Result<Place, Problem> {
        let is_host = |text: &str| {
            text.parse::<Domain>().is_ok()
                || text.parse::<Name>().is_ok()
                || text.parse::<std::net::IpAddr>().is_ok()
        };
        if !is_host(&self.host.0) {
            return Err(Problem::new(
                format!("`{}` is not a host name or an address", self.host),
                "write the name or address alone; `port` and `user` stand beside it",
            ));
        }
        if !is_plain(&self.folder.0) {
            return Err(Problem::new(
                format!(
                    "`{}` has a character in it that sftp would not take for itself",
                    self.folder
                ),
                "name a folder without blanks, quotes and patterns",
            ));
        }
        let host = match self.host.0.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.0.clone(),
        };
        let login = format!("{}@{host}", self.user);
        let known = format!("backup {}\n", self.host_key);
        Ok(Place {
            told: format!("{login}:{}", self.folder),
            remote: true,
            work: None,
            folder: None,
            values: vec![
                ("folder", self.folder.0.clone()),
                ("login", login),
                ("port", self.port.as_ref().map_or(22, |port| port.0).to_string()),
            ],
            library: SSH,
            packages: &["openssh-client"],
            files: vec![
                hidden(format!("{own}/key"), &self.key.0, cx),
                ManagedFile::new(format!("{own}/known_hosts"), cx.content(known.into_bytes())),
            ],
        })
    }
}

impl Rclone {
    fn place(&self, own: &str, cx: &Render<'_>) -> Place {
        let config = self.config.as_ref().map_or("", |config| &config.0);
        let remote = self.remote.0.trim_end_matches('/').to_owned();
        Place {
            told: remote.clone(),
            remote: true,
            work: None,
            folder: None,
            values: vec![("remote_path", remote)],
            library: RCLONE,
            packages: &["rclone"],
            files: vec![hidden(format!("{own}/rclone.conf"), config, cx)],
        }
    }
}
