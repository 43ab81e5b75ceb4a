//! Programs that supervisor runs. Only the program that changed is touched: `reread`, `update NAME`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::directory::Directory;
use super::managed::ManagedFile;
use crate::change::{Action, Change, Id, Verb, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::playbook::render::{Declaration, Problem, Render};
use crate::playbook::scalar::{AbsPath, Count, Flag, Line, LocalPath, Name, optional};
use crate::playbook::template::object;
use crate::shell;

/// A program that supervisor starts and keeps running.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The command line; its program by absolute path.
    pub command: Line,
    /// Who runs it; root unless given.
    #[serde(default, deserialize_with = "optional")]
    pub user: Option<Name>,
    /// Working directory; `/` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub directory: Option<AbsPath>,
    /// Its environment.
    #[serde(default)]
    pub environment: IndexMap<Name, Line>,
    /// Whether it starts with supervisor; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub autostart: Option<Flag>,
    /// Whether it is started again when it ends; true unless given.
    #[serde(default, deserialize_with = "optional")]
    pub autorestart: Option<Flag>,
    /// Seconds it must stay up to count as started; 1 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub startsecs: Option<Count>,
    /// Seconds it may take to stop before it is killed; 10 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub stopwaitsecs: Option<Count>,
    /// The directory of `out.log` and `err.log`; `/var/log/NAME` unless given. Rotation is logrotate's.
    #[serde(default, deserialize_with = "optional")]
    pub logs: Option<AbsPath>,
    /// Files that it reads at its start: it is started again when they change.
    #[serde(default)]
    pub restart_on: Vec<AbsPath>,
    /// A template in place of the shipped one, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
    /// Ids that it comes after.
    #[serde(default)]
    pub after: Vec<Line>,
}

impl Program {
    fn values(&self, name: &str, logs: &str) -> Result<Map<String, Value>, Problem> {
        let mut environment = Vec::new();
        for (key, value) in &self.environment {
            environment.push(format!("{key}={}", quote(&escape(&value.0)?)?));
        }
        let on = |flag: &Option<Flag>| flag.as_ref().is_none_or(|flag| flag.0);
        let number = |count: &Option<Count>, or| count.as_ref().map_or(or, |count| count.0);
        Ok(object(json!({
            "name": name,
            "command": escape(&self.command.0)?,
            "user": self.user.as_ref().map_or("root", |user| &user.0),
            "directory": escape(self.directory.as_ref().map_or("/", |path| &path.0))?,
            "environment": environment.join(","),
            "autostart": on(&self.autostart),
            "autorestart": on(&self.autorestart),
            "startsecs": number(&self.startsecs, 1),
            "stopwaitsecs": number(&self.stopwaitsecs, 10),
            "logs": logs,
        })))
    }
}

/// supervisor expands `%(…)s` and cuts a value at a ` ;` or ` #`; `%(here)s` it replaces even where the
/// `%` is escaped.
fn escape(value: &str) -> Result<String, Problem> {
    if value.contains("%(here)s") {
        return Err(Problem::new(
            "supervisor would replace the `%(here)s` in a value",
            "put it into a file that the program reads, or into a script",
        ));
    }
    if value.contains(" ;") || value.contains(" #") {
        return Err(Problem::new(
            "supervisor would cut a value at its ` ;` or ` #`",
            "put it into a file that the program reads, or into a script",
        ));
    }
    Ok(value.replace('%', "%%"))
}

/// supervisor takes what stands between two equal quotes as it is, without escapes, and strips quotes of
/// both sorts from its ends (`dict_of_key_value_pairs` in its `datatypes.py`).
fn quote(value: &str) -> Result<String, Problem> {
    let mark = if value.contains('"') { '\'' } else { '"' };
    if value.contains(mark) || value.starts_with(['\'', '"']) || value.ends_with(['\'', '"']) {
        return Err(Problem::new(
            "supervisor cannot pass on a value that has quotes of both sorts, or one at an end",
            "put it into a file that the program reads",
        ));
    }
    Ok(format!("{mark}{value}{mark}"))
}

