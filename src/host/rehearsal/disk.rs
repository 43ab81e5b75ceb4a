//! Directories, overlays and the care with which they are removed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::command::{program, run};
use super::error::{CACHE, RehearsalError};

/// Makes a directory in [`CACHE`], which only root may enter: an image has setuid programs, and
/// nobody updates them.
pub(super) fn cache_dir(name: &str) -> Result<PathBuf, RehearsalError> {
    let dir = Path::new(CACHE).join(name);
    make_dir(&dir)?;
    fs::set_permissions(CACHE, fs::Permissions::from_mode(0o700))
        .map_err(RehearsalError::io("close to others", CACHE))?;
    Ok(dir)
}

/// Makes a directory, and those above it, that all may read whatever the umask is.
pub(super) fn make_dir(path: &Path) -> Result<(), RehearsalError> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .map_err(RehearsalError::io("make", path))
}

/// Writes a file, and the directories above it.
pub(super) fn write(path: &Path, contents: &str) -> Result<(), RehearsalError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(RehearsalError::io("make", parent))?;
    }
    fs::write(path, contents).map_err(RehearsalError::io("write", path))
}

/// Mounts `upper` over `layers` (the topmost first) at `root`.
///
/// The overlay is `volatile`: a sync inside costs nothing. The power cuts of a rehearsal kill
/// processes, not this machine, so nothing that was written can be lost by one. Without an index
/// a disk can become a layer while another host's mount namespace still holds its mount.
pub(super) fn mount_overlay(
    layers: &[PathBuf],
    upper: &Path,
    work: &Path,
    root: &Path,
) -> Result<(), RehearsalError> {
    for dir in [upper, work, root] {
        make_dir(dir)?;
    }
    let lower: Vec<_> = layers.iter().map(|layer| layer.display().to_string()).collect();
    let options = format!(
        "lowerdir={},upperdir={},workdir={},redirect_dir=on,index=off,volatile",
        lower.join(":"),
        upper.display(),
        work.display()
    );
    let mut mount = program("mount");
    // The new mount calls of util-linux 2.39 take no more than 256 bytes an option.
    mount.env("LIBMOUNT_FORCE_MOUNT2", "always");
    mount
        .args(["-t", "overlay", "-o", &options, "hostwright"])
        .arg(root);
    let help = format!("is {CACHE} on a disk that is itself an overlay, in a container? Mount another there");
    run(&mut mount, &help).map(drop)
}

/// Unmounts all that is mounted at or below `path`.
pub(super) fn unmount_below(path: &Path) -> Result<(), RehearsalError> {
    let mounts = "/proc/self/mounts";
    let text = fs::read_to_string(mounts).map_err(RehearsalError::io("read", mounts))?;
    // Later mounts lie upon earlier ones.
    for target in text
        .lines()
        .rev()
        .filter_map(|line| line.split(' ').nth(1))
        .map(unescape)
    {
        if Path::new(&target).starts_with(path) {
            run(
                program("umount").args(["--lazy", &target]),
                "it can be unmounted by hand",
            )?;
        }
    }
    Ok(())
}

/// Removes a tree, and first whatever is mounted in it, so that nothing outside is touched.
pub(super) fn remove_tree(path: &Path) -> Result<(), RehearsalError> {
    unmount_below(path)?;
    absent_is_fine(fs::remove_dir_all(path)).map_err(RehearsalError::io("remove", path))
}

/// Removes a file if there is one.
pub(super) fn remove_file(path: &Path) -> Result<(), RehearsalError> {
    absent_is_fine(fs::remove_file(path)).map_err(RehearsalError::io("remove", path))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Undoes the octal escapes of /proc/self/mounts (proc(5): space, tab, newline and backslash).
fn unescape(field: &str) -> String {
    field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}
