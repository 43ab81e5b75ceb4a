//! Backups: archives of what stands on a host, made by cron, kept on it or elsewhere, and restored from there.

use schemars::JsonSchema;
use serde::Deserialize;

mod place;

use self::place::To;
use super::cron::{Scheduled, entry};
use super::instances::TakesTurns;
use crate::change::Id;
use crate::language::scalar::{AbsPath, Count, Duration, Line, Schedule, Text, optional};
use crate::language::schedule::gap;
use crate::language::{Declaration, Problem, Render};
use crate::layout::{BACKUPS, PATH, REHEARSAL};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;
use crate::shell;

/// What all backups do, wherever their archives are.
const RUN: &str = include_str!("backup/run.sh");

const HOUR: u32 = 60 * 60;
const DAY: u32 = 24 * HOUR;

/// A backup: an archive of what stands at some paths, with a manifest that says when it is whole.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// What is backed up: files, and directories with all that is in them. Each must be there, and no link.
    pub paths: Vec<AbsPath>,
    /// What of that is left out: patterns, from the root where they begin with `/`, else of a part of the path
    /// (`/srv/app/cache`, `*.tmp`).
    #[serde(default)]
    pub exclude: Vec<Line>,
    /// When: cron's five fields, or `@daily` and its like.
    pub schedule: Schedule,
    /// How many archives stay; 7 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub keep: Option<Count>,
    /// From which age on the newest archive is too old, which the monitor and `status` say. Unless given it follows from
    /// the schedule: a day and six hours where it runs every day.
    #[serde(default, deserialize_with = "optional")]
    pub max_age: Option<Duration>,
    /// How archives are compressed; gzip unless given.
    #[serde(default)]
    pub compress: Compression,
    /// Whom archives are encrypted to: recipients of age, `age1…`, or public keys of SSH. What opens them is no business
    /// of the host: it is asked for when an archive is restored.
    #[serde(default)]
    pub encrypt: Vec<Line>,
    /// What is run around it.
    #[serde(default)]
    pub hooks: Hooks,
    /// What reads what is backed up: the ids of programs and units, `supervisor.app`, `systemd.postgresql`. A restore
    /// stops those that run, of two instances that take turns whichever does, and starts them again.
    #[serde(default)]
    pub restart: Vec<Line>,
    /// Where archives are kept.
    pub to: To,
}

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// By gzip, which every host has.
    #[default]
    Gzip,
    /// By zstd: faster and smaller.
    Zstd,
}

/// Pieces of sh that root runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Before an archive is made: what dumps a database, say. Where it fails no archive is made.
    #[serde(default, deserialize_with = "optional")]
    pub before: Option<Text>,
    /// After an archive was made, or could not be made.
    #[serde(default, deserialize_with = "optional")]
    pub after: Option<Text>,
    /// After an archive was restored: what loads the dump again, say.
    #[serde(default, deserialize_with = "optional")]
    pub restored: Option<Text>,
}

impl Declaration for Backup {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let playbook = cx.document.name.clone();
        let keep = self.keep.as_ref().map_or(7, |count| count.0);
        if keep == 0 {
            return Err(Problem::new("`keep: 0` would keep no archive", "keep 1 or more"));
        }
        let own = format!("/usr/local/lib/{playbook}/backups/{name}");
        let place = self.to.place(&own, cx)?;
        let id = Id::new("backup", name);
        let hooks = [&self.hooks.before, &self.hooks.after, &self.hooks.restored];
        let hooks = hooks.map(|hook| hook.as_ref().map_or("", |hook| hook.0.trim_end()));
        for hook in hooks {
            cx.refuse_secret(hook)?;
        }
        let [before, after, restored] = hooks;
        for package in self.packages() {
            cx.needs_package(package, id.as_str());
        }
        cx.needs_unit("cron.service", "cron", id.as_str());
        for package in place.packages {
            cx.needs_package(package, id.as_str());
        }
        let age = self.max_age.as_ref().map(|age| age.0);
        let state = format!("{BACKUPS}/{playbook}/{name}");
        let values = [
            ("playbook", playbook.clone()),
            ("name", name.to_owned()),
            ("prefix", format!("{playbook}-{name}")),
            ("suffix", self.suffix()),
            ("compress", self.compress.option().to_owned()),
            ("schedule", self.schedule.0.clone()),
            ("keep", keep.to_string()),
            (
                "max_age",
                age.unwrap_or_else(|| patience(&self.schedule.0)).to_string(),
            ),
            ("recipients", self.recipients()?),
            ("readers", self.readers(cx)?),
            ("roots", self.roots()?),
            ("before", before.to_owned()),
            ("after", after.to_owned()),
            ("restored", restored.to_owned()),
            ("own", own.clone()),
            ("work", place.work.unwrap_or_else(|| format!("{state}/work"))),
            ("state", state),
            ("rehearsal", REHEARSAL.to_owned()),
            ("place", place.told),
            ("remote", if place.remote { "yes" } else { "" }.to_owned()),
        ];
        let values = values.into_iter().chain(place.values);
        let values: String = values
            .map(|(name, value)| format!("{name}={}\n", shell::quote(&value)))
            .collect();
        let library = library(cx);
        let text = format!(
            "#!/bin/sh\n# Managed by hostwright ({playbook}): changes made here are undone by the next apply.\n\
             PATH={PATH} LC_ALL=C\nexport PATH LC_ALL\n{values}{}{}. {}\n",
            self.selected(place.folder.as_deref()),
            place.library,
            shell::quote(&library)
        );
        let run = ManagedFile::new(format!("{own}/run"), cx.content(text.into_bytes())).mode("0700");
        let entry = entry(
            &format!("backup-{name}"),
            &self.schedule.0,
            "root",
            &format!("{} run >/dev/null", run.path),
            &[],
            cx,
        )?;
        let mut files = place.files;
        files.push(run);
        cx.push(Scheduled {
            id,
            what: "backup",
            schedule: self.schedule.0.clone(),
            user: "root".into(),
            entry,
            files,
            unheard: false,
        });
        Ok(())
    }
}

