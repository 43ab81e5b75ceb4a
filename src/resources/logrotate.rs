//! Log rotation.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::change::{Content, Id};
use crate::language::scalar::{Count, Flag, Line, LocalPath, Text, optional};
use crate::language::template::object;
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced::{self, Stands, What};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// How some logs are rotated.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The logs; patterns are allowed.
    pub paths: Vec<Line>,
    /// How often: `daily` unless given, else `hourly`, `weekly`, `monthly` or `yearly`. For `hourly` the host's timer of
    /// logrotate runs every hour.
    #[serde(default, deserialize_with = "optional")]
    pub every: Option<Line>,
    /// Only when they are bigger than this, however old: bytes, or with `k`, `M` or `G` behind. In place of `every`.
    #[serde(default, deserialize_with = "optional")]
    pub size: Option<Line>,
    /// Sooner than `every` when they are bigger than this.
    #[serde(default, deserialize_with = "optional")]
    pub maxsize: Option<Line>,
    /// Old ones go after so many days.
    #[serde(default, deserialize_with = "optional")]
    pub maxage: Option<Count>,
    /// Whether old ones are named by the date in place of a number.
    #[serde(default, deserialize_with = "optional")]
    pub dateext: Option<Flag>,
    /// Whether the log is copied and cut in place, for a writer that cannot open it anew. Lines that are written
    /// between the two are lost.
    #[serde(default, deserialize_with = "optional")]
    pub copytruncate: Option<Flag>,
    /// The user and group that rotate, `USER GROUP`; needed where others than root may write to the logs' directory.
    #[serde(default, deserialize_with = "optional")]
    pub su: Option<Line>,
    /// How many old ones stay; 7 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub keep: Option<Count>,
    /// Mode, owner and group of the new log; `0640 root root` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub create: Option<Line>,
    /// sh that runs before, once for all logs.
    #[serde(default, deserialize_with = "optional")]
    pub prerotate: Option<Text>,
    /// sh that makes the writer open its log anew. Restart nothing here.
    #[serde(default, deserialize_with = "optional")]
    pub postrotate: Option<Text>,
    /// A template in place of the shipped one, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
}

/// Makes logrotate's timer run every hour; systemd adds up what drop-ins say, unless one begins anew.
const HOURLY: &str = "[Timer]\nOnCalendar=\nOnCalendar=hourly\nAccuracySec=1m\n";

impl Rotation {
    fn every(&self) -> Result<&str, Problem> {
        let every = self.every.as_ref().map_or("daily", |line| &line.0);
        if !["hourly", "daily", "weekly", "monthly", "yearly"].contains(&every) {
            return Err(Problem::new(
                format!("`{every}` is not how often logs are rotated"),
                "write `hourly`, `daily`, `weekly`, `monthly` or `yearly`",
            ));
        }
        Ok(every)
    }

    /// What cannot be meant, or what logrotate would pass over or read otherwise.
    fn check(&self) -> Result<(), Problem> {
        let is_log = |path: &Line| path.0.starts_with('/') && !path.0.contains('"');
        if self.paths.is_empty() || !self.paths.iter().all(is_log) {
            return Err(Problem::new(
                "`paths` names the logs, by absolute path",
                "write at least one",
            ));
        }
        if self.size.is_some() && (self.every.is_some() || self.maxsize.is_some()) {
            return Err(Problem::new(
                "with `size` logs are rotated by their size alone",
                "leave out `every` and `maxsize`, or write `maxsize` in place of `size`",
            ));
        }
        for size in self.size.iter().chain(&self.maxsize) {
            let number = size.0.strip_suffix(['k', 'M', 'G']).unwrap_or(&size.0);
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Problem::new(
                    format!("`{size}` is not a size"),
                    "write bytes, or a number with `k`, `M` or `G` behind it",
                ));
            }
        }
        if self.su.as_ref().is_some_and(|su| su.0.split(' ').count() != 2) {
            return Err(Problem::new("`su` is a user and a group", "write `USER GROUP`"));
        }
        if self.truncates() && self.create.is_some() {
            return Err(Problem::new(
                "with `copytruncate` the log stays the same file, and none is created",
                "leave out `create`",
            ));
        }
        for script in self.prerotate.iter().chain(&self.postrotate) {
            if script.0.lines().any(|line| line.trim() == "endscript") {
                return Err(Problem::new(
                    "logrotate would end the script at its line `endscript`",
                    "put it into a script of its own and call that",
                ));
            }
        }
        Ok(())
    }

    fn is_hourly(&self) -> bool {
        self.every.as_ref().is_some_and(|every| every.0 == "hourly")
    }

    fn truncates(&self) -> bool {
        self.copytruncate.as_ref().is_some_and(|flag| flag.0)
    }
}

/// Where that stands: each playbook has its own.
fn timer(cx: &Render<'_>) -> String {
    format!("/etc/systemd/system/logrotate.timer.d/{}.conf", cx.document.name)
}

fn hourly() -> Content {
    Content::new(HOURLY.as_bytes(), false)
}

impl Declaration for Rotation {
    fn announce(&self, _name: &str, cx: &mut Render<'_>) {
        let path = timer(cx);
        if self.is_hourly() && !cx.announced::<Stands>().any(|stands| stands.path == path) {
            announced::stands(cx, &path, What::File(Some(hourly())));
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let every = self.every()?;
        self.check()?;
        let script = |text: &Option<Text>| text.as_ref().map(|text| text.0.trim_end().to_owned());
        let line = |line: &Option<Line>| line.as_ref().map(|line| line.0.clone());
        let usual = if self.truncates() {
            None
        } else {
            Some("0640 root root".to_owned())
        };
        let values = object(json!({
            "name": name,
            "paths": self.paths.iter().map(|path| &path.0).collect::<Vec<_>>(),
            "every": every,
            "size": line(&self.size),
            "maxsize": line(&self.maxsize),
            "maxage": self.maxage.as_ref().map(|days| days.0),
            "dateext": self.dateext.as_ref().is_some_and(|flag| flag.0),
            "copytruncate": self.truncates(),
            "su": line(&self.su),
            "keep": self.keep.as_ref().map_or(7, |count| count.0),
            "create": line(&self.create).or(usual),
            "prerotate": script(&self.prerotate),
            "postrotate": script(&self.postrotate),
            "scripts": self.prerotate.is_some() || self.postrotate.is_some(),
        }));
        let template = self
            .template
            .as_ref()
            .map_or("logrotate.conf.hbs", |path| &path.0);
        let content = cx.template(template, values)?;
        let file = ManagedFile::new(format!("/etc/logrotate.d/{name}"), content);
        let id = Id::new("logrotate", name);
        cx.needs_package("logrotate", id.as_str());
        cx.push(Plain { id, file });
        if self.is_hourly() {
            let path = timer(cx);
            let id = Id::new("file", &path);
            if !cx.has(&id) {
                let file = ManagedFile::new(path, hourly());
                cx.needs_package("logrotate", id.as_str());
                cx.push(Plain { id, file });
            }
        }
        Ok(())
    }
}
