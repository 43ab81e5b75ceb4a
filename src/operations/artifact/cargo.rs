//! What cargo builds here, for this machine or another.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::read;
use crate::language::Problem;
use crate::language::program::{Package, Platform};

/// How a program for a platform is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// By cargo itself.
    Cargo,
    /// By cargo-zigbuild, which brings a linker and each glibc.
    Zigbuild,
    /// Not before cargo-zigbuild is there.
    Lacks,
}

/// How a program for `platform` is built on a machine of this system and processor.
fn how(platform: &Platform, (os, arch): (&str, &str), has_zigbuild: bool) -> How {
    let machine = match platform.machine() {
        "i586" | "i686" => "x86",
        arm if arm.starts_with("arm") || arm.starts_with("thumb") => "arm",
        riscv if riscv.starts_with("riscv64") => "riscv64",
        other => other,
    };
    let is_foreign = os != "linux" || machine != arch;
    match (platform.glibc().is_some() || is_foreign, has_zigbuild) {
        (false, _) => How::Cargo,
        (true, true) => How::Zigbuild,
        // A linker for another machine may stand in cargo's configuration.
        (true, false) if platform.glibc().is_none() && os == "linux" => How::Cargo,
        (true, false) => How::Lacks,
    }
}

/// Builds a program of the package, whose directory starts from `top`, and reads it.
///
/// # Errors
/// Why it could not be built.
pub fn build(name: &str, package: &Package, top: &Path, target: Option<&Path>) -> Result<Vec<u8>, Problem> {
    let directory = top.join(&package.directory);
    let mut command = command("cargo", &directory);
    let mut verb = "build";
    if let Some(platform) = &package.target {
        let zigbuild = is_installed("cargo-zigbuild");
        match how(platform, (OS, ARCH), zigbuild) {
            How::Cargo => {}
            How::Zigbuild => verb = "zigbuild",
            How::Lacks => {
                return Err(Problem::new(
                    format!("{platform} is built by cargo-zigbuild, and that is not installed here"),
                    format!(
                        "install it and zig: `cargo install --locked cargo-zigbuild`, and {}",
                        zig(OS)
                    ),
                ));
            }
        }
        has_library(platform, &directory)?;
        let asked = if verb == "zigbuild" {
            &platform.0
        } else {
            platform.triple()
        };
        command.args([verb, "--target", asked]);
    } else {
        command.arg(verb);
    }
    if let Some(target) = target {
        command.env("CARGO_TARGET_DIR", target);
    }
    // Of the whole workspace: cargo compiles a crate anew for each set of features, and by the package alone it
    // would have another one than everything that was built there before.
    let output = command
        .args([
            "--release",
            "--locked",
            "--workspace",
            "--message-format=json-render-diagnostics",
            "--bin",
            &package.bin,
        ])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            Problem::new(
                format!("cargo did not start: {error}"),
                "install Rust (https://rustup.rs), or give the binary a `path` to a program that is already built",
            )
        })?;
    if !output.status.success() {
        let target = package.target.as_ref();
        let target = target.map_or(String::new(), |platform| format!(" --target {platform}"));
        return Err(Problem::new(
            format!(
                "binary.{name}: cargo could not build {} (what it said stands above)",
                directory.display()
            ),
            format!("`cargo {verb} --release --locked{target}` in that directory shows it again"),
        ));
    }
    let programs = programs(&output.stdout, &package.bin);
    let Some(executable) = executable(&programs, &directory) else {
        return Err(Problem::new(
            format!(
                "binary.{name}: {} has no program `{}`",
                directory.display(),
                package.bin
            ),
            match programs.first() {
                Some((manifest, _)) => {
                    let whose = member(manifest, &directory, &package.directory);
                    format!("a package of its workspace has it: `cargo: {whose}`")
                }
                None => "name the cargo target with `bin:`".to_owned(),
            },
        ));
    };
    read(
        &executable,
        "something took it away after it was built: build it again",
    )
}

/// What brings zig here.
fn zig(os: &str) -> &'static str {
    match os {
        "macos" => "`brew install zig`",
        _ => "`pip install ziglang`",
    }
}

/// A command that runs in `directory` as if this program had not been started by cargo (`cargo run`). Build scripts
/// that look at what that sets (ring's) would run anew, and half of the package would be compiled again, each time the
/// other one starts cargo.
fn command(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    }) {
        command.env_remove(name);
    }
    command
}

/// Whether cargo or a shell would find a program of this name.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let own = home.into_iter().map(|home| home.join("bin"));
    let mut folders = std::env::split_paths(&path).chain(own);
    folders.any(|folder| folder.join(program).is_file())
}

