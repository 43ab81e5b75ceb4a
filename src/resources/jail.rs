//! fail2ban's jails.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::Id;
use crate::language::scalar::{AbsPath, Count, Duration, Line, Name, Network, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced::{What, stands};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// A jail of fail2ban's, by the name that fail2ban has for it: `sshd`, `nginx-http-auth`, `nginx-botsearch`. What is not
/// given is as fail2ban has it. Whoever is banned is kept out by nftables. The address from which a playbook is applied
/// is not banned meanwhile, nor after that until fail2ban is started anew.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jail {
    /// The filter that finds who is to be banned; the jail's name unless given.
    #[serde(default, deserialize_with = "optional")]
    pub filter: Option<Name>,
    /// How much sshd's filter takes for an attack: `normal` unless given, `ddos`, `extra` or `aggressive`.
    #[serde(default, deserialize_with = "optional")]
    pub mode: Option<Name>,
    /// The logs that are read; patterns are allowed. sshd's are in the journal.
    #[serde(default)]
    pub logpath: Vec<AbsPath>,
    /// The ports that are closed to whoever is banned: `ssh`, `http,https`, `2222`; as fail2ban has it unless given.
    #[serde(default, deserialize_with = "optional")]
    pub port: Option<Line>,
    /// How often somebody may fail within `findtime`.
    #[serde(default, deserialize_with = "optional")]
    pub maxretry: Option<Count>,
    /// For how long a failure counts.
    #[serde(default, deserialize_with = "optional")]
    pub findtime: Option<Duration>,
    /// For how long somebody is banned.
    #[serde(default, deserialize_with = "optional")]
    pub bantime: Option<Duration>,
    /// Who is never banned, beside the host itself: addresses and networks.
    #[serde(default)]
    pub ignoreip: Vec<Network>,
}

/// Where a jail stands.
fn path(name: &str) -> String {
    format!("/etc/fail2ban/jail.d/{name}.local")
}

/// Modes of the filter `sshd`.
const MODES: [&str; 4] = ["normal", "ddos", "extra", "aggressive"];

impl Jail {
    fn text(&self, name: &str, playbook: &str) -> Result<String, Problem> {
        let mut text = format!(
            "# Managed by hostwright ({playbook}): changes made here are undone by the next apply.\n[{name}]\nenabled = true\n"
        );
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key} = {value}");
        };
        let filter = self.filter.as_ref().map_or(name, |filter| &filter.0);
        match &self.mode {
            Some(mode) if !MODES.contains(&mode.0.as_str()) => {
                return Err(Problem::new(
                    format!("`{}` is no mode of the filter", mode.0),
                    format!("write one of: {}", MODES.join(", ")),
                ));
            }
            // sshd of OpenSSH 9.8 and later speaks by another process.
            _ if filter == "sshd" => {
                let mode = self.mode.as_ref().map_or("normal", |mode| &mode.0);
                line(
                    "filter",
                    &format!("sshd[mode={mode}, _daemon=\"sshd(?:-session|-auth)?\"]"),
                );
                line("backend", "systemd");
                line(
                    "journalmatch",
                    "_SYSTEMD_UNIT=ssh.service + _COMM=sshd + _COMM=sshd-session + _COMM=sshd-auth",
                );
            }
            Some(_) => {
                return Err(Problem::new(
                    format!("the filter {filter} has no modes"),
                    "take `mode` away: it is sshd's",
                ));
            }
            None => {
                line("filter", filter);
                line("backend", "auto");
            }
        }
        if !self.logpath.is_empty() {
            let paths: Vec<&str> = self.logpath.iter().map(|path| path.0.as_str()).collect();
            line("logpath", &paths.join("\n          "));
        }
        if let Some(port) = &self.port {
            line("port", &port.0);
        }
        line("banaction", "nftables");
        line("banaction_allports", "nftables[type=allports]");
        for (key, time) in [("findtime", &self.findtime), ("bantime", &self.bantime)] {
            if let Some(time) = time {
                line(key, &time.0.to_string());
            }
        }
        if let Some(count) = &self.maxretry {
            line("maxretry", &count.0.to_string());
        }
        if !self.ignoreip.is_empty() {
            if self.ignoreip.iter().any(|network| network.0 == "all") {
                return Err(Problem::new(
                    "nobody would ever be banned",
                    "name addresses or networks",
                ));
            }
            let networks: Vec<&str> = self.ignoreip.iter().map(|network| network.0.as_str()).collect();
            line("ignoreip", &format!("127.0.0.1/8 ::1 {}", networks.join(" ")));
        }
        Ok(text)
    }
}

impl Declaration for Jail {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        stands(cx, &path(name), What::File(None));
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let text = self.text(name, &cx.document.name)?;
        let id = Id::new("fail2ban", name);
        // The package only recommends what reads the journal, keeps out, and knows ports by their names.
        for package in ["python3-systemd", "nftables", "netbase"] {
            cx.needs_package(package, id.as_str());
        }
        cx.needs_unit("fail2ban.service", "fail2ban", id.as_str());
        let content = cx.content(text.into_bytes());
        let file = ManagedFile::new(path(name), content);
        cx.push(Plain { id, file });
        Ok(())
    }
}
