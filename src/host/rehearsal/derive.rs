//! Images with more in them than a bare server.

use super::error::RehearsalError;
use super::image::{Image, cached};
use super::machine::{BootOptions, Rehearsal};

impl Image {
    /// An image with more in it: boots a host on this one, runs `script` there as root, with
    /// network and running services, shuts it down in order, and keeps its disk. `name` is for
    /// people who look into the cache.
    ///
    /// # Errors
    /// When the host does not come up, or the script fails.
    pub fn derive(
        &self,
        name: &str,
        script: &str,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, RehearsalError> {
        let parents: Vec<_> = self
            .layers()
            .iter()
            .map(|layer| layer.display().to_string())
            .collect();
        let recipe = format!("{}\n{script}", parents.join("\n"));
        let layer = cached(name, &recipe, progress, |dir, _, progress| {
            let mut host = Rehearsal::boot(self, &BootOptions::default())?;
            host.follow(script, progress)?;
            host.stop()?;
            host.move_disk(dir)
        })?;
        Ok(self.under(layer))
    }
}
