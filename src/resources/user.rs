//! Users.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::playbook::render::{Declaration, Problem, Render};
use crate::playbook::scalar::{AbsPath, Flag, Name, optional};
use crate::shell;

/// A user.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// A service's user: no login, no home directory made, a number below 1000.
    #[serde(default, deserialize_with = "optional")]
    pub system: Option<Flag>,
    /// Home directory. A system user's is not made; declare it under `directories`.
    #[serde(default, deserialize_with = "optional")]
    pub home: Option<AbsPath>,
    /// Login shell; for a system user `/usr/sbin/nologin`, else `/bin/bash`.
    #[serde(default, deserialize_with = "optional")]
    pub shell: Option<AbsPath>,
    /// Groups beside the user's own. Others that he is in stay.
    #[serde(default)]
    pub groups: Vec<Name>,
}

impl Declaration for User {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let system = self.system.as_ref().is_some_and(|flag| flag.0);
        let shell = if system { "/usr/sbin/nologin" } else { "/bin/bash" };
        let shell = self.shell.as_ref().map_or(shell, |path| &path.0).to_owned();
        let home = self.home.as_ref().map(|path| path.0.clone());
        let groups = self.groups.iter().map(|group| group.0.clone()).collect();
        cx.push(Account {
            id: Id::new("user", name),
            name: name.to_owned(),
            system,
            home,
            shell,
            groups,
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Account {
    id: Id,
    name: String,
    system: bool,
    home: Option<String>,
    shell: String,
    groups: Vec<String>,
}

impl Resource for Account {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::User(self.name.clone()), Ref::Group(self.name.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        self.groups
            .iter()
            .map(|group| Ref::Group(group.clone()))
            .collect()
    }

    fn ask(&self, questions: &mut Questions) {
        questions.user(&self.name);
        for group in &self.groups {
            questions.group(group);
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let name = shell::quote(&self.name);
        let shell = shell::quote(&self.shell);
        let Some(user) = cx.facts.user(&self.name) else {
            let kind = if self.system { "system user" } else { "user" };
            let mut command = format!("useradd --shell {shell} --user-group");
            command += if self.system {
                " --system --no-create-home"
            } else {
                " --create-home"
            };
            let mut change = Change::new(&self.id, Verb::Create, format!("create {kind} {}", self.name))
                .note(format!("shell {}", self.shell));
            if let Some(home) = &self.home {
                command += &format!(" --home-dir {}", shell::quote(home));
                change = change.note(format!("home {home}"));
            }
            if !self.groups.is_empty() {
                command += &format!(" --groups {}", shell::quote(&self.groups.join(",")));
                change = change.note(format!("in the groups {}", self.groups.join(", ")));
            }
            return Ok(vec![change.shell(format!("{command} {name}"))]);
        };
        let mut change = Change::new(&self.id, Verb::Update, format!("update user {}", self.name));
        if user.shell != self.shell {
            change = change
                .detail(Detail::Field {
                    name: "shell",
                    from: user.shell.clone(),
                    to: self.shell.clone(),
                })
                .shell(format!("usermod --shell {shell} {name}"));
        }
        if let Some(home) = self.home.as_ref().filter(|home| **home != user.home) {
            change = change
                .detail(Detail::Field {
                    name: "home",
                    from: user.home.clone(),
                    to: home.clone(),
                })
                .shell(format!("usermod --home {} {name}", shell::quote(home)));
        }
        let outside = |group: &&String| !cx.facts.group(group).is_some_and(|all| all.contains(&self.name));
        for group in self.groups.iter().filter(outside) {
            change = change.note(format!("joins the group {group}")).shell(format!(
                "usermod --append --groups {} {name}",
                shell::quote(group)
            ));
        }
        if change.actions.is_empty() {
            return Ok(Vec::new());
        }
        if self.name == "root" || !self.system {
            // It may be the user whom we log in as.
            change = change.if_access_stays();
            change.recover = Some(format!(
                "usermod --shell {} --home {} {name}",
                shell::quote(&user.shell),
                shell::quote(&user.home)
            ));
        }
        Ok(vec![change])
    }
}
