//! What several files, repeated entries and switches make of a playbook.

use std::fmt::Write;

use super::load::{Loaded, Overrides, load, reload};
use super::render::render;
use crate::language::PlaybookErrors;
use crate::playbook::bundle::Bundle;

/// Files in a folder of their own; the first is the playbook.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        Self(folder)
    }

    fn load(&self, set: &[(&str, &str)]) -> Result<Loaded, PlaybookErrors> {
        let set = set
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let overrides = Overrides {
            set: set.collect(),
            ..Overrides::default()
        };
        load(&self.0.path().join("p.yml"), &overrides)
    }

    /// What is told of it, the folder's name taken out.
    fn told(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }

    /// The playbook in the end, or what is wrong with it, then its remarks.
    fn shown(&self, set: &[(&str, &str)]) -> String {
        let loaded = match self.load(set) {
            Ok(loaded) => loaded,
            Err(errors) => return self.errors(&errors),
        };
        match render(&loaded, None) {
            Ok(rendered) => self.told(&format!(
                "{}{}",
                loaded.print(),
                rendered.desired.warnings.join("\n")
            )),
            Err(errors) => self.errors(&errors),
        }
    }

    fn errors(&self, errors: &PlaybookErrors) -> String {
        let mut text = String::new();
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none());
        let _ = handler.render_report(&mut text, errors);
        // Which keys there are is for other tests.
        while let Some(begin) = text.find("  help: known keys:") {
            let end = text[begin..]
                .find("\n\n")
                .map_or(text.len(), |end| begin + end + 1);
            text.replace_range(begin..end, "");
        }
        self.told(&text)
    }
}

fn shown(files: &[(&str, &str)]) -> String {
    Folder::new(files).shown(&[])
}

const SEVERAL: &str = r#"name: several
vars: { base: 80, debug: false, tls: true }
users:
  "${each.key}": { for_each: { ann: {}, bob: {} }, system: true }
files:
  /etc/${each.key}.conf:
    for_each:
      a: { port: "${base}81", with_tls: "${tls}", note: }
      b: { port: "${base}82", with_tls: false, note: "x$${y}" }
    when: "${each.value.with_tls}"
    content: |
      port ${each.value.port}
      name ${each.key}
    owner: ann
  /etc/debug: { when: "${debug}", content: "${nowhere}" }
  /etc/plain: { content: plain, after: ["user.bob"] }
checks:
  port-${each.key}: { for_each: { "8081": , "8082": }, tcp: "127.0.0.1:${each.key}" }
"#;

#[test]
fn entries_are_repeated_and_left_out() {
    insta::assert_snapshot!(shown(&[("p.yml", SEVERAL)]));
    let folder = Folder::new(&[("p.yml", SEVERAL)]);
    let all = folder.shown(&[("debug", "true")]);
    assert!(all.contains("`${nowhere}` is not a variable"), "{all}");
    let loaded = folder.load(&[]).expect("read");
    let rendered = render(&loaded, None).expect("rendered");
    let ids: Vec<&str> = rendered
        .desired
        .entries
        .iter()
        .map(|entry| entry.resource.id().as_str())
        .collect();
    assert_eq!(
        ids,
        ["user.ann", "user.bob", "file./etc/a.conf", "file./etc/plain"]
    );
}

