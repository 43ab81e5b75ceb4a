//! Lines of JSON on standard output, written by a thread of its own so that no request waits for a pipe.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// So many lines may wait to be written; more are dropped rather than held.
const WAITING: usize = 4096;

static LINES: OnceLock<SyncSender<String>> = OnceLock::new();

/// Starts writing: to standard error when standard output is the protocol's.
pub fn start(to_stderr: bool) {
    let (sender, lines) = sync_channel::<String>(WAITING);
    let writer = std::thread::Builder::new().name("log".into()).spawn(move || {
        let mut out: Box<dyn Write> = if to_stderr {
            Box::new(std::io::stderr())
        } else {
            Box::new(std::io::stdout())
        };
        while let Ok(line) = lines.recv() {
            let mut batch = line;
            while let Ok(line) = lines.try_recv() {
                batch.push_str(&line);
            }
            // Nobody is left to tell when the log cannot be written.
            let _ = out.write_all(batch.as_bytes()).and_then(|()| out.flush());
        }
    });
    if writer.is_ok() {
        let _ = LINES.set(sender);
    }
}

#[derive(Serialize)]
struct Line<'a, F> {
    time_ms: u64,
    event: &'a str,
    #[serde(flatten)]
    fields: &'a F,
}

/// Writes one line: the time, then the fields of an object.
pub fn event(name: &str, fields: &impl Serialize) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = Line {
        time_ms: since.as_millis() as u64,
        event: name,
        fields,
    };
    if let (Some(lines), Ok(mut line)) = (LINES.get(), serde_json::to_string(&line)) {
        line.push('\n');
        let _ = lines.try_send(line);
    }
}
