//! The system's `ssh`, told what this program knows of a host.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::options::Options;
use crate::host::target::Target;

/// `ssh` to a host, as this program logs in to it; `command` runs there in place of a login shell. What the SSH
/// configuration says, ssh reads for itself. Passwords are not handed on: ssh asks for them.
pub fn ssh(target: &Target, options: &Options, command: &[String]) -> Command {
    let mut ssh = Command::new("ssh");
    if let Some(config) = &options.config {
        ssh.arg("-F").arg(config);
    }
    if let Some(port) = target.port {
        ssh.args(["-p", &port.to_string()]);
    }
    if let Some(user) = &target.user {
        ssh.args(["-l", user]);
    }
    if let Some(identity) = &options.identity {
        ssh.arg("-i").arg(identity).args(["-o", "IdentitiesOnly=yes"]);
    }
    if let Some(known) = &options.known_hosts {
        ssh.arg("-o").arg(option("UserKnownHostsFile", known));
        ssh.args(["-o", "GlobalKnownHostsFile=none"]);
    }
    if options.accept_new {
        ssh.args(["-o", "StrictHostKeyChecking=accept-new"]);
    }
    ssh.arg("--").arg(&target.host).args(command);
    ssh
}

/// An option whose value is a file, whose name may have blanks (ssh_config(5): arguments in double quotes).
fn option(name: &str, file: &Path) -> OsString {
    let mut option = OsString::from(format!("{name}=\""));
    option.push(file);
    option.push("\"");
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_is_told_what_is_known() {
        let target = "ann@[::1]:2222".parse::<Target>().expect("a target");
        let options = Options {
            identity: Some("/home/ann/my key".into()),
            known_hosts: Some("/tmp/known hosts".into()),
            ..Options::default()
        };
        let ssh = ssh(&target, &options, &["uptime".into()]);
        let words: Vec<_> = ssh.get_args().map(|word| word.to_string_lossy()).collect();
        assert_eq!(
            words.join("|"),
            "-p|2222|-l|ann|-i|/home/ann/my key|-o|IdentitiesOnly=yes|-o|UserKnownHostsFile=\"/tmp/known hosts\"|-o|\
             GlobalKnownHostsFile=none|--|::1|uptime"
        );
    }
}