#[test]
fn what_cannot_be_repeated_or_left_out_says_where() {
    let mut all = String::new();
    for (what, text) in [
        ("one name for two", "users:\n  x: { for_each: { a: , b: } }"),
        (
            "one name all the same",
            "users:\n  x${each.value}: { for_each: { a: 1, b: 1 } }",
        ),
        ("a list", "users:\n  x: { for_each: [a, b] }"),
        ("one text", "users:\n  x: { for_each: \"${n}\" }"),
        (
            "a key twice",
            "users:\n  ${each.key}:\n    for_each:\n      a:\n      a:",
        ),
        (
            "no such value",
            "users:\n  ${each.key}: { for_each: { a: { home: /a }, b: { hoem: /b } }, home: \"${each.value.home}\" }",
        ),
        (
            "a mapping as a text",
            "users:\n  ${each.key}: { for_each: { a: { home: /a } }, home: \"${each.value}\" }",
        ),
        (
            "nothing of it",
            "users:\n  ${each.key}: { for_each: { a: }, home: \"${each.name}\" }",
        ),
        ("outside", "users:\n  a: { home: \"${each.key}\" }"),
        (
            "a wrong value",
            "directories:\n  /srv/${each.key}:\n    for_each: { a: { mode: 7 }, b: { mode: 755 } }\n    mode: \"${each.value.mode}\"",
        ),
        (
            "the same as another",
            "users:\n  ${each.key}: { for_each: { a: , b: } }\n  b: {}",
        ),
        ("when with a word", "users:\n  a: { when: yes }"),
        ("when with a comparison", "users:\n  a: { when: \"${n} == 3\" }"),
        ("when with a number", "users:\n  a: { when: \"${n}\" }"),
        ("when with null", "users:\n  a: { when: \"${none}\" }"),
        ("when with nothing known", "users:\n  a: { when: \"${nne}\" }"),
        ("when with a secret", "users:\n  a: { when: \"${password}\" }"),
        (
            "when twice",
            "users:\n  a: { when: \"${yes}\", when: \"${yes}\" }",
        ),
        (
            "an unknown key",
            "users:\n  ${each.key}: { for_each: { a: }, foreach: {} }",
        ),
    ] {
        let text = format!("name: x\nvars: {{ n: 3, none: , password: hunter22, yes: true }}\n{text}\n");
        let _ = writeln!(all, "### {what}\n{}", shown(&[("p.yml", &text)]));
    }
    assert!(
        !all.replace("password: hunter22", "").contains("`hunter22`"),
        "{all}"
    );
    insta::assert_snapshot!(all);
    let reserved = shown(&[("p.yml", "name: x\nvars: { each: 1, each.key: 2 }\n")]);
    assert!(
        reserved.contains("p.yml:2:15") && reserved.contains("`each` cannot be a var"),
        "{reserved}"
    );
}

const BASE: &str = r#"name: base
vars: { admin: root, motd: null, port: 22 }
secrets: { token: { file: token.txt } }
apt: { packages: [curl] }
ufw: { allow: ["${port}/tcp"] }
users:
  ann: { system: true }
files:
  /etc/motd-${admin}: { template: motd.hbs }
  /etc/token: { content: "${token}", mode: 0600 }
  /etc/copy: { source: ../copied }
"#;

#[test]
fn a_playbook_consists_of_others() {
    let files = [
        (
            "p.yml",
            "name: whole\nvars: { who: bob, extra: false }\ninclude:\n  base: { playbook: common/base.yml, vars: { admin: \"${who}\", motd: hello } }\n  \
             site-${each.key}:\n    for_each: { a: 8081, b: 8082 }\n    playbook: site.yml\n    vars: { name: \"${each.key}\", port: \"${each.value}\" }\n  \
             extra: { when: \"${extra}\", playbook: none.yml }\napt: { packages: [nginx] }\nusers:\n  bob: { system: true }\n",
        ),
        ("common/base.yml", BASE),
        ("common/motd.hbs", "{{motd}}, {{admin}}\n"),
        ("common/token.txt", "hunter22\n"),
        ("copied", "copied\n"),
        (
            "site.yml",
            "vars: { name: , port: }\ninclude:\n  deep: { playbook: ./common/deep.yml, vars: { name: \"${name}\" } }\nfiles:\n  /etc/${name}: { content: \"${port}\" }\n",
        ),
        (
            "common/deep.yml",
            "vars: { name: }\nfiles:\n  /etc/deep-${name}: { source: ../copied }\n",
        ),
    ];
    let folder = Folder::new(&files);
    let text = folder.shown(&[]);
    assert!(!text.contains("hunter22"), "{text}");
    insta::assert_snapshot!(text);

    let loaded = folder.load(&[]).expect("read");
    let rendered = render(&loaded, None).expect("rendered");
    let content = |desired: &crate::desired::Desired, id: &str| {
        let entry = desired
            .entries
            .iter()
            .find(|entry| entry.resource.id().as_str() == id);
        format!("{:?}", entry.expect(id).resource)
    };
    let motd = content(&rendered.desired, "file./etc/motd-bob");
    assert!(
        motd.contains(&crate::change::sha256(b"hello, bob\n")[..12]),
        "{motd}"
    );

    // What is kept of it renders again, wherever its files have gone, but for the one that names a secret.
    let meaning = rendered.desired.meaning.as_ref().expect("a meaning");
    let bundle: Bundle = serde_json::from_str(&meaning.bundle).expect("a bundle");
    let paths: Vec<&String> = bundle.included.keys().collect();
    assert_eq!(paths, ["common/base.yml", "common/deep.yml", "site.yml"]);
    let contents = meaning
        .contents
        .iter()
        .map(|content| (content.sha256.clone(), content.clone()));
    for (name, _) in &files {
        if !["common/token.txt", "common/base.yml"].contains(name) {
            std::fs::remove_file(folder.0.path().join(name)).expect("removed");
        }
    }
    let again = reload(&bundle, bundle.read(&contents.collect()), false, None).expect("read again");
    let again = render(&again, None).expect("rendered again");
    assert_eq!(
        again.desired.meaning.as_ref().expect("a meaning").digest,
        meaning.digest
    );
    assert_eq!(content(&again.desired, "file./etc/motd-bob"), motd);
    assert!(super::load::secrets_of(&bundle).taint(b"hunter22"));
}

