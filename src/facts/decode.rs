//! The probe's answers → [`Facts`]. Takes any bytes and never panics.

use super::found::{Facts, PathFact, System, UnitFact, UserFact};
use super::questions::Questions;
use crate::layout::{Frame, NoFrame};

/// Why an answer could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum DecodeError {
    /// It ended too early, or a frame's length is wrong.
    #[error("the host's answer ended early, after {0} bytes")]
    #[diagnostic(help("a file changed while it was read, or the host is out of memory: run it again"))]
    Cut(usize),
    /// It is not the probe's answer.
    #[error("the host did not answer the probe: {0:?}")]
    #[diagnostic(help(
        "its login shell or a startup file may print text; log in with ssh and see what comes first"
    ))]
    Foreign(String),
}

/// Reads the answers to `questions`.
///
/// # Errors
/// When the bytes are not whole frames up to the end mark.
pub fn decode(questions: &Questions, bytes: &[u8]) -> Result<Facts, DecodeError> {
    Ok(decode_first(questions, bytes)?.0)
}

/// The same, and the bytes that come after.
///
/// # Errors
/// [`DecodeError::Cut`] also where the rest is still on its way.
pub fn decode_first<'a>(questions: &Questions, bytes: &'a [u8]) -> Result<(Facts, &'a [u8]), DecodeError> {
    let mut facts = Facts::default();
    let mut rest = bytes;
    loop {
        let (frame, after) = Frame::read(rest).map_err(|error| match error {
            NoFrame::Cut => DecodeError::Cut(bytes.len()),
            NoFrame::Foreign(line) => {
                let line = &line[..line.len().min(80)];
                DecodeError::Foreign(String::from_utf8_lossy(line).into_owned())
            }
        })?;
        rest = after;
        let text = || String::from_utf8_lossy(frame.body).into_owned();
        match frame.kind {
            "end" => return Ok((facts, rest)),
            "system" => facts.system = system(&text()),
            "loaded" => facts.loaded = pairs(&text()),
            "paths" => paths(&text(), &mut facts),
            "sums" => sums(questions, &text(), &mut facts),
            "hashes" => hashes(questions, &text(), &mut facts),
            "content" => {
                facts.contents.insert(frame.name.to_owned(), frame.body.to_vec());
            }
            "listing" => {
                facts.listings.insert(frame.name.to_owned(), listing(&text()));
            }
            "tree" => {
                facts.trees.insert(frame.name.to_owned(), tree(&text()));
            }
            "packages" => packages(&text(), &mut facts),
            "users" => users(&text(), &mut facts),
            "groups" => groups(&text(), &mut facts),
            "units" => units(questions, &text(), &mut facts),
            "script" => {
                facts.scripts.insert(frame.name.to_owned(), text());
            }
            other => return Err(DecodeError::Foreign(other.chars().take(80).collect())),
        }
    }
}

