//! Packages that stay as they are when all are upgraded.

use crate::change::{Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::Render;
use crate::shell;

/// What the host remembers that a playbook holds.
const HELD: &str = "apt.hold ";

/// Packages of which dpkg says so (dpkg(1), "Package selection states"), by all the names that they go by.
const ASK: &str = r"dpkg-query -W -f='${db:Status-Want} ${Package}\n${db:Status-Want} ${Package}:${Architecture}\n' |
  sed -n 's/^hold //p'";

/// A package that is held, or no longer.
#[derive(Debug)]
pub(super) struct Hold {
    id: Id,
    package: String,
    is_wanted: bool,
}

impl Hold {
    pub fn new(package: &str) -> Self {
        Self {
            id: Id::new("apt", &format!("hold.{package}")),
            package: package.to_owned(),
            is_wanted: true,
        }
    }

    fn is_held(&self, cx: &Context<'_>) -> bool {
        cx.facts
            .output("apt.held")
            .lines()
            .any(|line| line == self.package)
    }
}

/// The id of a package that is let go.
pub(super) fn released(package: &str) -> Id {
    Id::new("pruned", &format!("hold.{package}"))
}

/// Lets go what no playbook holds any more.
pub(in crate::resources) fn restore(gone: &Remains, cx: &mut Render<'_>) {
    for package in gone.settings.keys().filter_map(|name| name.strip_prefix(HELD)) {
        cx.push(Hold {
            id: released(package),
            package: package.to_owned(),
            is_wanted: false,
        });
    }
}

impl Resource for Hold {
    fn id(&self) -> &Id {
        &self.id
    }

    fn needs(&self) -> Vec<Ref> {
        match self.is_wanted {
            true => vec![Ref::Package(self.package.clone())],
            false => Vec::new(),
        }
    }

    fn remains(&self) -> Remains {
        let own = self
            .is_wanted
            .then(|| (format!("{HELD}{}", self.package), String::new()));
        Remains {
            settings: own.into_iter().collect(),
            ..Remains::default()
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let remains = self.remains();
        let is_ours = remains
            .settings
            .keys()
            .any(|name| cx.facts.made().settings.contains_key(name));
        match self.is_held(cx) && !is_ours {
            true => Remains::default(),
            false => remains,
        }
    }

    fn ask(&self, questions: &mut Questions) {
        questions.script("apt.held", ASK);
        questions.package(&self.package);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        // A package that is gone is held no more.
        let is_there = self.is_wanted || !cx.installs(&self.package);
        if self.is_held(cx) == self.is_wanted || !is_there {
            return Ok(Vec::new());
        }
        let (verb, word, back) = match self.is_wanted {
            true => (Verb::Update, "hold", "unhold"),
            false => (Verb::Remove, "unhold", "hold"),
        };
        let text = match self.is_wanted {
            true => format!("hold {} at its version", self.package),
            false => format!("let go of {}, which was held", self.package),
        };
        let mark = |word: &str| format!("apt-mark {word} {}", shell::quote(&self.package));
        let mut change = Change::new(&self.id, verb, text).shell(mark(word));
        if !self.is_wanted {
            change = change.note("the playbook no longer declares it");
        }
        change.recover = Some(mark(back));
        Ok(vec![change])
    }
}
