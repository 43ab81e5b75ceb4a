//! What is answered to a host that asks: passwords, codes, and new passwords for those that have expired.

use russh::client::Prompt;

use super::config::Resolved;
use super::options::Options;
use super::person::{Password, Person};

/// Who answers, with what.
pub(super) struct Answers<'a> {
    /// How a person knows the password.
    question: String,
    who: String,
    given: Option<&'a Password>,
    new: Option<&'a Password>,
    person: Option<&'a Person>,
    prompts: usize,
    /// Whether the password that was given has been used.
    used: bool,
    unanswered: Option<String>,
    /// Whether only the password was asked for.
    only_password: bool,
    /// Whether the new password was given.
    gave_new: bool,
}

/// What a prompt wants (Linux-PAM's pam_unix and pam_pwquality, shadow's passwd).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    Password,
    /// A new one, or the same again.
    NewPassword,
    /// A code, say.
    Other,
}

/// Reads a prompt.
pub(super) fn wants(prompt: &str) -> Wants {
    let prompt = prompt.to_lowercase();
    let is_new = ["new password", "new unix password", "retype", "re-enter", "again"];
    if is_new.iter().any(|words| prompt.contains(words)) {
        Wants::NewPassword
    } else if prompt.contains("password") && !prompt.contains("one-time") && !prompt.contains("otp") {
        Wants::Password
    } else {
        Wants::Other
    }
}

impl<'a> Answers<'a> {
    pub fn new(user: &str, host: &str, resolved: &Resolved, options: &'a Options) -> Self {
        Self {
            question: format!("Password of {user} on {host}:"),
            who: format!("{user}@{host}"),
            given: options.password.as_ref(),
            new: options.new_password.as_ref(),
            person: options.person.as_ref().filter(|_| !resolved.batch),
            prompts: resolved.prompts,
            used: false,
            unanswered: None,
            only_password: true,
            gave_new: false,
        }
    }

    /// Whether there is anybody to answer.
    pub fn can_be(&self) -> bool {
        self.given.is_some() || self.person.is_some()
    }

    /// How often it may be tried: a password that was given is right or wrong.
    pub fn rounds(&self) -> usize {
        match self.given {
            Some(_) => 1,
            None => self.prompts,
        }
    }

    /// The password to log in with.
    pub async fn password(&mut self) -> Option<Password> {
        if let Some(given) = self.given {
            self.used = true;
            return Some(given.clone());
        }
        let Some(person) = self.person else {
            self.unanswered = Some("nobody is here to give a password".to_owned());
            return None;
        };
        person.secret(&self.question).await
    }

    /// Answers to all prompts of one request; none if one has no answer.
    pub async fn to(&mut self, instructions: &str, prompts: &[Prompt]) -> Option<Vec<String>> {
        let mut answers = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            let wants = wants(&prompt.prompt);
            self.only_password &= wants == Wants::Password;
            let answer = match (wants, self.given, self.new) {
                (Wants::Password, Some(given), _) if !self.used || self.new.is_some() => {
                    self.used = true;
                    Some(given.text().to_owned())
                }
                (Wants::NewPassword, _, Some(new)) => {
                    self.gave_new = true;
                    Some(new.text().to_owned())
                }
                _ => self.ask(instructions, prompt).await,
            };
            match answer {
                Some(answer) => answers.push(answer),
                None => {
                    let asked = prompt.prompt.trim().trim_end_matches(':');
                    self.unanswered = Some(format!("nobody is here to answer `{asked}`"));
                    return None;
                }
            }
        }
        Some(answers)
    }

    async fn ask(&self, instructions: &str, prompt: &Prompt) -> Option<String> {
        let person = self.person?;
        if wants(&prompt.prompt) == Wants::Password && self.given.is_none() {
            return Some(person.secret(&self.question).await?.text().to_owned());
        }
        let said = match instructions.trim() {
            "" => String::new(),
            said => format!("{said}\n"),
        };
        let question = format!("{said}({}) {}", self.who, prompt.prompt.trim());
        match prompt.echo {
            true => person.line(&question).await,
            false => Some(person.fresh_secret(&question).await?.text().to_owned()),
        }
    }

    /// Whether the password was replaced, once the host has let us in.
    pub fn gave_new(&self) -> bool {
        self.gave_new
    }

    /// They did not do.
    pub fn wrong(&mut self) {
        if let Some(person) = self.person {
            person.forget(&self.question);
        }
    }

    /// What was answered, for messages.
    pub fn what(&self) -> &'static str {
        match self.only_password {
            true => "the password",
            false => "the answers",
        }
    }

    /// Why the host got no answer.
    pub fn unanswered(&self) -> Option<String> {
        self.unanswered.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_told_apart() {
        for (prompt, expected) in [
            ("Password: ", Wants::Password),
            ("(current) UNIX password: ", Wants::Password),
            ("Current password: ", Wants::Password),
            ("New password: ", Wants::NewPassword),
            ("Retype new password: ", Wants::NewPassword),
            ("Re-enter new password:", Wants::NewPassword),
            ("Verification code: ", Wants::Other),
            ("One-time password (OATH) for `ann': ", Wants::Other),
        ] {
            assert_eq!(wants(prompt), expected, "{prompt}");
        }
    }
}
