//! The challenge by DNS: certbot runs two scripts on the host, one before the authority looks for the record, one after.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::Id;
use crate::language::scalar::{Duration, LocalPath, Name, Text, optional};
use crate::language::{Problem, Render};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;
use crate::resources::certbot::Challenge;
use crate::resources::file::values;

/// Scripts that prove a domain by records of DNS. They are templates, relative to the playbook, and stand on the host for
/// root alone. certbot gives them `CERTBOT_DOMAIN` and `CERTBOT_VALIDATION` in their environment: the record is
/// `_acme-challenge.$CERTBOT_DOMAIN`, of type TXT, and holds `$CERTBOT_VALIDATION`. A domain and `*.` of it have the same
/// record with two values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The script that adds the record.
    pub auth_hook: LocalPath,
    /// The script that takes it away; it also has what the other one printed, in `CERTBOT_AUTH_OUTPUT`.
    pub cleanup_hook: LocalPath,
    /// Values for them beside the playbook's vars: a token of the provider's, from `secrets`.
    #[serde(default, rename = "with")]
    pub values: IndexMap<Name, Text>,
    /// How long it takes until all servers of the domain know the record: so long is waited after the last one was
    /// added; not at all unless given.
    #[serde(default, deserialize_with = "optional")]
    pub propagation: Option<Duration>,
}

impl Dns {
    /// Puts the scripts in place; what certbot is told of them, and their ids.
    pub(in crate::resources) fn put_in_place(
        &self,
        name: &str,
        cx: &mut Render<'_>,
    ) -> Result<(Challenge, Vec<Id>), Problem> {
        let folder = format!("/usr/local/lib/{}/certificates/{name}", cx.document.name);
        let mut hooks = Vec::new();
        for (hook, template) in [("auth", &self.auth_hook), ("cleanup", &self.cleanup_hook)] {
            let content = cx.template(&template.0, values(&self.values))?;
            if !content.bytes.starts_with(b"#!") {
                return Err(Problem::new(
                    format!("{template} does not say what runs it"),
                    "begin it with `#!/bin/sh`",
                ));
            }
            let id = Id::new("certificate", &format!("{name}/{hook}-hook"));
            hooks.push(id.clone());
            cx.push(Plain {
                id,
                file: ManagedFile::new(format!("{folder}/{hook}"), content).mode("0700"),
            });
        }
        let mut auth = format!("{folder}/auth");
        if let Some(wait) = &self.propagation {
            // certbot asks for all records before the authority looks for the first.
            auth += &format!(
                " && {{ test $CERTBOT_REMAINING_CHALLENGES -gt 0 || sleep {}; }}",
                wait.0
            );
        }
        let cleanup = format!("{folder}/cleanup");
        Ok((Challenge::Dns { auth, cleanup }, hooks))
    }
}
