//! Programs on a host, as supervisord has them: whether they are as they should be, and how they are brought up and
//! taken back. `supervisor.rs` says which there shall be.

use super::supervisor_config::{self, Declared, Process};
use crate::change::{Action, Change, Id, Verb, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::managed::file::ManagedFile;
use crate::shell;

/// Where supervisor's own configuration says that it reads.
pub(super) const FOLDER: &str = "/etc/supervisor/conf.d/";
/// Under which name a host remembers that a file of supervisor's stands in another folder, before its path.
pub(super) const ELSEWHERE: &str = "supervisor ";
/// The unit in which all programs run.
pub(super) const UNIT: &str = "supervisor.service";
const CONFIG: &str = "/etc/supervisor/supervisord.conf";

/// Whether supervisor reads the file at `path`, as it is packaged.
pub(super) fn reads(path: &str) -> bool {
    let name = path.strip_prefix(FOLDER);
    name.is_some_and(|name| name.ends_with(".conf") && !name.contains('/'))
}

/// What the file at `path` is called for people.
pub(super) fn name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = [".conf", ".ini"].iter().find_map(|end| name.strip_suffix(end));
    ends.unwrap_or(name)
}

/// Asks supervisord what `supervisorctl status` would. Its perl is there on every Debian and Ubuntu.
const STATUS: &str = include_str!("supervisor_status.pl");

/// What the host's sh does with programs.
const LIBRARY: &str = include_str!("supervisor.sh");

/// What supervisor includes: its patterns, a line each, and `FILE:[SECTION]` of all files that it finds.
const INCLUDED: &str = include_str!("supervisor_included.sh");

/// The functions of the host's sh for programs; `look` among them prints what supervisord says of all of them.
pub fn looking() -> String {
    format!("ask={}\n{LIBRARY}", shell::quote(STATUS))
}

/// A file that supervisor reads, and the programs that it declares.
#[derive(Debug)]
pub(super) struct Supervised {
    pub id: Id,
    pub file: ManagedFile,
    pub declared: Declared,
    pub users: Vec<String>,
    /// What it loads when it starts: its program first.
    pub reads: Vec<String>,
    pub needs: Vec<String>,
    /// What ends before it begins: the instances that it had.
    pub after: Vec<Id>,
    pub startsecs: u32,
    /// Whether this kind puts the file in place; else another does, and supervisor need not be there.
    pub own: bool,
}

impl Supervised {
    /// The programs that `file` declares.
    pub fn new(id: Id, file: ManagedFile) -> Self {
        let declared = supervisor_config::read(&String::from_utf8_lossy(&file.content.bytes));
        Self {
            id,
            users: declared.users.clone(),
            reads: declared.programs.clone(),
            needs: declared.directories.clone(),
            after: Vec::new(),
            startsecs: 1,
            own: false,
            declared,
            file,
        }
    }

    /// The fingerprint of all that the running program was started from.
    pub(super) fn inputs(&self, cx: &Context<'_>) -> String {
        let mut inputs = self.file.content.sha256.clone();
        for path in &self.reads {
            inputs += &cx.version(&Ref::Path(path.clone())).unwrap_or_default();
        }
        sha256(inputs.as_bytes())
    }

    /// Refuses to promise a restart for a file whose changes nobody sees.
    pub(super) fn refuse_unseen(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        let unseen = |path: &&String| cx.version(&Ref::Path((*path).clone())).is_none();
        match self.reads.iter().skip(1).find(unseen) {
            None => Ok(()),
            Some(path) => Err(Refusal {
                id: self.id.clone(),
                cause: format!("`restart_on` names {path}, and this playbook puts no file there"),
                mend: "declare it under `files` or `binaries`, or take it out of `restart_on`".into(),
            }),
        }
    }

    /// What was declared before, where it can be read.
    fn before(&self, cx: &Context<'_>) -> Option<Declared> {
        let text = std::str::from_utf8(cx.facts.content(&self.file.path)?).ok()?;
        Some(supervisor_config::read(text))
    }

    /// The library and what it works on.
    fn library(&self, cx: &Context<'_>, processes: &[Process]) -> String {
        format!("{}\n{}", self.meant(cx, processes), looking())
    }

    /// What the library works on: `processes`, in groups of either declaration.
    pub(super) fn meant(&self, cx: &Context<'_>, processes: &[Process]) -> String {
        let before = self.before(cx).unwrap_or_default();
        self.meant_of(&[&self.declared, &before], processes)
    }

