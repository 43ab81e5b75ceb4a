//! How a remote user who is not root runs a script as root.

use super::error::{Named, SshError};
use super::person::{Password, Person};

/// What a user becomes root with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Become {
    /// sudo, else doas, else su.
    Plainly,
    /// sudo that wants a terminal (sudoers(5), requiretty).
    OnTerminal,
}

/// Runs a script as root by whatever the host has for that. The words of the script are its arguments; without
/// any the script comes by its input.
const PROGRAM: &str = include_str!("root.sh");

/// What the program says first.
pub(super) const BEGINS: &str = "@@hostwright:begin@@";

/// What the program says when a password is wanted, before and after the name of what wants it.
const ASKS: (&str, &str) = ("@@hostwright:", ":password@@");

/// [`PROGRAM`] for a host, without its comments: it travels with every script.
pub(super) fn program(root: Become, can_answer: bool) -> String {
    let terminal = match root {
        Become::Plainly => "",
        Become::OnTerminal => "yes",
    };
    let answers = if can_answer { "yes" } else { "" };
    let lines = PROGRAM.lines().filter(|line| !line.trim_start().starts_with('#'));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    format!("terminal={terminal}\nanswers={answers}\n{lines}")
}

/// Who wants a password, by each time that it was asked for in what was printed.
pub(super) fn asked(printed: &str) -> Vec<String> {
    let ends = printed.split(ASKS.0).skip(1);
    let tools = ends.filter_map(|rest| Some(rest.split_once(ASKS.1)?.0.to_owned()));
    // `doas (ann@web) password: `, which cannot be another (opendoas, doas.c).
    let own = printed
        .matches("doas (")
        .count()
        .min(printed.matches(") password: ").count());
    tools.chain(std::iter::repeat_n("doas".to_owned(), own)).collect()
}

/// What was printed, without the questions for passwords.
pub(super) fn without_marks(printed: &str) -> String {
    let mut text = printed.to_owned();
    for tool in asked(printed) {
        text = text.replace(&format!("{}{tool}{}", ASKS.0, ASKS.1), "");
    }
    text
}

/// Who knows the password, if anybody.
#[derive(Debug, Clone, Default)]
pub(super) struct Rooting {
    pub password: Option<Password>,
    pub person: Option<Person>,
}

impl Rooting {
    pub fn can_answer(&self) -> bool {
        self.password.is_some() || self.person.is_some()
    }

    /// The answer to the `times`-th question of `tool`.
    pub async fn answer(
        &self,
        host: &Named,
        user: &str,
        tool: &str,
        times: usize,
    ) -> Result<Password, SshError> {
        let owner = owner(tool, user);
        let question = format!("Password of {owner} for {tool} on {}:", host.name());
        let wrong = || SshError::WrongRootPassword {
            host: host.clone(),
            tool: tool.to_owned(),
            owner: owner.to_owned(),
        };
        let wanted = || SshError::RootPassword {
            host: host.clone(),
            user: user.to_owned(),
            tool: tool.to_owned(),
            owner: owner.to_owned(),
        };
        if times > 1 {
            self.person.iter().for_each(|person| person.forget(&question));
            return Err(wrong());
        }
        match (&self.password, &self.person) {
            (Some(password), _) => Ok(password.clone()),
            (None, Some(person)) => person.secret(&question).await.ok_or_else(wanted),
            (None, None) => Err(wanted()),
        }
    }
}

/// Whose password a tool asks for.
pub(super) fn owner<'a>(tool: &str, user: &'a str) -> &'a str {
    match tool {
        "su" => "root",
        _ => user,
    }
}
