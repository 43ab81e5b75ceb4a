//! User data, where cloud-init looks for it on a host that no cloud has made.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::disk;
use super::error::RehearsalError;
use super::image::Image;

/// Done on a bare host. The packages come from this machine's archives, the network is there already, and the only
/// cloud is a folder.
const INSTALL: &str = "set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -y --no-install-recommends install cloud-init >/dev/null
cat >/etc/cloud/cloud.cfg.d/90-rehearsal.cfg <<'END'
datasource_list: [NoCloud]
network: {config: disabled}
apt_preserve_sources_list: true
END
rm -rf /var/lib/apt/lists/*
apt-get clean
cloud-init clean
";

/// An image whose hosts honour user data, as a cloud's do.
///
/// # Errors
/// When `base` does not boot, or cloud-init cannot be installed.
pub fn cloud_image(base: &Image, progress: &mut dyn FnMut(&str)) -> Result<Image, RehearsalError> {
    base.derive("cloud-init", INSTALL, progress)
}

/// Writes the seed of the datasource NoCloud (cloud-init, "NoCloud", local filesystem).
pub(super) fn write(root: &Path, id: &str, name: &str, user_data: &str) -> Result<(), RehearsalError> {
    let seed = root.join("var/lib/cloud/seed/nocloud");
    disk::write(
        &seed.join("meta-data"),
        &format!("instance-id: {id}\nlocal-hostname: {name}\n"),
    )?;
    let path = seed.join("user-data");
    disk::write(&path, user_data)?;
    // It holds the host's private key.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
        .map_err(RehearsalError::io("set the mode of", &path))
}
