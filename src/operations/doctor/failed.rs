//! Why a program does not run: from what stands on disk, what it said, and who has what it wants.

use super::finding::{Finding, Gravity};
use super::seen::{Seen, value, values};
use super::words::{Said, why};
use crate::shell::quote;

/// A program that does not run, and what is known of it.
#[derive(Debug)]
pub(super) struct Failed<'s> {
    pub name: &'s str,
    /// What is wrong, for people.
    pub what: String,
    /// Where it is declared.
    pub file: &'s str,
    /// What stands on disk: `NAME=VALUE`, a line each.
    pub facts: &'s str,
    /// What it is started by.
    pub run: &'s str,
    pub user: &'s str,
    pub log: &'s str,
    pub words: Vec<&'s str>,
    /// The ports that its declaration names.
    pub ports: Vec<u16>,
    /// The command that starts it.
    pub start: String,
}

/// The ports that words name: `8080`, `127.0.0.1:8080`, `PORT="8080"`.
pub(super) fn ports(text: &str) -> Vec<u16> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'));
    let numbers = words.filter_map(|word| word.parse::<u16>().ok());
    numbers.filter(|port| *port >= 80).collect()
}

impl Failed<'_> {
    fn finding(&self, kind: &'static str, cause: impl Into<String>) -> Finding {
        Finding::new(kind, Gravity::Down, &*self.what, cause)
    }

    fn user(&self) -> &str {
        match self.user {
            "" => "root",
            user => user,
        }
    }

    /// Why it does not run, and what helps.
    pub fn explained(&self, seen: &Seen) -> Finding {
        let of_disk = self.of_disk();
        of_disk
            .or_else(|| self.of_words(seen))
            .or_else(|| self.of_memory(seen))
            .unwrap_or_else(|| {
                let last = self.words.iter().rev().take(3).rev();
                self.finding("program.unknown", "it does not say why")
                    .all_seen(last)
                    .seen(format!("its log is {}", self.log))
                    .mend(format!(
                        "read more of it (`hostwright logs TARGET {}`), or run {} by hand as {}",
                        self.name,
                        self.run,
                        self.user()
                    ))
            })
    }

    /// What its declaration names is not there, or not as it should be.
    fn of_disk(&self) -> Option<Finding> {
        let Self { facts, run, file, .. } = self;
        let user = self.user();
        if value(facts, "account").is_some() {
            return Some(
                self.finding("program.no-user", format!("there is no user {user}"))
                    .seen(format!("{file} runs it as {user}"))
                    .mend(format!(
                        "make the user (`useradd --system {user}`), or name another"
                    )),
            );
        }
        if let Some(folder) = value(facts, "log_missing") {
            return Some(
                self.finding(
                    "program.no-log-folder",
                    format!("its log should stand in {folder}, which does not exist"),
                )
                .seen(format!(
                    "{file} names it; supervisor takes no file at all while that is so"
                ))
                .mend("make the folder")
                .safe(format!("mkdir -p {} && {}", quote(folder), self.start)),
            );
        }
        if value(facts, "file") == Some("missing") {
            return Some(
                self.finding("program.missing-file", format!("{run} does not exist"))
                    .seen(format!("{file} starts it"))
                    .mend("put it there (an apply does, and `hostwright rollback` brings an earlier release), or correct the command"),
            );
        }
        if let Some(folder) = value(facts, "directory_missing") {
            return Some(
                self.finding(
                    "program.missing-file",
                    format!("the directory that it is started in, {folder}, does not exist"),
                )
                .seen(format!("{file} names it"))
                .mend("make it, or name another"),
            );
        }
        let is = value(facts, "file")?;
        let (mode, rest) = is.split_once(' ').unwrap_or_default();
        if mode.starts_with('-') && !mode.contains(['x', 's']) {
            return Some(
                self.finding(
                    "program.not-executable",
                    format!("{run} may not be run by anybody"),
                )
                .seen(format!("{run} is {is}"))
                .mend("make it executable")
                .safe(format!("chmod +x {} && {}", quote(run), self.start)),
            );
        }
        value(facts, "not_runnable")?;
        let owner = rest.split(' ').next().unwrap_or_default();
        let closed: Vec<&str> = values(facts, "closed").collect();
        let cause = match closed.last() {
            Some(folder) => format!("{user} may not enter {folder}, and so not run {run}"),
            None => format!("{user} may not run {run}, which is {mode} of {owner}"),
        };
        Some(
            self.finding("program.permission", cause)
                .seen(format!("{run} is {is}"))
                .mend(format!(
                    "let {user} run it (`chmod 0755 {}`), or run it as {owner}",
                    closed.last().unwrap_or(run)
                )),
        )
    }

    /// What it said.
    fn of_words(&self, seen: &Seen) -> Option<Finding> {
        let (said, line) = why(self.words.iter().copied())?;
        let finding = |kind, cause: String| self.finding(kind, cause).seen(line);
        let (user, run) = (self.user(), self.run);
        Some(match said {
            Said::Port(port) => return Some(self.of_port(seen, port, line)),
            Said::Glibc(wanted) => {
                let has = seen.first("glibc").trim();
                let has = if has.is_empty() { "an older one" } else { has };
                finding("program.old-glibc", format!("it is built for {wanted} or later, and the host has {has}"))
                    .mend("build it on a release as old as the host's, or without the C library (`--target x86_64-unknown-linux-musl`), or upgrade the host")
            }
            Said::Library(library) => {
                finding("program.missing-library", format!("the library {library} is not on the host"))
                    .mend(format!("install the package that has it: https://packages.debian.org/file:{library} names it"))
            }
            Said::Module(module) => finding("program.missing-module", format!("its module {module} is not on the host"))
                .mend("install what it requires, in the environment that it runs in"),
            Said::Format => finding("program.wrong-format", format!("{run} is no program for this machine"))
                .mend("build it for the host's processor (`uname -m`); a script needs a first line that names its interpreter (#!)"),
            Said::Memory => finding("program.out-of-memory", "it got no more memory".into())
                .all_seen(seen.first("oom").lines().rev().take(2))
                .mend("let it take less, give the host more memory or swap, or raise its limit (MemoryMax, ulimit)"),
            Said::Denied(Some(path)) => finding("program.permission", format!("{user} may not use {path}"))
                .mend(format!("see `namei -l {path}`, and let {user} (`chown`, `chmod`)")),
            Said::Denied(None) => finding("program.permission", format!("{user} may not do something that it wants"))
                .mend("its log says what; a port below 1024 takes root, or CAP_NET_BIND_SERVICE"),
            Said::Missing(Some(path)) if path == run => {
                finding("program.missing-file", format!("{run} is there, and the interpreter that its first line names is not"))
                    .mend("install the interpreter, or correct the first line")
            }
            Said::Missing(Some(path)) => finding("program.missing-file", format!("{path} does not exist"))
                .mend("put it there, or correct what names it"),
            Said::Missing(None) => finding("program.missing-file", "a file that it wants does not exist".into())
                .mend("its log says which"),
            Said::Setting => finding("program.configuration", "it does not take its configuration".into())
                .mend(format!("correct what it says: its log is {}", self.log)),
        })
    }

    fn of_port(&self, seen: &Seen, port: Option<u16>, line: &str) -> Finding {
        let wanted: Vec<u16> = port.map_or_else(|| self.ports.clone(), |port| vec![port]);
        let held = wanted
            .iter()
            .find_map(|port| seen.holder(*port).map(|holder| (port, holder)));
        let Some((port, holder)) = held else {
            let which = wanted.first().map_or(String::new(), |port| format!(" {port}"));
            return self
                .finding(
                    "program.port-taken",
                    format!("its port{which} was taken when it was started; nobody has it now"),
                )
                .seen(line)
                .mend("start it again")
                .safe(self.start.clone());
        };
        let stop = match holder.unit {
            "-" | "supervisor.service" => format!("kill {}", holder.pid),
            unit => format!("systemctl stop {unit}"),
        };
        self.finding(
            "program.port-taken",
            format!("its port {port} is taken by {holder}"),
        )
        .seen(line)
        .seen(format!("{} listens at {}", holder.command, holder.address))
        .mend(format!(
            "stop what has it if that should not run (`{stop}`), or give one of the two another port; then `{}`",
            self.start
        ))
    }

    /// The kernel has killed it.
    fn of_memory(&self, seen: &Seen) -> Option<Finding> {
        let program = self.run.rsplit('/').next().filter(|name| !name.is_empty())?;
        let line = seen.first("oom").lines().rev().find(|line| {
            line.contains(&format!("({program})")) || line.contains(&format!("/{}/", self.name))
        })?;
        Some(
            self.finding(
                "program.out-of-memory",
                "the kernel has killed it, since memory had run out",
            )
            .seen(line)
            .mend("let it take less, give the host more memory or swap, or raise its limit (MemoryMax)"),
        )
    }
}
