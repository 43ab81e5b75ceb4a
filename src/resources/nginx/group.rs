//! Groups of servers that a site hands requests on to by name.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::language::Problem;
use crate::language::scalar::{Count, Flag, Name, Server, optional};

/// A server of a group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Where it is: `10.0.0.2:8080`, `unix:/run/app.sock`.
    pub server: Server,
    /// How many requests it gets for each one of the others; 1 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub weight: Option<Count>,
    /// Whether it is asked only while no other one answers.
    #[serde(default, deserialize_with = "optional")]
    pub backup: Option<Flag>,
}

/// A site's groups, by name.
pub(super) type Groups = IndexMap<Name, Vec<Member>>;

/// Whether one of them has this name.
pub(super) fn has(groups: &Groups, name: &str) -> bool {
    groups.keys().any(|group| group.0 == name)
}

/// How nginx calls a group of a site: names of groups are everybody's.
pub(super) fn called(site: &str, group: &str) -> String {
    format!("{site}.{group}")
}

/// The groups, for a template.
///
/// # Errors
/// When one has nobody who answers as a rule, or names a weight of none.
pub(super) fn values(site: &str, groups: &Groups) -> Result<Vec<Value>, Problem> {
    let groups = groups.iter().map(|(name, members)| {
        let is_backup = |member: &Member| member.backup.as_ref().is_some_and(|flag| flag.0);
        if members.iter().all(is_backup) {
            return Err(Problem::new(
                format!("`{name}` of `upstreams` has no server that is not a backup"),
                "name one: `- server: 127.0.0.1:8080`",
            ));
        }
        if members
            .iter()
            .filter_map(|member| member.weight.as_ref())
            .any(|weight| weight.0 == 0)
        {
            return Err(Problem::new(
                "a server's `weight` is at least 1",
                "take the server out to send it nothing",
            ));
        }
        let servers = members.iter().map(|member| {
            let weight = member.weight.as_ref().map(|weight| format!(" weight={weight}"));
            let backup = if is_backup(member) { " backup" } else { "" };
            format!("{}{}{backup}", member.server, weight.unwrap_or_default())
        });
        Ok(json!({ "name": called(site, &name.0), "servers": servers.collect::<Vec<_>>() }))
    });
    groups.collect()
}
