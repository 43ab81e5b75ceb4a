//! What hostwright's place on a host looks like, and the frames in which the host's sh answers.

use crate::change::sha256;

/// What is remembered of a host (root's, 0700): `lock`, `store/SHA256`, `runs/ID/{program,about,journal,kept/}`,
/// `generations/PLAYBOOK/N/`, `made/PLAYBOOK`, `begun/PLAYBOOK`, `originals/HASH`, `loaded/NAME`, `orders/CERTIFICATE`,
/// `backups/PLAYBOOK/NAME/`, `rehearsal`, and `current`, the run that is going on.
pub const BASE: &str = "/var/lib/hostwright";

/// What is remembered of backups, `PLAYBOOK/NAME/`: how the last run ended, what was proved of archives, and in `kept`
/// what stood in place before restores.
pub const BACKUPS: &str = "/var/lib/hostwright/backups";

/// Where it stands, the host is thrown away again: no backup goes from it to where those of the real one are.
pub const REHEARSAL: &str = "/var/lib/hostwright/rehearsal";

/// The unit that undoes, after a power cut, a step that waited for its proof. It is there as long as such a step is.
pub const UNDO_UNIT: &str = "/etc/systemd/system/hostwright-undo.service";

macro_rules! path {
    () => {
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    };
}

/// Where the host's sh looks for programs: all that root's login shell has on Debian (`ENV_SUPATH` in login.defs(5)).
pub const PATH: &str = path!();

/// The environment of the host's sh, in its own words: bytes are characters, messages are in English.
pub const ENVIRONMENT: &str = concat!("LC_ALL=C PATH=", path!());

/// `is_undoing`: succeeds while a step that a power cut left unproven waits after the boot to be undone, or is being
/// undone. It wants `$undo_unit`.
pub const IS_UNDOING: &str = include_str!("is_undoing.sh");

/// `say KIND NAME TEXT`: prints a frame, `@KIND LENGTH NAME`, the text (any bytes, as many as LENGTH says), a newline.
pub const SAY: &str = "say() { printf '@%s %s %s\\n%s\\n' \"$1\" \"${#3}\" \"$2\" \"$3\"; }\n";

/// Where that is kept which stood at `path` before a playbook put something there.
pub fn original(path: &str) -> String {
    format!("{BASE}/originals/{}", sha256(path.as_bytes()))
}

/// What the host's sh must know of these places: `$base` and `$undo_unit`.
pub fn variables() -> String {
    format!("base={BASE}\nundo_unit={UNDO_UNIT}\n")
}

/// What `say` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What sort of answer it is.
    pub kind: &'a str,
    /// What it is about; there may be blanks in it.
    pub name: &'a str,
    /// The text.
    pub body: &'a [u8],
}

/// Why bytes do not begin with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFrame<'a> {
    /// They end before it does, or its length is wrong.
    Cut,
    /// They begin with this line, which heads none.
    Foreign(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// The frame with which `bytes` begin, and what follows it. Takes any bytes and never panics.
    ///
    /// # Errors
    /// When they do not begin with a whole one.
    pub fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), NoFrame<'a>> {
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(NoFrame::Cut)?;
        let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
        let words = std::str::from_utf8(head)
            .ok()
            .and_then(|head| head.strip_prefix('@'));
        let mut words = words.ok_or(NoFrame::Foreign(head))?.splitn(3, ' ');
        let kind = words.next().unwrap_or_default();
        let length = words.next().and_then(|word| word.parse::<usize>().ok());
        let length = length.ok_or(NoFrame::Foreign(head))?;
        let name = words.next().unwrap_or_default();
        let body = rest.get(..length).ok_or(NoFrame::Cut)?;
        match rest[length..].split_first() {
            Some((b'\n', after)) => Ok((Self { kind, name, body }, after)),
            _ => Err(NoFrame::Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sh_says_what_is_read() {
        let script = format!("{SAY}say one 'a b' 'it\n@two 3 c'\nsay two '' ''");
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("LC_ALL", "C")
            .output();
        let bytes = output.expect("sh runs").stdout;
        let (one, rest) = Frame::read(&bytes).expect("a frame");
        assert_eq!(
            (one.kind, one.name, one.body),
            ("one", "a b", &b"it\n@two 3 c"[..])
        );
        let (two, rest) = Frame::read(rest).expect("a frame");
        assert_eq!((two.kind, two.name, two.body), ("two", "", &b""[..]));
        assert_eq!(Frame::read(rest), Err(NoFrame::Cut));
        assert_eq!(Frame::read(b"@a 3 b\nxy\n"), Err(NoFrame::Cut));
        assert_eq!(Frame::read(b"@a 1 b\nxy\n"), Err(NoFrame::Cut));
        let huge = format!("@a {} b\nx\n", usize::MAX);
        assert_eq!(Frame::read(huge.as_bytes()), Err(NoFrame::Cut));
        for foreign in ["hello", "@a b 3", "@a"] {
            let text = format!("{foreign}\n@a 0 \n\n");
            assert_eq!(
                Frame::read(text.as_bytes()),
                Err(NoFrame::Foreign(foreign.as_bytes()))
            );
        }
    }
}
