//! What lets one of two instances take over from the other between applies: a program on the host, which `hostwright
//! restart` and the monitor run. It holds the files of both, as one of them stands nowhere else.

use super::instance::Instance;
use super::instances::{Instances, TakesTurns};
use crate::change::Content;
use crate::language::Render;
use crate::layout::{BASE, PATH};
use crate::managed::file::ManagedFile;
use crate::shell;
use crate::transaction::compile::WORDS;

/// What it does; `library` does it in a run.
const RESTART: &str = include_str!("rolling_restart.sh");

/// The program for `turns`; `library` is the sh for both instances.
pub(super) fn program(
    turns: &TakesTurns,
    declared: &Instances,
    instances: &[Box<dyn Instance>; 2],
    library: &str,
    cx: &Render<'_>,
) -> ManagedFile {
    let playbook = &cx.document.name;
    let values = [
        ("base", BASE.to_owned()),
        ("program", turns.program.clone()),
        ("within", declared.within().to_string()),
        ("drain", declared.drain().to_string()),
        ("turned", turns.turned()),
        ("turned_text", turns.turned_text()),
    ];
    let own = ["first", "second"].into_iter().zip(instances).enumerate();
    let own = own.map(|(at, (which, instance))| {
        let file = instance.file();
        let assigned = assigned([
            ("port", turns.ports[at].to_string()),
            ("called", turns.names[at].clone()),
            ("stamp", instance.stamp()),
            ("to_start", instance.to_start().to_string()),
            ("file_mode", file.mode.clone()),
            ("text", String::from_utf8_lossy(&file.content.bytes).into_owned()),
        ]);
        format!("{which}() {{\n{}\n{assigned}}}\n", instance.meant_always())
    });
    let text = format!(
        "#!/bin/sh\n# Managed by hostwright ({playbook}): changes made here are undone by the next apply.\n\
         PATH={PATH} LC_ALL=C\nexport PATH LC_ALL\nset -u\n{}{}{library}\n{WORDS}{RESTART}",
        assigned(values),
        own.collect::<String>(),
    );
    // In quotes a secret may read otherwise than it is known.
    let secret = instances.iter().any(|instance| instance.file().content.secret);
    let content = Content::new(text.into_bytes(), secret);
    let path = format!("/usr/local/lib/{playbook}/instances/{}", turns.program);
    ManagedFile::new(path, content).mode("0700")
}

fn assigned<const N: usize>(values: [(&str, String); N]) -> String {
    let lines = values.map(|(name, value)| format!("{name}={}\n", shell::quote(&value)));
    lines.concat()
}
