//! A user who shall not be there.

use crate::change::{Action, Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::resources::absent::NEVER;
use crate::resources::accounts::{ACCOUNTS, any_process, running};
use crate::shell;

/// A user of this name shall not be there.
pub(super) struct Departs(pub String);

/// A user who shall not be there.
#[derive(Debug)]
pub(super) struct Departed {
    pub id: Id,
    pub name: String,
    pub remove_home: bool,
}

impl Departed {
    fn question(&self, what: &str) -> String {
        format!("{}.{what}", self.id)
    }

    fn refusal(&self, cause: String, mend: &str) -> Refusal {
        Refusal {
            id: self.id.clone(),
            cause,
            mend: mend.to_owned(),
        }
    }
}

impl Resource for Departed {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ask(&self, questions: &mut Questions) {
        questions.user(&self.name);
        questions.script(&self.question("processes"), any_process(&self.name));
        if self.remove_home {
            let home = format!(
                "home=$(getent passwd -- {} | cut -d : -f 6)\nif [ -d \"$home\" ] && [ ! -L \"$home\" ]; then stat -c %U -- \"$home\"; fi",
                shell::quote(&self.name)
            );
            questions.script(&self.question("home"), home);
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { id, name, .. } = self;
        let Some(user) = cx.facts.user(name) else {
            return Ok(Vec::new());
        };
        if !user.local {
            return Err(self.refusal(
                format!("{name} is no user of the host's own: he comes from a directory service"),
                "take him away there",
            ));
        }
        if let Some(needed) = cx.needed_by(&Ref::User(name.clone())) {
            return Err(self.refusal(
                format!("{name} shall not be there, and {needed} needs him"),
                "let it be another's, or let him stay",
            ));
        }
        if let Some(running) = running(cx.facts.output(&self.question("processes")), cx) {
            return Err(self.refusal(
                format!("processes of {name} run: {running}"),
                "stop them first; if one of them is this connection, log in as another user",
            ));
        }
        let home = user.home.trim_end_matches('/');
        let change = Change::new(id, Verb::Remove, format!("remove the user {name}"));
        let change = change.shell(format!(
            "{ACCOUNTS}keep_accounts\nuserdel -- {}",
            shell::quote(name)
        ));
        let owner = cx.facts.output(&self.question("home"));
        let change = match (self.remove_home, owner) {
            (true, owner) if owner == name && !NEVER.contains(&home) => change
                .note(format!("his home, {home}, is moved to what is kept of this run"))
                .action(Action::Remove {
                    path: home.to_owned(),
                    secret: false,
                }),
            (true, "") => change.note(format!("his home, {home}, is not there")),
            (true, _) => change.note(format!("his home, {home}, stays: it is not his")),
            (false, _) => change.note(format!("his home, {home}, stays")),
        };
        Ok(vec![change.if_access_stays()])
    }
}
