//! A unit on a host, as systemd has it: enabled, running, and started from what it shall be started from.

use super::systemd_files::{covers, glob, is_whole, unit_of};
use crate::change::{Action, Change, Id, Verb, sha256};
use crate::daemons::text::unit;
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::Render;
use crate::managed::announced::{self, Stands, What};
use crate::shell;

/// It keeps out whoever failed too often, and that may be us.
const FAIL2BAN: &str = "fail2ban.service";

/// Whether systemd's `unit` is how people get in.
pub(super) fn lets_in(unit: &str) -> bool {
    matches!(unit, "ssh.service" | "sshd.service" | "ssh.socket")
}

/// The id of the unit `name`.
pub(super) fn id(name: &str) -> Id {
    Id::new("systemd", name.trim_end_matches(".service"))
}

/// The whole name of the unit that a playbook calls `name`: a service, unless it says something else, as systemctl has
/// it. A name may have points of its own: `php8.2-fpm`.
pub(super) fn whole(name: &str) -> String {
    match is_whole(name) {
        true => name.to_owned(),
        false => format!("{name}.service"),
    }
}

/// The paths of units' files that the playbook puts in place or takes away.
pub(super) fn unit_files(cx: &Render<'_>) -> Vec<String> {
    let said = cx.announced::<Stands>();
    let files = said.filter(|stands| !matches!(stands.what, What::Directory));
    files
        .map(|stands| stands.path.clone())
        .filter(|path| unit_of(path).is_some())
        .collect()
}

/// Where the file of `unit` itself stood, if the playbook takes it away and puts no other there.
fn own_gone(unit: &str, cx: &Render<'_>) -> Option<String> {
    let own = |path: &str| {
        unit::FOLDERS
            .iter()
            .any(|folder| path.strip_prefix(folder) == Some(unit))
    };
    let mut said = cx.announced::<Stands>().filter(|stands| own(&stands.path));
    let first = said
        .next()
        .filter(|stands| matches!(stands.what, What::Nothing))?;
    let all = said.all(|stands| matches!(stands.what, What::Nothing));
    all.then(|| first.path.clone())
}

/// Where else a file of `unit` may stand than at `path`.
fn other_places(path: &str, unit: &str) -> impl Iterator<Item = String> {
    let places = unit::FOLDERS.iter().map(move |folder| format!("{folder}{unit}"));
    places.filter(move |place| place != path)
}

/// Refuses to promise a restart for a file whose changes nobody sees.
pub(super) fn refuse_unseen(id: &Id, field: &str, paths: &[String], cx: &Context<'_>) -> Result<(), Refusal> {
    let unseen = |path: &&String| cx.version(&Ref::Path((*path).clone())).is_none();
    match paths.iter().find(unseen) {
        None => Ok(()),
        Some(path) => Err(Refusal {
            id: id.clone(),
            cause: format!("`{field}` names {path}, and this playbook puts no file there"),
            mend: format!("declare it under `files` or `binaries`, or take it out of `{field}`"),
        }),
    }
}

/// What the host's sh does with units.
pub const LIBRARY: &str = include_str!("systemd.sh");

#[derive(Debug)]
pub(super) struct Service {
    pub id: Id,
    pub unit: String,
    pub package: Option<String>,
    /// Whether it starts with the host; as it is unless given.
    pub enabled: Option<bool>,
    /// Whether it runs; as it is unless given.
    pub running: Option<bool>,
    /// Whether the playbook says so of `enabled` itself.
    pub says_enabled: bool,
    /// Whether it shall not be masked, even where it does not run.
    pub unmasked: bool,
    /// The files of the playbook from which systemd makes the unit.
    files: Vec<String>,
    /// Where its own file stood, if the playbook takes that away.
    gone: Option<String>,
    /// Whether one of these says what starts it with the host.
    installs: bool,
    /// What it reads when it starts: programs and files that its own files name.
    reads: Vec<String>,
    /// Paths at which something must stand first.
    pub wants: Vec<String>,
    /// Files of the playbook's: it is started anew when they change.
    restart_on: Vec<String>,
    /// Files of the playbook's: it is told to read them when they change.
    reload_on: Vec<String>,
}

