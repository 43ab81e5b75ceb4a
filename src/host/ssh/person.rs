//! Somebody who can answer questions while a connection is made, and secrets that were given beforehand.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;

/// A secret text. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Makes a text a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// How a person is asked. Both block until there is an answer; none means that there will not be any.
pub trait Ask: Send + Sync {
    /// Asks for what must not be seen.
    fn secret(&self, question: &str) -> Option<String>;

    /// Asks for a line.
    fn line(&self, question: &str) -> Option<String>;
}

/// A person who looks on. What was answered once is not asked again, on no connection of this process.
#[derive(Clone)]
pub struct Person {
    ask: Arc<dyn Ask>,
    answers: Arc<Mutex<HashMap<String, Password>>>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Person")
    }
}

impl Person {
    /// A person who is asked like this.
    pub fn new(ask: impl Ask + 'static) -> Self {
        Self {
            ask: Arc::new(ask),
            answers: Arc::default(),
        }
    }

    /// The answer to a question that has the same one for as long as this process runs.
    pub(super) async fn secret(&self, question: &str) -> Option<Password> {
        let known = self.answers().get(question).cloned();
        if known.is_some() {
            return known;
        }
        let given = self.fresh_secret(question).await?;
        self.answers().insert(question.to_owned(), given.clone());
        Some(given)
    }

    /// The same for who has nothing else to do meanwhile.
    pub(crate) fn secret_now(&self, question: &str) -> Option<Password> {
        let known = self.answers().get(question).cloned();
        if known.is_some() {
            return known;
        }
        let given = Password(self.ask.secret(question)?);
        self.answers().insert(question.to_owned(), given.clone());
        Some(given)
    }

    /// A line, for who has nothing else to do meanwhile.
    pub(crate) fn line_now(&self, question: &str) -> Option<String> {
        self.ask.line(question)
    }

    /// The answer was wrong.
    pub(crate) fn forget(&self, question: &str) {
        self.answers().remove(question);
    }

    /// The answer to a question that has another one each time.
    pub(super) async fn fresh_secret(&self, question: &str) -> Option<Password> {
        let (ask, question) = (Arc::clone(&self.ask), question.to_owned());
        let answer = spawn_blocking(move || ask.secret(&question)).await.ok()??;
        Some(Password(answer))
    }

    /// A line.
    pub(super) async fn line(&self, question: &str) -> Option<String> {
        let (ask, question) = (Arc::clone(&self.ask), question.to_owned());
        spawn_blocking(move || ask.line(&question)).await.ok()?
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Password>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
