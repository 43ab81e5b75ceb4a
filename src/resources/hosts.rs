//! Entries of `/etc/hosts`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Change, Id};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::edit::{Edit, Place};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{HostName, IpAddress};
use crate::language::{Declaration, Ordered, Placed, Problem, Render};
use crate::managed::edited::{Edited, announce};

/// Entries by address.
pub type Hosts = IndexMap<IpAddress, Placed<Ordered<Entry>>>;

/// The names of an address in `/etc/hosts`. Lines of others for the same address stay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The names, the one that the address is called by first.
    pub names: Vec<HostName>,
}

const FILE: &str = "/etc/hosts";

impl Entry {
    fn edit(&self, address: &str, playbook: &str) -> Edit {
        let names: Vec<&str> = self.names.iter().map(|name| name.0.as_str()).collect();
        let mark = format!("# hostwright {playbook}");
        Edit::Line {
            line: format!("{address}\t{} {mark}", names.join(" ")),
            regexp: Some(format!(
                "^{}\\s.*{}$",
                regex_lite::escape(address),
                regex_lite::escape(&mark)
            )),
            place: Place::End,
        }
    }
}

impl Declaration for Entry {
    fn announce(&self, address: &str, cx: &mut Render<'_>) {
        let edit = self.edit(address, &cx.document.name);
        announce(cx, FILE, &edit);
    }

    fn render(&self, address: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if self.names.is_empty() {
            return Err(Problem::new(
                "an address without a name",
                "write `names: [db.internal]`",
            ));
        }
        let edit = self.edit(address, &cx.document.name);
        let edited = Edited::new(cx, Id::new("hosts", address), FILE, edit)?;
        cx.push(Known {
            edited: Edited {
                create: true,
                ..edited
            },
            address: address.to_owned(),
            names: self.names.iter().map(|name| name.0.clone()).collect(),
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Known {
    edited: Edited,
    address: String,
    names: Vec<String>,
}

impl Known {
    /// A line of another's that gives one of the names another address of the same sort: the first line counts.
    fn contradicts(&self, text: &str) -> Option<String> {
        let v6 = self.address.contains(':');
        let other = |line: &&str| {
            let said = line.split('#').next().unwrap_or_default();
            let mut words = said.split_whitespace();
            let address = words.next().unwrap_or_default();
            address != self.address
                && address.contains(':') == v6
                && words.any(|name| self.names.iter().any(|own| own.eq_ignore_ascii_case(name)))
        };
        text.lines().find(other).map(str::to_owned)
    }
}

impl Resource for Known {
    fn id(&self) -> &Id {
        &self.edited.id
    }

    fn provides(&self) -> Vec<Ref> {
        self.edited.provides()
    }

    fn edits(&self) -> Option<(&str, &Edit)> {
        self.edited.edits()
    }

    fn remains(&self) -> Remains {
        self.edited.remains()
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        self.edited.makes(cx)
    }

    fn ask(&self, questions: &mut Questions) {
        questions.text(FILE);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let text = cx.text_before(&self.edited.id, FILE).unwrap_or_default();
        if let Some(line) = self.contradicts(&text) {
            return Err(Refusal {
                id: self.edited.id.clone(),
                cause: format!("{FILE} says `{line}`, and the first line for a name counts"),
                mend: "take that line out under `lines` (`present: false`) in an apply before, or leave the name to it".into(),
            });
        }
        let names = self.names.join(" ");
        let mut change = Change::new(
            &self.edited.id,
            crate::change::Verb::Update,
            format!("let {names} be {}", self.address),
        );
        Ok(match self.edited.diff_into(cx, &mut change)? {
            true => vec![change],
            false => Vec::new(),
        })
    }
}