impl Declaration for Program {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if !self.command.0.starts_with('/') {
            return Err(Problem::new(
                format!("`{}` does not start with an absolute path", self.command),
                "supervisor looks nothing up: write the program's whole path",
            ));
        }
        let logs = self
            .logs
            .as_ref()
            .map_or_else(|| format!("/var/log/{name}"), |path| path.0.clone());
        let template = self
            .template
            .as_ref()
            .map_or("supervisor.conf.hbs", |path| &path.0);
        let content = cx.template(template, self.values(name, &logs)?)?;
        let file = ManagedFile::new(format!("/etc/supervisor/conf.d/{name}.conf"), content);
        let declared = cx.loaded.playbook.directories.keys().any(|path| path.0 == logs);
        if !declared && !cx.has(&Id::new("directory", &logs)) {
            Directory::default().render(&logs, cx)?;
        }
        let id = Id::new("supervisor", name);
        cx.needs_unit("supervisor.service", "supervisor", id.as_str());
        let executable = self.command.0.split(' ').next().unwrap_or_default().to_owned();
        cx.refuse_secret(&self.command.0)?;
        cx.push(Supervised {
            id,
            name: name.to_owned(),
            file,
            user: self.user.as_ref().map_or("root", |user| &user.0).to_owned(),
            reads: std::iter::once(executable)
                .chain(self.restart_on.iter().map(|path| path.0.clone()))
                .collect(),
            needs: self
                .directory
                .iter()
                .map(|path| path.0.clone())
                .chain([logs.clone()])
                .collect(),
            logs,
            starts: self.autostart.as_ref().is_none_or(|flag| flag.0),
            startsecs: self.startsecs.as_ref().map_or(1, |count| count.0),
        });
        Ok(())
    }

    fn after(&self) -> &[Line] {
        &self.after
    }
}

/// Asks supervisord what `supervisorctl status` would. Its perl is there on every Debian and Ubuntu.
const STATUS: &str = include_str!("supervisor_status.pl");

#[derive(Debug)]
struct Supervised {
    id: Id,
    name: String,
    file: ManagedFile,
    user: String,
    /// What it loads when it starts: its program first.
    reads: Vec<String>,
    needs: Vec<String>,
    logs: String,
    starts: bool,
    startsecs: u32,
}

impl Supervised {
    /// The fingerprint of all that the running program was started from.
    fn inputs(&self, cx: &Context<'_>) -> String {
        let mut inputs = self.file.content.sha256.clone();
        for path in &self.reads {
            inputs += &cx.version(&Ref::Path(path.clone())).unwrap_or_default();
        }
        sha256(inputs.as_bytes())
    }

    /// Refuses to promise a restart for a file whose changes nobody sees.
    fn refuse_unseen(&self, cx: &Context<'_>) -> Result<(), Refusal> {
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

    /// Runs the program as it was: its old configuration is back, and what this run replaced of what it
    /// reads (a new release, say) is put back too.
    fn go_back(&self, cx: &Context<'_>) -> String {
        let name = shell::quote(&self.name);
        let is_new = |path: &&String| cx.changes(&Ref::Path((*path).clone()));
        let new = self.reads.iter().filter(is_new);
        let mut text: String = new
            .map(|path| format!("take_back {}\n", shell::quote(path)))
            .collect();
        let start = !text.is_empty() && self.starts;
        text += &format!("supervisorctl update {name}");
        if start {
            text += &format!(
                "\ncase $(supervisorctl status {name}) in *FATAL* | *EXITED* | *STOPPED*) supervisorctl start {name} ;; esac"
            );
        }
        text
    }

    /// Brings the program up on what is now on disk, and waits until supervisor calls it running. Each
    /// call of supervisorctl starts a Python, so there are few.
    fn bring_up(&self, restart: bool) -> String {
        let name = shell::quote(&self.name);
        let log = shell::quote(&format!("{}/err.log", self.logs));
        let restart = match (restart, self.starts) {
            // `update` has started it anew only if its configuration changed.
            (true, true) => "[ -z \"$pid\" ] || [ \"$pid\" != \"$before\" ] || restart=yes",
            // One that is started by hand is not started here; one that runs must not run on what was.
            (true, false) => {
                "[ -z \"$pid\" ] || [ \"$pid\" != \"$before\" ] || supervisorctl restart \"$name\""
            }
            (false, _) => ":",
        };
        let wait = self.startsecs + 20;
        let start = if self.starts {
            format!(
                r#"case $restart$status in
yes*) supervisorctl restart "$name" || true ;;
*RUNNING* | *STARTING* | *BACKOFF*) ;;
*) supervisorctl start "$name" || true ;;
esac
deadline=$(($(date +%s) + {wait}))
while look; do
  case $status in
  *RUNNING*) break ;;
  *STARTING* | *BACKOFF*) ;;
  *) deadline=0 ;;
  esac
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "$status"
    echo "the end of {log}:"
    tail -n 20 {log} || true
    exit 1
  fi
  sleep 0.2
