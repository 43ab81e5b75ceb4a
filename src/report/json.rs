//! Events as JSON, a line for each. What is secret is hidden in every text of every line, here and nowhere else.

use miette::Diagnostic;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::operations::event::Event;
use crate::secret::Secrets;

/// The version of what is written. It rises when something that stood in it goes, or means something else;
/// a reader passes over events and fields that it does not know.
const VERSION: u32 = 1;

/// A line.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    /// The first one.
    Begin {
        /// The version of this output.
        output: u32,
        /// The version of hostwright.
        hostwright: &'a str,
        /// The command.
        command: &'a str,
    },
    /// What a command failed with: one line for each thing that is wrong.
    Error(Wrong),
    /// Something that happened.
    #[serde(untagged)]
    Event(&'a Event<'a>),
}

/// What is wrong, and where.
#[derive(Serialize, JsonSchema)]
struct Wrong {
    /// What.
    message: String,
    /// What to do.
    help: Option<String>,
    /// The file in which it is wrong.
    file: Option<String>,
    /// The line, from 1.
    line: Option<usize>,
    /// The column in characters, from 1.
    column: Option<usize>,
}

/// The JSON schema of a line.
pub fn schema() -> Schema {
    schema_for!(Line<'static>)
}

/// A program that reads.
#[derive(Debug)]
pub struct Json {
    secrets: Secrets,
}

impl Json {
    /// Begins the output of `command`.
    pub fn begin(command: &str) -> Self {
        let json = Self {
            secrets: Secrets::default(),
        };
        json.write(&Line::Begin {
            output: VERSION,
            hostwright: env!("CARGO_PKG_VERSION"),
            command,
        });
        json
    }

    /// Writes an event.
    pub fn event(&mut self, event: &Event<'_>) {
        if let Event::Playbook { secrets, .. }
        | Event::Back { secrets, .. }
        | Event::Diagnosis { secrets, .. }
        | Event::Drift { secrets, .. }
        | Event::Logs { secrets, .. }
        | Event::Told { secrets, .. }
        | Event::BackingUp { secrets, .. }
        | Event::Verifying { secrets, .. } = event
        {
            self.secrets = (*secrets).clone();
        }
        self.write(&Line::Event(event));
    }

    /// Writes what a command failed with.
    pub fn error(&mut self, error: &dyn Diagnostic) {
        match error.related() {
            Some(several) => several.for_each(|error| self.write(&Line::Error(wrong(error)))),
            None => self.write(&Line::Error(wrong(error))),
        }
    }

    fn write(&self, line: &Line<'_>) {
        // Lines are made of texts and numbers, which all have a form in JSON.
        if let Ok(mut value) = serde_json::to_value(line) {
            self.secrets.redact_json(&mut value);
            anstream::println!("{value}");
        }
    }
}

fn wrong(error: &dyn Diagnostic) -> Wrong {
    let span = error.labels().and_then(|mut labels| labels.next());
    let place = span.and_then(|span| error.source_code()?.read_span(span.inner(), 0, 0).ok());
    Wrong {
        message: error.to_string(),
        help: error.help().map(|help| help.to_string()),
        file: place.as_ref().and_then(|place| place.name()).map(str::to_owned),
        line: place.as_ref().map(|place| place.line() + 1),
        column: place.as_ref().map(|place| place.column() + 1),
    }
}
