//! Visitors of a site: they come at a fixed pace, whatever becomes of those before them, and tell of every answer that is
//! not whole and right. None asks twice: a connection that is closed under a request is a failure.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Short requests come so often, in all.
const A_SECOND: u32 = 300;
/// By so many visitors: half of them stay connected, half come anew each time. Every third request is a POST.
const VISITORS: u32 = 48;
/// So many more ask for long answers, one after the other.
const PATIENT: u32 = 12;

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Seen {
    /// What went wrong.
    pub failed: Vec<String>,
    /// How many answers were right, by the words that they begin with.
    pub answers: BTreeMap<String, u32>,
    /// How many long ones were.
    pub long: u32,
}

/// Visitors that come until they are told to stop.
pub struct Load {
    over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    visitors: Vec<JoinHandle<()>>,
}

impl Load {
    /// Lets visitors come to the site at `address`. It answers POST with what it was sent, `/long` with a text that ends
    /// with `end`, and all else with a text of words whose first ones are told.
    pub fn on(address: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let visit = |number: u32| {
            let (over, seen) = (Arc::clone(&over), Arc::clone(&seen));
            std::thread::spawn(move || visit(number, address, &over, &seen))
        };
        let visitors = (0..VISITORS + PATIENT).map(visit).collect();
        Self { over, seen, visitors }
    }

    /// How many answers begin with `words` so far.
    pub fn count(&self, words: &str) -> u32 {
        let seen = self.seen.lock().expect("seen");
        seen.answers.get(words).copied().unwrap_or_default()
    }

    /// Lets the visitors end what they have begun, and tells what they saw.
    pub fn end(self) -> Seen {
        self.over.store(true, Ordering::SeqCst);
        for visitor in self.visitors {
            visitor.join().expect("a visitor");
        }
        std::mem::take(&mut *self.seen.lock().expect("seen"))
    }
}

fn visit(number: u32, address: SocketAddr, over: &AtomicBool, seen: &Mutex<Seen>) {
    let pause = Duration::from_secs(1) * VISITORS / A_SECOND;
    let begin = Instant::now() + pause * number / VISITORS;
    let mut connection = None;
    for turn in 0.. {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let is_long = number >= VISITORS;
        if !is_long {
            std::thread::sleep((begin + pause * turn).saturating_duration_since(Instant::now()));
        }
        let stays = number.is_multiple_of(2);
        let again = connection.is_some();
        let told = match (is_long, turn % 3) {
            (true, _) => ask(&mut connection, address, "GET /long", "").and_then(|text| whole(&text)),
            (false, 0) => {
                let body = format!("{number}/{turn} {}", "sent ".repeat(200));
                let answer = ask(&mut connection, address, "POST /echo", &body);
                answer.and_then(|text| {
                    if text == body {
                        Ok(String::new())
                    } else {
                        Err(wrong(&text))
                    }
                })
            }
            _ => ask(&mut connection, address, "GET /", "").and_then(|text| first_words(&text)),
        };
        let mut seen = seen.lock().expect("seen");
        match told {
            Ok(_) if is_long => seen.long += 1,
            Ok(words) => *seen.answers.entry(words).or_default() += 1,
            Err(error) => {
                connection = None;
                let how = if again {
                    "over a connection that stayed"
                } else {
                    "over a new connection"
                };
                seen.failed
                    .push(format!("visitor {number}, request {turn} {how}: {error}"));
            }
        }
        if !stays {
            connection = None;
        }
    }
}

fn wrong(text: &str) -> Error {
    let start: String = text.chars().take(200).collect();
    Error::other(format!("a wrong answer of {} bytes: {start}", text.len()))
}

fn whole(text: &str) -> Result<String, Error> {
    if text.ends_with("end\n") {
        Ok(String::new())
    } else {
        Err(wrong(text))
    }
}

fn first_words(text: &str) -> Result<String, Error> {
    match text.split_once('|') {
        Some((words, rest)) if rest.len() == 4000 => Ok(words.trim().to_owned()),
        _ => Err(wrong(text)),
    }
}

type Connection = BufReader<TcpStream>;

/// One request and its whole answer.
fn ask(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    what: &str,
    body: &str,
) -> Result<String, Error> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect_timeout(&address, Duration::from_secs(20))?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        }
    };
    let request = format!(
        "{what} HTTP/1.1\r\nHost: site.example\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes())?;
    let status = line(&mut stream)?;
    let (mut length, mut closes) = (None, false);
    loop {
        let header = line(&mut stream)?.to_ascii_lowercase();
        match header.split_once(": ") {
            Some(("content-length", number)) => length = number.parse().ok(),
            Some(("connection", "close")) => closes = true,
            None => break,
            _ => {}
        }
    }
    let mut text = Vec::new();
    match length {
        Some(length) => {
            text.resize(length, 0);
            stream.read_exact(&mut text)?;
        }
        None => loop {
            let size = line(&mut stream)?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| wrong(&size))?;
            let mut chunk = vec![0; size];
            stream.read_exact(&mut chunk)?;
            text.extend(chunk);
            line(&mut stream)?;
            if size == 0 {
                break;
            }
        },
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(Error::other(format!("{status}: {text}")));
    }
    if !closes {
        *connection = Some(stream);
    }
    Ok(text)
}

fn line(stream: &mut Connection) -> Result<String, Error> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(Error::other(
            "the connection was closed before the answer was whole",
        )),
        _ => Ok(line.trim_end().to_owned()),
    }
}