fn pairs(text: &str) -> std::collections::HashMap<String, String> {
    let pair = |line: &str| {
        line.split_once(' ')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

fn system(text: &str) -> System {
    let field = |name: &str| {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_default().trim().to_owned()
    };
    System {
        machine: field("machine"),
        release: field("release"),
        uid: field("uid"),
        ssh_connection: field("ssh"),
        busy: Some(field("busy")).filter(|run| !run.is_empty()),
        doing: field("doing"),
        lacks: field("lacks").split_whitespace().map(str::to_owned).collect(),
    }
}

fn paths(text: &str, facts: &mut Facts) {
    let paths = &mut facts.paths;
    for line in text.lines() {
        let mut fields = line.splitn(3, '\t');
        let (Some(first), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let rest = fields.next().unwrap_or_default();
        let mut known = |change: &dyn Fn(&mut PathFact)| paths.get_mut(path).map(change);
        if let Some(how) = first.strip_prefix('@') {
            let key = (how.to_owned(), path.to_owned());
            facts.mounts.insert(key, rest.to_owned());
        } else if let Some(behind) = first.strip_prefix('>') {
            // What leads nowhere is a link to the end.
            if let Some(fact) = path_fact(behind, rest).filter(|fact| fact.kind != 'l') {
                known(&|link| link.behind = Some(Box::new(fact.clone())));
            }
        } else if let Some(flags) = first.strip_prefix('=') {
            known(&|fact| fact.fixed = flags.chars().find(|flag| matches!(flag, 'i' | 'a')));
        } else if first == "+" {
            known(&|fact| fact.acl = true);
        } else if let Some(fact) = path_fact(first, rest) {
            paths.insert(path.to_owned(), fact);
        }
    }
}

fn path_fact(line: &str, target: &str) -> Option<PathFact> {
    let mut fields = line.splitn(4, ' ');
    let kind = fields.next()?.chars().next()?;
    let mode = fields.next()?;
    let owner = fields.next()?.to_owned();
    Some(PathFact {
        kind,
        mode: format!("{mode:0>4}"),
        owner,
        names: fields.next()?.parse().ok()?,
        target: target.to_owned(),
        behind: None,
        fixed: None,
        acl: false,
    })
}

/// sha256sum answers a line a question, in their order.
fn sums(questions: &Questions, text: &str, facts: &mut Facts) {
    let asked = questions.compared().zip(text.lines());
    let matching = asked.filter(|(_, line)| line.ends_with(": OK"));
    facts
        .matches
        .extend(matching.map(|(question, _)| question.clone()));
}

fn hashes(questions: &Questions, text: &str, facts: &mut Facts) {
    for (sha256, path) in text.lines().filter_map(|line| line.split_once(' ')) {
        let question = (path.to_owned(), sha256.to_owned());
        if questions.contents.contains_key(&question) {
            facts.matches.insert(question);
        }
    }
}

fn tree(text: &str) -> Vec<(char, String)> {
    let entry = |line: &str| {
        let (kind, path) = line.split_once(' ')?;
        Some((kind.chars().next()?, path.to_owned()))
    };
    text.lines().filter_map(entry).collect()
}

fn listing(text: &str) -> Vec<String> {
    let entry = |line: &str| {
        let (time, name) = line.split_once(' ')?;
        Some((time.parse::<f64>().ok()?, name.to_owned()))
    };
    let mut entries: Vec<(f64, String)> = text.lines().filter_map(entry).collect();
    entries.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    entries.into_iter().map(|(_, name)| name).collect()
}

fn packages(text: &str, facts: &mut Facts) {
    for line in text.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("installed"), Some(name), Some(version)) => {
                facts.packages.insert(name.to_owned(), version.to_owned());
            }
            (Some("unfinished"), Some(name), _) => {
                facts.unfinished.get_or_insert_default().push(name.to_owned());
            }
            (Some("interrupted"), ..) => {
                facts.unfinished.get_or_insert_default();
            }
            _ => {}
        }
    }
}

fn users(text: &str, facts: &mut Facts) {
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, uid, gid, comment, home, shell] => {
                let fact = UserFact {
                    home: home.to_owned(),
                    shell: shell.to_owned(),
                    uid: uid.parse().unwrap_or(u32::MAX),
                    gid: gid.parse().unwrap_or(u32::MAX),
                    comment: comment.to_owned(),
                    local: false,
                };
                facts.users.insert(name.to_owned(), fact);
            }
            [name] => {
                if let Some(fact) = facts.users.get_mut(name) {
                    fact.local = true;
                }
            }
            _ => {}
        }
    }
}

fn groups(text: &str, facts: &mut Facts) {
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, gid, members] = fields[..] {
            if let Ok(gid) = gid.parse() {
                facts.gids.insert(name.to_owned(), gid);
            }
            let members = members
                .split(',')
                .filter(|member| !member.is_empty())
                .map(str::to_owned)
                .collect();
            facts.groups.insert(name.to_owned(), members);
        }
    }
}

