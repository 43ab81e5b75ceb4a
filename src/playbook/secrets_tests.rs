//! Sources of secrets, and which of a host's count.

use super::*;
use crate::host::ssh::Ask;

fn sources(yaml: &str) -> IndexMap<Name, Placed<SecretSource>> {
    let parsed = from_str::<Head>("p.yml", &format!("secrets:\n{yaml}"));
    assert!(parsed.errors.is_empty(), "{:?}", parsed.errors);
    parsed.value.expect("a head").secrets
}

fn read(folder: &Path, yaml: &str) -> Vec<Result<String, Wrong>> {
    let (sources, mut reader) = (sources(yaml), Reader::new(None));
    let file = folder.join("p.yml");
    let read = sources
        .iter()
        .map(|(name, source)| reader.secret(&file, name, &source.value));
    read.collect()
}

#[test]
fn a_secret_comes_from_where_it_is_said_to_come_from() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "of the file\n\n2\n").unwrap();
    let give = folder.path().join("give");
    fs::write(&give, "#!/bin/sh\npwd >seen\ncat\nprintf '%s|' \"$@\"\necho\n").unwrap();
    let made = Command::new("chmod").arg("0755").arg(&give).status();
    assert!(made.unwrap().success());
    let yaml = r#"
  file: { file: file }
  line: { command: "./give a  b" }
  list: { command: [./give, "a  b", $HOME, 0644] }
  shell: { command: [sh, -c, "echo $((1000 + 1))"] }
"#;
    let values: Vec<String> = read(folder.path(), yaml)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(values, ["of the file\n\n2", "a|b|", "a  b|$HOME|0644|", "1001"]);
    let seen = fs::read_to_string(folder.path().join("seen")).unwrap();
    assert_eq!(Path::new(seen.trim()), folder.path().canonicalize().unwrap());
}

#[test]
fn several_secrets_of_one_source_read_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = r#"
  one: { command: [sh, -c, "echo x >>count; printf 'a: one1\nb: 0644\nc: [hunter22]\nd: ~\n'"], key: a }
  two: { command: [sh, -c, "echo x >>count; printf 'a: one1\nb: 0644\nc: [hunter22]\nd: ~\n'"], key: b }
  odd: { command: [sh, -c, "echo x >>count; printf 'a: one1\nb: 0644\nc: [hunter22]\nd: ~\n'"], key: c }
  nil: { command: [sh, -c, "echo x >>count; printf 'a: one1\nb: 0644\nc: [hunter22]\nd: ~\n'"], key: d }
  none: { command: [sh, -c, "echo x >>count; printf 'a: one1\nb: 0644\nc: [hunter22]\nd: ~\n'"], key: aa }
  text: { command: [echo, hunter22], key: a }
"#;
    let read = read(folder.path(), yaml);
    assert_eq!([&read[0], &read[1]], [&Ok("one1".into()), &Ok("0644".into())]);
    let causes: Vec<&str> = read[2..]
        .iter()
        .map(|read| read.as_ref().unwrap_err().0.as_str())
        .collect();
    for (cause, end) in causes.iter().zip([
        "has no text at its key `c`",
        "has no text at its key `d`",
        "has no key `aa` (did you mean `a`?)",
        "does not give a YAML mapping",
    ]) {
        assert!(cause.ends_with(end), "{cause}");
    }
    assert!(!format!("{:?}", &read[5]).contains("a: one1"));
    let count = fs::read_to_string(folder.path().join("count")).unwrap();
    assert_eq!(count, "x\n");
}

#[test]
fn a_command_that_fails_is_told_with_what_it_says_but_for_what_is_secret() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = r#"
  fails: { command: [sh, -c, "cat secret; echo 'no hunter22' >&2; echo \"\\033[1mhere\" >&2; exit 3"] }
  none: { command: no-such-program }
  folder: { command: ./ }
  bytes: { command: [printf, '\377\376'] }
"#;
    fs::write(folder.path().join("secret"), "hunter22\n").unwrap();
    let told: Vec<String> = read(folder.path(), yaml)
        .into_iter()
        .map(|read| read.unwrap_err().0)
        .collect();
    assert!(
        told[0].contains("ended with status 3: no (secret); "),
        "{}",
        told[0]
    );
    assert!(!told[0].contains('\u{1b}'), "{}", told[0]);
    assert!(told[1].ends_with("there is no such program"), "{}", told[1]);
    assert!(told[2].contains("cannot be run"), "{}", told[2]);
    assert!(told[3].ends_with("does not give text in UTF-8"), "{}", told[3]);
}

#[test]
fn a_line_that_only_a_shell_understands_is_refused() {
    for line in ["pass show \"a b\"", "a | b", "a $B", "a; b"] {
        let text = format!("secrets: {{ x: {{ command: '{line}' }} }}");
        let errors = from_str::<Head>("p.yml", &text).errors;
        assert!(
            errors[0].message.contains("no shell reads this line"),
            "{errors:?}"
        );
    }
}

struct Says(&'static str);

impl Ask for Says {
    fn secret(&self, _: &str) -> Option<String> {
        None
    }
    fn line(&self, question: &str) -> Option<String> {
        assert!(
            question.contains("the secret `x` is the command `touch ran`"),
            "{question}"
        );
        Some(self.0.to_owned())
    }
}

#[test]
fn what_a_host_remembers_names_nothing_of_this_machine_that_the_playbook_here_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let text = "secrets: { x: { command: touch ran, empty: true } }";
    let file = folder.path().join("p.yml");
    let name = "x".parse::<Name>().unwrap();
    let source = sources(&text["secrets: { ".len()..text.len() - 2].replacen("x:", "  x:", 1));
    let read = |person: Option<&Person>| Reader::of_host(person).secret(&file, &name, &source[&name].value);
    let hide = || Reader::of_host(None).hidden(&file, &name, &source[&name].value);
    for here in [
        "",
        "secrets: { x: { command: touch me } }",
        "secrets: { y: { command: touch ran } }",
    ] {
        if !here.is_empty() {
            fs::write(&file, here).unwrap();
        }
        let (cause, _) = read(None).unwrap_err();
        assert!(
            cause.contains("the host says that it is the command `touch ran`"),
            "{cause}"
        );
        assert!(read(Some(&Person::new(Says("no")))).is_err());
        assert_eq!(hide(), None);
        assert!(!ran.exists(), "{here}");
    }
    assert_eq!(read(Some(&Person::new(Says("Y")))), Ok(String::new()));
    fs::remove_file(&ran).expect("it ran");
    fs::write(&file, text).unwrap();
    assert_eq!(read(None), Ok(String::new()));
    assert!(ran.exists());
    assert_eq!(hide(), Some(String::new()));
}
