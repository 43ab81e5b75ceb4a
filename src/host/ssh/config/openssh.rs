//! The SSH configuration as the program `ssh` reads it: `ssh -G` prints what holds for a host, with every Match,
//! Include and canonical name.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Stdio;

use tokio::process::Command;

use super::setting::Setting;
use crate::host::ssh::error::SshError;
use crate::host::ssh::options::Options;
use crate::host::target::Target;

/// What holds for a host; none where the program is not there.
pub(super) async fn settings(target: &Target, options: &Options) -> Result<Option<Vec<Setting>>, SshError> {
    let own = options.config.as_ref().map(|file| file.as_os_str());
    // What nobody configured is what holds without any file.
    let (said, usual) = tokio::join!(ask(target, own), ask(target, Some(OsStr::new("none"))));
    match (said?, usual?) {
        (Some(said), Some(usual)) => Ok(Some(read(&said, &usual))),
        _ => Ok(None),
    }
}

/// What `ssh -G` prints with a file, or with the usual ones; none where the program is not there.
async fn ask(target: &Target, file: Option<&OsStr>) -> Result<Option<String>, SshError> {
    let mut ssh = Command::new("ssh");
    ssh.args(["-T", "-G"]).stdin(Stdio::null()).env("LC_ALL", "C");
    if let Some(file) = file {
        ssh.args([OsStr::new("-F"), file]);
    }
    if let Some(user) = &target.user {
        ssh.args(["-l", user]);
    }
    if let Some(port) = target.port {
        ssh.args(["-p", &port.to_string()]);
    }
    let output = match ssh.arg(&target.host).kill_on_drop(true).output().await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(format!("`ssh -G` does not start: {error}"))),
        Ok(output) => output,
    };
    if !output.status.success() {
        return Err(unreadable(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn unreadable(said: String) -> SshError {
    let cause = said.trim().replace('\r', "").replace('\n', "; ");
    SshError::Config { cause }
}

/// One setting a line. It does not quote words, nor say which settings were made by somebody: those are not among
/// the `usual` lines.
pub(super) fn read(text: &str, usual: &str) -> Vec<Setting> {
    let of = |text: &str, key: &str| {
        let is_its = |line: &&str| line.split(' ').next() == Some(key);
        text.lines().filter(is_its).map(str::to_owned).collect::<Vec<_>>()
    };
    let setting = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        let words = match key {
            "userknownhostsfile" | "globalknownhostsfile" => value.split(' ').map(Into::into).collect(),
            _ => vec![value.to_owned()],
        };
        let made = of(text, key) != of(usual, key);
        let key = key.to_ascii_lowercase();
        let place = None;
        Some(Setting {
            key,
            words,
            place,
            made,
        })
    };
    text.lines().filter_map(setting).collect()
}