done"#
            )
        } else {
            String::new()
        };
        format!(
            r#"name={name}
restart=
look() {{
  status=$(supervisorctl status "$name" 2>&1 || true)
  pid=$(printf '%s\n' "$status" | sed -n 's/.* pid \([0-9]*\),.*/\1/p')
}}
tries=50
while look; do
  # A supervisord that was just started does not answer yet: its socket is named, not the program.
  case ${{status%% *}} in *://*) tries=$((tries - 1)) ;; *) break ;; esac
  [ "$tries" -gt 0 ] || break
  sleep 0.2
done
before=$pid
if ! said=$(supervisorctl update "$name" 2>&1); then
  supervisorctl reread # says in better words what is wrong
  printf '%s\n' "$said"
  exit 1
fi
printf '%s\n' "$said"
look
{restart}
{start}"#
        )
    }
}

impl Resource for Supervised {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = vec![
            Ref::Package("supervisor".into()),
            Ref::Id(Id::new("systemd", "supervisor")),
            Ref::User(self.user.clone()),
        ];
        needs.extend(
            self.reads
                .iter()
                .chain(&self.needs)
                .map(|path| Ref::Path(path.clone())),
        );
        needs
    }

    fn ask(&self, questions: &mut Questions) {
        self.file.ask(questions);
        let status = format!(
            "command -v supervisorctl >/dev/null || exit 0\nperl -e {} || supervisorctl status",
            shell::quote(STATUS)
        );
        questions.script("supervisor.status", status);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        self.refuse_unseen(cx)?;
        let mut change = self.file.change(cx, &self.id);
        let configured = !self.file.diff_into(cx, &mut change)?;
        let inputs = self.inputs(cx);
        let loaded = cx.facts.loaded(self.id.as_str()) == Some(inputs.as_str());
        let state = state(cx.facts.output("supervisor.status"), &self.name);
        let up = !self.starts || matches!(state, Some("RUNNING" | "STARTING"));
        if configured && loaded && up {
            return Ok(Vec::new());
        }
        let word = match (state, up) {
            (None, _) => "start",
            (Some(_), true) => "restart",
            (Some(_), false) => "start again",
        };
        if configured {
            change = Change::new(&self.id, Verb::Run, format!("{word} {}", self.name));
        } else {
            change.summary = format!("{word} {} as {} says", self.name, self.file.path);
        }
        if !up && let Some(state) = state {
            change = change.note(format!("it is {state} now"));
        } else if configured {
            change = change.note("what it runs from is not what it was last started from");
        }
        change.actions.insert(
            0,
            Action::Unloaded {
                name: self.id.to_string(),
            },
        );
        change = change.shell(self.bring_up(!loaded));
        change = change.action(Action::Loaded {
            name: self.id.to_string(),
            value: inputs,
        });
        change.recover = Some(self.go_back(cx));
        Ok(vec![change])
    }
}

/// The state of a program, as supervisord and `supervisorctl status` tell it.
fn state<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == name).then(|| words.next())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_by_name() {
        let status = "api                              RUNNING   pid 12, uptime 0:00:05\napi2 FATAL   Exited";
        assert_eq!(state(status, "api"), Some("RUNNING"));
        assert_eq!(state(status, "api2"), Some("FATAL"));
        assert_eq!(state(status, "other"), None);
    }

    #[test]
    fn what_supervisor_would_cut_or_strip_is_refused() {
        assert!(escape("a ;b").is_err());
        assert!(escape("a %(here)s").is_err());
        assert_eq!(escape("50%").ok(), Some("50%%".into()));
        assert_eq!(quote("it's, \\ so").ok(), Some("\"it's, \\ so\"".into()));
        assert_eq!(quote(r#"{"a": 1}"#).ok(), Some(r#"'{"a": 1}'"#.into()));
        for value in [r#"it's "x" here"#, "'x", r#"say "x""#] {
            assert!(quote(value).is_err(), "{value}");
        }
    }
}