/// Refuses a platform for which this Rust has no standard library. Whether there is such a platform, cargo says.
fn has_library(platform: &Platform, directory: &Path) -> Result<(), Problem> {
    let triple = platform.triple();
    let asked = command("rustc", directory)
        .args(["--print", "target-libdir", "--target", triple])
        .stderr(Stdio::null())
        .output();
    let Ok(output) = asked else { return Ok(()) };
    let folder = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    let help = match is_installed("rustup") {
        true => format!("bring it: `rustup target add {triple}`"),
        false => format!(
            "install Rust by rustup (https://rustup.rs), which brings it: `rustup target add {triple}`"
        ),
    };
    Err(Problem::new(
        format!("the Rust that is installed here cannot build for {triple} yet"),
        help,
    ))
}

/// The programs of this name that cargo's messages tell of, each after its package's manifest.
fn programs(messages: &[u8], bin: &str) -> Vec<(PathBuf, PathBuf)> {
    // cargo's reference, "External tools": an artifact message names its target, its package's manifest and its
    // executable.
    let program = |line: &[u8]| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        let is_target = message.pointer("/target/name")?.as_str()? == bin;
        let text = |field| Some(PathBuf::from(message.get(field)?.as_str()?));
        text("manifest_path")
            .zip(text("executable"))
            .filter(|_| is_target)
    };
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(program)
        .collect()
}

/// That of the package in `directory`: another one of the workspace may have a program of that name.
fn executable(programs: &[(PathBuf, PathBuf)], directory: &Path) -> Option<PathBuf> {
    let manifest = directory.join("Cargo.toml").canonicalize().ok();
    let ours = programs
        .iter()
        .find(|(own, _)| own.canonicalize().ok() == manifest);
    ours.map(|(_, executable)| executable.clone())
}

/// How a playbook names the package with this manifest that calls the one in `directory` `named`.
fn member(manifest: &Path, directory: &Path, named: &str) -> String {
    let folder = manifest.parent().unwrap_or(manifest);
    let below = directory.canonicalize().ok();
    let below = below.and_then(|directory| folder.strip_prefix(directory).ok().map(Path::to_path_buf));
    let path = match below {
        Some(below) if matches!(named, "." | "") => below,
        Some(below) => Path::new(named).join(below),
        None => folder.to_path_buf(),
    };
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_builds_for_a_platform_follows_from_both_machines() {
        let linux = ("linux", "x86_64");
        let mac = ("macos", "aarch64");
        for (platform, here, has_zigbuild, wanted) in [
            ("x86_64-unknown-linux-gnu", linux, true, How::Cargo),
            ("x86_64-unknown-linux-musl", linux, false, How::Cargo),
            ("i686-unknown-linux-gnu", ("linux", "x86"), false, How::Cargo),
            ("x86_64-unknown-linux-gnu.2.31", linux, true, How::Zigbuild),
            ("x86_64-unknown-linux-gnu.2.31", linux, false, How::Lacks),
            ("aarch64-unknown-linux-musl", linux, true, How::Zigbuild),
            ("aarch64-unknown-linux-musl", linux, false, How::Cargo),
            ("aarch64-unknown-linux-musl", mac, true, How::Zigbuild),
            ("aarch64-unknown-linux-musl", mac, false, How::Lacks),
            (
                "armv7-unknown-linux-gnueabihf",
                ("linux", "arm"),
                false,
                How::Cargo,
            ),
        ] {
            let platform: Platform = platform.parse().expect("a platform");
            assert_eq!(
                how(&platform, here, has_zigbuild),
                wanted,
                "{platform} on {here:?}"
            );
        }
    }

    #[test]
    fn a_program_is_its_own_packages_or_its_package_is_named() {
        let top = tempfile::tempdir().expect("a folder");
        let top = top.path().canonicalize().expect("whole");
        for folder in ["", "crates/tool"] {
            std::fs::create_dir_all(top.join(folder)).expect("made");
            std::fs::write(top.join(folder).join("Cargo.toml"), "").expect("written");
        }
        let inner = top.join("crates/tool/Cargo.toml");
        let message = |name: &str, executable: serde_json::Value| {
            let target = serde_json::json!({ "name": name });
            serde_json::json!({ "target": target, "manifest_path": inner, "executable": executable })
        };
        let messages = [
            message("tool", serde_json::Value::Null),
            message("other", "/target/other".into()),
            message("tool", "/target/tool".into()),
        ];
        let messages = messages.map(|message| message.to_string()).join("\n");
        let programs = programs(messages.as_bytes(), "tool");
        let built = PathBuf::from("/target/tool");
        assert_eq!(programs, [(inner.clone(), built.clone())]);
        assert_eq!(executable(&programs, &top.join("crates/tool")), Some(built));
        assert_eq!(executable(&programs, &top), None);
        for (named, said) in [(".", "crates/tool"), ("../app", "../app/crates/tool")] {
            assert_eq!(member(&inner, &top, named), said);
        }
    }

    #[test]
    fn what_brings_zig_is_said_for_the_machine() {
        assert_eq!(
            [zig("macos"), zig("linux")],
            ["`brew install zig`", "`pip install ziglang`"]
        );
    }
}
