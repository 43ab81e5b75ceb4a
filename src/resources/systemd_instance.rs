//! One of two instances that systemd runs: `NAME@PORT.service`, in a file of its own that is made from the template
//! `NAME@.service`. So it names its release by its own path, and a change of the template leaves it as it is.

use super::binary::Releases;
use super::instance::{Instance, State};
use super::instances::{Instances, TakesTurns};
use super::rolling::Rolling;
use super::systemd_files::{covers, unit_of};
use super::systemd_made::head;
use super::systemd_service::{LIBRARY as UNITS, refuse_unseen};
use crate::change::{Id, sha256};
use crate::daemons::text::unit;
use crate::desired::{Context, Ref, Refusal};
use crate::facts::Questions;
use crate::language::{Problem, Render};
use crate::managed::announced::{self, Stands};
use crate::managed::file::ManagedFile;
use crate::shell;

const FOLDER: &str = "/etc/systemd/system";

/// What the host's sh does with units, and what `rolling.sh` wants of that.
const LIBRARY: [&str; 2] = [UNITS, include_str!("rolling_systemd.sh")];

#[derive(Debug)]
struct SystemdInstance {
    program: String,
    unit: String,
    file: ManagedFile,
    /// The template.
    template: String,
    reads: Vec<String>,
    /// Those of them that the playbook names itself.
    restart_on: Vec<String>,
}

/// The unit that the instances of `name` are made from.
pub(super) fn template(name: &str) -> String {
    format!("{name}@.service")
}

/// The instances of the program `name`.
pub(super) fn takes_turns(name: &str, ports: [u16; 2]) -> TakesTurns {
    TakesTurns {
        id: Id::new("systemd", name),
        program: name.to_owned(),
        ports,
        names: ports.map(|port| format!("{name}@{port}")),
    }
}

/// Two instances of the program `name` that take turns, also when what stands at `restart_on` changes.
///
/// # Errors
/// What cannot be meant.
pub(super) fn rolling(
    name: &str,
    declared: &Instances,
    restart_on: &[String],
    cx: &Render<'_>,
) -> Result<Rolling, Problem> {
    let ports = declared.ports()?;
    let template = format!("{FOLDER}/{}", template(name));
    let Some(content) = announced::content(cx, &template) else {
        return Err(Problem::missing(
            format!("the instances of {name} are made from {template}, and this playbook puts no file there"),
            "say its `command` here, or declare the template under `files`, with `%i` where the port stands",
        ));
    };
    let text = String::from_utf8_lossy(&content.bytes).into_owned();
    if !unit::installs(&text) {
        return Err(Problem::new(
            format!("{template} has no section [Install]: its instances would not start with the host"),
            "add `[Install]` and `WantedBy=multi-user.target`",
        ));
    }
    // Its instances' files have a first line of their own.
    let mut pinned = text.strip_prefix(&head(cx)).unwrap_or(&text).to_owned();
    for releases in cx.announced::<Releases>() {
        if let Some(words) = releases.pin(&pinned)? {
            pinned = words;
        }
    }
    // Its own word for the port comes later, and counts.
    let pinned = pinned.replacen("[Service]", "[Service]\nEnvironment=PORT=%i", 1);
    let first = format!(
        "# Managed by hostwright ({}), from {template}: changes made here are undone by the next apply.\n",
        cx.document.name
    );
    let instance = |port: u16| -> Box<dyn Instance> {
        let unit = format!("{name}@{port}.service");
        let content = cx.content(format!("{first}{pinned}").into_bytes());
        let file = ManagedFile::new(format!("{FOLDER}/{unit}"), content);
        let mut reads = reads(&text, &unit, &template, cx);
        reads.extend_from_slice(restart_on);
        Box::new(SystemdInstance {
            program: name.to_owned(),
            unit,
            file,
            template: template.clone(),
            reads,
            restart_on: restart_on.to_vec(),
        })
    };
    Rolling::new(takes_turns(name, ports), declared, ports.map(instance), cx)
}

/// What it reads when it starts, and drop-ins of the playbook's.
fn reads(text: &str, own: &str, template: &str, cx: &Render<'_>) -> Vec<String> {
    let said = cx.announced::<Stands>().map(|stands| stands.path.clone());
    let drop_ins =
        said.filter(|path| path != template && unit_of(path).is_some_and(|unit| covers(unit, own)));
    unit::reads(text).into_iter().chain(drop_ins).collect()
}

impl Instance for SystemdInstance {
    fn file(&self) -> &ManagedFile {
        &self.file
    }

    fn stamp(&self) -> String {
        Id::new("systemd", self.unit.trim_end_matches(".service")).to_string()
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = self.file.needs();
        let paths = self.reads.iter().chain([&self.template]);
        needs.extend(paths.map(|path| Ref::Path(path.clone())));
        needs
    }

    fn reads(&self) -> &[String] {
        &self.reads
    }

    fn programs(&self, text: &str) -> Vec<String> {
        unit::command_paths(text).map(str::to_owned).collect()
    }

    fn made_from(&self) -> Option<&String> {
        Some(&self.template)
    }

    fn ask(&self, questions: &mut Questions) {
        questions.unit(&self.unit);
    }

    fn refuse(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        refuse_unseen(
            &Id::new("systemd", &self.program),
            "restart_on",
            &self.restart_on,
            cx,
        )
    }

    fn inputs(&self, cx: &Context<'_>) -> String {
        let versions = self
            .reads
            .iter()
            .filter_map(|path| cx.version(&Ref::Path(path.clone())));
        let inputs = versions.fold(self.file.content.sha256.clone(), |all, version| all + &version);
        sha256(inputs.as_bytes())
    }

    fn is_kept(&self, cx: &Context<'_>) -> bool {
        cx.facts.unit(&self.unit).file.starts_with("enabled")
    }

    fn state(&self, cx: &Context<'_>) -> State {
        let fact = cx.facts.unit(&self.unit);
        if fact.runs() {
            State::Runs
        } else if cx.facts.path(&self.file.path).is_none() {
            State::Unknown
        } else {
            State::Down(fact.active)
        }
    }

    fn runs_in(&self, unit: &str) -> bool {
        unit == self.unit
    }

    fn library(&self) -> String {
        LIBRARY.concat()
    }

    fn meant_always(&self) -> String {
        let (unit, file) = (shell::quote(&self.unit), shell::quote(&self.file.path));
        format!("instance={unit}\nfile={file}")
    }

    fn to_start(&self) -> u32 {
        0
    }
}
