//! Changes → the text of the program. Pure: the same changes make the same program.

use std::fmt::Write;

use super::record::Record;
use crate::change::{Action, Change};
use crate::layout::{self, ENVIRONMENT};
use crate::shell;

const PRELUDE: &str = include_str!("prelude.sh");

/// `words UNIT SAID SINCE`: why a unit is not as it should be, in the words of systemctl and the unit itself.
pub const WORDS: &str = include_str!("words.sh");

/// What becomes of the steps that were done when one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They stay: the next apply goes on from there.
    #[default]
    Stop,
    /// They are undone, too, the last one first.
    Rollback,
}

/// The program that makes `changes`, for the run `id`. `token` marks the journal's own lines, so that
/// nothing a step prints can pass for one.
pub fn compile(
    id: &str,
    token: &str,
    changes: &[Change],
    record: Option<&Record>,
    on_failure: OnFailure,
) -> String {
    let mut text = format!("{}{PRELUDE}{WORDS}", head(id, token, on_failure));
    for (index, change) in changes.iter().enumerate() {
        let number = index + 1;
        let summary = one_line(&change.summary);
        let _ = writeln!(text, "\n# {number}. {}: {summary}\nstep_{number}() {{", change.id);
        for line in change.actions.iter().map(action) {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(
            text,
            "}}\nrecover_{number}() {{\n{}\n}}",
            change.recover.as_deref().unwrap_or(":")
        );
    }
    text.push_str("\nif [ \"${1-}\" = undo ]; then undo \"$2\"; fi\nbegin\n");
    if let Some(Record { playbook, .. }) = record {
        let _ = writeln!(
            text,
            "originals && made begun {} || finish failed",
            shell::quote(playbook)
        );
    }
    for (index, change) in changes.iter().enumerate() {
        let proof = change
            .actions
            .iter()
            .any(|action| matches!(action, Action::ConfirmAccess { .. }));
        let proven = if proof { " proven" } else { "" };
        let _ = writeln!(text, "step {}{proven}", index + 1);
    }
    if let Some(Record { playbook, keep, .. }) = record {
        let _ = writeln!(text, "record {} {keep} || finish failed", shell::quote(playbook));
    }
    text.push_str("finish ok\n");
    text
}

/// What a program must know before its first line.
fn head(id: &str, token: &str, on_failure: OnFailure) -> String {
    let (id, token) = (shell::quote(id), shell::quote(token));
    let undo_all = match on_failure {
        OnFailure::Stop => "",
        OnFailure::Rollback => "yes",
    };
    format!(
        "export {ENVIRONMENT}\nid={id}\ntoken={token}\nundo_all={undo_all}\n{}",
        layout::variables()
    )
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

fn action(action: &Action) -> String {
    match action {
        Action::Write {
            path,
            content,
            mode,
            owner,
            validate,
            ..
        } => {
            let mut words = vec!["put", &content.sha256, path, mode, owner];
            let validate = validate.as_ref().map(|command| command.replace("{}", "\"$new\""));
            words.extend(validate.as_deref());
            shell::words(words)
        }
        Action::Directory { path, mode, owner } => shell::words(["directory", path, mode, owner]),
        Action::Attributes { path, mode, owner } => shell::words(["attributes", path, mode, owner]),
        Action::Link { path, target } => shell::words(["link", path, target]),
        Action::Remove { path, secret: false } => shell::words(["remove", path]),
        Action::Remove { path, secret: true } => shell::words(["remove", path, "secret"]),
        Action::Delete { path } => shell::words(["rm", "-rf", "--", path]),
        Action::Shell(text) | Action::Load(text) | Action::Alter { sh: text, .. } => text.clone(),
        Action::Loaded { name, value } => shell::words(["loaded", name, value]),
        Action::Unloaded { name } => shell::words(["unloaded", name]),
        Action::ConfirmAccess { seconds } => format!("confirm_access {seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Content, Id, Verb};

    #[test]
    fn a_program_can_be_read() {
        let id = Id::new("file", "/etc/motd");
        let write = Action::Write {
            path: "/etc/it's here".into(),
            content: Content::new(&b"x"[..], false),
            mode: "0644".into(),
            owner: "root:root".into(),
            validate: Some("check {}".into()),
            like: None,
        };
        let changes = [
            Change::new(&id, Verb::Create, "write\nit").action(write),
            Change::new(&id, Verb::Run, "run it").shell("echo a\necho b"),
        ];
        let text = compile("20260101T000000-ab", "t0ken", &changes, None, OnFailure::Stop);
        let own = text
            .strip_prefix(&format!(
                "{}{PRELUDE}{WORDS}",
                head("20260101T000000-ab", "t0ken", OnFailure::Stop)
            ))
            .expect("prelude first");
        insta::assert_snapshot!(own);
    }

    #[test]
    fn the_prelude_is_posix_sh() {
        let mut dash = std::process::Command::new("sh");
        let output = dash
            .arg("-n")
            .arg("-c")
            .arg(compile("i", "t", &[], None, OnFailure::Stop))
            .output()
            .expect("sh runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