    /// The same of what is declared, whatever stood there before.
    pub(super) fn meant_always(&self) -> String {
        self.meant_of(&[&self.declared], &self.declared.processes)
    }

    fn meant_of(&self, declared: &[&Declared], processes: &[Process]) -> String {
        let groups = declared.iter().flat_map(|declared| &declared.groups);
        let groups: Vec<&str> = groups.map(String::as_str).collect();
        let lines: Vec<String> = processes.iter().map(line).collect();
        let [file, groups, processes] =
            [&*self.file.path, &groups.join("\n"), &lines.join("\n")].map(shell::quote);
        format!("file={file}\ngroups={groups}\nprocesses={processes}")
    }

    /// Runs the program as it was: its old configuration is back, and what this run replaced of what it
    /// reads (a new release, say) is put back too.
    fn go_back(&self, cx: &Context<'_>) -> String {
        let is_new = |path: &&String| cx.changes(&Ref::Path((*path).clone()));
        let file = (!self.own).then_some(&self.file.path);
        let new = self.reads.iter().chain(file).filter(is_new);
        let taken_back: String = new
            .map(|path| format!("take_back {}\n", shell::quote(path)))
            .collect();
        let before = self.before(cx);
        let processes = before
            .as_ref()
            .map_or(&self.declared.processes, |old| &old.processes);
        let library = self.library(cx, processes);
        format!("{library}{taken_back}if systemctl is-active --quiet supervisor.service; then go_back; fi")
    }

    /// Brings the programs up on what is now on disk, and waits until they are as they should be.
    fn bring_up(&self, cx: &Context<'_>, restart: bool) -> String {
        let restart = if restart { "yes" } else { "no" };
        let wait = self.startsecs.saturating_add(20);
        let library = self.library(cx, &self.declared.processes);
        let bring_up = format!("bring_up {restart} {wait}");
        match self.own {
            true => library + &bring_up,
            false => {
                format!("{library}if systemctl is-active --quiet supervisor.service; then {bring_up}; fi")
            }
        }
    }

    /// Refuses a file that supervisor would not read, or would mix with another.
    pub(super) fn refuse_unread(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        let path = &self.file.path;
        let answer = cx.facts.output("supervisor.included");
        // This very run may change what is included: then supervisor itself tells.
        if answer.is_empty() || cx.changes(&Ref::Path(CONFIG.into())) {
            return Ok(());
        }
        let (found, patterns): (Vec<&str>, Vec<&str>) = answer
            .lines()
            .filter(|line| *line != "." && !line.contains(":programs"))
            .partition(|line| line.contains(":["));
        let unknown = |pattern: &&str| pattern.contains("%(");
        let finds = |pattern: &&str| unknown(pattern) || supervisor_config::finds(pattern, path);
        if !patterns.iter().any(finds) {
            let (cause, line) = match patterns.is_empty() {
                true => (
                    "no other file".to_owned(),
                    "two lines: `[include]` and `files =".to_owned(),
                ),
                false => (
                    patterns.join(" "),
                    format!("under `[include]` the line: `files = {}", patterns.join(" ")),
                ),
            };
            let there = patterns
                .iter()
                .find_map(|pattern| supervisor_config::in_place(pattern, name(path)));
            return Err(Refusal {
                id: self.id.clone(),
                cause: format!("{CONFIG} includes {cause}: supervisor would never read {path}"),
                mend: match there.filter(|_| self.own) {
                    Some(there) => {
                        format!(
                            "put it where supervisor reads, `file: {there}`, or write into {CONFIG}, {line} {FOLDER}*.conf`"
                        )
                    }
                    None => format!("write into {CONFIG}, {line} {FOLDER}*.conf`"),
                },
            });
        }
        let goes = |other: &str| {
            cx.changed.contains(&Id::new("absent", other)) || cx.changes(&Ref::Path(other.into()))
        };
        for (other, rest) in found.iter().filter_map(|line| line.split_once(":[")) {
            let section = rest.split(']').next().unwrap_or_default();
            if other != path && self.declared.sections.iter().any(|own| own == section) && !goes(other) {
                return Err(Refusal {
                    id: self.id.clone(),
                    cause: format!("[{section}] stands in {other} too, and supervisor would mix the two"),
                    mend: format!("list {other} under `absent`, or give the program another name"),
                });
            }
        }
        Ok(())
    }

