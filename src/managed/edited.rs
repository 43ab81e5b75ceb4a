//! A file that others own, of which a playbook says a part: the same facts, difference and actions for all of them.

use super::announced::{Stands, What};
use super::standing;
use crate::change::{Action, Change, Content, Detail, Id, Verb, sha256};
use crate::daemons;
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::edit::{Edit, Made};
use crate::facts::{PathFact, Questions, Remains};
use crate::language::{Problem, Render};
use crate::path::{parent, resolve};
use crate::shell;

/// A part of a file.
#[derive(Clone, Debug)]
pub(crate) struct Edited {
    pub id: Id,
    pub path: String,
    pub edit: Edit,
    /// Whether the file is made where it is not there.
    pub create: bool,
    /// A command that must succeed before the file is live; `{}` stands for the new file.
    pub validate: Option<String>,
    /// A fingerprint of all that the playbook says of the file.
    pub whole: String,
}

/// What is said of a file, before anything is rendered.
struct Said {
    path: String,
    edit: Edit,
}

/// Says that a part of the file at `path` is declared.
pub(crate) fn announce(cx: &mut Render<'_>, path: &str, edit: &Edit) {
    let said = Said {
        path: path.to_owned(),
        edit: edit.clone(),
    };
    cx.announce(said);
    super::announced::stands(cx, path, What::Part);
}

impl Edited {
    /// A part of the file at `path`, which no other entry may declare as a whole.
    ///
    /// # Errors
    /// When one does, or the part holds a secret.
    pub fn new(cx: &Render<'_>, id: Id, path: &str, edit: Edit) -> Result<Self, Problem> {
        let whole = |stands: &&Stands| stands.path == path && !matches!(stands.what, What::Part);
        if cx.announced::<Stands>().find(whole).is_some() {
            return Err(Problem::new(
                format!("{path} is declared as a whole, too, which would take this out again"),
                "put it into that file, or take one of the two away",
            ));
        }
        let said = cx.announced::<Said>().filter(|said| said.path == path);
        let texts: Vec<String> = said.map(|said| format!("{:?}", said.edit)).collect();
        if cx.document.secrets.taint(format!("{edit:?}").as_bytes()) {
            return Err(Problem::new(
                "a part of a file of others cannot hold a secret: what stands there now would be kept and shown",
                "put the secret into a file of its own under `files`",
            ));
        }
        Ok(Self {
            id,
            path: path.to_owned(),
            edit,
            create: false,
            validate: None,
            whole: sha256(texts.concat().as_bytes()),
        })
    }

    /// Takes back what was made of the file at `path`.
    pub fn taking_back(id: Id, path: &str, edit: Edit) -> Self {
        Self {
            id,
            path: path.to_owned(),
            edit,
            create: false,
            validate: None,
            whole: String::new(),
        }
    }

    /// The name under which a host remembers it ([`Context::known`]).
    fn key(&self) -> String {
        format!("{} {}", self.id, self.path)
    }

    fn refusal(&self, cause: String, mend: impl Into<String>) -> Refusal {
        Refusal {
            id: self.id.clone(),
            cause,
            mend: mend.into(),
        }
    }

    /// Whether the file may come with a package or a command of this plan.
    fn is_unseen(&self, cx: &Context<'_>) -> bool {
        cx.facts.path(&self.path).is_none() && cx.more
    }

