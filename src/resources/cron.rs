//! What cron runs: an entry in `/etc/cron.d`, and its script.

mod watched;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};

use super::file::values;
use crate::change::{Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{Duration, Flag, Line, LocalPath, Name, Schedule, Text, optional};
use crate::language::{Declaration, Problem, Render};
use crate::layout::PATH;
use crate::managed::file::ManagedFile;
use crate::shell::words;

/// A job of cron's. Exactly one of `command`, `template` and `source` says what it runs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// When: cron's five fields, or `@daily` and its like.
    pub schedule: Schedule,
    /// A command line.
    #[serde(default, deserialize_with = "optional")]
    pub command: Option<Line>,
    /// A template of a script, relative to the playbook or shipped (`monitor.sh.hbs`, `backup.sh.hbs`).
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
    /// A script of this machine, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub source: Option<LocalPath>,
    /// Values for the template beside the playbook's vars.
    #[serde(default, rename = "with")]
    pub values: IndexMap<Name, Text>,
    /// Who runs it; root unless given.
    #[serde(default, deserialize_with = "optional")]
    pub user: Option<Name>,
    /// Its environment. cron expands nothing in it.
    #[serde(default)]
    pub environment: IndexMap<Name, Text>,
    /// Whom cron sends what it prints, if the host can send mail; its user unless given, nobody if empty.
    #[serde(default, deserialize_with = "optional")]
    pub mailto: Option<Text>,
    /// It waits up to so long, by chance, before it begins, so that many hosts do not begin at once.
    #[serde(default, deserialize_with = "optional")]
    pub random_delay: Option<Duration>,
    /// Whether it is passed over while its last run still goes on.
    #[serde(default, deserialize_with = "optional")]
    pub lock: Option<Flag>,
    /// Whether the shipped monitor tells when a run of it fails or is missed, and when it is well again.
    #[serde(default, deserialize_with = "optional")]
    pub alert: Option<Flag>,
    /// How long ago its last run that ended well may be; longer is an `alert`, which this switches on: `26h`. Unless given
    /// it follows from the schedule: 12 hours where it runs every six, 30 where it runs every day.
    #[serde(default, deserialize_with = "optional")]
    pub max_age: Option<Duration>,
}

/// What kinds keep beside the scripts of cron jobs, each in a folder.
const FOLDERS: [&str; 4] = ["backups", "certificates", "instances", "jobs"];

/// How many bytes of a command, or of a variable with its name, cron reads: it cuts off the rest of the one, and passes
/// over a file with the other (seen of Debian's; `MAX_COMMAND` and `MAX_ENVSTR` in its cron.h).
const MOST: usize = 998;

/// The template of the shipped monitor.
const MONITOR: &str = "monitor.sh.hbs";

/// A cron job that is the monitor.
struct Monitor;

/// The command as cron is told: it makes a newline of a bare `%`, and takes the `\` from `\%` and `\\` (`child_process`
/// in its do_command.c).
fn said(command: &str) -> String {
    let mut said = String::new();
    let mut rest = command.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '%' || c == '\\' && matches!(rest.peek(), Some('%' | '\\')) {
            said.push('\\');
        }
        said.push(c);
    }
    said
}

/// A value of a crontab's variable. What stands between two equal quotes is taken as it is (`load_env` in cron's env.c).
fn assigned(key: &str, value: &str) -> Result<String, Problem> {
    let mark = if value.contains('"') { '\'' } else { '"' };
    if value.contains(mark) || value.contains('\n') {
        return Err(Problem::new(
            format!("cron cannot pass on a value of `{key}` that has quotes of both sorts, or several lines"),
            "set it in a script",
        ));
    }
    Ok(format!("{key}={mark}{value}{mark}"))
}

impl Job {
    /// The lines of the crontab that stand before the job's own.
    fn variables(&self) -> Result<Vec<String>, Problem> {
        let mailto = self.mailto.iter().map(|mailto| ("MAILTO", &mailto.0));
        let own = self
            .environment
            .iter()
            .map(|(key, value)| (key.0.as_str(), &value.0));
        own.chain(mailto)
            .map(|(key, value)| assigned(key, value))
            .collect()
    }

