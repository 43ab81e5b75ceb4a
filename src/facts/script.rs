//! Questions → one POSIX sh program that reads and never writes.

use std::fmt::Write;

use super::Questions;
use crate::shell;

/// Old contents are read for a diff only up to this many bytes.
const SHOWN: u64 = 128 * 1024;

/// Answers are frames: `@KIND LENGTH NAME`, the bytes, a newline. They may hold any byte.
const PRELUDE: &str = r#"set -u
say() { printf '@%s %s %s\n%s\n' "$1" "${#3}" "$2" "$3"; }
system() {
  release=$(. /etc/os-release 2>/dev/null && printf %s "${PRETTY_NAME-}")
  lacks=
  for tool in dpkg-query find sha256sum flock setsid tar gzip; do
    command -v "$tool" >/dev/null 2>&1 || lacks="$lacks $tool"
  done
  busy=
  if [ -e /var/lib/hostwright/lock ] && ! flock -n /var/lib/hostwright/lock true 2>/dev/null; then
    busy=$(cat /var/lib/hostwright/current 2>/dev/null || echo unknown)
  fi
  say system "" "machine=$(uname -m)
release=$release
uid=$(id -u)
ssh=${SSH_CONNECTION-}
busy=$busy
lacks=$lacks"
  loaded=
  for f in /var/lib/hostwright/loaded/*; do
    [ -f "$f" ] && loaded="$loaded${f##*/} $(cat "$f")
"
  done
  say loaded "" "$loaded"
}
paths() { say paths "" "$(find "$@" -maxdepth 0 -printf '%y %m %s %u:%g %p\t%l\n' 2>/dev/null)"; }
sums() { sums=$(sha256sum -- "$@" 2>/dev/null); say sums "" "$sums"; }
listing() { say listing "$1" "$(find "$1" -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' 2>/dev/null)"; }
packages() {
  say packages "" "$(dpkg-query -W -f='${db:Status-Status} ${binary:Package} ${Version}\n' -- "$@" 2>/dev/null)"
}
users() { say users "" "$(getent passwd -- "$@")"; }
groups() { say groups "" "$(getent group -- "$@")"; }
units() { say units "" "$(systemctl show -p LoadState,ActiveState,UnitFileState -- "$@" 2>/dev/null)"; }
content() {
  case $sums in *"$1  $2"*) return ;; esac
  size=$(wc -c <"$2") && [ "$size" -le "$3" ] || return
  printf '@content %s %s\n' "$size" "$2"
  head -c "$size" -- "$2"
  echo
}
"#;

/// The probe: feed it to `sh -s` on the host.
pub fn script(questions: &Questions) -> String {
    let mut text = String::from(PRELUDE);
    text.push_str("fast() {\nsystem\n");
    let mut ask = |name: &str, args: Vec<&String>| {
        if !args.is_empty() {
            let _ = writeln!(text, "{name} {}", shell::words(args));
        }
    };
    ask("paths", questions.paths.iter().collect());
    let mut files: Vec<&String> = questions.contents.keys().map(|(path, _)| path).collect();
    files.dedup();
    ask("sums", files);
    for path in &questions.listings {
        ask("listing", vec![path]);
    }
    ask("packages", questions.packages.iter().collect());
    ask("users", questions.users.iter().collect());
    ask("groups", questions.groups.iter().collect());
    ask("units", questions.units.iter().collect());
    let mut shown = String::new();
    for ((path, sha256), reveal) in &questions.contents {
        // A secret may stand in the old file as in the new one, so neither is read.
        let hidden = questions
            .contents
            .iter()
            .any(|((other, _), reveal)| other == path && !reveal);
        if *reveal && !hidden && shown != *path {
            let path_word = shell::quote(path);
            let _ = writeln!(text, "[ -f {path_word} ] && content {sha256} {path_word} {SHOWN}");
            shown = path.clone();
        }
    }
    text.push_str("}\n");
    let mut nested = "fast".to_owned();
    for (index, (name, body)) in questions.scripts.iter().enumerate() {
        let _ = writeln!(
            text,
            "q{index}() {{ say script {} \"$(\n{body}\n)\"; }}",
            shell::quote(name)
        );
        // A pipeline runs its stages side by side and `cat` keeps the answers in order: no file is needed.
        nested = format!("q{index} | {{ {nested}; cat; }}");
    }
    let _ = writeln!(text, "{{ {nested}; }} </dev/null 2>/dev/null\necho @end 0\necho");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_questions_are_asked_once_and_words_are_quoted() {
        let mut questions = Questions::default();
        questions.path("/etc/a b");
        questions.path("/etc/a b");
        questions.package("nginx");
        questions.script("ufw.rules", "iptables -S");
        let text = script(&questions);
        assert_eq!(text.matches("'/etc/a b'").count(), 1, "{text}");
        assert!(text.contains("packages nginx\n"), "{text}");
        assert!(text.contains("{ q0 | { fast; cat; }; } </dev/null"), "{text}");
    }

    #[test]
    fn a_file_that_may_hold_a_secret_is_never_read_back() {
        let mut questions = Questions::default();
        questions.content("/etc/app.env", "aa", false);
        questions.content("/etc/app.env", "bb", true);
        assert!(!script(&questions).contains("content aa"));
        assert!(!script(&questions).contains("content bb"));
    }
}
