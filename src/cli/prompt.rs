//! Questions to a person.

use std::io::{IsTerminal, Write};

/// Whether a person looks on and can answer.
pub(super) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks a question that only `y` or `yes` answers with yes.
pub(super) fn ask(question: &str) -> bool {
    anstream::print!("{question} [y/N] ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