    /// How old the last run that ended well may be, in seconds; none where nobody is told of it.
    fn watched(&self) -> Result<Option<u32>, Problem> {
        let alert = self.alert.as_ref().map_or(self.max_age.is_some(), |flag| flag.0);
        if !alert {
            return Ok(None);
        }
        let age = self.max_age.as_ref().map(|age| age.0);
        let age = age.or_else(|| watched::patience(&self.schedule, self.random_delay.as_ref()));
        age.map(Some).ok_or_else(|| {
            Problem::new(
                format!("nobody can tell when a run at `{}` is missed", self.schedule.0),
                "say how old the last one may be: `max_age: 31d`",
            )
        })
    }

    /// The command with what is done around it. `lock` is the file that a run holds.
    fn around(&self, command: String, lock: &str) -> String {
        let mut command = command;
        if self.lock.as_ref().is_some_and(|flag| flag.0) {
            command = words(["flock", "--nonblock", lock, "sh", "-c", &command]);
        }
        if let Some(delay) = &self.random_delay {
            command = format!("perl -e 'sleep rand {}'; {command}", delay.0 + 1);
        }
        command
    }
}

impl Declaration for Job {
    fn announce(&self, _: &str, cx: &mut Render<'_>) {
        let template = self.template.as_ref().and_then(|path| path.0.rsplit('/').next());
        if template == Some(MONITOR) {
            cx.announce(Monitor);
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let playbook = cx.document.name.clone();
        let user = self.user.as_ref().map_or("root", |user| &user.0).to_owned();
        let mut own = values(&self.values);
        own.insert("name".into(), json!(name));
        let content = match (&self.command, &self.template, &self.source) {
            (Some(_), None, None) => None,
            (None, Some(template), None) => Some(cx.template(&template.0, own)?),
            (None, None, Some(source)) => Some(cx.local_file(&source.0)?),
            _ => {
                return Err(Problem::new(
                    "a cron job runs one thing",
                    "give exactly one of `command`, `template` and `source`",
                ));
            }
        };
        let script = content.map(|content| {
            // The folder of another kind may stand there.
            let mark = if FOLDERS.contains(&name) { "_" } else { "" };
            let path = format!("/usr/local/lib/{playbook}/{name}{mark}");
            let mut script = ManagedFile::new(path, content);
            // A script with a secret is for its user alone.
            script = if script.content.secret {
                script.mode("0700")
            } else {
                script.mode("0755")
            };
            if script.content.secret {
                // His own group may have another name.
                script.owner = format!("{user}:root");
            }
            script
        });
        if let Some(command) = &self.command {
            cx.refuse_secret(&command.0)?;
        }
        let command = match (&script, &self.command) {
            (Some(script), _) => script.path.clone(),
            (None, Some(command)) => command.0.clone(),
            (None, None) => String::new(),
        };
        let mut files: Vec<ManagedFile> = script.into_iter().collect();
        let watched = self.watched()?;
        let command = match watched {
            None => command,
            Some(max_age) => {
                let runner = watched::runner(name, &user, max_age, cx)?;
                let command = words([&runner.path, "run", &command]);
                files.push(runner);
                command
            }
        };
        // Each user's own: one user's cannot be opened for writing by another.
        let lock = format!("/run/lock/{playbook}-{name}.{user}");
        let command = said(&self.around(command, &lock));
        let variables = self.variables()?;
        let entry = entry(name, &self.schedule.0, &user, &command, &variables, cx)?;
        let id = Id::new("cron", name);
        cx.needs_unit("cron.service", "cron", id.as_str());
        cx.push(Scheduled {
            id,
            what: "cron job",
            schedule: self.schedule.0.clone(),
            user,
            entry,
            files,
            unheard: watched.is_some() && cx.announced::<Monitor>().next().is_none(),
        });
        Ok(())
    }
}

/// An entry of cron's, and the files that it runs.
#[derive(Debug)]
pub(super) struct Scheduled {
    pub id: Id,
    /// What it is called for people.
    pub what: &'static str,
    pub schedule: String,
    pub user: String,
    pub entry: ManagedFile,
    /// In the order in which they are put in place.
    pub files: Vec<ManagedFile>,
    /// Whether somebody shall be told of it, and nobody tells.
    pub unheard: bool,
}

impl Scheduled {
    /// The files before the entry that runs them.
    fn all(&self) -> impl Iterator<Item = &ManagedFile> {
        self.files.iter().chain([&self.entry])
    }
}

/// The entry of cron's that runs `command` as `user`; `name` is unique in the playbook.
pub(super) fn entry(
    name: &str,
    schedule: &str,
    user: &str,
    command: &str,
    variables: &[String],
    cx: &Render<'_>,
) -> Result<ManagedFile, Problem> {
    let mut all = variables.iter().map(String::as_str).chain([command]);
    if let Some(long) = all.find(|text| text.len() > MOST) {
        let what = if long == command { "command" } else { "variable" };
        return Err(Problem::new(
            format!(
                "cron reads {MOST} bytes of a {what}, and this one has {}",
                long.len()
            ),
            "put it into a script: `source` or `template`",
        ));
    }
    let mut values = Map::new();
    for (key, value) in [
        ("name", name),
        ("schedule", schedule),
        ("user", user),
        ("command", command),
        ("path", PATH),
    ] {
        values.insert(key.into(), json!(value));
    }
    values.insert("variables".into(), json!(variables));
    // cron skips names with a dot.
    let file = format!("{}-{name}", cx.document.name).replace('.', "_");
    let content = cx.template("cron.hbs", values)?;
    Ok(ManagedFile::new(format!("/etc/cron.d/{file}"), content))
}

impl Resource for Scheduled {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        let files = self.all().flat_map(ManagedFile::needs);
        files
            .chain([Ref::Package("cron".into()), Ref::User(self.user.clone())])
            .collect()
    }

