//! Groups of programs that supervisor starts and stops together.

use schemars::JsonSchema;
use serde::Deserialize;

use super::supervised::{FOLDER, Supervised};
use super::supervisor::{DeclaredGroup, Member};
use crate::change::Id;
use crate::language::scalar::{AbsPath, Count, Name, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::file::ManagedFile;

/// A group of supervisor's programs, which are then called `GROUP:NAME`: `supervisorctl restart GROUP:`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Programs that stand under `supervisor`.
    pub programs: Vec<Name>,
    /// Groups with lower ones start first, and stop last; 999 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub priority: Option<Count>,
    /// Where its configuration stands; `/etc/supervisor/conf.d/NAME.group.conf` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub file: Option<AbsPath>,
}

impl Declaration for Group {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        cx.announce(DeclaredGroup(name.to_owned()));
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if self.programs.is_empty() {
            return Err(Problem::new(
                "a group without programs",
                "name them: `programs: [web, worker]`",
            ));
        }
        let mut processes = Vec::new();
        let mut startsecs = 1;
        for program in &self.programs {
            let Some(member) = cx
                .announced::<Member>()
                .find(|member| member.program == program.0)
            else {
                return Err(Problem::missing(
                    format!("there is no program `{program}` under `supervisor` that a group can take in"),
                    "declare it there; one with `instances` is in no group",
                ));
            };
            startsecs = startsecs.max(member.startsecs);
            processes.extend(member.processes.iter().cloned().map(|mut process| {
                let own = process.pattern.split_once(':').map_or("*", |(_, own)| own);
                process.pattern = format!("{name}:{own}");
                process
            }));
        }
        let programs: Vec<&str> = self.programs.iter().map(|program| program.0.as_str()).collect();
        let mut text = format!(
            "; Managed by hostwright ({}): changes made here are undone by the next apply.\n[group:{name}]\nprograms={}\n",
            cx.document.name,
            programs.join(",")
        );
        if let Some(priority) = &self.priority {
            text += &format!("priority={priority}\n");
        }
        let path = self.file.as_ref().map(|path| path.0.clone());
        let path = path.unwrap_or_else(|| format!("{FOLDER}{name}.group.conf"));
        let file = ManagedFile::new(path, cx.content(text.into_bytes()));
        let mut supervised = Supervised::new(Id::new("supervisor_group", name), file);
        supervised.own = true;
        supervised.startsecs = startsecs;
        supervised.declared.processes = processes;
        cx.push(supervised);
        Ok(())
    }
}
