//! The host's name.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Action, Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::edit::{Edit, Place};
use crate::facts::{Questions, Remains};
use crate::language::scalar::HostName;
use crate::language::{Placed, Render, Section};
use crate::managed::announced::{What, stands};
use crate::managed::edited::{Edited, announce};
use crate::managed::file::ManagedFile;
use crate::shell;

/// The host's name, as the kernel and `/etc/hostname` have it: `web1`. `/etc/hosts` leads it to 127.0.1.1, as Debian
/// does, and cloud-init is told to leave it alone.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Hostname(Option<Placed<HostName>>);

const FILE: &str = "/etc/hostname";
const HOSTS: &str = "/etc/hosts";
const CLOUD: &str = "/etc/cloud/cloud.cfg.d";

fn resolves(name: &str) -> Edit {
    let short = name.split('.').next().unwrap_or(name);
    let names = match short == name {
        true => name.to_owned(),
        false => format!("{name} {short}"),
    };
    Edit::Line {
        line: format!("127.0.1.1\t{names}"),
        regexp: Some("^127\\.0\\.1\\.1\\s".into()),
        place: Place::After("^127\\.0\\.0\\.1\\s".into()),
    }
}

impl Section for Hostname {
    fn announce(&self, cx: &mut Render<'_>) {
        if let Some(name) = &self.0 {
            stands(cx, FILE, What::File(None));
            announce(cx, HOSTS, &resolves(&name.value.0));
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        let Some(placed) = &self.0 else { return };
        let named = Named::new(Id::new("hostname", "host"), &placed.value.0, cx);
        cx.push(named);
        let id = Id::new("hostname", "hosts");
        match Edited::new(cx, id, HOSTS, resolves(&placed.value.0)) {
            Ok(edited) => cx.push(Edited {
                create: true,
                ..edited
            }),
            Err(problem) => cx.wrong(problem, placed),
        }
    }
}

/// Puts back the name that the host had before a playbook gave it another.
pub(super) fn restore(gone: &Remains, cx: &mut Render<'_>) {
    if let Some(before) = gone.settings.get("hostname") {
        let named = Named::new(Id::new("pruned", "hostname"), before, cx);
        cx.push(named);
    }
}

#[derive(Debug)]
struct Named {
    id: Id,
    name: String,
    file: ManagedFile,
    cloud: ManagedFile,
}

impl Named {
    fn new(id: Id, name: &str, cx: &Render<'_>) -> Self {
        let stays = "# Managed by hostwright: the host's name is the playbook's.\npreserve_hostname: true\n";
        Self {
            id,
            name: name.to_owned(),
            file: ManagedFile::new(FILE, cx.content(format!("{name}\n").into_bytes())),
            cloud: ManagedFile::new(
                format!("{CLOUD}/99-hostwright-hostname.cfg"),
                cx.content(stays.as_bytes().to_vec()),
            ),
        }
    }

    fn is_pruned(&self) -> bool {
        self.id.as_str().starts_with("pruned.")
    }
}

impl Resource for Named {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(FILE.into())]
    }

    fn remains(&self) -> Remains {
        match self.is_pruned() {
            true => Remains::default(),
            false => Remains {
                settings: [("hostname".to_owned(), String::new())].into(),
                ..self.cloud.remains()
            },
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let mut remains = cx.facts.missing(self.remains());
        if cx.facts.path(CLOUD).is_none() {
            remains.paths.clear();
        }
        let now = cx.facts.output("hostname");
        let known = cx.facts.made().settings.remove("hostname");
        match known.or_else(|| (now != self.name).then(|| now.to_owned())) {
            Some(before) if !before.is_empty() => remains
                .settings
                .values_mut()
                .for_each(|value| value.clone_from(&before)),
            _ => remains.settings.clear(),
        }
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        questions.script("hostname", "uname -n");
        self.file.ask(questions);
        self.cloud.ask(questions);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut change = Change::new(&self.id, Verb::Update, format!("name the host {}", self.name));
        let now = cx.facts.output("hostname");
        if now != self.name {
            change = change.detail(Detail::Field {
                name: "name",
                from: now.to_owned(),
                to: self.name.clone(),
            });
        }
        let mut file = ManagedFile { ..self.file.clone() };
        // Some images give it odd bits; the name is what counts.
        if let Some(fact) = cx.facts.path(FILE).filter(|fact| fact.kind == 'f') {
            file.mode.clone_from(&fact.mode);
        }
        file.diff_into(cx, &mut change)?;
        if cx.facts.path(CLOUD).is_some_and(|fact| fact.kind == 'd') && !self.is_pruned() {
            self.cloud.diff_into(cx, &mut change)?;
        }
        if now != self.name {
            change = change.action(Action::Load(shell::words(["hostname", &self.name])));
            change.recover = Some(shell::words(["hostname", now]));
        }
        Ok(match change.actions.is_empty() {
            true => Vec::new(),
            false => vec![change],
        })
    }
}
