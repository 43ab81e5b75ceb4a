//! Groups.

use schemars::JsonSchema;
use serde::Deserialize;

use super::accounts::{
    ACCOUNTS, DeclaredGroup, announce_number, check_name, check_number, processes_of_group, running,
};
use crate::change::{Action, Change, Detail, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{Count, Flag, optional};
use crate::language::{Declaration, Problem, Render};
use crate::shell;

/// A group. One that the playbook made goes when it is no longer declared, unless somebody has it as his primary one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its number. Where it has another one, the files in the homes of those whose primary group it is go with it.
    #[serde(default, deserialize_with = "optional")]
    pub gid: Option<Count>,
    /// A service's group: a number below 1000, unless `gid` says one.
    #[serde(default, deserialize_with = "optional")]
    pub system: Option<Flag>,
}

impl Declaration for Group {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        cx.announce(DeclaredGroup(name.to_owned()));
        announce_number("group", name, self.gid.as_ref(), cx);
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        check_name(name, "group")?;
        check_number("group", name, self.gid.as_ref(), cx)?;
        if name == "root" && self.gid.is_some() {
            return Err(Problem::new(
                "root's number is 0, and cannot be another",
                "take out `gid`",
            ));
        }
        cx.push(Wanted {
            id: Id::new("group", name),
            name: name.to_owned(),
            gid: self.gid.as_ref().map(|gid| gid.0),
            system: self.system.as_ref().is_some_and(|flag| flag.0),
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Wanted {
    id: Id,
    name: String,
    gid: Option<u32>,
    system: bool,
}

impl Wanted {
    fn busy(&self) -> String {
        format!("{}.processes", self.id)
    }

    fn refusal(&self, cause: String, mend: &str) -> Refusal {
        Refusal {
            id: self.id.clone(),
            cause,
            mend: mend.to_owned(),
        }
    }

    fn create(&self) -> Change {
        let kind = if self.system { "system group" } else { "group" };
        let mut change = Change::new(&self.id, Verb::Create, format!("create {kind} {}", self.name));
        let mut words = vec!["groupadd".to_owned()];
        if self.system {
            words.push("--system".into());
        }
        if let Some(gid) = self.gid {
            words.extend(["--gid".to_owned(), gid.to_string()]);
            change = change.note(format!("number {gid}"));
        }
        words.push(self.name.clone());
        change.shell(shell::words(words))
    }
}

impl Resource for Wanted {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Group(self.name.clone())]
    }

    fn remains(&self) -> Remains {
        Remains {
            groups: [self.name.clone()].into(),
            ..Remains::default()
        }
    }

    fn ask(&self, questions: &mut Questions) {
        questions.group(&self.name);
        if let Some(gid) = self.gid {
            questions.group(&gid.to_string());
            questions.script(&self.busy(), processes_of_group(&self.name));
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { id, name, .. } = self;
        let holder = self.gid.and_then(|gid| cx.facts.group_of(gid));
        if let (Some(gid), Some(holder)) = (self.gid, holder.filter(|holder| holder != name)) {
            return Err(self.refusal(
                format!("the number {gid} is that of the group {holder} on this host"),
                "give another `gid`; two groups of one number are one group",
            ));
        }
        if cx.facts.group(name).is_none() {
            return Ok(vec![self.create()]);
        }
        let (Some(gid), Some(was)) = (self.gid, cx.facts.gid(name)) else {
            return Ok(Vec::new());
        };
        if gid == was {
            return Ok(Vec::new());
        }
        if let Some(running) = running(cx.facts.output(&self.busy()), cx) {
            return Err(self.refusal(
                format!("the group {name} cannot get another number while processes of it run: {running}"),
                "stop them first; they would go on with the old number, which is nobody's then",
            ));
        }
        let mut change = Change::new(id, Verb::Update, format!("update group {name}"));
        change = change
            .detail(Detail::Field {
                name: "gid",
                from: was.to_string(),
                to: gid.to_string(),
            })
            .note(format!(
                "files in the homes of those whose primary group it is go with it; elsewhere they keep the number {was}"
            ))
            .action(Action::Shell(format!(
                "{ACCOUNTS}keep_accounts\nrenumber_group {} {gid}",
                shell::quote(name)
            )));
        change.recover = Some(format!("{ACCOUNTS}hands_back gid {was}\n"));
        Ok(vec![change.if_access_stays()])
    }
}

/// Adds what takes groups away that no playbook declares any more.
pub(super) fn take_away(gone: &Remains, cx: &mut Render<'_>) {
    for group in &gone.groups {
        cx.push(Dropped {
            id: Id::new("pruned", &format!("{group}.group")),
            group: group.clone(),
            users: gone.users.iter().cloned().collect(),
        });
    }
}

/// A group that is no longer there.
#[derive(Debug)]
struct Dropped {
    id: Id,
    group: String,
    /// Users who go before it does.
    users: Vec<String>,
}

/// Whose primary group $group is.
const MEMBERS: &str = r#"gid=$(getent group -- "$group" | cut -d : -f 3)
[ -z "$gid" ] || awk -F: -v gid="$gid" '$4 == gid { print $1 }' /etc/passwd"#;

impl Dropped {
    fn needed(&self, cx: &Context<'_>) -> Option<Id> {
        cx.needed_by(&Ref::Group(self.group.clone()))
    }
}

impl Resource for Dropped {
    fn id(&self) -> &Id {
        &self.id
    }

    fn remark(&self, cx: &Context<'_>) -> Option<String> {
        let needed = cx.facts.group(&self.group).and_then(|_| self.needed(cx))?;
        Some(format!("the group {} stays: {needed} needs it", self.group))
    }

    fn ask(&self, questions: &mut Questions) {
        questions.group(&self.group);
        let group = shell::quote(&self.group);
        questions.script(self.id.as_str(), format!("group={group}\n{MEMBERS}"));
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self { id, group, users } = self;
        let mut primary = cx.facts.output(id.as_str()).lines();
        let is_used = primary.any(|user| !users.iter().any(|goes| goes == user));
        if cx.facts.group(group).is_none() || is_used || self.needed(cx).is_some() {
            return Ok(Vec::new());
        }
        let name = shell::quote(group);
        let change = Change::new(id, Verb::Remove, format!("remove the group {group}"));
        // userdel takes it away with the user who is called so.
        Ok(vec![change.shell(format!(
            "{ACCOUNTS}keep_accounts\nif getent group -- {name} >/dev/null; then groupdel -- {name}; fi"
        ))])
    }
}