/// systemd answers in the order of the question, a blank line between units.
fn units(questions: &Questions, text: &str, facts: &mut Facts) {
    for (name, block) in questions.units.iter().zip(text.split("\n\n")) {
        let field = |key: &str| {
            let value = block
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_default().to_owned()
        };
        let fact = UnitFact {
            load: field("LoadState"),
            active: field("ActiveState"),
            file: field("UnitFileState"),
            sub: field("SubState"),
            ends: field("Type") == "oneshot" && field("RemainAfterExit") == "no",
            result: field("Result"),
            started: !matches!(&*field("ExecMainStartTimestampMonotonic"), "" | "0"),
            needs_reload: field("NeedDaemonReload") == "yes",
        };
        facts.units.insert(name.clone(), fact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::script;
    use proptest::prelude::*;

    fn say(kind: &str, name: &str, body: &str) -> String {
        format!("@{kind} {} {name}\n{body}\n", body.len())
    }

    #[test]
    fn answers_become_facts() {
        let mut questions = Questions::default();
        questions.unit("nginx.service");
        questions.unit("ufw.service");
        questions.content("/etc/a b", "abcd", true);
        questions.content("/etc/a b", "ef", true);
        let answer = [
            say("system", "", "machine=x86_64\nrelease=Debian 12\nuid=0\nssh=10.0.0.1 4 10.0.0.2 22\nbusy=\nlacks= tar"),
            say("paths", "", "f 644 root:root 2\t/etc/a b\t\nl 777 root:root 1\t/etc/l\tsome/where\n>d 750 app:app 2\t/etc/l\t\nl 777 root:root 1\t/etc/n\tnowhere\n>l 777 root:root 1\t/etc/n\tnowhere\n=----i---------e-------\t/etc/a b\n+\t/etc/a b\nd 755 root:root 2\t/usr\t\n@at\t/etc/a b\t/etc/a b\n@ro\t/usr\t/usr\n@below\t/srv\t/srv/deep"),
            say("sums", "", "/etc/a b: OK\n/etc/a b: FAILED"),
            say("tree", "/opt/site", "d a\nf a/b c\n"),
            say("content", "/etc/a b", "x\n@end 0\n\ny"),
            say("listing", "/opt/releases", "10.5 old\n20.5 new"),
            say("packages", "", "installed libc6:amd64 2.36\nmissing nginx\nunfinished cron"),
            say("users", "", "ann:x:1000:1000::/home/ann:/bin/sh\nldap:x:2000:2000::/home/ldap:/bin/sh\nann"),
            say("groups", "", "adm:x:4:syslog,ann"),
            say("units", "", "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\nLoadState=not-found\nActiveState=inactive\nUnitFileState="),
            say("end", "", ""),
        ]
        .concat();
        let facts = decode(&questions, answer.as_bytes()).expect("decodes");
        assert_eq!(facts.system.lacks, ["tar"]);
        assert_eq!(facts.path("/etc/a b").expect("there").mode, "0644");
        let file = facts.path("/etc/a b").expect("there");
        assert_eq!((file.names, file.fixed, file.acl), (2, Some('i'), true));
        let link = facts.path("/etc/l").expect("there");
        assert_eq!(link.target, "some/where");
        assert_eq!(link.directory().map(|fact| fact.mode.as_str()), Some("0750"));
        assert_eq!(facts.path("/etc/n").expect("there").behind, None);
        assert!(facts.is_mount_point("/etc/a b") && !facts.is_mount_point("/usr/x"));
        assert_eq!(facts.read_only("/usr/x"), Some("/usr"));
        assert_eq!(facts.mounted_below("/srv"), Some("/srv/deep"));
        assert!(facts.has_content("/etc/a b", "abcd"));
        assert!(!facts.has_content("/etc/a b", "ef"));
        assert_eq!(
            facts.tree("/opt/site"),
            [('d', "a".into()), ('f', "a/b c".into())]
        );
        assert_eq!(facts.content("/etc/a b"), Some(&b"x\n@end 0\n\ny"[..]));
        assert_eq!(facts.listing("/opt/releases"), ["new", "old"]);
        assert_eq!(facts.package("libc6:amd64"), Some("2.36"));
        assert_eq!(facts.package("nginx"), None);
        assert_eq!(facts.unfinished(), Some(&["cron".to_owned()][..]));
        assert_eq!(
            ["ann", "ldap"].map(|name| facts.user(name).expect("there").local),
            [true, false]
        );
        assert_eq!((facts.user_of(2000), facts.user_of(1)), (Some("ldap"), None));
        assert_eq!((facts.gid("adm"), facts.group_of(4)), (Some(4), Some("adm")));
        assert_eq!(facts.unit("nginx.service").active, "active");
        assert_eq!(facts.unit("ufw.service").load, "not-found");
    }

    #[test]
    fn text_before_the_answer_is_named() {
        let answer = decode(&Questions::default(), b"Welcome to Ubuntu\n@end 0 \n\n");
        assert_eq!(answer, Err(DecodeError::Foreign("Welcome to Ubuntu".into())));
    }

    #[test]
    fn this_machine_answers_the_probe() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("it's \"a\" $file");
        std::fs::write(&file, "old\n@end 0\n").expect("written");
        let path = file.to_str().expect("text");
        let mut questions = Questions::default();
        questions.content(path, &crate::change::sha256(b"new"), true);
        let same = dir.path().join("same").display().to_string();
        std::fs::write(&same, "same").expect("written");
        questions.content(&same, &crate::change::sha256(b"same"), true);
        questions.content("/none", &crate::change::sha256(b"same"), true);
        std::fs::create_dir_all(dir.path().join("cache/in it")).expect("made");
        questions.tree(dir.path().to_str().expect("text"), &["cache".into()]);
        // Nobody waits for what never ends.
        let pipe = dir.path().join("a pipe").display().to_string();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo runs").success());
        questions.content(&pipe, &crate::change::sha256(b""), true);
        let link = dir.path().join("a link").display().to_string();
        std::os::unix::fs::symlink("cache", &link).expect("linked");
        questions.path(&link);
        questions.user("root");
        questions.script("slow", "echo one; echo two >&2");
        questions.script("other", "printf 'a\\nb'");
        let output = std::process::Command::new("sh")
            .env("LC_ALL", "C")
            .arg("-c")
            .arg(script(&questions))
            .output()
            .expect("sh runs");
        let facts = decode(&questions, &output.stdout).expect("decodes");
        assert_eq!(facts.content(path), Some(&b"old\n@end 0\n"[..]));
        assert!(facts.has_content(&same, &crate::change::sha256(b"same")));
        assert!(!facts.has_content("/none", &crate::change::sha256(b"same")));
        assert_eq!(facts.content(&same), None, "what is equal does not travel");
        assert_eq!(facts.path(&pipe).map(|fact| fact.kind), Some('p'));
        assert_eq!(facts.content(&pipe), None);
        let link = facts.path(&link).expect("there");
        assert_eq!((link.kind, link.target.as_str()), ('l', "cache"));
        assert_eq!(link.directory().map(|fact| fact.kind), Some('d'));
        assert!(facts.is_mount_point("/"), "the root is above all");
        let mut tree = facts.tree(dir.path().to_str().expect("text")).to_vec();
        tree.sort();
        let wanted = [
            ('d', "cache".into()),
            ('f', "it's \"a\" $file".into()),
            ('f', "same".into()),
            ('l', "a link".into()),
            ('p', "a pipe".into()),
        ];
        assert_eq!(tree, wanted);
        assert_eq!(facts.user("root").map(|user| user.home.as_str()), Some("/root"));
        assert_eq!(facts.output("slow"), "one");
        assert_eq!(facts.output("other"), "a\nb");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_error_or_facts_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&Questions::default(), &bytes);
        }

        #[test]
        fn cut_answers_are_errors(cut in 0_usize..60) {
            let answer = [say("paths", "", "f 644 root:root 1\t/etc/a\t"), say("end", "", "")].concat();
            prop_assume!(cut < answer.len());
            prop_assert!(decode(&Questions::default(), &answer.as_bytes()[..cut]).is_err());
        }
    }
}
