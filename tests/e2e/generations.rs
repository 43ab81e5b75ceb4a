//! What a host remembers of applies, and the way back.

use serde_json::Value;

use crate::host::{Host, Run, run};

/// A playbook whose file, template and program differ by what is put in.
fn playbook(title: &str) -> String {
    format!(
        "name: app
vars: {{ port: 80 }}
files:
  /srv/app/title: {{ content: \"{title}\\n\" }}
  /srv/app/page: {{ template: page.hbs, with: {{ title: \"{title}\" }} }}
binaries:
  tool: {{ path: tool, to: /opt/tool }}
directories:
  /srv/static: {{ source: static }}
checks:
  page: {{ command: \"grep -q {title} /srv/app/page\", within: 1s }}
"
    )
}

fn files(host: &Host, version: &str) {
    host.file("page.hbs", &format!("{version}: {{{{title}}}} at {{{{port}}}}\n"));
    host.file("tool", &format!("#!/bin/sh\necho tool {version}\n"));
    host.file("static/index.html", &format!("index {version}\n"));
    // Too long to come back for a rollback: the host has it.
    host.file("static/large.txt", &format!("{version}\n").repeat(40_000));
}

fn verb(host: &Host, verb: &str, more: &[&str]) -> Run {
    let mut command = host.bare(verb);
    command.args(more);
    run(&mut command)
}

fn seen(host: &Host) -> String {
    host.sh("cat /srv/app/title /srv/app/page /srv/static/index.html; /opt/tool/current/tool; head -n 1 /srv/static/large.txt; ls /var/lib/hostwright/generations/app | tr '\\n' ' '")
}

#[test]
fn every_apply_that_changes_what_is_meant_is_a_generation_and_one_can_go_back() {
    let Some(host) = Host::boot() else { return };
    let nothing = verb(&host, "history", &[]).ok();
    assert!(
        nothing.stdout.contains("remembers no apply"),
        "{}",
        nothing.stdout
    );

    files(&host, "one");
    let first = host.converge(&playbook("alpha"));
    assert!(first.stdout.contains("Generation 1."), "{}", first.stdout);
    // The same again is no generation, and no run.
    let runs = host.sh("ls /var/lib/hostwright/runs");
    host.apply(&playbook("alpha")).ok();
    assert_eq!(host.sh("ls /var/lib/hostwright/runs"), runs);

    files(&host, "two");
    host.converge(&playbook("beta"));
    // Nothing of it changes the host, and it means something else.
    let remark = format!("# a remark\n{}", playbook("beta"));
    let third = host.converge(&remark);
    assert!(third.stdout.contains("generation 3"), "{}", third.stdout);
    let two = "beta\ntwo: beta at 80\nindex two\ntool two\ntwo\n1 2 3";
    assert_eq!(seen(&host), two);

    let history = verb(&host, "history", &["--json"]).ok();
    let history: Value = serde_json::from_str(history.stdout.lines().last().expect("a line")).expect("JSON");
    let generations = history["generations"].as_array().expect("a list");
    assert_eq!(generations.len(), 3, "{history}");
    assert_eq!(generations[0]["changes"]["created"], 4, "{history}");
    assert_eq!(generations[1]["number"], 2);
    let shown = verb(&host, "show", &["1"]).ok();
    assert!(shown.stdout.ends_with(&playbook("alpha")), "{}", shown.stdout);
    let diff = verb(&host, "diff", &["1", "2"]).ok();
    for words in [
        "-   /srv/app/title: { content: \"alpha\\n\" }",
        "page.hbs",
        "+ two: {{title}} at {{port}}",
        "the binary tool",
    ] {
        assert!(diff.stdout.contains(words), "{words} in\n{}", diff.stdout);
    }

    // The folder here is of no use: everything comes from the host.
    files(&host, "three");
    let back = verb(&host, "rollback", &["--to", "1", "--yes"]).ok();
    for words in [
        "Generation 1 of app",
        "nothing is left to change. Generation 4.",
        "1 check passed",
    ] {
        assert!(back.stdout.contains(words), "{words} in\n{}", back.stdout);
    }
    assert_eq!(
        seen(&host),
        "alpha\none: alpha at 80\nindex one\ntool one\none\n1 2 3 4"
    );
    verb(&host, "rollback", &["--yes"]).ok();
    assert_eq!(
        seen(&host),
        "beta\ntwo: beta at 80\nindex two\ntool two\ntwo\n1 2 3 4 5"
    );
    let missing = verb(&host, "rollback", &["--to", "9", "--yes"]);
    assert_eq!(missing.status, 1);
    assert!(
        missing.stderr.contains("no generation 9 of app"),
        "{}",
        missing.stderr
    );
}

#[test]
fn drift_is_what_someone_changed_by_hand() {
    let Some(host) = Host::boot() else { return };
    files(&host, "one");
    host.converge(&playbook("alpha"));
    let none = verb(&host, "drift", &[]);
    assert_eq!(
        (
            none.status,
            none.stdout.contains("is as generation 1 of app left it")
        ),
        (0, true),
        "{}",
        none.stderr
    );
    host.sh("echo mine >/srv/app/title; chmod 0600 /srv/static/index.html");
    let drift = verb(&host, "drift", &[]);
    assert_eq!(drift.status, 2, "{}", drift.stderr);
    for words in ["- mine", "+ alpha", "mode: 0600 → 0644"] {
        assert!(drift.stdout.contains(words), "{words} in\n{}", drift.stdout);
    }
    assert_eq!(host.sh("cat /srv/app/title"), "mine");
}

#[test]
fn a_generation_holds_no_secret_and_takes_those_of_today() {
    let Some(host) = Host::boot() else { return };
    let playbook = "name: hidden\nsecrets: { token: { env: HW_TOKEN } }\nfiles:\n  /srv/token: { content: \"${token}\\n\" }\n  /srv/copy: { source: copy }\n";
    host.file("copy", "a copy of s3cret-0ne\n");
    let apply = |token: &str, text: &str| run(host.command("apply", text).env("HW_TOKEN", token)).ok();
    apply("s3cret-0ne", playbook);
    apply("s3cret-0ne", &playbook.replace("/srv/token:", "/srv/other:"));
    assert_eq!(host.sh("grep -rl s3cret /var/lib/hostwright || true"), "");
    let back = |token: Option<&str>| {
        let mut command = host.bare("rollback");
        command.args(["--to", "1", "--yes"]).env_remove("HW_TOKEN");
        if let Some(token) = token {
            command.env("HW_TOKEN", token);
        }
        run(&mut command)
    };
    let unset = back(None);
    assert!(unset.stderr.contains("`HW_TOKEN` is not set"), "{}", unset.stderr);
    let tainted = back(Some("s3cret-two"));
    assert!(
        tainted.stderr.contains("copy cannot be read: it was not kept"),
        "{}",
        tainted.stderr
    );
}

#[test]
fn what_a_kept_generation_needs_stays_and_the_rest_goes() {
    let Some(host) = Host::boot() else { return };
    files(&host, "one");
    host.converge(&playbook("alpha"));
    let needed = host.sh("sort -u /var/lib/hostwright/generations/app/1/contents");
    host.sh("cd /var/lib/hostwright/store; : >stale; touch -d '40 days ago' *");
    let apply = |number: u32, keep: &str| {
        host.apply(&format!("# {number}\n{keep}{}", playbook("beta")))
            .ok()
    };
    let kept = || host.sh("ls /var/lib/hostwright/generations/app | sort -n | tr '\\n' ' '");
    let store = || host.sh("ls /var/lib/hostwright/store");
    files(&host, "two");
    apply(0, "");
    let lost = |store: &str| needed.lines().filter(|hash| !store.contains(hash)).count();
    assert_eq!(
        (lost(&store()), store().contains("stale")),
        (0, false),
        "the first is kept, what is nobody's goes"
    );
    for number in 1..20 {
        apply(number, "");
    }
    assert!(
        kept().starts_with("2 3 ") && kept().ends_with("20 21"),
        "{}",
        kept()
    );
    apply(20, "keep: 3\n");
    assert_eq!(kept(), "20 21 22");
    host.sh("touch -d '40 days ago' /var/lib/hostwright/store/*");
    apply(21, "keep: 3\n");
    assert!(lost(&store()) > 2, "what only the first had goes when it is old");
    let history = verb(&host, "history", &[]).ok();
    assert!(
        history.stdout.contains("What is kept takes "),
        "{}",
        history.stdout
    );
}

#[test]
fn a_saved_plan_is_applied_as_it_was_read_or_not_at_all() {
    let Some(host) = Host::boot() else { return };
    files(&host, "one");
    let file = host.folder.path().join("saved.plan");
    let save = |text: &str| {
        let mut command = host.command("plan", text);
        command.arg("--out").arg(&file).env("HW_TOKEN", "s3cret-0ne");
        run(&mut command).ok()
    };
    let apply = || run(host.command_for("apply", &file).env("HW_TOKEN", "s3cret-0ne"));
    let text = format!("secrets: {{ token: {{ env: HW_TOKEN }} }}\n{}", playbook("alpha"))
        .replace("content: \"alpha", "content: \"${token} alpha");
    save(&text);
    assert!(!std::fs::read_to_string(&file).expect("a plan").contains("s3cret"));
    // The host moves, then the playbook does.
    host.sh("mkdir -p /srv/app; echo other >/srv/app/page");
    let moved = apply();
    assert_eq!(moved.status, 1);
    assert!(
        moved
            .stderr
            .contains("file./srv/app/page would be changed otherwise"),
        "{}",
        moved.stderr
    );
    save(&text);
    files(&host, "two");
    let other = apply();
    assert!(
        other.stderr.contains("is not what it was when the plan was made"),
        "{}",
        other.stderr
    );
    files(&host, "one");
    let applied = apply().ok();
    assert!(
        applied
            .stdout
            .contains("nothing is left to change. Generation 1."),
        "{}",
        applied.stdout
    );
    let again = apply();
    assert!(
        again
            .stderr
            .contains("file./srv/app/title needs no change any more"),
        "{}",
        again.stderr
    );
}

#[test]
fn what_fails_is_put_back_whole_when_that_is_asked_for() {
    let Some(host) = Host::boot() else { return };
    let good = "name: app
files: { /srv/a: { content: old } }
checks: { old: { command: 'grep -q old /srv/a', within: 1s } }
";
    host.converge(good);
    let broken = "name: app
files: { /srv/a: { content: new }, /srv/b/c: { content: new } }
commands: { no: { run: 'echo why; false', unless: 'false', after: [file./srv/a, file./srv/b/c] } }
";
    let apply = |text: &str| run(host.command("apply", text).args(["--on-failure", "rollback"]));
    let failed = apply(broken);
    assert_eq!(failed.status, 1);
    assert!(
        failed.stdout.contains("↶ [1/3] file./srv/a") && failed.stdout.contains("have been undone, too"),
        "{}",
        failed.stdout
    );
    assert_eq!(host.sh("cat /srv/a; ls /srv"), "olda");
    let wrong = "name: app
files: { /srv/a: { content: new } }
checks: { wrong: { command: 'grep -q old /srv/a', within: 1s } }
";
    let failed = apply(wrong);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(
        failed.stdout.contains("Generation 1 of app") && failed.stderr.contains("1 of 1 check failed"),
        "{}{}",
        failed.stdout,
        failed.stderr
    );
    assert_eq!(host.sh("cat /srv/a"), "old");

    // What failed is remembered, too.
    let history = verb(&host, "history", &[]).ok();
    assert!(
        history.stdout.contains("Runs that made none:")
            && history.stdout.contains("3 steps of app: a step failed"),
        "{}",
        history.stdout
    );
    let line = history
        .stdout
        .lines()
        .find(|line| line.ends_with("a step failed"))
        .expect("a run");
    let id = line.split_whitespace().next().expect("an id");
    let said = verb(&host, "history", &["--run", id]).ok();
    assert!(
        said.stdout.contains("step 3 begins\nwhy\nstep 3 failed\n")
            && said.stdout.contains("step 1 is undone\nthe run ends: failed"),
        "{}",
        said.stdout
    );
}