impl Service {
    pub fn new(name: &str, enabled: Option<bool>, running: Option<bool>, cx: &Render<'_>) -> Self {
        let unit = whole(name);
        let mut files = unit_files(cx);
        files.retain(|path| unit_of(path).is_some_and(|of| covers(of, &unit)));
        let gone = own_gone(&unit, cx);
        let linked = cx
            .announced::<Stands>()
            .filter(|stands| files.contains(&stands.path));
        let linked: Vec<String> = linked
            .filter_map(|stands| match &stands.what {
                What::Link(target) => Some(target.clone()),
                _ => None,
            })
            .collect();
        files.extend(linked);
        let texts = files.iter().filter(|path| unit::is_file(path));
        let texts = texts.filter_map(|path| announced::content(cx, path));
        let texts: Vec<String> = texts
            .map(|content| String::from_utf8_lossy(&content.bytes).into_owned())
            .collect();
        let all = |of: fn(&str) -> Vec<String>| texts.iter().flat_map(|text| of(text)).collect();
        Self {
            id: id(name),
            unit,
            package: None,
            enabled,
            running,
            says_enabled: false,
            unmasked: false,
            gone,
            installs: texts.iter().any(|text| unit::installs(text)),
            reads: all(unit::reads),
            wants: all(unit::directories),
            files,
            restart_on: Vec::new(),
            reload_on: Vec::new(),
        }
    }

    /// Whose changes it takes by a restart, and whose by a reload: these not by a restart, though its command names them.
    pub fn takes(&mut self, restart_on: Vec<String>, reload_on: Vec<String>) {
        self.reads.retain(|path| !reload_on.contains(path));
        (self.restart_on, self.reload_on) = (restart_on, reload_on);
    }

