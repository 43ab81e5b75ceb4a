//! Images that hosts are booted from: built once, cached, shared by all processes.

use std::fmt::Write;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::base::Base;
use super::bootstrap::Recipe;
use super::disk;
use super::error::RehearsalError;
use super::needs::missing;

/// A root file system that hosts are booted from. It is never written to.
#[derive(Debug, Clone)]
pub struct Image {
    /// Directories to lay over each other, the topmost first.
    layers: Vec<PathBuf>,
}

/// The image of a bare server: systemd, sshd, sudo and apt. The first call takes a minute.
///
/// # Errors
/// When this machine lacks something ([`missing`]), or debootstrap fails.
pub fn image(base: &Base, progress: &mut dyn FnMut(&str)) -> Result<Image, RehearsalError> {
    let missing = missing();
    if !missing.is_empty() {
        return Err(RehearsalError::Missing(missing));
    }
    let recipe = Recipe::new(base);
    let layer = cached(base.suite(), &recipe.text(), progress, |dir, lock, progress| {
        recipe.build(dir, lock, progress)
    })?;
    Ok(Image { layers: vec![layer] })
}

impl Image {
    /// This image with a topmost layer.
    pub(super) fn under(&self, layer: PathBuf) -> Self {
        let layers = std::iter::once(layer)
            .chain(self.layers.iter().cloned())
            .collect();
        Self { layers }
    }

    pub(super) fn layers(&self) -> &[PathBuf] {
        &self.layers
    }
}

/// The directory that `build` makes from `recipe`: at once if it was made before, else made
/// beside and renamed, while other processes that want the same one wait.
pub(super) fn cached(
    name: &str,
    recipe: &str,
    progress: &mut dyn FnMut(&str),
    build: impl FnOnce(&Path, &File, &mut dyn FnMut(&str)) -> Result<(), RehearsalError>,
) -> Result<PathBuf, RehearsalError> {
    let images = disk::cache_dir("images")?;
    let id = format!("{name}-{}", digest(recipe));
    let dir = images.join(&id);
    if dir.exists() {
        return Ok(dir);
    }
    let lock = lock(&images.join(format!(".{id}.lock")), name, progress)?;
    if dir.exists() {
        return Ok(dir);
    }
    let partial = images.join(format!(".{id}.partial"));
    disk::remove_tree(&partial)?;
    progress(&format!("Building the image {name}: once, it is kept"));
    build(&partial, &lock, progress)?;
    // A machine that loses its power must not find half an image under its final name.
    rustix::fs::sync();
    fs::rename(&partial, &dir).map_err(RehearsalError::io("make", &dir))?;
    Ok(dir)
}

fn lock(path: &Path, name: &str, progress: &mut dyn FnMut(&str)) -> Result<File, RehearsalError> {
    let file = File::create(path).map_err(RehearsalError::io("make", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress(&format!(
                "Waiting for the image {name}, which another process is building"
            ));
            file.lock().map_err(RehearsalError::io("lock", path))?;
        }
        Err(TryLockError::Error(source)) => return Err(RehearsalError::io("lock", path)(source)),
    }
    Ok(file)
}

/// Sixteen hexadecimal digits of SHA-256.
fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref()[..8].iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