    /// What is not as it should be of what supervisor says of its processes: whose state, and which.
    pub(super) fn wrong(&self, cx: &Context<'_>) -> Option<(String, String)> {
        let answer = cx.facts.output("supervisor.status");
        let silent =
            answer.is_empty() && cx.facts.output("supervisor.included").is_empty() || answer.contains("://");
        if silent && !self.own {
            return None;
        }
        let lines: Vec<Vec<&str>> = answer
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        self.declared.processes.iter().find_map(|process| {
            let mut own = lines
                .iter()
                .filter(|line| line.first().is_some_and(|name| process.is(name)))
                .peekable();
            if own.peek().is_none() {
                return Some((process.pattern.clone(), String::new()));
            }
            own.find_map(|line| amiss(process, line))
        })
    }
}

/// A process as `supervisor.sh` reads it.
fn line(process: &Process) -> String {
    let codes: Vec<String> = process.may_end.iter().map(i64::to_string).collect();
    let codes = if codes.is_empty() {
        "-".into()
    } else {
        codes.join(",")
    };
    let word = |yes| if yes { "yes" } else { "no" };
    format!(
        "{} {} {codes} {}",
        process.pattern,
        word(process.starts),
        word(process.at_once)
    )
}

/// The name and state of a process that is not as it should be. Only supervisord itself knows with which status it
/// ended; where that is unknown, one that may end has ended as it may.
fn amiss(process: &Process, line: &[&str]) -> Option<(String, String)> {
    let [name, state, status, ..] = line else {
        return None;
    };
    let may = |status: &str| match status.parse() {
        Ok(status) => process.may_end.contains(&status),
        Err(_) => !process.may_end.is_empty(),
    };
    if !process.starts || matches!(*state, "RUNNING" | "STARTING") || *state == "EXITED" && may(status) {
        return None;
    }
    let short = match name.split_once(':') {
        Some((group, name)) if group == name => name,
        _ => name,
    };
    let state = match (*state, status.parse::<i64>()) {
        ("EXITED", Ok(status)) => format!("EXITED with status {status}"),
        _ => (*state).to_owned(),
    };
    Some((short.to_owned(), state))
}

impl Resource for Supervised {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        match self.own {
            true => vec![Ref::Path(self.file.path.clone())],
            false => Vec::new(),
        }
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = self.file.needs();
        needs.push(Ref::Path(self.file.path.clone()));
        needs.push(Ref::Package("supervisor".into()));
        needs.push(Ref::Id(Id::new("systemd", "supervisor")));
        needs.extend(self.users.iter().map(|user| Ref::User(user.clone())));
        let paths = self.reads.iter().chain(&self.needs);
        needs.extend(paths.map(|path| Ref::Path(path.clone())));
        needs.extend(self.after.iter().cloned().map(Ref::Id));
        let elsewhere = self.declared.elsewhere.iter();
        needs.extend(elsewhere.map(|program| Ref::Id(Id::new("supervisor", program))));
        needs
    }

    fn remains(&self) -> Remains {
        let mut remains = self.file.remains();
        if self.own && !reads(&self.file.path) {
            let elsewhere = format!("{ELSEWHERE}{}", self.file.path);
            remains.settings.insert(elsewhere, String::new());
        }
        remains
    }

    fn ends(&self, unit: &str, _: &Context<'_>) -> bool {
        unit == UNIT
    }

    fn ask(&self, questions: &mut Questions) {
        self.file.ask(questions);
        questions.script("supervisor.included", INCLUDED);
        let status = format!(
            "command -v supervisorctl >/dev/null || exit 0\n{}\nlook",
            looking()
        );
        questions.script("supervisor.status", status);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        self.refuse_unseen(cx)?;
        self.refuse_unread(cx)?;
        let mut change = self.file.change(cx, &self.id);
        let configured = !self.own || !self.file.diff_into(cx, &mut change)?;
        let inputs = self.inputs(cx);
        // What somebody changed is put back by this plan: the program may run from what it was in between.
        let file = (!self.own).then_some(&self.file.path);
        let put_back = self.reads.iter().chain(file).any(|path| cx.replaces(path));
        let loaded = cx.facts.loaded(self.id.as_str()) == Some(inputs.as_str()) && !put_back;
        let wrong = self.wrong(cx);
        if configured && loaded && wrong.is_none() {
            return Ok(Vec::new());
        }
        let word = match &wrong {
            Some((_, state)) if state.is_empty() => "start",
            None => "restart",
            Some(_) => "start again",
        };
        let name = name(&self.file.path);
        if configured {
            change = Change::new(&self.id, Verb::Run, format!("{word} {name}"));
        } else {
            change.summary = format!("{word} {name} as {} says", self.file.path);
        }
        match &wrong {
            Some((_, state)) if state.is_empty() => {}
            Some((process, state)) if process == name => change = change.note(format!("it is {state} now")),
            Some((process, state)) => change = change.note(format!("{process} is {state} now")),
            None if configured => {
                change = change.note("what it runs from is not what it was last started from")
            }
            None => {}
        }
        let name = self.id.to_string();
        change.actions.insert(0, Action::Unloaded { name: name.clone() });
        change = change.shell(self.bring_up(cx, !loaded));
        change = change.action(Action::Loaded { name, value: inputs });
        change.recover = Some(self.go_back(cx));
        Ok(vec![change])
    }
}