#[test]
fn what_is_wrong_in_another_file_is_told_of_that_file() {
    let mut all = String::new();
    let mut case = |what: &str, files: &[(&str, &str)]| {
        let _ = writeln!(all, "### {what}\n{}", shown(files));
    };
    let root = "name: x\nvars: { a: 1 }\ninclude:\n  other: { playbook: sub/o.yml }\nusers:\n  ann: {}\n";
    for (what, other) in [
        ("a key", "users:\n  bob:\n    shel: /bin/sh\n"),
        ("a section", "usrs: {}\n"),
        ("a value", "directories:\n  /srv: { mode: 9 }\n"),
        (
            "a variable of the other file's",
            "files:\n  /etc/x: { content: \"${a}\" }\n",
        ),
        ("a template", "files:\n  /etc/x: { template: t.hbs }\n"),
        ("a name", "users:\n  bob: {}\n  ann: {}\n"),
        ("a name twice in it", "users:\n  bob: {}\n  bob: {}\n"),
        (
            "a reference",
            "files:\n  /etc/x: { content: x, after: [user.bob] }\n",
        ),
        ("a list for a mapping", "users: [bob]\n"),
        ("a circle", "include:\n  back: { playbook: ../p.yml }\n"),
        ("a circle of its own", "include:\n  self: { playbook: ./o.yml }\n"),
        ("a secret", "secrets: { s: { env: NOT_SET_ANYWHERE } }\n"),
        ("yaml", "users: {bob\n"),
        ("nothing", ""),
        ("a var that is used nowhere", "vars: { b: 1 }\n"),
    ] {
        case(
            what,
            &[
                ("p.yml", root),
                ("sub/o.yml", other),
                ("sub/t.hbs", "a\n{{nope}}\n"),
            ],
        );
    }
    for (what, include) in [
        ("no file", "o: { playbook: none.yml }"),
        ("no var of it", "o: { playbook: o.yml, vars: { prot: 1 } }"),
        ("no playbook", "o: { vars: { port: 1 } }"),
        ("a path alone", "o: o.yml"),
        (
            "a value that it does not take",
            "o: { playbook: o.yml, vars: { port: x } }",
        ),
        (
            "a value that is wrong here",
            "o: { playbook: o.yml, vars: { port: \"${nope}\" } }",
        ),
        (
            "one thing twice",
            "o: { playbook: o.yml }\n  q: { playbook: o.yml }",
        ),
    ] {
        let text = format!("name: x\ninclude:\n  {include}\n");
        let other = "vars: { port: 1 }\ncrons: {}\nchecks:\n  up: { tcp: \"127.0.0.1:${port}\" }\n"
            .replace("crons: {}\n", "");
        case(what, &[("p.yml", &text), ("o.yml", &other)]);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn files_that_hold_a_secret_are_not_kept() {
    let folder = Folder::new(&[
        (
            "p.yml",
            "name: x\nsecrets: { s: { file: s } }\ninclude:\n  o: { playbook: o.yml }\n",
        ),
        ("o.yml", "files:\n  /etc/x: { content: hunter22, mode: 0600 }\n"),
        ("s", "hunter22\n"),
    ]);
    let rendered = render(&folder.load(&[]).expect("read"), None).expect("rendered");
    assert!(rendered.desired.meaning.is_none());
}
