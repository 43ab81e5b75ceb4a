//! Requests to a server, and how long they take. Answers are looked at no closer than needed to know that they are
//! whole, so that it is the server that is measured.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CONNECTIONS: usize = 32;
/// Short, for what disturbs one server to be there for the next one too.
const LASTS: Duration = Duration::from_millis(300);
/// Connections of the measurement of latency; each sends a request so often.
const PACED: u32 = 4;
const EVERY: Duration = Duration::from_millis(4);

/// Sends as many requests as are answered over [`CONNECTIONS`] connections; how many, and in what time.
pub fn as_many_as_go(port: u16, request: &str) -> (u32, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(async {
        let began = Instant::now();
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let request = request.to_owned();
                tokio::spawn(async move {
                    let stream = connected(port);
                    stream.set_nonblocking(true).expect("a socket");
                    let mut stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
                    let mut answer = Vec::with_capacity(4096);
                    let mut count = 0;
                    while began.elapsed() < LASTS {
                        stream.write_all(request.as_bytes()).await.expect("it listens");
                        answer.clear();
                        while !is_whole(&answer) {
                            let read = stream.read_buf(&mut answer).await.expect("an answer");
                            assert!(read > 0, "the server closed the connection");
                        }
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let mut total = 0;
        for client in clients {
            total += client.await.expect("no panic");
        }
        (total, began.elapsed())
    })
}

/// Milliseconds within which 99 of 100 requests are answered, a thousand a second. A request that waits for the answer
/// before it counts from when it was due; threads that block wake up sooner than a runtime's tasks.
pub fn p99(port: u16, request: &str) -> f64 {
    let began = Instant::now() + EVERY;
    let clients: Vec<_> = (0..PACED)
        .map(|number| {
            let request = request.to_owned();
            std::thread::spawn(move || {
                let mut stream = connected(port);
                let mut answer = vec![0; 4096];
                let first = began + EVERY * number / PACED;
                let turns = LASTS.as_millis() / EVERY.as_millis();
                let took = (0..turns as u32).map(|turn| {
                    let due = first + EVERY * turn;
                    let early = due.saturating_duration_since(Instant::now());
                    std::thread::sleep(early);
                    let began = if early.is_zero() { due } else { Instant::now() };
                    stream.write_all(request.as_bytes()).expect("it listens");
                    let mut length = 0;
                    while !is_whole(&answer[..length]) {
                        let read = stream.read(&mut answer[length..]).expect("an answer");
                        assert!(read > 0, "the server closed the connection");
                        length += read;
                    }
                    began.elapsed()
                });
                took.collect::<Vec<_>>()
            })
        })
        .collect();
    let mut took: Vec<_> = clients
        .into_iter()
        .flat_map(|client| client.join().expect("no panic"))
        .collect();
    took.sort();
    took[took.len() * 99 / 100].as_secs_f64() * 1e3
}

fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Whether this is a whole answer, which must be 200 and say its length or end in an empty chunk.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return false;
    };
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(answer)
    );
    let length = answer[..head].split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        let value = std::str::from_utf8(value).ok()?;
        name.eq_ignore_ascii_case(b"content-length:")
            .then(|| value.trim().parse::<usize>().expect("a length"))
    });
    match length {
        Some(length) => answer.len() >= head + 4 + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}
