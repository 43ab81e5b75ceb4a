//! The language of the host.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::edit::{Edit, Place};
use crate::facts::{Questions, Remains};
use crate::language::scalar::LocaleName;
use crate::language::{Placed, Problem, Render, Section};
use crate::managed::edited::{Edited, announce};

/// The host's language and its conventions (`LANG` in `/etc/default/locale`): `de_DE.UTF-8`. It is made where the host
/// does not have it. It counts from the next login on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Locale(Option<Placed<LocaleName>>);

const LANG: &str = "/etc/default/locale";
const LIST: &str = "/etc/locale.gen";

/// Whether the C library has it by itself.
fn is_built_in(name: &str) -> bool {
    ["C", "POSIX", "C.UTF-8"].contains(&name)
}

fn lang(name: &str) -> Edit {
    Edit::Line {
        line: format!("LANG={name}"),
        regexp: Some("^#? *LANG=".into()),
        place: Place::End,
    }
}

/// The line of the list: the name and its character set (locale.gen(5)).
fn listed(name: &str) -> Edit {
    let (base, modifier) = name
        .split_once('@')
        .map_or((name, ""), |(base, modifier)| (base, modifier));
    let set = base.split_once('.').map_or("ISO-8859-1", |(_, set)| set);
    let set = if modifier == "euro" { "ISO-8859-15" } else { set };
    let line = format!("{name} {set}");
    Edit::Line {
        regexp: Some(format!("^#? *{}\\s*$", regex_lite::escape(&line))),
        line,
        place: Place::End,
    }
}

impl Locale {
    fn edits(&self) -> Vec<(Id, &'static str, Edit)> {
        let Some(name) = self.0.as_ref().map(|placed| placed.value.0.as_str()) else {
            return Vec::new();
        };
        let list = (!is_built_in(name)).then(|| (Id::new("locale", "made"), LIST, listed(name)));
        list.into_iter()
            .chain([(Id::new("locale", "lang"), LANG, lang(name))])
            .collect()
    }

    fn push(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if !is_built_in(name) {
            cx.needs_package("locales", "locale.made");
        }
        for (id, path, edit) in self.edits() {
            let edited = Edited {
                create: true,
                ..Edited::new(cx, id, path, edit)?
            };
            match path {
                LIST => cx.push(Listed {
                    edited,
                    name: name.to_owned(),
                }),
                _ => cx.push(edited),
            }
        }
        Ok(())
    }
}

impl Section for Locale {
    fn announce(&self, cx: &mut Render<'_>) {
        for (_, path, edit) in self.edits() {
            announce(cx, path, &edit);
        }
    }

    fn render(&self, cx: &mut Render<'_>) {
        if let Some(placed) = &self.0
            && let Err(problem) = self.push(&placed.value.0, cx)
        {
            cx.wrong(problem, placed);
        }
    }
}

/// A locale that is listed and made.
#[derive(Debug)]
struct Listed {
    edited: Edited,
    name: String,
}

impl Resource for Listed {
    fn id(&self) -> &Id {
        &self.edited.id
    }

    fn provides(&self) -> Vec<Ref> {
        self.edited.provides()
    }

    fn needs(&self) -> Vec<Ref> {
        vec![Ref::Package("locales".into())]
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
        self.edited.ask(questions);
        questions.script("locales", "locale -a");
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut change = Change::new(
            &self.edited.id,
            Verb::Create,
            format!("make the locale {}", self.name),
        );
        let plain = |name: &str| name.to_ascii_lowercase().replace('-', "");
        let is_made = cx
            .facts
            .output("locales")
            .lines()
            .any(|line| plain(line) == plain(&self.name));
        if !self.edited.diff_into(cx, &mut change)? && is_made {
            return Ok(Vec::new());
        }
        if !is_made {
            let known = format!(
                "locale-gen\nlocale -a | tr -d - | grep -qix {0} || {{ echo {1}; false; }}",
                crate::shell::quote(&self.name.replace('-', "")),
                crate::shell::quote(&format!("the host cannot make the locale {}", self.name))
            );
            change = change
                .note("locale-gen, which takes some seconds")
                .action(Action::Load(known));
        }
        Ok(vec![change])
    }
}