    /// The file as it is, if its text can be altered: where it stands, and what is known of it.
    fn there<'c>(&self, cx: &'c Context<'_>) -> Result<Option<(String, &'c PathFact)>, Refusal> {
        let path = &self.path;
        let Some(fact) = cx.facts.path(path) else {
            return Ok(None);
        };
        let (at, end) = match (fact.kind, &fact.behind) {
            ('l', Some(end)) => (resolve(path, &fact.target), &**end),
            _ => (path.clone(), fact),
        };
        if end.kind != 'f' {
            let cause = format!("{path} is {}, and a file is meant", standing::what(fact));
            return Err(self.refusal(cause, "name the file"));
        }
        if cx
            .facts
            .content(path)
            .is_none_or(|bytes| std::str::from_utf8(bytes).is_err())
        {
            let cause = format!("{path} is larger than 128 KiB, or no text");
            return Err(self.refusal(cause, "declare the whole file under `files`"));
        }
        Ok(Some((at, end)))
    }

    /// Adds to `change` what altering the file looks like and does; says whether anything is to do.
    pub fn diff_into(&self, cx: &Context<'_>, change: &mut Change) -> Result<bool, Refusal> {
        let path = &self.path;
        let marks = |cause: String| self.refusal(format!("{path}: {cause}"), "mend the marks there by hand");
        if cx.facts.path(path).is_none() && matches!(self.edit, Edit::NoLine { .. } | Edit::Back { .. }) {
            return Ok(false);
        }
        if self.is_unseen(cx) {
            change.details.push(Detail::Note(format!(
                "{path} is not there yet: it is altered when it has come"
            )));
            change.actions.push(self.alter());
            return Ok(true);
        }
        let there = self.there(cx)?;
        if there.is_none() && !self.create {
            let cause = format!("{path} is not there, and nothing before this brings it");
            return Err(self.refusal(cause, "say `create: true`, or name the package that brings it"));
        }
        let old = cx.text_before(&self.id, path).map_err(marks)?;
        let known = cx.known(&self.id, path);
        let made = self.edit.apply(&old, known.as_ref().map(|made| &made.edit));
        let made = made.map_err(marks)?;
        if made.text == old {
            return Ok(false);
        }
        standing::replaceable(cx, &self.id, path)?;
        let is_there = there.is_some() || !old.is_empty();
        let (at, mode, owner) = match there {
            Some((at, fact)) => (at, fact.mode.clone(), fact.owner.clone()),
            None => (path.clone(), "0644".to_owned(), "root:root".to_owned()),
        };
        if at != *path {
            change
                .details
                .push(Detail::Note(format!("{path} is a link: {at} is altered")));
        }
        change.details.push(match mode.ends_with("00") {
            true => Detail::Note(format!(
                "{path} is for its owner alone: what stands there is not shown"
            )),
            false => Detail::Diff {
                path: path.clone(),
                old: old.clone(),
                new: made.text.clone(),
            },
        });
        if made.alike > 0 {
            let others = crate::change::counted(made.alike, "other line");
            change
                .details
                .push(Detail::Note(format!("{others} match `regexp`, and stay")));
        }
        let sum = match is_there {
            true => sha256(old.as_bytes()),
            false => "none".to_owned(),
        };
        change.actions.push(Action::Load(format!(
            "{}unchanged {} {sum}",
            include_str!("unchanged.sh"),
            shell::quote(&at)
        )));
        change.actions.push(Action::Write {
            path: at,
            content: Content::new(made.text.into_bytes(), false),
            mode,
            owner,
            validate: self.validate.clone(),
            like: None,
        });
        Ok(true)
    }

    /// The same on the host, for a file that nobody has seen yet.
    fn alter(&self) -> Action {
        let check = self
            .validate
            .as_ref()
            .map_or(":".to_owned(), |command| command.replace("{}", "\"$new\""));
        let words = shell::words([
            self.path.as_str(),
            if self.create { "create" } else { "there" },
            &check,
        ]);
        let sh = format!(
            "{}edit_text() {{\n{}\n}}\nalter {words}",
            include_str!("alter.sh"),
            self.edit.command()
        );
        Action::Alter {
            path: self.path.clone(),
            sh,
        }
    }

    /// What of it goes when no playbook declares it any more.
    pub fn remains(&self) -> Remains {
        let made = Made {
            path: self.path.clone(),
            edit: self.edit.clone(),
            was: Vec::new(),
            created: false,
        };
        Remains {
            edits: [(self.key(), made)].into(),
            ..Remains::default()
        }
    }

    /// What of it is not there yet, with what it takes away.
    pub fn makes(&self, cx: &Context<'_>) -> Remains {
        let known = cx.known(&self.id, &self.path);
        let mut remains = self.remains();
        let old = cx.text_before(&self.id, &self.path).unwrap_or_default();
        let made = self.edit.apply(&old, known.as_ref().map(|made| &made.edit)).ok();
        let changes = made.as_ref().is_some_and(|made| made.text != old);
        let (was, created) = match known {
            Some(known) => (known.was, known.created),
            None if changes => (
                made.map(|made| made.was).unwrap_or_default(),
                cx.facts.path(&self.path).is_none() && self.create,
            ),
            None => {
                // It was there before.
                remains.edits.clear();
                return remains;
            }
        };
        for made in remains.edits.values_mut() {
            made.was.clone_from(&was);
            made.created = created;
        }
        remains
    }

    pub fn needs(&self) -> Vec<Ref> {
        let above = parent(&self.path).map(|parent| Ref::Path(parent.to_owned()));
        let packages = daemons::packages(&self.path).map(|package| Ref::Package(package.into()));
        above.into_iter().chain(packages).collect()
    }

    /// The verb and words of a change of nothing but the file.
    pub fn change(&self, what: &str) -> Change {
        Change::new(&self.id, Verb::Update, format!("{what} {}", self.path))
    }
}

impl Resource for Edited {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        Self::needs(self)
    }

    fn version(&self) -> Option<String> {
        Some(sha256(format!("{:?}", self.edit).as_bytes()))
    }

    fn version_of(&self, _: &str) -> Option<String> {
        Some(self.whole.clone())
    }

    fn paths(&self) -> Vec<&str> {
        vec![&self.path]
    }

    fn edits(&self) -> Option<(&str, &Edit)> {
        Some((&self.path, &self.edit))
    }

    fn remains(&self) -> Remains {
        Self::remains(self)
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        Self::makes(self, cx)
    }

    fn ask(&self, questions: &mut Questions) {
        questions.text(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let mut change = self.change(match self.edit {
            Edit::Line { .. } => "set a line of",
            Edit::NoLine { .. } => "take lines out of",
            Edit::Block { .. } => "set a block of",
            Edit::Back { .. } => "take back what was made of",
        });
        Ok(match self.diff_into(cx, &mut change)? {
            true => vec![change],
            false => Vec::new(),
        })
    }
}
