//! Contents and program → one compressed stream, and the command that takes it in and starts the run.

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::change::{Action, Change, Content};
use crate::shell;

/// The stream for the run: its program, and the contents that its changes write, each once.
///
/// # Errors
/// Only when memory cannot be written to.
pub fn archive(program: &str, changes: &[Change]) -> io::Result<Vec<u8>> {
    let mut contents: BTreeMap<&str, &Content> = BTreeMap::new();
    for action in changes.iter().flat_map(|change| &change.actions) {
        if let Action::Write { content, .. } = action {
            contents.insert(&content.sha256, content);
        }
    }
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    append(&mut tar, "program", program.as_bytes())?;
    for (sha256, content) in contents {
        // A secret stays with its run and goes when the run ends; the rest is kept by its hash.
        let folder = if content.secret { "files" } else { "incoming" };
        append(&mut tar, &format!("{folder}/{sha256}"), &content.bytes)?;
    }
    tar.into_inner()?.finish()
}

fn append<W: Write>(tar: &mut tar::Builder<W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, bytes)
}

/// How many runs a host remembers, and for how many days contents that no run used.
const RUNS: u32 = 20;
const DAYS: u32 = 30;

/// Takes the archive on stdin, proves every content by its hash, starts the program detached from this
/// connection, and follows its journal, which begins behind the line `@TOKEN begin`.
pub fn command(id: &str, token: &str) -> String {
    let script = format!(
        r#"set -eu
umask 077
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
base=/var/lib/hostwright
run=$base/runs/{id}
mkdir -p "$base/store" "$base/loaded" "$run/incoming" "$run/files" "$run/kept"
chmod 0700 "$base"
tar -xzmf - --no-same-owner -C "$run"
cd "$run/incoming"
for f in *; do
  [ -e "$f" ] || continue
  echo "$f  $f" | sha256sum -c --quiet -
  mv -f "$f" "$base/store/$f"
done
cd "$run"
find "$base/store" -type f -mtime +{DAYS} -delete
find "$base/runs" -mindepth 1 -maxdepth 1 ! -name {id} -printf '%f\n' | sort -r | tail -n +{RUNS} | while read -r old; do
  rm -rf "$base/runs/$old"
done
: >journal
setsid sh ./program </dev/null >/dev/null 2>&1 &
echo $! >pid
echo @{token} begin
exec tail -s 0.1 --pid=$! -c +1 -f journal"#,
        id = shell::quote(id)
    );
    sh(&script)
}

/// The script for a login shell, which may be none of the POSIX ones.
fn sh(script: &str) -> String {
    format!("exec sh -c {}", shell::quote(script))
}

/// Goes on with the journal of a run from byte `offset`, to the run's end. After a restart of the host
/// another process may bear the run's number: the run's own stands in the run's folder.
pub fn follow(id: &str, token: &str, offset: u64) -> String {
    let script = format!(
        r#"run=/var/lib/hostwright/runs/{id}
tries=0
until [ -s "$run/pid" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 50 ]; then
    echo "the connection was lost before all had been sent" >&2
    exit 1
  fi
  sleep 0.1
done
cd "$run"
read -r pid <pid
alive=
[ ! "/proc/$pid/cwd" -ef . ] || alive="-s 0.1 --pid=$pid -f"
echo @{token} begin
exec tail $alive -c +{start} journal"#,
        id = shell::quote(id),
        start = offset + 1
    );
    sh(&script)
}

/// Tells a run that a new connection got in.
pub fn confirm(id: &str) -> String {
    format!(": >/var/lib/hostwright/runs/{}/confirmed", shell::quote(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Id, Verb};

    #[test]
    fn equal_contents_travel_once_and_secrets_apart() {
        let write = |path: &str, text: &str, secret| Action::Write {
            path: path.into(),
            content: Content::new(text.as_bytes(), secret),
            mode: "0644".into(),
            owner: "root:root".into(),
            validate: None,
        };
        let id = Id::new("file", "x");
        let change = Change::new(&id, Verb::Create, "x")
            .action(write("/a", "same", false))
            .action(write("/b", "same", false))
            .action(write("/c", "hidden", true));
        let archive = archive("echo", &[change]).expect("packs");
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&archive[..]));
        let names: Vec<String> = tar
            .entries()
            .expect("reads")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .path()
                    .expect("a path")
                    .display()
                    .to_string()
            })
            .collect();
        let hash = |text: &str| crate::change::sha256(text.as_bytes());
        let mut wanted = vec![
            format!("incoming/{}", hash("same")),
            format!("files/{}", hash("hidden")),
        ];
        wanted.push("program".into());
        wanted.sort();
        let mut names = names;
        names.sort();
        assert_eq!(names, wanted);
    }
}