    /// The fingerprint of what stands at `paths`, as far as this playbook puts it there.
    fn fingerprint<'a>(paths: impl Iterator<Item = &'a String>, cx: &Context<'_>) -> Option<String> {
        let version = |path: &String| {
            let version = cx.version(&Ref::Path(path.clone()))?;
            Some(format!("{path} {version}\n"))
        };
        let versions: Vec<String> = paths.filter_map(version).collect();
        (!versions.is_empty()).then(|| sha256(versions.concat().as_bytes()))
    }

    /// What it is started from: its files and what it reads.
    fn started_from(&self) -> impl Iterator<Item = &String> {
        self.files.iter().chain(&self.reads).chain(&self.restart_on)
    }

    /// The fingerprint of what it is started from.
    fn version(&self, cx: &Context<'_>) -> Option<String> {
        Self::fingerprint(self.started_from(), cx)
    }

    /// Whether it may have been started from something else than what shall stand there.
    fn is_stale(&self, cx: &Context<'_>) -> bool {
        let version = self.version(cx);
        let nowhere = |path: &String| cx.version(&Ref::Path(path.clone())).is_none();
        version.is_some() && cx.facts.loaded(self.id.as_str()) != version.as_deref()
            || self.started_from().any(|path| cx.replaces(path))
            // A run took a file away and died before systemd was told.
            || self.files.iter().any(nowhere) && cx.facts.unit(&self.unit).needs_reload
    }

    /// What the host remembers that it has read of `reload_on`. No unit's name has a `+`.
    fn reload_stamp(&self, cx: &Context<'_>) -> Option<(String, String)> {
        let version = Self::fingerprint(self.reload_on.iter(), cx)?;
        Some((format!("{}+reload", self.id), version))
    }

    /// Whether it may have read something else of `reload_on` than what shall stand there.
    fn is_unread(&self, cx: &Context<'_>) -> bool {
        let unread = |(name, version): (String, String)| cx.facts.loaded(&name) != Some(version.as_str());
        self.reload_stamp(cx).is_some_and(unread) || self.reload_on.iter().any(|path| cx.replaces(path))
    }

    /// Whether it has no file any more, so that it does not go on.
    fn is_gone(&self, cx: &Context<'_>) -> bool {
        let mut others = self.gone.iter().flat_map(|gone| other_places(gone, &self.unit));
        self.gone.is_some() && others.all(|path| cx.facts.path(&path).is_none())
    }

    /// Refuses to promise that a unit starts with the host which nothing starts.
    fn refuse_static(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        let is_static = cx.facts.unit(&self.unit).file == "static" && !self.installs;
        match self.says_enabled && self.enabled == Some(true) && is_static {
            false => Ok(()),
            true => Err(Refusal {
                id: self.id.clone(),
                cause: format!(
                    "{} is static: its file has no section [Install], which would say what starts it with the host",
                    self.unit
                ),
                mend: "take `enabled` out: what needs it starts it (a timer, a socket, another unit)".into(),
            }),
        }
    }

    /// How it takes what changed, if that disturbs nothing but itself.
    fn restart(&self) -> Option<&'static str> {
        match self.unit.rsplit_once('.')?.1 {
            "slice" | "target" => None,
            "mount" => Some("reload-or-restart"),
            // A reload of fail2ban says whether it went through; a start says it before it is read. One of logind's
            // disturbs nobody who is logged in.
            _ if matches!(&*self.unit, FAIL2BAN | "systemd-logind.service")
                && !self.files.iter().any(|path| unit::is_file(path)) =>
            {
                Some("reload-or-restart")
            }
            _ => Some("restart"),
        }
    }

    /// How it is brought back to what it was, with what this run has replaced of what it reads.
    fn go_back(&self, words: &[&str], cx: &Context<'_>) -> String {
        let is_new = |path: &&String| cx.changes(&Ref::Path((*path).clone()));
        let others = self.reads.iter().chain(&self.restart_on).chain(&self.reload_on);
        let mut paths: Vec<&String> = self.files.iter().collect();
        for path in others.filter(is_new) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let gently = if words == ["reload"] {
            "again=reload-or-restart\n"
        } else {
            ""
        };
        format!(
            "{gently}back {} {}",
            shell::quote(&self.unit),
            shell::words(&paths)
        )
    }

    /// What is to be done, in words and in sh.
    fn steps(&self, cx: &Context<'_>) -> Vec<(&'static str, String)> {
        let fact = cx.facts.unit(&self.unit);
        let stale = self.is_stale(cx);
        let unit = shell::quote(&self.unit);
        let mut steps = Vec::new();
        let (enabled, running) = (self.enabled == Some(true), self.running == Some(true));
        if fact.load == "masked" && (enabled || running || self.unmasked) {
            steps.push(("unmask", format!("systemctl unmask {unit}")));
        }
        // Units without an [Install] section are `static`: there is nothing to enable.
        let is_enabled = fact.file.starts_with("enabled")
            || matches!(&*fact.file, "static" | "alias" | "generated" | "indirect");
        match (self.enabled, is_enabled) {
            (Some(true), false) => steps.push((
                "enable",
                format!("systemctl is-enabled --quiet {unit} || systemctl enable {unit}"),
            )),
            (Some(false), true) if fact.file.starts_with("enabled") => {
                steps.push(("disable", format!("systemctl disable {unit}")));
            }
            _ => {}
        }
        let restart = self.restart().filter(|_| stale);
        let remembered = cx.facts.loaded(self.id.as_str());
        let been_through = fact.went_through(remembered.is_some_and(|value| value != "-"));
        match (self.running, restart) {
            (Some(true), None) if !fact.runs() && !been_through => steps.push((
                "start",
                format!("systemctl is-active --quiet {unit} || up start {unit}"),
            )),
            // It may have come up with its package, and from other files.
            (Some(true), Some(_)) if !fact.runs() && !been_through => {
                steps.push(("start", format!("up restart {unit}")));
            }
            (Some(true), Some(verb)) => steps.push(("restart", format!("up {verb} {unit}"))),
            (Some(false), _) if fact.is_busy() => {
                steps.push(("stop", format!("systemctl stop {unit}")));
            }
            (None, Some(verb)) => {
                let those = shell::quote(&glob(&self.unit).unwrap_or_else(|| self.unit.clone()));
                let is_stopped = cx.changed.contains(&Id::new("pruned", &self.unit));
                let word = match (fact.is_busy() && !is_stopped, self.is_gone(cx)) {
                    (true, true) => "stop",
                    (true, false) => "restart",
                    (false, _) => "load",
                };
                steps.push((word, format!("anew {verb} {those}")));
            }
            _ if stale => steps.push(("load", ":".into())),
            (Some(true) | None, None) if fact.runs() && self.is_unread(cx) => {
                steps.push(("reload", format!("up reload-or-restart {unit}")));
            }
            _ => {}
        }
        steps
    }
}

