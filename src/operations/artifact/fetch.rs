//! Files that are fetched once, and kept by their hashes: `~/.cache/hostwright/fetched/SHA256`. It may be deleted at any
//! time.

use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use tokio::time::sleep;

use crate::change::{Content, sha256};
use crate::host::http::explain;
use crate::language::Problem;
use crate::operations::event::{Event, Observe};
use crate::transaction::Sent;

/// How often a file is asked for before its error is told.
const TRIES: u32 = 4;
/// The first pause; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, whatever the server asks for.
const LONGEST: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// It is held in memory, and no program is larger.
const MOST: u64 = 1 << 30;
/// How often is told how much has come.
const TOLD: Duration = Duration::from_millis(200);

/// Why it did not come, and whether it may come when it is asked for again, at the earliest after so long.
struct Failed {
    why: String,
    again: Option<Duration>,
}

impl Failed {
    fn for_good(why: impl Into<String>) -> Self {
        let (why, again) = (why.into(), None);
        Self { why, again }
    }

    fn for_now(why: impl Into<String>) -> Self {
        let (why, again) = (why.into(), Some(Duration::ZERO));
        Self { why, again }
    }
}

/// The file at `url` with this SHA-256, which the binary `name` wants.
///
/// # Errors
/// Why it did not come, or that what came is another one.
pub async fn get(
    name: &str,
    (url, wanted): (&str, &str),
    kept: &Sent,
    observe: &mut Observe<'_>,
) -> Result<Vec<u8>, Problem> {
    if let Some(bytes) = kept.get(wanted) {
        return Ok(bytes);
    }
    let client = Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .user_agent(concat!("hostwright/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Problem::new(explain(error), "this machine's certificates cannot be read"))?;
    let began = Instant::now();
    let bytes = patiently(&client, name, url, observe).await?;
    let found = sha256(&bytes);
    if found != wanted {
        return Err(Problem::new(
            format!(
                "{url} brought another file than is meant: its SHA-256 is {found}, and `sha256` says {wanted}"
            ),
            "see with its publisher which one is right: if the file was replaced on purpose, write its hash here",
        ));
    }
    observe(&Event::Fetched {
        name,
        url,
        size: bytes.len() as u64,
        seconds: began.elapsed().as_secs_f64(),
    });
    let content = Content::new(bytes, false);
    // Where it cannot be kept it is fetched again the next time.
    let _ = kept.keep(&content);
    Ok(content.bytes.to_vec())
}

async fn patiently(
    client: &Client,
    name: &str,
    url: &str,
    observe: &mut Observe<'_>,
) -> Result<Vec<u8>, Problem> {
    let (mut pause, mut tried) = (PAUSE, 0);
    loop {
        tried += 1;
        let Failed { why, again } = match once(client, name, url, observe).await {
            Ok(bytes) => return Ok(bytes),
            Err(failed) => failed,
        };
        let Some(asked) = again.filter(|_| tried < TRIES) else {
            let times = if tried == 1 {
                String::new()
            } else {
                format!(" ({tried} tries)")
            };
            return Err(Problem::new(
                format!("{url} could not be fetched: {why}{times}"),
                "see in a browser or with curl whether it is there",
            ));
        };
        sleep(pause.max(asked).min(LONGEST)).await;
        pause *= 2;
    }
}

async fn once(client: &Client, name: &str, url: &str, observe: &mut Observe<'_>) -> Result<Vec<u8>, Failed> {
    let too_large = || Failed::for_good("it is larger than 1 GiB");
    let mut response = client
        .get(url)
        .send()
        .await
        .map_err(|error| Failed::for_now(explain(error)))?;
    refused(&response)?;
    let total = response.content_length();
    if total.is_some_and(|total| total > MOST) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut told: Option<Instant> = None;
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| Failed::for_now(explain(error)))?
    {
        bytes.extend_from_slice(&piece);
        let received = bytes.len() as u64;
        if received > MOST {
            return Err(too_large());
        }
        if told.is_none_or(|told| told.elapsed() >= TOLD) {
            told = Some(Instant::now());
            observe(&Event::Fetching {
                name,
                url,
                received,
                total,
            });
        }
    }
    Ok(bytes)
}

/// What the answer says where it brings nothing.
fn refused(response: &Response) -> Result<(), Failed> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let why = format!("the server says {status}");
    let passes = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        );
    if !passes {
        return Err(Failed::for_good(why));
    }
    let asked = response.headers().get(RETRY_AFTER);
    let seconds = asked.and_then(|value| value.to_str().ok()?.parse().ok());
    let again = Some(Duration::from_secs(seconds.unwrap_or(0)));
    Err(Failed { why, again })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that gives these answers, one a connection; the URL of a file there, and how often it was asked.
    async fn server(answers: Vec<&'static str>) -> (String, Arc<Mutex<usize>>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/tool", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            for answer in answers {
                let Ok((mut stream, _)) = listener.accept().await else {
                    return;
                };
                *count.lock().expect("a count") += 1;
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (url, asked)
    }

    const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nprogram";

    fn said(problem: &Problem) -> String {
        match problem {
            Problem::Here { message, .. } => message.clone(),
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_file_is_fetched_once_and_asked_for_again_where_a_server_is_overloaded() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Sent::at(Some(folder.path().join("fetched")));
        let busy = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let (url, asked) = server(vec![busy, WHOLE]).await;
        let wanted = sha256(b"program");
        let mut told = Vec::new();
        let mut observe = |event: &Event<'_>| {
            if let Event::Fetched { name, size, .. } = event {
                told.push(format!("{name} {size}"));
            }
        };
        for _ in 0..2 {
            let got = get("tool", (&url, &wanted), &kept, &mut observe).await;
            assert_eq!(got.expect("fetched"), b"program");
        }
        assert_eq!(*asked.lock().expect("a count"), 2);
        assert_eq!(told, ["tool 7"]);
        // What is kept and was damaged is not taken.
        std::fs::write(folder.path().join("fetched").join(&wanted), "other").expect("written");
        let (url, _) = server(vec![WHOLE]).await;
        let got = get("tool", (&url, &wanted), &kept, &mut |_| {}).await;
        assert_eq!(got.expect("fetched again"), b"program");
    }

    #[tokio::test]
    async fn another_file_is_refused_by_both_hashes_and_what_is_not_there_is_asked_for_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Sent::at(Some(folder.path().into()));
        let (url, _) = server(vec![WHOLE]).await;
        let wanted = sha256(b"another");
        let error = get("tool", (&url, &wanted), &kept, &mut |_| {})
            .await
            .expect_err("refused");
        for word in [&url, &wanted, &sha256(b"program")] {
            assert!(said(&error).contains(word.as_str()), "{}", said(&error));
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
        let gone = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let (url, asked) = server(vec![gone, gone]).await;
        let error = get("tool", (&url, &wanted), &kept, &mut |_| {})
            .await
            .expect_err("gone");
        assert_eq!(
            said(&error),
            format!("{url} could not be fetched: the server says 404 Not Found")
        );
        assert_eq!(*asked.lock().expect("a count"), 1);
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_is_not_begun() {
        let large = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        let (url, _) = server(vec![large]).await;
        let error = get("tool", (&url, "x"), &Sent::at(None), &mut |_| {})
            .await
            .expect_err("large");
        assert!(
            said(&error).contains("it is larger than 1 GiB"),
            "{}",
            said(&error)
        );
    }
}
