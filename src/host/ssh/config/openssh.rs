//! The SSH configuration as the program `ssh` reads it: `ssh -G` prints what holds for a host, with every Match,
//! Include and canonical name.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::Stdio;

use tokio::process::Command;

use super::{Setting, SshError, Target};
use crate::host::ssh::options::Options;

/// What holds for a host; none where the program is not there.
pub(super) async fn settings(target: &Target, options: &Options) -> Result<Option<Vec<Setting>>, SshError> {
    let mut ssh = Command::new("ssh");
    ssh.args(["-T", "-G"]).stdin(Stdio::null()).env("LC_ALL", "C");
    if let Some(file) = &options.config {
        ssh.args([OsStr::new("-F"), file.as_os_str()]);
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
    Ok(Some(read(&String::from_utf8_lossy(&output.stdout))))
}

fn unreadable(said: String) -> SshError {
    let cause = said.trim().replace('\r', "").replace('\n', "; ");
    SshError::Config { cause }
}

/// One setting a line. It does not say which were made by somebody, nor quote words.
pub(super) fn read(text: &str) -> Vec<Setting> {
    let setting = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        let words = match key {
            "userknownhostsfile" | "globalknownhostsfile" => value.split(' ').map(Into::into).collect(),
            _ => vec![value.to_owned()],
        };
        let key = key.to_ascii_lowercase();
        let place = None;
        Some(Setting { key, words, place })
    };
    let mut settings: Vec<Setting> = text.lines().filter_map(setting).collect();
    let identities = settings.iter().filter(|setting| setting.key == "identityfile");
    // When nobody names a key ssh lists the usual ones, which are several.
    let usual = |setting: &Setting| setting.words[0].starts_with("~/.ssh/id_");
    if identities.clone().count() > 1 && identities.clone().all(usual) {
        settings.retain(|setting| setting.key != "identityfile");
    }
    settings
}