impl Resource for Service {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        Vec::new()
    }

    fn needs(&self) -> Vec<Ref> {
        let package = self.package.clone().map(Ref::Package);
        let files = self.files.iter().cloned();
        let files = files.flat_map(|path| [Ref::Id(Id::new("absent", &path)), Ref::Path(path)]);
        let paths = [&self.reads, &self.wants, &self.restart_on, &self.reload_on];
        let paths = paths.into_iter().flatten().cloned().map(Ref::Path);
        package.into_iter().chain(files).chain(paths).collect()
    }

    /// A unit that a kind needs goes on as long as its package is there.
    fn remains(&self) -> Remains {
        let wanted = self.package.is_none() && (self.enabled == Some(true) || self.running == Some(true));
        Remains {
            units: wanted.then(|| self.unit.clone()).into_iter().collect(),
            ..Remains::default()
        }
    }

    fn ends(&self, unit: &str, cx: &Context<'_>) -> bool {
        let ends = self.running == Some(false) || self.is_stale(cx) && self.restart().is_some();
        ends && covers(&self.unit, unit)
    }

    fn ask(&self, questions: &mut Questions) {
        if glob(&self.unit).is_none() {
            questions.unit(&self.unit);
        }
        let others = self.gone.iter().flat_map(|gone| other_places(gone, &self.unit));
        others.for_each(|path| questions.path(&path));
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        refuse_unseen(&self.id, "restart_on", &self.restart_on, cx)?;
        refuse_unseen(&self.id, "reload_on", &self.reload_on, cx)?;
        self.refuse_static(cx)?;
        let steps = self.steps(cx);
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let words: Vec<&str> = steps.iter().map(|(word, _)| *word).collect();
        let unit = shell::quote(&self.unit);
        let files = shell::words(&self.files);
        let summary = format!("{} {}", words.join(" and "), self.unit);
        let mut change = Change::new(&self.id, Verb::Run, summary);
        if glob(&self.unit).is_some() {
            let verb = if self.is_gone(cx) { "stop" } else { "restart" };
            change = change.note(format!("and {verb} those of its kind that run"));
        }
        let reads_files = self.is_stale(cx) && !self.files.is_empty();
        let load = match reads_files {
            true => format!("read_files {unit} {files}"),
            false => format!("know {unit}"),
        };
        let mut commands: Vec<String> = steps.iter().map(|(_, command)| command.clone()).collect();
        if reads_files {
            commands.push(format!("took {files}"));
        }
        let remember = match glob(&self.unit) {
            None => format!("remember {unit}\n"),
            Some(_) => String::new(),
        };
        change = change.shell(format!("{LIBRARY}{remember}{load}\n{}", commands.join("\n")));
        change.recover = Some(format!("{LIBRARY}{}", self.go_back(&words, cx)));
        let anew = words.contains(&"restart") || words.contains(&"start");
        if self.unit == FAIL2BAN && anew {
            // What it bans us for may stand in an old log.
            change = change.shell("spare_us").if_access_stays();
        } else if lets_in(&self.unit) && (words.contains(&"stop") || words.contains(&"restart")) {
            change = change.if_access_stays();
        }
        let name = self.id.to_string();
        let value = self.version(cx).unwrap_or_else(|| "started".into());
        // Whoever starts reads all of it.
        let starts = anew || words.contains(&"reload");
        let read = self.reload_stamp(cx).filter(|_| starts);
        let of_itself = words != ["reload"];
        let stamps = of_itself.then_some((name, value)).into_iter().chain(read);
        for (name, value) in stamps {
            change.actions.insert(0, Action::Unloaded { name: name.clone() });
            change = change.action(Action::Loaded { name, value });
        }
        Ok(vec![change])
    }
}
