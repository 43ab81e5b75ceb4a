//! What happens, in words for people or in JSON for programs: two views of one stream of events.

use std::io::{IsTerminal, Write};

use miette::Diagnostic;

pub mod json;
pub mod text;

use self::json::Json;
use self::text::Text;
use crate::operations::event::Event;

/// Hands on what a command on a host wrote, byte by byte: it is the person's own, not this program's words.
pub fn passed_on(to: &mut dyn Write, bytes: &[u8]) {
    // Whoever reads no more has ended this program, or wants no more of it.
    let _ = to.write_all(bytes).and_then(|()| to.flush());
}

/// Whoever reads what a command writes.
#[derive(Debug)]
pub enum View {
    /// A person.
    Text(Box<Text>),
    /// A program.
    Json(Json),
}

impl View {
    /// A person; `verbose` wants to see all, `quiet` only what failed.
    pub fn text(verbose: bool, quiet: bool) -> Self {
        Self::Text(Box::new(Text::new(verbose, quiet)))
    }

    /// A program that runs `command`.
    pub fn json(command: &str) -> Self {
        Self::Json(Json::begin(command))
    }

    /// Whether nobody can be asked.
    pub fn is_for_programs(&self) -> bool {
        matches!(self, Self::Json(_))
    }

    /// Takes away what a person's screen shows: what comes next takes its place.
    pub fn clear(&mut self) {
        if let Self::Text(_) = self
            && std::io::stdout().is_terminal()
        {
            // Cursor to the first place, and all behind it erased (ECMA-48, CUP and ED).
            anstream::print!("\x1b[H\x1b[J");
        }
    }

    /// Shows what happened.
    pub fn event(&mut self, event: &Event<'_>) {
        match self {
            Self::Text(text) => text.event(event),
            Self::Json(json) => json.event(event),
        }
    }

    /// Shows what a command failed with.
    pub fn error(&mut self, error: &dyn Diagnostic) {
        match self {
            Self::Text(text) => text.error(error),
            Self::Json(json) => json.error(error),
        }
    }
}
