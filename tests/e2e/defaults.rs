//! What need not be said: `hostwright new` writes a playbook and its host down, the environment says yes, and the menu
//! shows the commands for all that comes after.

use std::process::{Command, Stdio};

use crate::host::{Host, Run, converse, on_a_terminal, run};

fn here(host: &Host, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    command.args(words).current_dir(host.folder.path());
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command.env("XDG_CACHE_HOME", host.folder.path().join("cache"));
    command
}

fn told(host: &Host, words: &[&str]) -> Run {
    run(&mut here(host, words))
}

#[test]
fn a_first_playbook_is_written_applied_and_looked_after_without_naming_anything() {
    let Some(host) = Host::boot() else { return };
    let target = format!("root@{}", host.machine.address());
    let nowhere = told(&host, &["status"]);
    assert_eq!(nowhere.status, 1);
    assert!(
        nowhere.text().contains("no TARGET is given"),
        "{}",
        nowhere.stderr
    );
    let nothing = told(&host, &["check"]);
    assert!(
        nothing.text().contains("no PLAYBOOK is given"),
        "{}",
        nothing.stderr
    );
    let unasked = told(&host, &["new"]);
    assert!(
        unasked.text().contains("there is no terminal to ask on"),
        "{}",
        unasked.stderr
    );

    let mut asking = on_a_terminal(&here(&host, &["new"]), "");
    asking
        .current_dir(host.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let screen = converse(
        &mut asking,
        &[
            ("What is the server for? [site]", "sight"),
            ("What is the server for? [site]", "site"),
            ("What is the playbook called?", "shop"),
            ("By which domain is it served?", ""),
            ("Which server is it?", &target),
        ],
    );
    assert!(
        screen.contains("Wrote shop.yml") && screen.contains("Wrote hostwright.yml"),
        "{screen}"
    );
    let again = told(&host, &["new", "--what", "app", "--name", "shop"]);
    assert!(
        again.text().contains("shop.yml is there already"),
        "{}",
        again.stderr
    );

    // How this one is reached, as a person would write it down.
    let path = host.folder.path().join("hostwright.yml");
    let text = std::fs::read_to_string(&path).expect("hosts");
    let ssh = format!(
        "    vars: {{ domain: }}\n    ssh: {{ identity: {}, known_hosts: {} }}\n",
        host.machine.identity().display(),
        host.machine.known_hosts().display()
    );
    std::fs::write(&path, text + &ssh).expect("written");

    told(&host, &["check"]).ok();
    let refused = told(&host, &["apply"]);
    assert!(
        refused.text().contains("no terminal to ask on"),
        "{}",
        refused.stderr
    );
    run(here(&host, &["apply"]).env("HOSTWRIGHT_YES", "1")).ok();
    let wrong = run(here(&host, &["apply"]).env("HOSTWRIGHT_YES", "perhaps"));
    assert!(
        wrong.status == 1 && wrong.stderr.contains("HOSTWRIGHT_YES is set"),
        "{}",
        wrong.stderr
    );
    // In a folder below, by the host's name, as well.
    std::fs::create_dir_all(host.folder.path().join("some/below")).expect("made");
    let mut below = here(&host, &["plan", "shop", "--detailed-exitcode"]);
    run(below.current_dir(host.folder.path().join("some/below"))).ok();
    let json = run(here(&host, &["history"]).env("HOSTWRIGHT_JSON", "true")).ok();
    assert!(json.stdout.contains(r#""event":"history""#), "{}", json.stdout);
    let shown = told(&host, &["show", "1"]).ok();
    assert!(shown.stdout.contains("name: shop"), "{}", shown.stdout);
    let diff = told(&host, &["diff", "1", "1"]).ok();
    assert!(diff.stdout.contains("mean the same"), "{}", diff.stdout);
    assert!(
        told(&host, &["diff", "1"])
            .text()
            .contains("two numbers are needed")
    );

    let mut menu = on_a_terminal(&here(&host, &["menu"]), "");
    menu.current_dir(host.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let screen = converse(
        &mut menu,
        &[
            ("What next?", "99"),
            ("What next?", "test"),
            ("What next?", "Resources"),
            ("What next?", "q"),
        ],
    );
    for words in [
        &*format!("shop ({target})"),
        "1  deploy     hostwright apply",
        "roll back  hostwright rollback",
        "`99` is nothing of the menu",
        "$ hostwright verify\r\n",
        "1 check passed",
        "$ hostwright exec -- 'uptime; free -h;",
        "Filesystem",
    ] {
        assert!(screen.contains(words), "{words} in\n{screen}");
    }
    let no_terminal = told(&host, &["menu"]);
    assert!(
        no_terminal.text().contains("no terminal to ask on"),
        "{}",
        no_terminal.stderr
    );

    // A second host: none is taken unasked.
    let text = std::fs::read_to_string(&path).expect("hosts");
    std::fs::write(&path, text + "  other: { target: root@203.0.113.9 }\n").expect("written");
    let several = told(&host, &["status"]);
    assert!(
        several
            .text()
            .contains("has several hosts, and none is named: shop, other"),
        "{}",
        several.stderr
    );
    told(&host, &["status", "shop"]).ok();
}