/// A file of supervisor's, or their folder, that is taken away: its programs end.
#[derive(Debug)]
pub(super) struct Ended {
    pub id: Id,
    pub path: String,
}

impl Resource for Ended {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        vec![Ref::Id(Id::new("absent", &self.path))]
    }

    fn ends(&self, unit: &str, _: &Context<'_>) -> bool {
        unit == UNIT
    }

    fn ask(&self, questions: &mut Questions) {
        questions.script("supervisor.included", INCLUDED);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let answer = cx.facts.output("supervisor.included");
        let gone = |file: &str| {
            let rest = file.strip_prefix(&self.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let section = |line: &str| {
            let (file, rest) = line.split_once(":[")?;
            let (_, name) = rest.split(']').next()?.split_once(':')?;
            gone(file).then(|| name.trim().to_owned())
        };
        // What a group took in is by itself again.
        let members = |line: &str| {
            let (file, rest) = line.split_once(":programs")?;
            let names = rest.trim_start().strip_prefix(['=', ':'])?.split(',');
            gone(file).then(|| names.map(|name| name.trim().to_owned()).collect::<Vec<_>>())
        };
        let groups: Vec<String> = answer.lines().filter_map(section).collect();
        let taken: Vec<String> = answer.lines().filter_map(members).flatten().collect();
        let goes = cx.changed.contains(&Id::new("absent", &self.path));
        if groups.is_empty() || !goes {
            return Ok(Vec::new());
        }
        let take = format!(
            "groups={}\nprocesses=\n{LIBRARY}if systemctl is-active --quiet supervisor.service; then take; fi",
            shell::quote(&[groups.clone(), taken].concat().join("\n"))
        );
        let mut change = Change::new(&self.id, Verb::Run, format!("end {}", groups.join(", ")));
        change = change.note(format!("{} is gone", self.path)).shell(&take);
        change.recover = Some(format!("take_back {}\n{take}", shell::quote(&self.path)));
        Ok(vec![change])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_as_it_should_be_or_not() {
        let process =
            |text: &str| supervisor_config::read(&format!("[program:api]\n{text}")).processes[0].clone();
        let amiss = |text: &str, line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            super::amiss(&process(text), &words).map(|(name, state)| format!("{name} {state}"))
        };
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(amiss("", "api:api RUNNING 0 12 99 - -"), None);
        assert_eq!(amiss("", "web:api FATAL 0 0 99 - -"), said("web:api FATAL"));
        assert_eq!(amiss("autorestart=false", "api:api EXITED 0 0 99 - -"), None);
        assert_eq!(amiss("autorestart=false", "api:api EXITED - 0 - - -"), None);
        assert_eq!(
            amiss("autorestart=false", "api:api EXITED 3 0 99 - -"),
            said("api EXITED with status 3")
        );
        assert_eq!(
            amiss("autorestart=true", "api:api EXITED 0 0 99 - -"),
            said("api EXITED with status 0")
        );
        assert_eq!(amiss("autostart=false", "api:api STOPPED 0 0 0 - -"), None);
    }

    /// A program that ends at once may begin in the second in which the one before it began, and then supervisor's
    /// numbers tell the two not apart.
    #[test]
    fn what_supervisor_has_just_taken_is_not_started_again() {
        let told = |reread: &str| {
            let script = format!(
                "file=/etc/supervisor/conf.d/job.conf groups=job processes='job:job yes 0 yes'
{LIBRARY}
look() {{ printf 'job:job\tEXITED\t0\t0\t1700000000\t-\t-\n'; }}
supervisorctl() {{
  case $1 in
  reread) echo '{reread}' ;;
  avail) echo 'job in use auto 999:999' ;;
  *) echo \"$@\" ;;
  esac
}}
bring_up yes 5"
            );
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            let output = output.expect("sh runs");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        assert_eq!(told("job: changed"), "update job\n");
        assert_eq!(told("No config updates to processes"), "start job:job\n");
    }
}
