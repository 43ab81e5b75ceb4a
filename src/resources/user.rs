//! Users.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains, UserFact};
use crate::language::scalar::{AbsPath, Flag, Name, optional};
use crate::language::{Declaration, Problem, Render};
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

const PROCESSES: &str = include_str!("user_processes.sh");

/// Shells that every host has.
const NOLOGIN: &str = "/usr/sbin/nologin";
const BASH: &str = "/bin/bash";

impl Declaration for User {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || ":,/@".contains(c);
        if name.len() > 32
            || name.starts_with(['-', '+', '~'])
            || name.contains(odd)
            || name.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(Problem::new(
                format!("`{name}` is no name for a user"),
                "useradd takes up to 32 characters: letters, digits, `_`, `-` and `.`, and not digits alone",
            ));
        }
        let system = self.system.as_ref().is_some_and(|flag| flag.0);
        let shell = if system { NOLOGIN } else { BASH };
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

    fn remains(&self) -> Remains {
        Remains {
            users: [self.name.clone()].into(),
            ..Remains::default()
        }
    }

    fn ask(&self, questions: &mut Questions) {
        questions.user(&self.name);
        questions.group(&self.name);
        questions.path(&self.shell);
        if let Some(home) = &self.home {
            questions.path(home);
            questions.script(&self.busy(), processes(&self.name, home));
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let change = match cx.facts.user(&self.name) {
            None => Some(self.create(cx)?),
            Some(user) => self.update(user, cx)?,
        };
        Ok(change.into_iter().collect())
    }
}

impl Account {
    /// The name of the question for his processes.
    fn busy(&self) -> String {
        format!("{}.processes", self.id)
    }

    fn refusal(&self, cause: String, mend: impl Into<String>) -> Refusal {
        Refusal {
            id: self.id.clone(),
            cause,
            mend: mend.into(),
        }
    }

    /// Says how he logs in, and refuses a shell that would let him in nowhere.
    fn check_shell(&self, cx: &Context<'_>, change: Change) -> Result<Change, Refusal> {
        let shell = &self.shell;
        if [NOLOGIN, BASH].contains(&&**shell) || cx.facts.path(shell).is_some() {
            return Ok(change);
        }
        if cx.more || cx.provided(shell) {
            return Ok(change.note(format!("{shell} is not there yet: something else must bring it")));
        }
        Err(self.refusal(
            format!(
                "the shell {shell} is not on the host: {} could not log in",
                self.name
            ),
            "put its package under `apt.packages`, or name another shell",
        ))
    }

    /// Refuses a home that is another's, from which he could not log in.
    fn check_home(&self, cx: &Context<'_>, home: &str) -> Result<(), Refusal> {
        let owner = cx.facts.path(home).map(|fact| &fact.owner);
        let owner = owner
            .and_then(|owner| owner.split_once(':'))
            .map(|(user, _)| user);
        match owner {
            Some(owner) if !self.system && owner != self.name && !cx.provided(home) => Err(self.refusal(
                format!(
                    "the home {home} belongs to {owner}: {} could not log in with a key of his",
                    self.name
                ),
                format!(
                    "declare it under `directories` with `owner: {}`, or name another home",
                    self.name
                ),
            )),
            _ => Ok(()),
        }
    }

    fn create(&self, cx: &Context<'_>) -> Result<Change, Refusal> {
        let name = shell::quote(&self.name);
        let kind = if self.system { "system user" } else { "user" };
        let change = Change::new(&self.id, Verb::Create, format!("create {kind} {}", self.name));
        let mut change = self.check_shell(cx, change.note(format!("shell {}", self.shell)))?;
        let mut command = format!("useradd --shell {}", shell::quote(&self.shell));
        if cx.facts.group(&self.name).is_some() {
            command += &format!(" --gid {name}");
            change = change.note(format!("in the group {}, which is there", self.name));
        } else {
            command += " --user-group";
        }
        command += match self.system {
            true => " --system --no-create-home",
            false => " --create-home",
        };
        if let Some(home) = &self.home {
            self.check_home(cx, home)?;
            command += &format!(" --home-dir {}", shell::quote(home));
            change = change.note(format!("home {home}"));
        }
        if !self.groups.is_empty() {
            command += &format!(" --groups {}", shell::quote(&self.groups.join(",")));
            change = change.note(format!("in the groups {}", self.groups.join(", ")));
        }
        Ok(change.shell(format!("{command} {name}")))
    }

    fn update(&self, user: &UserFact, cx: &Context<'_>) -> Result<Option<Change>, Refusal> {
        let name = shell::quote(&self.name);
        let mut change = Change::new(&self.id, Verb::Update, format!("update user {}", self.name));
        if user.shell != self.shell {
            let field = Detail::Field {
                name: "shell",
                from: user.shell.clone(),
                to: self.shell.clone(),
            };
            change = self
                .check_shell(cx, change.detail(field))?
                .shell(format!("usermod --shell {} {name}", shell::quote(&self.shell)));
        }
        if let Some(home) = self.home.as_ref().filter(|home| **home != user.home) {
            self.check_home(cx, home)?;
            self.refuse_busy(cx.facts.output(&self.busy()))?;
            change = change
                .detail(Detail::Field {
                    name: "home",
                    from: user.home.clone(),
                    to: home.clone(),
                })
                .shell(format!("usermod --home {} {name}", shell::quote(home)));
        }
        let outside = |group: &&String| !cx.facts.group(group).is_some_and(|all| all.contains(&self.name));
        let mut recover = String::new();
        for group in self.groups.iter().filter(outside) {
            let word = shell::quote(group);
            change = change
                .note(format!("joins the group {group}"))
                .shell(format!("usermod --append --groups {word} {name}"));
            // It fails where he has not joined yet.
            recover += &format!("gpasswd --delete {name} {word} >/dev/null 2>&1 || true\n");
        }
        if change.actions.is_empty() {
            return Ok(None);
        }
        if !user.local {
            return Err(self.refusal(
                format!(
                    "{} differs and is no user of the host's own: he comes from a directory service",
                    self.name
                ),
                "change him there, or take him out of the playbook",
            ));
        }
        if self.name == "root" || !self.system {
            // It may be the user whom we log in as.
            change = change.if_access_stays();
            recover += &format!(
                "usermod --shell {} --home {} {name}",
                shell::quote(&user.shell),
                shell::quote(&user.home)
            );
            change.recover = Some(recover);
        }
        Ok(Some(change))
    }

    /// usermod changes no home while its user is at work.
    fn refuse_busy(&self, processes: &str) -> Result<(), Refusal> {
        let names: Vec<&str> = processes.lines().collect();
        match &names[..] {
            [] => Ok(()),
            names => Err(self.refusal(
                format!(
                    "usermod does not change the home of {} while processes of his run: {}",
                    self.name,
                    names.join(", ")
                ),
                "stop them first; if one of them is this connection, log in as another user",
            )),
        }
    }
}

/// Looks for a user's processes where his home is not `home`.
fn processes(name: &str, home: &str) -> String {
    let (name, home) = (shell::quote(name), shell::quote(home));
    format!("user={name}\nwanted={home}\n{PROCESSES}")
}