/// The file that all backups of the playbook share; the first one that is rendered puts it in place.
fn library(cx: &mut Render<'_>) -> String {
    let path = format!("/usr/local/lib/{}/backups/run.sh", cx.document.name);
    let id = Id::new("file", &path);
    if !cx.has(&id) {
        let file = ManagedFile::new(&*path, cx.content(RUN.as_bytes()));
        cx.push(Plain { id, file });
    }
    path
}

impl Compression {
    /// tar's option for it.
    fn option(self) -> &'static str {
        match self {
            Self::Gzip => "--gzip",
            Self::Zstd => "--zstd",
        }
    }
}

impl Backup {
    fn packages(&self) -> impl Iterator<Item = &'static str> {
        let zstd = (self.compress == Compression::Zstd).then_some("zstd");
        zstd.into_iter()
            .chain((!self.encrypt.is_empty()).then_some("age"))
    }

    /// How an archive's name ends.
    fn suffix(&self) -> String {
        let compressed = match self.compress {
            Compression::Gzip => "tar.gz",
            Compression::Zstd => "tar.zst",
        };
        let encrypted = if self.encrypt.is_empty() { "" } else { ".age" };
        format!("{compressed}{encrypted}")
    }

    fn recipients(&self) -> Result<String, Problem> {
        let is_one = |line: &&Line| {
            ["age1", "ssh-ed25519 ", "ssh-rsa "]
                .iter()
                .any(|begin| line.0.starts_with(begin))
        };
        match self.encrypt.iter().find(|line| !is_one(line)) {
            // It may be a secret key, and is not repeated.
            Some(_) => Err(Problem::new(
                "`encrypt` names recipients of age, and one of them is none",
                "write `age1…`, as `age-keygen -y` prints it, or a public key of SSH",
            )),
            None => {
                let all: Vec<&str> = self.encrypt.iter().map(|line| line.0.as_str()).collect();
                Ok(all.join("\n"))
            }
        }
    }

    /// What a restore stops and starts: `supervisor NAME` or `systemd UNIT`, a line each.
    fn readers(&self, cx: &mut Render<'_>) -> Result<String, Problem> {
        let mut lines = Vec::new();
        for reader in &self.restart {
            let id = Id::parse(&reader.0);
            let turns = cx.announced::<TakesTurns>().find(|turns| turns.id == id);
            // Of two instances that take turns one runs, or both for a moment.
            let names = |name: &str| turns.map_or(vec![name.to_owned()], |turns| turns.names.to_vec());
            match reader.0.split_once('.') {
                Some((runner @ ("supervisor" | "systemd"), name)) => {
                    lines.extend(names(name).iter().map(|name| format!("{runner} {name}")));
                }
                _ => {
                    return Err(Problem::new(
                        format!("`restart` names `{reader}`, which is no program and no unit"),
                        "write the id of one: `supervisor.NAME` or `systemd.NAME`",
                    ));
                }
            }
            cx.names("restart", id);
        }
        Ok(lines.join("\n"))
    }

    /// The paths as tar has them, from the root, for sh to take apart at blanks.
    fn roots(&self) -> Result<String, Problem> {
        if self.paths.is_empty() {
            return Err(Problem::new(
                "`paths` names nothing to back up",
                "write at least one path",
            ));
        }
        let odd = |path: &&AbsPath| {
            path.0.contains(|c: char| c.is_whitespace() || "*?[".contains(c)) || path.0 == "/"
        };
        if let Some(path) = self.paths.iter().find(odd) {
            return Err(Problem::new(
                format!("`{path}` cannot be backed up"),
                "name directories below `/`, without blanks and patterns; `exclude` takes patterns",
            ));
        }
        let roots: Vec<&str> = self.paths.iter().map(|path| &path.0[1..]).collect();
        Ok(roots.join(" "))
    }

    /// The function of sh that runs tar, with what is said to it, on what is backed up. Archives are none of it.
    fn selected(&self, folder: Option<&str>) -> String {
        let own = [Some(BACKUPS), folder].into_iter().flatten().map(str::to_owned);
        let exclude = self.exclude.iter().map(|pattern| pattern.0.clone()).chain(own);
        let mut words = Vec::new();
        for pattern in exclude {
            match pattern.strip_prefix('/') {
                Some(below) => words.extend(["--anchored".to_owned(), format!("--exclude={below}")]),
                None => words.extend(["--no-anchored".to_owned(), format!("--exclude={pattern}")]),
            }
        }
        words.push("--".to_owned());
        words.extend(self.paths.iter().map(|path| path.0[1..].to_owned()));
        format!(
            "selected() {{ tar \"$@\" --directory / {}; }}\n",
            shell::words(words)
        )
    }
}

/// From which age on, in seconds, the newest archive of a schedule is too old: one was missed, and six hours more.
fn patience(schedule: &str) -> u32 {
    gap(schedule).unwrap_or(366 * DAY) + 6 * HOUR
}

#[cfg(test)]
mod tests {
    use super::{HOUR, patience};

    #[test]
    fn patience_follows_from_the_schedule() {
        for (schedule, hours) in [("0 * * * *", 7), ("@daily", 30), ("@reboot", 366 * 24 + 6)] {
            assert_eq!(patience(schedule), hours * HOUR, "{schedule}");
        }
    }
}
