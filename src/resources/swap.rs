//! Swap files.

use schemars::JsonSchema;
use serde::Deserialize;

use super::mount::{FSTAB, field};
use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::edit::{Edit, Place};
use crate::facts::{Questions, Remains};
use crate::language::scalar::Size;
use crate::language::{Declaration, Problem, Render};
use crate::managed::edited::{Edited, announce};
use crate::managed::standing;
use crate::path::parent;
use crate::shell;

/// A swap file: made, in use from then on, and named in `/etc/fstab`. It goes when the playbook no longer declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Swap {
    /// Its size: `512M`, `2G`.
    pub size: Size,
}

const LIBRARY: &str = include_str!("swap.sh");

/// mkswap wants ten pages at least (mkswap(8)).
const LEAST: u64 = 1 << 20;

fn edit(path: &str) -> Edit {
    let at = field(path);
    Edit::Line {
        line: format!("{at} none swap sw 0 0"),
        regexp: Some(format!("^\\s*{}\\s", regex_lite::escape(&at))),
        place: Place::End,
    }
}

/// A size as a playbook writes it.
fn said(bytes: u64) -> String {
    [(30, 'G'), (20, 'M'), (10, 'K')]
        .into_iter()
        .find(|(bits, _)| bytes > 0 && bytes.trailing_zeros() >= *bits)
        .map_or(bytes.to_string(), |(bits, unit)| {
            format!("{}{unit}", bytes >> bits)
        })
}

impl Declaration for Swap {
    fn announce(&self, path: &str, cx: &mut Render<'_>) {
        announce(cx, FSTAB, &edit(path));
    }

    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if self.size.0 < LEAST || !self.size.0.is_multiple_of(4096) {
            return Err(Problem::new(
                format!("{} bytes are no size for a swap file", self.size.0),
                "write whole MiB or GiB: `512M`, `2G`",
            ));
        }
        let edited = Edited::new(cx, Id::new("swap", path), FSTAB, edit(path))?;
        cx.push(SwapFile {
            edited: Edited {
                create: true,
                ..edited
            },
            path: path.to_owned(),
            size: self.size.0,
        });
        Ok(())
    }
}

#[derive(Debug)]
struct SwapFile {
    edited: Edited,
    path: String,
    size: u64,
}

impl SwapFile {
    fn setting(&self) -> String {
        format!("swap {}", self.path)
    }
}

impl Resource for SwapFile {
    fn id(&self) -> &Id {
        &self.edited.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        parent(&self.path)
            .map(|parent| Ref::Path(parent.to_owned()))
            .into_iter()
            .collect()
    }

    fn edits(&self) -> Option<(&str, &Edit)> {
        self.edited.edits()
    }

    fn remains(&self) -> Remains {
        Remains {
            settings: [(self.setting(), String::new())].into(),
            ..self.edited.remains()
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let mut remains = self.edited.makes(cx);
        let known = cx.facts.made().settings.contains_key(&self.setting());
        if known || cx.facts.path(&self.path).is_none() {
            remains.settings.insert(self.setting(), String::new());
        }
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        self.edited.ask(questions);
        questions.place(&self.path);
        let ask = format!("{LIBRARY}swap_state {}", shell::quote(&self.path));
        questions.script(self.edited.id.as_str(), ask);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { edited, path, size } = self;
        let refusal = |cause: String, mend: &str| Refusal {
            id: edited.id.clone(),
            cause,
            mend: mend.to_owned(),
        };
        let state = cx.facts.output(edited.id.as_str());
        let is = |word: &str| state.split_whitespace().any(|one| one == word);
        let there = state
            .split_whitespace()
            .find_map(|word| word.strip_prefix("size=")?.parse::<u64>().ok());
        if cx.facts.path(path).is_some() && (there.is_none() || !is("swap")) {
            return Err(refusal(
                format!("what stands at {path} is no swap file"),
                "name another path, or move it away",
            ));
        }
        standing::replaceable(cx, &edited.id, path)?;
        let mut change = Change::new(
            &edited.id,
            Verb::Update,
            format!("swap to {path}, {}", said(*size)),
        );
        let listed = edited.diff_into(cx, &mut change)?;
        let quoted = shell::quote(path);
        let off = format!("swap_off {quoted}\n");
        let make = |size: u64| format!("swap_make {quoted} {size}\n");
        let on = format!("swap_on {quoted}\n");
        let (act, back) = match there {
            None => {
                change.verb = Verb::Create;
                (make(*size) + &on, format!("{off}rm -f -- {quoted}\n"))
            }
            Some(old) if old != *size => {
                change = change.detail(Detail::Field {
                    name: "size",
                    from: said(old),
                    to: said(*size),
                });
                (
                    format!("{off}{}{on}", make(*size)),
                    format!("{off}{}{on}", make(old)),
                )
            }
            Some(_) if !is("on") && is("may") => (on, off),
            Some(_) if !listed => return Ok(Vec::new()),
            Some(_) => (String::new(), String::new()),
        };
        if !is("may") {
            change = change.note(
                "this host may not swap, as it shares the kernel of another: the file is made, and not used",
            );
        }
        if !act.is_empty() {
            change = change.shell(format!("{LIBRARY}{act}"));
            change.recover = Some(format!("{LIBRARY}{back}"));
        }
        Ok(vec![change])
    }
}

/// Takes away what no playbook declares any more.
pub(super) fn restore(gone: &Remains, cx: &mut Render<'_>) {
    for path in gone.settings.keys().filter_map(|name| name.strip_prefix("swap ")) {
        cx.push(SwappedOff {
            id: Id::new("pruned", &format!("swap.{path}")),
            path: path.to_owned(),
        });
    }
}

#[derive(Debug)]
struct SwappedOff {
    id: Id,
    path: String,
}

impl Resource for SwappedOff {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
        let ask = format!("{LIBRARY}swap_state {}", shell::quote(&self.path));
        questions.script(self.id.as_str(), ask);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let state = cx.facts.output(self.id.as_str());
        let mut words = state.split_whitespace();
        let Some(size) = words.clone().find_map(|word| word.strip_prefix("size=")) else {
            return Ok(Vec::new());
        };
        if !words.any(|word| word == "swap") {
            return Ok(Vec::new());
        }
        let path = shell::quote(&self.path);
        let change = Change::new(
            &self.id,
            Verb::Remove,
            format!("remove the swap file {}", self.path),
        );
        let mut change = change.shell(format!("{LIBRARY}swap_off {path}\nrm -f -- {path}"));
        change.recover = Some(format!(
            "{LIBRARY}[ -e {path} ] || swap_make {path} {size}\nswap_on {path}"
        ));
        Ok(vec![change])
    }
}
