//! Contents and program → one compressed stream, and the script that takes it in and starts the run.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::delta;
use super::offer::{Held, Wanted};
use super::record::Record;
use crate::change::Content;
use crate::layout::{self, BASE};
use crate::secret::Secrets;
use crate::shell;

/// A run: what the host does, and what it keeps of it.
#[derive(Clone, Debug)]
pub struct Work {
    /// The program.
    pub program: String,
    /// Who has it done, as JSON, for whoever finds it going on.
    pub about: String,
    /// The generation that it makes.
    pub record: Option<Record>,
}

/// What travels to a host for a run.
#[derive(Debug)]
pub struct Packed {
    /// The stream: a gzip-compressed tar archive.
    pub stream: Vec<u8>,
    /// How many bytes the contents have that it stands for.
    pub contents: u64,
    /// Whether some travel as differences.
    pub patches: bool,
}

/// The stream for the run: its program, and the contents that the host does not hold, each once; as a
/// difference where `older` knows, by its hash, the file on the host that is alike. What is secret travels
/// with it, so that the host can take it out of what steps print.
///
/// # Errors
/// Only when memory cannot be written to.
pub fn pack(
    work: &Work,
    wanted: &[Wanted],
    secrets: &Secrets,
    held: &Held,
    older: impl Fn(&str) -> Option<Vec<u8>>,
) -> io::Result<Packed> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    append(&mut tar, "program", work.program.as_bytes())?;
    append(&mut tar, "about", work.about.as_bytes())?;
    for (name, text) in work.record.iter().flat_map(|record| &record.files) {
        append(&mut tar, &format!("record/{name}"), text.as_bytes())?;
    }
    let (mut contents, mut patches) = (0, false);
    for Wanted { content, like } in wanted {
        let sha256 = &content.sha256;
        if held.whole.contains(sha256) {
            continue;
        }
        contents += content.size;
        let alike = held.like.get(sha256).and_then(|hash| older(hash));
        if let Some(difference) = alike.and_then(|old| delta::difference(&old, &content.bytes)) {
            append(&mut tar, &format!("patches/{sha256}"), &difference)?;
            append(&mut tar, &format!("patches/{sha256}.like"), like.as_bytes())?;
            patches = true;
        } else {
            // A secret stays with its run and goes when the run ends; the rest is kept by its hash.
            let folder = if content.secret { "files" } else { "incoming" };
            append(&mut tar, &format!("{folder}/{sha256}"), &content.bytes)?;
        }
    }
    if let Some(record) = &work.record {
        append(&mut tar, "record/contents", record.reachable().as_bytes())?;
        append(&mut tar, "begun", record.begun.as_bytes())?;
        append(&mut tar, "made", record.made.as_bytes())?;
        append(&mut tar, "originals", record.originals.as_bytes())?;
        let travels = |content: &&Content| {
            wanted
                .iter()
                .any(|wanted| wanted.content.sha256 == content.sha256)
        };
        for content in record.contents.iter().filter(|content| !travels(content)) {
            if held.lacks.contains(&content.sha256) {
                contents += content.size;
                append(&mut tar, &format!("incoming/{}", content.sha256), &content.bytes)?;
            }
        }
    }
    let secrets: Vec<&str> = secrets.parts().collect();
    if !secrets.is_empty() {
        append(&mut tar, "files/secrets", secrets.join("\0").as_bytes())?;
    }
    if patches {
        append(&mut tar, "patch.pl", delta::PATCH.as_bytes())?;
    }
    Ok(Packed {
        stream: tar.into_inner()?.finish()?,
        contents,
        patches,
    })
}

fn append<W: Write>(tar: &mut tar::Builder<W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, bytes)
}

/// How many runs a host remembers, and for how many days contents that no run used
/// and no generation needs.
const RUNS: u32 = 20;
const DAYS: u32 = 30;

const COMMAND: &str = include_str!("stage.sh");
const FOLLOW: &str = include_str!("follow.sh");

/// Takes the archive on stdin, proves every content by its hash, starts the program detached from this
/// connection, and follows its journal, which begins behind the line `@TOKEN begin`.
pub fn command(id: &str, token: &str) -> String {
    format!("{}runs={RUNS}\ndays={DAYS}\n{COMMAND}", variables(id, token))
}

/// Goes on with the journal of a run from byte `offset`, to the run's end. After a restart of the host
/// another process may bear the run's number: the run's own stands in the run's folder. What was waiting for its
/// proof is undone then, and the journal says so.
pub fn follow(id: &str, token: &str, offset: u64) -> String {
    let start = offset + 1;
    format!("{}start={start}\n{FOLLOW}", variables(id, token))
}

/// Tells a run that a new connection got in.
pub fn confirm(id: &str) -> String {
    format!(": >{BASE}/runs/{}/confirmed", shell::quote(id))
}

