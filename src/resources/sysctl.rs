//! The kernel's values.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Action, Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{Line, SysctlKey};
use crate::language::{Placed, Problem, Render, Section};
use crate::managed::announced::{What, stands};
use crate::managed::file::ManagedFile;
use crate::shell;

/// The kernel's values, by key. They stand in a file of the playbook's, `/etc/sysctl.d/90-PLAYBOOK.conf`, and are set
/// in the same step; what a file that is read later says otherwise fails it. What was set by hand is set back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sysctl(IndexMap<SysctlKey, Placed<Line>>);

fn file(playbook: &str) -> String {
    format!("/etc/sysctl.d/90-{playbook}.conf")
}

impl Section for Sysctl {
    fn announce(&self, cx: &mut Render<'_>) {
        if !self.0.is_empty() {
            let path = file(&cx.document.name);
            stands(cx, &path, What::File(None));
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        if self.0.is_empty() {
            return;
        }
        let secret = |line: &Line| cx.document.secrets.taint(line.0.as_bytes());
        if let Some(placed) = self.0.values().find(|placed| secret(&placed.value)) {
            let problem = Problem::new("the kernel shows its values to everybody", "take the secret out");
            return cx.wrong(problem, placed);
        }
        let values: Vec<(String, String)> = self
            .0
            .iter()
            .map(|(key, placed)| (key.0.clone(), placed.value.0.clone()))
            .collect();
        let lines = values.iter().map(|(key, value)| format!("{key} = {value}\n"));
        let head = format!("# Managed by hostwright ({}).\n", cx.document.name);
        let text: String = [head].into_iter().chain(lines).collect();
        let path = file(&cx.document.name);
        let file = ManagedFile::new(path, cx.content(text.into_bytes()));
        cx.needs_package("procps", "sysctl.values");
        cx.push(Values {
            id: Id::new("sysctl", "values"),
            file,
            values,
        });
    }
}

#[derive(Debug)]
struct Values {
    id: Id,
    file: ManagedFile,
    values: Vec<(String, String)>,
}

/// Where the kernel shows a value: the first separator of a key says what the others are (sysctl.d(5)).
fn place(key: &str) -> String {
    let by_slash = key
        .find('/')
        .is_some_and(|slash| key.find('.').is_none_or(|dot| slash < dot));
    let turned = |c: char| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    match by_slash {
        true => format!("/proc/sys/{key}"),
        false => format!("/proc/sys/{}", key.chars().map(turned).collect::<String>()),
    }
}

/// Whether the kernel means the same: blanks between numbers are its own.
fn same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

impl Values {
    /// What the kernel has: `KEY VALUE` lines; nothing where a host cannot set it.
    fn question(&self) -> String {
        let ask = |(key, _): &(String, String)| {
            let (name, path) = (shell::quote(key), shell::quote(&place(key)));
            format!("[ -r {path} ] && printf '%s %s\\n' {name} \"$(cat {path})\"")
        };
        let asks: Vec<String> = self.values.iter().map(ask).collect();
        format!(
            "if [ -w /proc/sys/net/ipv4/ip_forward ]; then\n{}\nfi",
            asks.join("\n")
        )
    }

    /// The keys whose values the kernel has otherwise, and those values.
    fn others<'c>(&self, cx: &'c Context<'_>) -> Vec<(&str, &'c str, &str)> {
        let output = cx.facts.output("sysctl.values");
        let now = |key: &str| {
            output
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
        };
        let differs = |(key, value): &(String, String)| now(key).is_some_and(|now| !same(now, value));
        let others = self.values.iter().filter(|one| differs(one));
        others
            .map(|(key, value)| (&**key, now(key).unwrap_or_default(), &**value))
            .collect()
    }
}

impl Resource for Values {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.file.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        self.file.needs()
    }

    fn version(&self) -> Option<String> {
        Some(self.file.content.sha256.clone())
    }

    fn content(&self, path: &str) -> Option<&[u8]> {
        (self.file.path == path).then_some(&*self.file.content.bytes)
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.file.path]
    }

    fn remains(&self) -> Remains {
        self.file.remains()
    }

    fn ask(&self, questions: &mut Questions) {
        self.file.ask(questions);
        questions.script("sysctl.values", self.question());
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut change = Change::new(&self.id, Verb::Update, "set the kernel's values");
        let others = self.others(cx);
        if !self.file.diff_into(cx, &mut change)? {
            if others.is_empty() {
                return Ok(Vec::new());
            }
            change.actions.push(Action::Attributes {
                path: self.file.path.clone(),
                mode: self.file.mode.clone(),
                owner: self.file.owner.clone(),
            });
        }
        let fields = others
            .iter()
            .map(|(key, now, value)| Detail::Note(format!("{key}: the kernel has {now}, and gets {value}")));
        change.details.extend(fields);
        let back = others.iter().map(|(key, now, _)| {
            format!(
                "printf '%s\\n' {} >{}\n",
                shell::quote(now),
                shell::quote(&place(key))
            )
        });
        change.recover = Some(back.collect()).filter(|text: &String| !text.is_empty());
        Ok(vec![change])
    }
}
