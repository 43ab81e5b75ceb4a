//! The keys of one host and who may enter with them.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::command::{program, run};
use super::disk;
use super::error::RehearsalError;

/// The file names in a host's directory.
pub(super) const IDENTITY: &str = "id_ed25519";
pub(super) const KNOWN_HOSTS: &str = "known_hosts";

/// Makes a key for the host and one for its user, and puts each where it is looked for.
pub(super) fn make(dir: &Path, root: &Path, address: Ipv4Addr) -> Result<(), RehearsalError> {
    let host_key = root.join("etc/ssh/ssh_host_ed25519_key");
    keygen(&host_key, "root@host")?;
    let host_public = public(&host_key)?;
    disk::write(&dir.join(KNOWN_HOSTS), &format!("{address} {host_public}\n"))?;

    let identity = dir.join(IDENTITY);
    keygen(&identity, "hostwright rehearsal")?;
    let authorized = root.join("root/.ssh/authorized_keys");
    disk::write(&authorized, &format!("{}\n", public(&identity)?))?;
    for (path, mode) in [(&authorized, 0o600), (&root.join("root/.ssh"), 0o700)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(RehearsalError::io("set the mode of", path))?;
    }
    Ok(())
}

fn keygen(path: &Path, comment: &str) -> Result<(), RehearsalError> {
    let mut command = program("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(path);
    run(&mut command, "see that ssh-keygen works on this machine").map(drop)
}

/// The public half of a key, without line end.
fn public(key: &Path) -> Result<String, RehearsalError> {
    let path = PathBuf::from(format!("{}.pub", key.display()));
    let text = fs::read_to_string(&path).map_err(RehearsalError::io("read", &path))?;
    Ok(text.trim_end().to_owned())
}
