//! Questions to a person.

use std::io::{IsTerminal, Write};

/// Whether a person looks on and can answer.
pub(super) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks a question that only `y` or `yes` answers with yes.
pub(super) fn ask(question: &str) -> bool {
    matches!(typed(&format!("{question} [y/N]")).as_str(), "y" | "Y" | "yes")
}

/// What a person types when asked; nothing if nothing can be read.
pub(super) fn typed(question: &str) -> String {
    read(question).unwrap_or_default()
}

/// What a person types when asked, or none at the input's end.
fn read(question: &str) -> Option<String> {
    anstream::print!("{question} ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer).ok()?;
    (read > 0).then(|| answer.trim().to_owned())
}

/// Asks, so that an interruption is heard meanwhile. None at the input's end.
pub(super) async fn answered(question: &str) -> Option<String> {
    let question = question.to_owned();
    tokio::task::spawn_blocking(move || read(&question)).await.ok()?
}

/// Asks, so that an interruption is heard meanwhile.
pub(super) async fn confirmed(question: &str) -> bool {
    let question = question.to_owned();
    tokio::task::spawn_blocking(move || ask(&question))
        .await
        .unwrap_or(false)
}
