//! Switches by environment: `--on-failure` is `HOSTWRIGHT_ON_FAILURE`, and so all others, by one rule.

use std::collections::BTreeMap;

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Command};

/// What has no name in the environment: what asks for something else to be done than usual, or says yes to one thing
/// alone, would be done by every later command, too.
const WITHOUT: [&str; 8] = [
    "confirm", "help", "hosts", "output", "remove", "run", "to", "version",
];

/// The name of a switch in the environment.
fn name(long: &str) -> String {
    format!("HOSTWRIGHT_{}", long.to_uppercase().replace('-', "_"))
}

/// The same command line, whose switches can be given in the environment.
pub(super) fn with_environment(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_long() {
        Some(long) if !WITHOUT.contains(&long) => {
            let name = name(long);
            let arg = arg.env(name).hide_env(true);
            // `1` and `yes` mean what they say, and any other word is refused.
            match arg.get_action() {
                ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
                _ => arg,
            }
        }
        _ => arg,
    });
    command.mut_subcommands(with_environment)
}

/// That a wrong value came from the environment, if it did: `error` names the switch as if it had been typed.
pub(super) fn hint(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let long = arg.strip_prefix("--")?.split([' ', '=']).next()?;
    let (typed, name) = (format!("--{long}"), name(long));
    let is_typed = std::env::args().any(|word| word == typed || word.starts_with(&format!("{typed}=")));
    let is_set = std::env::var_os(&name).is_some();
    (is_set && !is_typed).then(|| format!("{name} is set in the environment, and counts as {typed}"))
}

/// A switch, and where it can be given.
#[derive(Debug)]
pub struct Switch {
    /// As it is typed.
    pub long: String,
    /// Its name in the environment; none if it has none.
    pub variable: Option<String>,
    /// The commands that have it.
    pub commands: Vec<String>,
    /// What it does.
    pub help: String,
}

/// All switches of a command line, by name.
pub(super) fn all(command: &Command) -> Vec<Switch> {
    let mut switches = BTreeMap::new();
    collect(command, "", &mut switches);
    switches.into_values().collect()
}

fn collect(command: &Command, path: &str, switches: &mut BTreeMap<String, Switch>) {
    for arg in command.get_arguments() {
        let Some(long) = arg.get_long() else { continue };
        let switch = switches.entry(long.to_owned()).or_insert_with(|| Switch {
            long: long.to_owned(),
            variable: arg.get_env().map(|name| name.to_string_lossy().into_owned()),
            commands: Vec::new(),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        });
        switch.commands.push(path.to_owned());
    }
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        let path = format!("{path} {}", inner.get_name());
        collect(inner, path.trim(), switches);
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::super::command;
    use super::*;

    fn each(command: &Command, look: &mut impl FnMut(&Arg)) {
        command.get_arguments().for_each(&mut *look);
        command.get_subcommands().for_each(|inner| each(inner, look));
    }

    #[test]
    fn every_switch_has_a_name_in_the_environment_by_one_rule() {
        let mut seen = Vec::new();
        let command = command();
        command.clone().debug_assert();
        each(&command, &mut |arg| {
            let Some(long) = arg.get_long() else { return };
            seen.push(long.to_owned());
            let there = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            let wanted = (!WITHOUT.contains(&long)).then(|| name(long));
            assert_eq!(there, wanted, "--{long}");
        });
        for without in WITHOUT {
            let is_there = ["help", "version"].contains(&without) || seen.iter().any(|long| long == without);
            assert!(is_there, "there is no --{without} any more");
        }
        assert!(seen.contains(&"yes".to_owned()));
    }
}
