//! A run's journal → what happened. Pure; takes the bytes as they come.

use super::event::Event;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every step was done.
    Ok,
    /// A step failed.
    Failed,
    /// Another run held the host's lock; nothing was done.
    Busy,
}

/// Something that a journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// For whoever waits for the run.
    Event(Event),
    /// The run waits for a new connection.
    Confirm,
    /// The run is over.
    End(End),
}

/// Reads a journal piece by piece.
#[derive(Debug)]
pub struct Journal {
    marker: String,
    pending: Vec<u8>,
    offset: u64,
    /// What came before the journal, until it begins.
    before: Option<Vec<u8>>,
}

impl Journal {
    /// A journal whose own lines bear `token`.
    pub fn new(token: &str) -> Self {
        Self {
            marker: format!("@{token} "),
            pending: Vec::new(),
            offset: 0,
            before: Some(Vec::new()),
        }
    }

    /// Goes on with the journal as a new command sends it. What a login shell prints first is passed over,
    /// up to the line `@TOKEN begin`.
    pub fn resume(&mut self) {
        self.before = Some(Vec::new());
    }

    /// How many bytes have been read: where to go on after the connection broke.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes the next bytes and says what they tell. An incomplete line waits for the rest.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Mark> {
        let Some(mut before) = self.before.take() else {
            return self.read(bytes);
        };
        before.extend_from_slice(bytes);
        let begin = format!("{}begin\n", self.marker);
        match before
            .windows(begin.len())
            .position(|window| window == begin.as_bytes())
        {
            Some(at) => self.read(&before[at + begin.len()..]),
            None => {
                self.before = Some(before);
                Vec::new()
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Mark> {
        self.offset += bytes.len() as u64;
        self.pending.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.line(&String::from_utf8_lossy(&line[..end]), &mut events);
        }
        events
    }

    fn line(&self, line: &str, events: &mut Vec<Mark>) {
        // A step's last line may lack its newline: the mark then stands behind it.
        let Some((before, mark)) = line.split_once(&self.marker) else {
            events.push(said(line));
            return;
        };
        if !before.is_empty() {
            events.push(said(before));
        }
        events.extend(read(mark));
    }
}

fn said(line: &str) -> Mark {
    let line = line.to_owned();
    Mark::Event(Event::StepOutput { line })
}

fn read(mark: &str) -> Option<Mark> {
    let words: Vec<&str> = mark.split(' ').collect();
    let [what, which, at] = words[..] else { return None };
    if what == "end" {
        return match which {
            "ok" => Some(Mark::End(End::Ok)),
            "failed" => Some(Mark::End(End::Failed)),
            "busy" => Some(Mark::End(End::Busy)),
            _ => None,
        };
    }
    let step = which.parse::<usize>().ok()?.checked_sub(1)?;
    let at = at.parse().ok()?;
    match what {
        "started" => Some(Mark::Event(Event::StepStarted { step, at })),
        "done" => Some(Mark::Event(Event::StepDone { step, at })),
        "failed" => Some(Mark::Event(Event::StepFailed { step, at })),
        "confirm" => Some(Mark::Confirm),
        "stuck" => Some(Mark::Event(Event::StepStuck)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BEFORE: &[u8] = b"Welcome!\nno newline@t begin\n";
    const TEXT: &[u8] =
        b"@t started 1 100\nhello\n@x done 1 5\nno newline@t done 1 250\n@t started 2 251\n@t confirm 2 260\n@t stuck 2 299\n@t failed 2 300\n@t end failed 301\n";

    fn all() -> Vec<Mark> {
        vec![
            Mark::Event(Event::StepStarted { step: 0, at: 100 }),
            said("hello"),
            said("@x done 1 5"),
            said("no newline"),
            Mark::Event(Event::StepDone { step: 0, at: 250 }),
            Mark::Event(Event::StepStarted { step: 1, at: 251 }),
            Mark::Confirm,
            Mark::Event(Event::StepStuck),
            Mark::Event(Event::StepFailed { step: 1, at: 300 }),
            Mark::End(End::Failed),
        ]
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_says_the_same(cuts in proptest::collection::vec(0..TEXT.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.push(TEXT.len());
            cuts.sort_unstable();
            let mut journal = Journal::new("t");
            let mut events = Vec::new();
            let mut at = 0;
            for cut in cuts {
                // Each piece comes over a new connection, behind what the login shell prints.
                journal.resume();
                let (one, other) = BEFORE.split_at(at % BEFORE.len());
                prop_assert_eq!(journal.feed(one), vec![]);
                events.extend(journal.feed(&[other, &TEXT[at..cut]].concat()));
                at = cut;
            }
            prop_assert_eq!(events, all());
            prop_assert_eq!(journal.offset(), TEXT.len() as u64);
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Journal::new("t").feed(&[b"@t ".as_slice(), &bytes, b"\n"].concat());
        }
    }
}
