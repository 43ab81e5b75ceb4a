//! A user of a host as he should be.

use crate::change::{Action, Change, Content, Detail, Id, Verb, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains, UserFact};
use crate::resources::accounts::{ACCOUNTS, processes, running};
use crate::shell;

const PASSWORD: &str = include_str!("password.sh");

/// Shells that every host has.
const NOLOGIN: &str = "/usr/sbin/nologin";
const BASH: &str = "/bin/bash";

/// What a user has for a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Password {
    /// None that anything matches.
    Locked,
    /// The one of which this is the hash.
    Hash(String),
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// A user.
#[derive(Debug)]
pub(super) struct Account {
    pub id: Id,
    pub name: String,
    pub system: bool,
    pub uid: Option<u32>,
    pub group: Option<String>,
    /// Whether the playbook declares a group that is called as he is.
    pub has_own_group: bool,
    pub groups: Vec<String>,
    pub comment: Option<String>,
    pub home: Option<String>,
    pub shell: String,
    pub password: Option<Password>,
}

/// The login shell where the playbook may say one.
pub(super) fn shell(system: bool, declared: Option<&str>) -> String {
    declared.unwrap_or(if system { NOLOGIN } else { BASH }).to_owned()
}

impl Resource for Account {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        let own = (self.group.is_none() && !self.has_own_group).then(|| Ref::Group(self.name.clone()));
        std::iter::once(Ref::User(self.name.clone())).chain(own).collect()
    }

    fn needs(&self) -> Vec<Ref> {
        let own = self.has_own_group.then_some(&self.name);
        let groups = self.groups.iter().chain(&self.group).chain(own);
        groups.map(|group| Ref::Group(group.clone())).collect()
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
        if let Some(uid) = self.uid {
            questions.user(&uid.to_string());
        }
        if let Some(home) = &self.home {
            questions.path(home);
        }
        if self.home.is_some() || self.uid.is_some() {
            questions.script(
                &self.busy(),
                processes(&self.name, self.home.as_deref(), self.uid),
            );
        }
        if self.password.is_some() {
            let user = shell::quote(&self.name);
            questions.script(&self.hidden(), format!("user={user}\n{PASSWORD}"));
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let holder = self.uid.and_then(|uid| cx.facts.user_of(uid));
        if let (Some(uid), Some(holder)) = (self.uid, holder.filter(|holder| *holder != self.name)) {
            return Err(self.refusal(
                format!("the number {uid} is that of {holder} on this host"),
                "give another `uid`; two users of one number are one user",
            ));
        }
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

    /// The name of the question for his password.
    fn hidden(&self) -> String {
        format!("{}.password", self.id)
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
        if let Some(uid) = self.uid {
            command += &format!(" --uid {uid}");
            change = change.note(format!("number {uid}"));
        }
        if let Some(group) = &self.group {
            command += &format!(" --gid {}", shell::quote(group));
            change = change.note(format!("in the group {group}"));
        } else if cx.facts.group(&self.name).is_some() || self.has_own_group {
            command += &format!(" --gid {name}");
            change = change.note(format!("in the group {}, which is there", self.name));
        } else {
            command += " --user-group";
        }
        if let Some(comment) = &self.comment {
            command += &format!(" --comment {}", shell::quote(comment));
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
        let primary = self.group.as_ref().unwrap_or(&self.name);
        let beside: Vec<&str> = self
            .groups
            .iter()
            .filter(|group| *group != primary)
            .map(String::as_str)
            .collect();
        if !beside.is_empty() {
            command += &format!(" --groups {}", shell::quote(&beside.join(",")));
            change = change.note(format!("in the groups {}", beside.join(", ")));
        }
        change = change.shell(format!("{command} {name}"));
        Ok(match &self.password {
            Some(Password::Hash(hash)) => self.set_password(change, hash),
            // useradd gives none.
            _ => change,
        })
    }

    /// Gives him the password of this hash, which no process list shows: chpasswd(8) reads it.
    fn set_password(&self, change: Change, hash: &str) -> Change {
        // In memory, and gone with the step.
        let path = format!("/run/hostwright.{}.password", self.name);
        let content = Content::new(format!("{}:{hash}\n", self.name).into_bytes(), true);
        change
            .note("sets the password, which is not shown")
            .action(Action::Write {
                path: path.clone(),
                content,
                mode: "0600".into(),
                owner: "root:root".into(),
                validate: None,
                like: None,
            })
            .shell(format!("chpasswd --encrypted <{}", shell::quote(&path)))
            .action(Action::Delete { path })
    }

    fn update(&self, user: &UserFact, cx: &Context<'_>) -> Result<Option<Change>, Refusal> {
        let name = shell::quote(&self.name);
        let mut change = Change::new(&self.id, Verb::Update, format!("update user {}", self.name));
        let field = |name, from: &str, to: &str| Detail::Field {
            name,
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let mut recover = String::new();
        if user.shell != self.shell {
            change = self
                .check_shell(cx, change.detail(field("shell", &user.shell, &self.shell)))?
                .shell(format!("usermod --shell {} {name}", shell::quote(&self.shell)));
        }
        if let Some(comment) = self.comment.as_ref().filter(|comment| **comment != user.comment) {
            change = change
                .detail(field("comment", &user.comment, comment))
                .shell(format!("usermod --comment {} {name}", shell::quote(comment)));
        }
        let home = shell::quote(&user.home);
        if let Some(uid) = self.uid.filter(|uid| *uid != user.uid) {
            self.refuse_busy("number", cx)?;
            let was = user.uid;
            change = change
                .detail(field("uid", &was.to_string(), &uid.to_string()))
                .note(format!(
                    "files of his in {} go with him; elsewhere they keep the number {was}",
                    user.home
                ))
                .shell(format!("keep_hands uid {was} {home}\nusermod --uid {uid} {name}"));
            recover += &format!("hands_back uid {was}\n");
        }
        if let Some((from, group)) = self.other_group(user, cx) {
            let (was, word) = (user.gid, shell::quote(&group));
            change = change
                .detail(field("group", &from, &group))
                .note(format!("files of the old group in {} go with him", user.home))
                .shell(format!(
                    "keep_hands gid {was} {home}\nusermod --gid {word} {name}"
                ));
            recover += &format!("hands_back gid {was}\n");
        }
        if let Some(home) = self.home.as_ref().filter(|home| **home != user.home) {
            self.check_home(cx, home)?;
            self.refuse_busy("home", cx)?;
            change = change
                .detail(field("home", &user.home, home))
                .note(format!("what is in {} stays there", user.home))
                .shell(format!("usermod --home {} {name}", shell::quote(home)));
        }
        let outside = |group: &&String| {
            let has = self.group.is_none() && cx.facts.gid(group) == Some(user.gid);
            let is_in = |all: &[String]| all.contains(&self.name);
            !has && self.group.as_ref() != Some(*group) && !cx.facts.group(group).is_some_and(is_in)
        };
        for group in self.groups.iter().filter(outside) {
            change = change.note(format!("joins the group {group}")).shell(format!(
                "usermod --append --groups {} {name}",
                shell::quote(group)
            ));
        }
        let has = cx.facts.output(&self.hidden());
        change = match &self.password {
            Some(Password::Locked) if has != "locked" => change
                .note("lets nobody in by his password any more")
                .shell(format!("usermod --lock {name}")),
            Some(Password::Hash(hash)) if has != sha256(hash.as_bytes()) => self.set_password(change, hash),
            _ => change,
        };
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
        change
            .actions
            .insert(0, Action::Shell(format!("{ACCOUNTS}keep_accounts")));
        if !recover.is_empty() {
            change.recover = Some(format!("{ACCOUNTS}{recover}"));
        }
        if self.name == "root" || !self.system {
            // It may be the user whom we log in as.
            change = change.if_access_stays();
        }
        Ok(Some(change))
    }

    /// The primary group that he has, where it is to be another, and that one.
    fn other_group(&self, user: &UserFact, cx: &Context<'_>) -> Option<(String, String)> {
        let group = self.group.as_ref()?;
        let number = group.parse().ok().or_else(|| cx.facts.gid(group));
        if number == Some(user.gid) {
            return None;
        }
        let from = cx.facts.group_of(user.gid).map(str::to_owned);
        Some((from.unwrap_or_else(|| user.gid.to_string()), group.clone()))
    }

    /// usermod changes no home and no number while its user is at work.
    fn refuse_busy(&self, what: &str, cx: &Context<'_>) -> Result<(), Refusal> {
        match running(cx.facts.output(&self.busy()), cx) {
            None => Ok(()),
            Some(running) => Err(self.refusal(
                format!(
                    "usermod does not change the {what} of {} while processes of his run: {running}",
                    self.name
                ),
                "stop them first; if one of them is this connection, log in as another user",
            )),
        }
    }
}
