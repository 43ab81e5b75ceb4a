//! Answers to what packages ask when they are configured (debconf(7)).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::words::INSTALL;
use crate::change::{Action, Change, Content, Detail, Id, Verb};
use crate::desired::{Context, Refusal, Resource};
use crate::facts::Questions;
use crate::language::scalar::{Line, Text};
use crate::language::{Problem, Render};
use crate::shell;

/// Answers by the names of their questions: `postfix/main_mailer_type`.
pub(super) type Answers = IndexMap<Line, Answer>;

/// An answer to a question of a package's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The sort of question.
    #[serde(rename = "type")]
    sort: Sort,
    /// The answer, on one line: `Internet Site`, `true`.
    value: Text,
}

/// A sort of question (debconf-devel(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    String,
    Boolean,
    Select,
    Multiselect,
    Password,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Select => "select",
            Self::Multiselect => "multiselect",
            Self::Password => "password",
        }
    }
}

/// The id of the answers to what `package` asks.
pub(super) fn id(package: &str) -> Id {
    Id::new("apt", &format!("debconf.{package}"))
}

/// Adds the answers to what `package` asks; `comes` says whether this playbook installs it.
pub(super) fn render(
    package: &str,
    answers: &Answers,
    comes: bool,
    cx: &mut Render<'_>,
) -> Result<(), Problem> {
    let mut text = String::new();
    let mut seen = Vec::new();
    for (question, Answer { sort, value }) in answers {
        if question.0.contains(char::is_whitespace) || question.0.starts_with('#') {
            return Err(Problem::new(
                format!("`{question}` is not the name of a question"),
                "`debconf-show PACKAGE` names them: `postfix/mailname`",
            ));
        }
        if value.0.contains(['\n', '\r']) {
            return Err(Problem::new(
                format!("the answer to {question} has more than one line"),
                "debconf-set-selections takes one line for each",
            ));
        }
        if value.0.ends_with('\\') {
            return Err(Problem::new(
                format!("the answer to {question} ends with `\\`"),
                "debconf-set-selections takes the next line for a part of it: choose another answer",
            ));
        }
        let is_hidden = *sort == Sort::Password || cx.document.secrets.taint(value.0.as_bytes());
        if !is_hidden {
            seen.push((question.0.clone(), value.0.clone()));
        }
        text += &format!("{package} {question} {} {value}\n", sort.word());
    }
    let hidden = answers.keys().map(|question| question.0.clone());
    let hidden = hidden.filter(|question| !seen.iter().any(|(shown, _)| shown == question));
    let hidden: Vec<String> = hidden.collect();
    let content = Content {
        secret: !hidden.is_empty(),
        ..cx.content(text.into_bytes())
    };
    cx.push(Selections {
        id: id(package),
        package: package.to_owned(),
        comes,
        seen,
        hidden,
        content,
    });
    Ok(())
}

/// The answers to what one package asks.
#[derive(Debug)]
struct Selections {
    id: Id,
    package: String,
    /// Whether this playbook installs it.
    comes: bool,
    /// Questions and their answers.
    seen: Vec<(String, String)>,
    /// Questions whose answers nobody shows. A package forgets such an answer when it has used it, so what counts is what
    /// was told last.
    hidden: Vec<String>,
    /// What debconf-set-selections(1) reads.
    content: Content,
}

impl Selections {
    fn script(&self) -> String {
        format!("apt.debconf.{}", self.package)
    }

    fn stamp(&self) -> String {
        format!("debconf.{}", self.package)
    }
}

impl Resource for Selections {
    fn id(&self) -> &Id {
        &self.id
    }

    /// It reads the database without a lock, and writes nothing.
    fn ask(&self, questions: &mut Questions) {
        let ask = format!("debconf-show {}", shell::quote(&self.package));
        questions.script(&self.script(), ask);
        questions.package(&self.package);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        // `* QUESTION: ANSWER`, or without the star where nobody was asked.
        let lines = cx.facts.output(&self.script()).lines();
        let known: Vec<(&str, &str)> = lines
            .filter_map(|line| line.get(2..)?.split_once(':'))
            .map(|(question, answer)| (question, answer.strip_prefix(' ').unwrap_or(answer)))
            .collect();
        // One that comes anew asks anew.
        let asks = self.comes && cx.installs(&self.package);
        let told = !asks && cx.facts.loaded(&self.stamp()) == Some(&self.content.sha256);
        let mut change = Change::new(
            &self.id,
            Verb::Update,
            format!("answer what {} asks", self.package),
        );
        for (question, answer) in &self.seen {
            let here = known
                .iter()
                .find(|(known, _)| known == question)
                .map(|(_, answer)| *answer);
            if here != Some(answer.as_str()) {
                change.details.push(Detail::Note(format!("{question}: {answer}")));
            }
        }
        if !told {
            let hidden = self
                .hidden
                .iter()
                .map(|question| format!("{question}: an answer that is not shown"));
            change.details.extend(hidden.map(Detail::Note));
        }
        if change.details.is_empty() {
            return Ok(Vec::new());
        }
        if !cx.installs(&self.package) {
            change = change.note(format!(
                "{} is there already: it counts when it is configured anew",
                self.package
            ));
        }
        let path = format!("/run/hostwright-debconf-{}", self.package);
        let set = format!(
            "{INSTALL}patiently debconf-set-selections {}",
            shell::quote(&path)
        );
        Ok(vec![
            change
                .action(Action::Write {
                    path: path.clone(),
                    content: self.content.clone(),
                    mode: "0600".into(),
                    owner: "root:root".into(),
                    validate: None,
                    like: None,
                })
                .shell(set)
                .action(Action::Delete { path })
                .action(Action::Loaded {
                    name: self.stamp(),
                    value: self.content.sha256.clone(),
                }),
        ])
    }
}
