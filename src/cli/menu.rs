//! `hostwright menu`: what there is to do with a host, each with the command that does it.

use std::process::ExitCode;

use tokio::process::Command;

use super::common::{Choice, HostArgs, boxed, shown};
use super::prompt::{answered, is_interactive};
use super::{Exit, command};
use crate::language::PlaybookError;
use crate::operations::interrupts::Interrupts;
use crate::report::View;
use crate::shell;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
}

/// Something to do.
struct Entry {
    /// In a word or two.
    title: &'static str,
    /// The command, as it is typed.
    verb: &'static [&'static str],
    /// What is asked for first; the answer's words come after the host.
    asks: Option<&'static str>,
    /// What stands behind the host.
    rest: &'static [&'static str],
}

/// How a host's processor, memory and disks are used.
const RESOURCES: &str =
    "uptime; free -h; df -h -x tmpfs -x devtmpfs; ps -eo pid,user,%cpu,%mem,comm --sort=-%cpu | head";

/// The menu. An entry whose command this program does not have is not shown.
const ENTRIES: [Entry; 10] = [
    entry("deploy", &["apply"], None, &[]),
    entry("status", &["status"], None, &[]),
    entry(
        "restart",
        &["restart"],
        Some("Which of them? (ids, as status shows them)"),
        &[],
    ),
    entry(
        "live logs",
        &["logs"],
        Some("Which of them? (empty for all)"),
        &["--follow"],
    ),
    entry("test", &["verify"], None, &[]),
    entry("doctor", &["doctor"], None, &[]),
    entry("SSH", &["ssh"], None, &[]),
    entry("resources", &["exec"], None, &["--", RESOURCES]),
    entry("backups", &["backup", "list"], None, &[]),
    entry("roll back", &["rollback"], None, &[]),
];

const fn entry(
    title: &'static str,
    verb: &'static [&'static str],
    asks: Option<&'static str>,
    rest: &'static [&'static str],
) -> Entry {
    Entry {
        title,
        verb,
        asks,
        rest,
    }
}

/// The entries whose command there is.
fn entries() -> Vec<&'static Entry> {
    let command = command();
    let is_there = |entry: &&Entry| {
        let mut inner = Some(&command);
        for word in entry.verb {
            inner = inner.and_then(|command| command.find_subcommand(word));
        }
        inner.is_some()
    };
    ENTRIES.iter().filter(is_there).collect()
}

impl Entry {
    /// The words of its command line, `asked` for before, for what `own` words name.
    fn words(&self, playbook: Option<&str>, own: &[String], asked: &[String]) -> Vec<String> {
        let verb = self.verb.iter().map(|word| (*word).to_owned());
        let playbook = playbook.filter(|_| self.verb == ["apply"]).map(str::to_owned);
        let rest = self.rest.iter().map(|word| (*word).to_owned());
        verb.chain(playbook)
            .chain(own.iter().cloned())
            .chain(asked.iter().cloned())
            .chain(rest)
            .collect()
    }
}

/// A command line as a person types it.
fn line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    let words = words
        .iter()
        .map(|word| match !word.is_empty() && word.chars().all(plain) {
            true => word.clone(),
            false => shell::quote(word),
        });
    let words: Vec<String> = std::iter::once("hostwright".to_owned()).chain(words).collect();
    words.join(" ")
}

pub(super) async fn run(args: &Args) -> Exit {
    shown(View::text(false, false), async |_| menu(args).await).await
}

async fn menu(args: &Args) -> Exit {
    if !is_interactive() {
        return Err(boxed(PlaybookError::plain(
            "menu asks what to do next, and there is no terminal to ask on",
            "name the command itself: `hostwright help` lists them",
        )));
    }
    let choice = args.host.choice()?;
    let has_playbook = choice.playbook().is_ok();
    // What was typed for the menu is what its commands are told: the host, and how to reach it.
    let own: Vec<String> = std::env::args().skip(2).collect();
    let entries = entries();
    let mut interrupts = Interrupts::listen().map_err(boxed)?;
    loop {
        anstream::println!("\n{}", screen(&entries, &choice, &own));
        let answer = tokio::select! {
            answer = answered("What next?") => answer,
            () = interrupts.next() => None,
        };
        let Some(answer) = answer.filter(|answer| !matches!(answer.as_str(), "q" | "quit" | "exit")) else {
            return Ok(ExitCode::SUCCESS);
        };
        let number = answer
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        let by_name = || {
            entries
                .iter()
                .find(|entry| entry.title.eq_ignore_ascii_case(&answer))
        };
        let Some(entry) = number.and_then(|number| entries.get(number)).or_else(by_name) else {
            if !answer.is_empty() {
                anstream::println!("`{answer}` is nothing of the menu: type a number, or q to leave.");
            }
            continue;
        };
        let mut playbook = None;
        if entry.verb == ["apply"] && !has_playbook {
            playbook = answered("Which playbook?").await.filter(|path| !path.is_empty());
            if playbook.is_none() {
                continue;
            }
        }
        let asked = match entry.asks {
            None => String::new(),
            Some(question) => answered(question).await.unwrap_or_default(),
        };
        let asked: Vec<String> = asked.split_whitespace().map(str::to_owned).collect();
        let words = entry.words(playbook.as_deref(), &own, &asked);
        anstream::println!("\n$ {}", line(&words));
        let program = std::env::current_exe().map_err(unstarted)?;
        let mut child = Command::new(program).args(&words).spawn().map_err(unstarted)?;
        // An interruption is for the command, which ends by itself; the menu goes on.
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.map_err(unstarted)?,
                () = interrupts.next() => {}
            }
        };
        if let Some(code) = status.code().filter(|code| *code != 0) {
            anstream::println!("It ended with {code}.");
        }
    }
}

/// The menu as it stands on the screen.
fn screen(entries: &[&Entry], choice: &Choice, own: &[String]) -> String {
    let mut screen = format!("{}\n", choice.title());
    for (number, entry) in entries.iter().enumerate() {
        let playbook = choice.playbook().is_err().then_some("PLAYBOOK");
        let line = match entry.rest {
            ["--", _] => format!(
                "{} …",
                line(&entry.words(playbook, own, &["--".to_owned()])[..own.len() + 2])
            ),
            _ => line(&entry.words(playbook, own, &[])),
        };
        screen += &format!("{:>4}  {:<10} {line}\n", number + 1, entry.title);
    }
    screen += "   q  leave";
    screen
}

fn unstarted(error: std::io::Error) -> super::Failure {
    boxed(PlaybookError::plain(
        format!("the command could not be started: {error}"),
        "try it outside of the menu",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_a_command_line_that_is_understood() {
        let all = entries();
        assert!(all.len() >= 8, "{}", all.len());
        for entry in &all {
            let own = ["web".to_owned(), "-i".to_owned(), "key file".to_owned()];
            let asked: Vec<String> = entry.asks.iter().map(|_| "nginx".to_owned()).collect();
            let words = entry.words(Some("site.yml"), &own, &asked);
            let all = std::iter::once("hostwright".to_owned()).chain(words.clone());
            let read = command().try_get_matches_from(all);
            assert!(read.is_ok(), "{}: {}", line(&words), read.expect_err("wrong"));
        }
        let apply = all[0].words(Some("site.yml"), &["a b".to_owned()], &[]);
        assert_eq!(line(&apply), "hostwright apply site.yml 'a b'");
    }
}
