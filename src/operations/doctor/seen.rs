//! What was seen of a host, on it and from here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::layout::Frame;
use crate::operations::status::Status;
use crate::operations::status::ask::read;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How the host fares.
    pub status: Status,
    pub here: Here,
    frames: Vec<(String, String, String)>,
}

/// What was seen from here.
#[derive(Debug, Default)]
pub(super) struct Here {
    /// This machine's clock when the host had answered, and how long that took at most; in seconds.
    pub now: Option<(u64, u64)>,
    /// The host's address.
    pub address: Option<IpAddr>,
    /// Which ports let us in.
    pub ports: BTreeMap<u16, bool>,
    /// What addresses names have.
    pub names: BTreeMap<String, Vec<IpAddr>>,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'s> {
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Its status, or why there is none.
    pub status: Result<u16, &'s str>,
    pub body: &'s str,
}

/// What listens somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder<'s> {
    pub address: &'s str,
    pub name: &'s str,
    pub pid: &'s str,
    /// The unit that it runs in, `-` for none.
    pub unit: &'s str,
    pub command: &'s str,
}

impl Seen {
    /// The host's whole answer; none where it is cut off or foreign.
    pub fn read(answer: &[u8], host: &str) -> Option<Self> {
        let status = read(answer, host)?;
        let mut frames = Vec::new();
        let mut rest = answer;
        while let Ok((frame, after)) = Frame::read(rest) {
            let text = String::from_utf8_lossy(frame.body).into_owned();
            frames.push((frame.kind.to_owned(), frame.name.to_owned(), text));
            rest = after;
        }
        Some(Self {
            status,
            frames,
            here: Here::default(),
        })
    }

    /// The answers of a kind, with their names.
    pub fn all<'s>(&'s self, kind: &str) -> impl Iterator<Item = (&'s str, &'s str)> {
        let ours = self.frames.iter().filter(move |(its, _, _)| its == kind);
        ours.map(|(_, name, text)| (&**name, &**text))
    }

    /// An answer; empty where there is none.
    pub fn text(&self, kind: &str, name: &str) -> &str {
        let found = self.frames.iter().find(|(its, of, _)| its == kind && of == name);
        found.map_or("", |(_, _, text)| text)
    }

    /// The first answer of a kind.
    pub fn first(&self, kind: &str) -> &str {
        self.all(kind).next().map_or("", |(_, text)| text)
    }

    /// The answer to a request.
    pub fn answer(&self, kind: &str, name: &str) -> Option<Answer<'_>> {
        let found = self.frames.iter().find(|(its, of, _)| its == kind && of == name);
        found.and_then(|(_, _, text)| Answer::read(text))
    }

    /// All that listens.
    pub fn holders(&self) -> Vec<Holder<'_>> {
        let mut holders: Vec<Holder<'_>> = Vec::new();
        for line in self.text("listening", "").lines() {
            let address = line.split_whitespace().nth(3).unwrap_or_default();
            let Some((_, users)) = line.split_once("users:((\"") else {
                continue;
            };
            let name = users.split('"').next().unwrap_or_default();
            let pid = users.split("pid=").nth(1).unwrap_or_default();
            let pid = pid
                .split(|c: char| !c.is_ascii_digit())
                .next()
                .unwrap_or_default();
            let (unit, command) = self.text("holder", pid).split_once(' ').unwrap_or(("-", ""));
            holders.push(Holder {
                address,
                name,
                pid,
                unit,
                command: command.trim(),
            });
        }
        holders
    }

    /// What listens at a port.
    pub fn holder(&self, port: u16) -> Option<Holder<'_>> {
        let ending = format!(":{port}");
        self.holders()
            .into_iter()
            .find(|holder| holder.address.ends_with(&ending))
    }
}

impl std::fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {}", self.name, self.pid)?;
        if self.unit != "-" {
            write!(f, " of {}", self.unit)?;
        }
        f.write_str(")")
    }
}

impl<'s> Answer<'s> {
    /// Milliseconds, a newline, the answer as it came or `! WHY`.
    fn read(text: &'s str) -> Option<Self> {
        let (millis, answer) = text.split_once('\n')?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .or_else(|| answer.split_once("\n\n"))
            .unwrap_or((answer, ""));
        let why = answer.strip_prefix("! ").map(str::trim);
        let number = head.split(' ').nth(1).and_then(|word| word.trim().parse().ok());
        Some(Self {
            millis: millis.parse().ok()?,
            status: number
                .filter(|_| why.is_none())
                .ok_or(why.unwrap_or("no HTTP").lines().next().unwrap_or_default()),
            body: body.trim(),
        })
    }
}

/// A field of a head, whose name is read in any case.
pub(super) fn field<'s>(head: &'s str, name: &str) -> Option<&'s str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut ours = lines.filter(|(its, _)| its.trim().eq_ignore_ascii_case(name));
    ours.next().map(|(_, value)| value.trim())
}

/// The values of `NAME=VALUE` lines with this name.
pub(super) fn values<'s>(text: &'s str, name: &str) -> impl Iterator<Item = &'s str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(move |(its, _)| *its == name)
        .map(|(_, value)| value.trim())
}

/// The first of them that is not empty.
pub(super) fn value<'s>(text: &'s str, name: &str) -> Option<&'s str> {
    values(text, name).find(|value| !value.is_empty())
}

/// Seconds as a person says them.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