    fn version(&self) -> Option<String> {
        Some(self.entry.content.sha256.clone())
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.entry.path]
    }

    fn remains(&self) -> Remains {
        let mut remains = Remains::default();
        self.all().for_each(|file| remains.extend(file.remains()));
        remains
    }

    fn content(&self, path: &str) -> Option<&[u8]> {
        (self.entry.path == path).then_some(&*self.entry.content.bytes)
    }

    fn remark(&self, _: &Context<'_>) -> Option<String> {
        let text = "nobody tells of a run that fails or is missed: no cron job of the playbook is the monitor (`template: monitor.sh.hbs`)";
        self.unheard.then(|| text.to_owned())
    }

    fn ask(&self, questions: &mut Questions) {
        self.all().for_each(|file| file.ask(questions));
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let exists = cx.facts.path(&self.entry.path).is_some();
        let (verb, word) = if exists {
            (Verb::Update, "update")
        } else {
            (Verb::Create, "add")
        };
        let mut change = Change::new(
            &self.id,
            verb,
            format!("{word} {} at {} as {}", self.what, self.schedule, self.user),
        );
        let mut differs = false;
        for file in self.all() {
            differs |= file.diff_into(cx, &mut change)?;
        }
        Ok(if differs { vec![change] } else { Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::said;
    use proptest::prelude::*;

    /// What cron passes to the shell.
    fn heard(said: &str) -> Option<String> {
        let mut heard = String::new();
        let mut escaped = false;
        for c in said.chars() {
            if escaped {
                if c == '%' || c == '\\' {
                    heard.pop();
                }
                escaped = false;
            } else if c == '%' {
                return None;
            } else {
                escaped = c == '\\';
            }
            heard.push(c);
        }
        Some(heard)
    }

    proptest! {
        #[test]
        fn the_shell_gets_what_the_playbook_says(command in r"[a%\\\\ ]{0,12}") {
            prop_assert_eq!(heard(&said(&command)), Some(command));
        }
    }
}