/// The host's place, and which run it is.
fn variables(id: &str, token: &str) -> String {
    let (id, token) = (shell::quote(id), shell::quote(token));
    format!("{}id={id}\ntoken={token}\n", layout::variables())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn work() -> Work {
        Work {
            program: "echo".into(),
            about: "{}".into(),
            record: None,
        }
    }

    fn wanted(bytes: &[u8], secret: bool) -> Wanted {
        Wanted {
            content: Content::new(bytes, secret),
            like: "/opt/older".into(),
        }
    }

    fn names(packed: &Packed) -> BTreeSet<String> {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&packed.stream[..]));
        let entries = tar.entries().expect("reads");
        let name = |entry: tar::Entry<'_, _>| entry.path().expect("a path").display().to_string();
        entries.map(|entry| name(entry.expect("an entry"))).collect()
    }

    #[test]
    fn what_the_host_holds_stays_here_and_secrets_travel_apart() {
        let all = [
            wanted(b"new", false),
            wanted(b"hidden", true),
            wanted(b"held", false),
        ];
        let held = Held {
            whole: [all[2].content.sha256.clone()].into(),
            ..Held::default()
        };
        let mut secrets = Secrets::default();
        secrets.add("hidden");
        let packed = pack(&work(), &all, &secrets, &held, |_| None).expect("packs");
        let incoming = format!("incoming/{}", all[0].content.sha256);
        let secret = format!("files/{}", all[1].content.sha256);
        let redact = "files/secrets".to_owned();
        assert_eq!(
            names(&packed),
            ["program".to_owned(), "about".to_owned(), incoming, secret, redact].into()
        );
        assert_eq!(packed.contents, 9);
    }

    /// What the host's sh says when it takes in `stream`, and what is then in its folder of runs.
    fn take_in(stream: &[u8]) -> (std::process::Output, Vec<String>) {
        use std::process::{Command, Stdio};
        let dir = tempfile::tempdir().expect("a directory");
        let script = command("id", "token").replace(BASE, &dir.path().display().to_string());
        let mut sh = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh runs");
        sh.stdin
            .take()
            .expect("a pipe")
            .write_all(stream)
            .expect("written");
        let said = sh.wait_with_output().expect("it ends");
        let runs = std::fs::read_dir(dir.path().join("runs")).expect("runs");
        let name = |entry: io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let runs = runs.map(|entry| name(entry).to_string_lossy().into_owned());
        (said, runs.collect())
    }

    fn packed(program: &str, contents: &[Wanted]) -> Vec<u8> {
        let work = Work {
            program: program.into(),
            ..work()
        };
        let packed = pack(&work, contents, &Secrets::default(), &Held::default(), |_| None);
        packed.expect("packs").stream
    }

    #[test]
    fn what_does_not_arrive_whole_leaves_nothing() {
        let noise: Vec<u8> = (0..40_000_u32).flat_map(|n| sha(n).into_bytes()).collect();
        let stream = packed("true", &[wanted(&noise, true)]);
        let (said, runs) = take_in(&stream[..stream.len() / 2]);
        assert_ne!(said.status.code(), Some(0));
        assert_eq!(runs, Vec::<String>::new());
    }

    fn sha(number: u32) -> String {
        crate::change::sha256(&number.to_le_bytes())
    }

    #[test]
    fn a_run_that_is_killed_is_not_waited_for() {
        let (said, runs) = take_in(&packed("echo begins >journal; kill -KILL $$", &[]));
        assert_eq!(String::from_utf8_lossy(&said.stdout), "@token begin\nbegins\n");
        assert_eq!((said.status.code(), runs), (Some(0), vec!["id".to_owned()]));
    }

    #[test]
    fn a_program_travels_as_its_difference_from_the_one_that_is_there() {
        let old: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut new = old.clone();
        new[5000] = 0;
        let all = [wanted(&new, false)];
        let sha256 = &all[0].content.sha256;
        let held = Held {
            like: [(sha256.clone(), "hash of old".into())].into(),
            ..Held::default()
        };
        let older = |hash: &str| (hash == "hash of old").then(|| old.clone());
        let packed = pack(&work(), &all, &Secrets::default(), &held, older).expect("packs");
        let patch = [format!("patches/{sha256}"), format!("patches/{sha256}.like")];
        let rest = ["program", "about", "patch.pl"].map(str::to_owned);
        assert_eq!(names(&packed), patch.into_iter().chain(rest).collect());
        assert!(packed.stream.len() < 4000, "{}", packed.stream.len());

        let unknown = pack(&work(), &all, &Secrets::default(), &held, |_| None).expect("packs");
        assert!(names(&unknown).contains(&format!("incoming/{sha256}")));
    }
}
