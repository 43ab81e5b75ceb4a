//! `docs/environment.md`: every switch and its name in the environment, from the command line itself.

use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
# Environment

Every switch can be given in the environment: `--on-failure` is `HOSTWRIGHT_ON_FAILURE`, and so all others. A switch that is
typed comes first. One without a value is on with `1`, `true`, `yes` or `on`, off with `0`, `false`, `no` or `off`, and any
other word is an error. Passwords have names of their own: HOSTWRIGHT_SSH_PASSWORD, HOSTWRIGHT_NEW_SSH_PASSWORD and
HOSTWRIGHT_SUDO_PASSWORD.

This file is made from the command line: `UPDATE=1 cargo test --test environment` writes it anew, and the test fails while it
is stale.

| switch | in the environment | of | does |
|---|---|---|---|
";

/// The commands that have a switch, as far as a person would read them.
fn of(commands: &[String]) -> String {
    match commands.len() {
        0..=6 => commands.join(", "),
        _ => "most commands".to_owned(),
    }
}

#[test]
fn the_table_says_what_the_command_line_takes() {
    let mut wanted = HEAD.to_owned();
    for switch in hostwright::cli::switches() {
        let variable = switch
            .variable
            .map_or_else(|| "—".to_owned(), |name| format!("`{name}`"));
        let (long, commands) = (switch.long, of(&switch.commands));
        let help = switch.help.replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(wanted, "| `--{long}` | {variable} | {commands} | {help} |");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/environment.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == wanted,
        "docs/environment.md is stale: UPDATE=1 cargo test --test environment"
    );
}
