//! A playbook of several files, with entries that are repeated and left out: what is applied, kept and gone back to.

use crate::host::{Host, Run, run};

const ROOT: &str = "name: several
vars: { extra: false }
include:
  base: { playbook: common/base.yml, vars: { greeting: hello } }
files:
  /srv/several/${each.key}:
    for_each: { a: { text: one }, b: { text: two } }
    content: \"${each.value.text}\\n\"
  /srv/several/extra: { when: \"${extra}\", content: \"extra\\n\" }
checks:
  ${each.key}: { for_each: { a: one, b: two }, command: \"grep -qx ${each.value} /srv/several/${each.key}\", within: 1s }
";

const BASE: &str = "vars: { greeting: }
secrets: { token: { file: token } }
files:
  /srv/several/motd: { template: motd.hbs }
  /srv/several/token: { content: \"${token}\", mode: 0600 }
";

fn verb(host: &Host, verb: &str, more: &[&str]) -> Run {
    let mut command = host.bare(verb);
    command.args(more);
    run(&mut command)
}

fn seen(host: &Host) -> String {
    host.sh("cd /srv/several; grep . a b motd extra 2>/dev/null || :; ls | tr '\\n' ' '")
}

#[test]
fn several_files_are_one_playbook_on_the_host_and_on_the_way_back() {
    let Some(host) = Host::boot() else { return };
    host.file("common/base.yml", BASE);
    host.file("common/motd.hbs", "{{greeting}} of one\n");
    host.file("common/token", "hunter22\n");
    host.converge(ROOT);
    let one = "a:one\nb:two\nmotd:hello of one\na b motd token";
    assert_eq!(seen(&host), one);

    // A file that is included is a part of what the playbook means.
    host.file(
        "common/base.yml",
        &BASE.replace("greeting: }", "greeting: , more: }"),
    );
    let remark = host.apply(ROOT).ok();
    assert!(remark.stdout.contains("eneration 2"), "{}", remark.stdout);
    host.file("common/motd.hbs", "{{greeting}} of two\n");
    let without = ROOT
        .replace("a: { text: one }, ", "")
        .replace("a: one, ", "")
        .replace("extra: false", "extra: true");
    host.converge(&without);
    assert_eq!(
        seen(&host),
        "b:two\nmotd:hello of two\nextra:extra\nb extra motd token"
    );

    let diff = verb(&host, "diff", &["1", "2"]).ok();
    assert!(
        diff.stdout.contains("common/base.yml") && diff.stdout.contains("more: }"),
        "{}",
        diff.stdout
    );
    // Neither what an included file reads nor the playbook is needed here any more; a secret is, and the file that
    // names it: a host alone does not say what is read here.
    for name in ["common/motd.hbs", "playbook.yml"] {
        std::fs::remove_file(host.folder.path().join(name)).expect("removed");
    }
    let drift = verb(&host, "drift", &[]).ok();
    assert!(drift.stdout.contains("as generation 3"), "{}", drift.stdout);
    let back = verb(&host, "rollback", &["--to", "1", "--yes"]).ok();
    assert!(back.stdout.contains("2 checks passed"), "{}", back.stdout);
    assert!(!back.stdout.contains("hunter22") && !back.stderr.contains("hunter22"));
    assert_eq!(seen(&host), one);
}
