//! Log rotation.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};

use crate::change::Id;
use crate::language::scalar::{Count, Line, LocalPath, Text, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// How some logs are rotated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The logs; patterns are allowed.
    pub paths: Vec<Line>,
    /// How often: `daily` unless given, else `weekly` or `monthly`.
    #[serde(default, deserialize_with = "optional")]
    pub every: Option<Line>,
    /// How many old ones stay; 7 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub keep: Option<Count>,
    /// Mode, owner and group of the new log; `0640 root root` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub create: Option<Line>,
    /// sh that makes the writer open its log anew. Restart nothing here.
    #[serde(default, deserialize_with = "optional")]
    pub postrotate: Option<Text>,
    /// A template in place of the shipped one, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
}

impl Declaration for Rotation {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let every = self.every.as_ref().map_or("daily", |line| &line.0);
        if !["daily", "weekly", "monthly"].contains(&every) {
            return Err(Problem::new(
                format!("`{every}` is not how often logs are rotated"),
                "write `daily`, `weekly` or `monthly`",
            ));
        }
        if self.paths.is_empty()
            || self
                .paths
                .iter()
                .any(|path| !path.0.starts_with('/') || path.0.contains('"'))
        {
            return Err(Problem::new(
                "`paths` names the logs, by absolute path",
                "write at least one",
            ));
        }
        let paths: Vec<&str> = self.paths.iter().map(|path| path.0.as_str()).collect();
        let mut values = Map::new();
        values.insert("name".into(), json!(name));
        values.insert("paths".into(), json!(paths));
        values.insert("every".into(), json!(every));
        values.insert(
            "keep".into(),
            json!(self.keep.as_ref().map_or(7, |count| count.0)),
        );
        values.insert(
            "create".into(),
            json!(self.create.as_ref().map_or("0640 root root", |line| &line.0)),
        );
        values.insert(
            "postrotate".into(),
            json!(self.postrotate.as_ref().map(|text| text.0.trim_end())),
        );
        let template = self
            .template
            .as_ref()
            .map_or("logrotate.conf.hbs", |path| &path.0);
        let content = cx.template(template, values)?;
        let file = ManagedFile::new(format!("/etc/logrotate.d/{name}"), content);
        let id = Id::new("logrotate", name);
        cx.needs_package("logrotate", id.as_str());
        cx.push(Plain { id, file });
        Ok(())
    }
}
