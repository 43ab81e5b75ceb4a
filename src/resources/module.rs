//! Kernel modules.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::Id;
use crate::language::scalar::{Line, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::announced::{What, stands};
use crate::managed::file::ManagedFile;
use crate::managed::plain::Plain;

/// A kernel module: `/etc/modules-load.d/NAME.conf` names it, and it is loaded in the same step.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its parameters, which count from when it is loaded next: `nbds_max=8`. They stand in `/etc/modprobe.d/NAME.conf`.
    #[serde(default, deserialize_with = "optional")]
    pub params: Option<Line>,
}

fn files(name: &str) -> [String; 2] {
    [
        format!("/etc/modules-load.d/{name}.conf"),
        format!("/etc/modprobe.d/{name}.conf"),
    ]
}

impl Declaration for Module {
    fn announce(&self, name: &str, cx: &mut Render<'_>) {
        let [load, options] = files(name);
        stands(cx, &load, What::File(None));
        if self.params.is_some() {
            stands(cx, &options, What::File(None));
        }
    }

    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let [load, options] = files(name);
        if let Some(params) = &self.params {
            let text = format!("options {name} {}\n", params.0);
            let file = ManagedFile::new(options, cx.content(text.into_bytes()));
            let id = Id::new("module", &format!("{name}.params"));
            cx.push(Plain { id, file });
        }
        cx.needs_package("kmod", &format!("module.{name}"));
        let file = ManagedFile::new(load, cx.content(format!("{name}\n").into_bytes()));
        cx.push(Plain {
            id: Id::new("module", name),
            file,
        });
        Ok(())
    }
}
