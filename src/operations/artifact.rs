//! Binaries that a playbook installs: built here by cargo, or read from this machine.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::language::render::{Artifacts, Origin};

/// Why a binary could not be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ArtifactError {
    /// cargo is not there or did not start.
    #[error("cargo did not start: {0}")]
    #[diagnostic(help("install Rust, or give the binary a `path` to a program that is already built"))]
    NoCargo(std::io::Error),
    /// cargo said no.
    #[error("binary.{name}: cargo could not build {package} (what it said stands above)")]
    #[diagnostic(help("`cargo build --release --locked` in that directory shows it again"))]
    Build {
        /// The entry.
        name: String,
        /// The package's directory.
        package: String,
    },
    /// The package has no such target.
    #[error("binary.{name}: {package} has no program `{bin}`")]
    #[diagnostic(help("name the cargo target with `bin:`"))]
    NoTarget {
        /// The entry.
        name: String,
        /// The package's directory.
        package: String,
        /// The target.
        bin: String,
    },
    /// The file could not be read.
    #[error("binary.{name}: {path} cannot be read: {cause}")]
    #[diagnostic(help("`path` is relative to the playbook's directory"))]
    Read {
        /// The entry.
        name: String,
        /// The file.
        path: String,
        /// The cause.
        cause: std::io::Error,
    },
}

/// Builds or reads binaries, by name; their paths start from `directory`. cargo's own messages go to stderr.
///
/// # Errors
/// Which binary could not be had, and why.
pub fn build(directory: &Path, origins: Vec<(String, Origin)>) -> Result<Artifacts, ArtifactError> {
    let mut artifacts = Artifacts::new();
    for (name, origin) in origins {
        let path = match origin {
            Origin::File(path) => directory.join(path),
            Origin::Cargo {
                directory: package,
                bin,
            } => cargo(&name, &directory.join(package), &bin)?.into(),
        };
        let bytes = std::fs::read(&path).map_err(|cause| ArtifactError::Read {
            name: name.clone(),
            path: path.display().to_string(),
            cause,
        })?;
        artifacts.insert(name, bytes);
    }
    Ok(artifacts)
}

fn cargo(name: &str, directory: &Path, bin: &str) -> Result<String, ArtifactError> {
    let mut command = Command::new("cargo");
    // Set when a cargo started this program (`cargo run`). Build scripts that look at them (ring's) would
    // run anew, and half of the package would be compiled again, each time the other one starts cargo.
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    }) {
        command.env_remove(name);
    }
    // Of the whole workspace: cargo compiles a crate anew for each set of features, and by the package alone it
    // would have another one than everything that was built there before.
    let output = command
        .args([
            "build",
            "--release",
            "--locked",
            "--workspace",
            "--message-format=json-render-diagnostics",
            "--bin",
            bin,
        ])
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output()
        .map_err(ArtifactError::NoCargo)?;
    let package = directory.display().to_string();
    if !output.status.success() {
        return Err(ArtifactError::Build {
            name: name.to_owned(),
            package,
        });
    }
    // cargo's reference, "External tools": an artifact message names its target, its package's manifest and its
    // executable. Another package of the workspace may have a program of that name.
    let manifest = directory.join("Cargo.toml").canonicalize().ok();
    let executable = output.stdout.split(|byte| *byte == b'\n').find_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        let is_target = message.pointer("/target/name")?.as_str()? == bin;
        let is_ours = Path::new(message.get("manifest_path")?.as_str()?)
            .canonicalize()
            .ok()
            == manifest;
        (is_target && is_ours).then(|| message.get("executable")?.as_str().map(str::to_owned))?
    });
    executable.ok_or_else(|| ArtifactError::NoTarget {
        name: name.to_owned(),
        package,
        bin: bin.to_owned(),
    })
}
