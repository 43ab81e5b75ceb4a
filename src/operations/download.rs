//! Files that are fetched by a URL, patiently.

use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Response, StatusCode};
use tokio::time::sleep;

use crate::host::http::explain;

/// How often a file is asked for before its error is told.
const TRIES: u32 = 4;
/// The first pause; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, whatever the server asks for.
const LONGEST: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// How often is told how much has come.
const TOLD: Duration = Duration::from_millis(200);

/// A mebibyte, in bytes.
pub(super) const MIB: u64 = 1 << 20;

/// How much has come, and how much there is if the server says it, in bytes.
pub(super) type Progress<'p> = dyn FnMut(u64, Option<u64>) + 'p;

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

/// What stands at `url`, of at most so many bytes: it is held in memory.
///
/// # Errors
/// Why it did not come, in words.
pub(super) async fn download(url: &str, most: u64, progress: &mut Progress<'_>) -> Result<Vec<u8>, String> {
    let client = Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .user_agent(concat!("hostwright/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(explain)?;
    let (mut pause, mut tried) = (PAUSE, 0);
    loop {
        tried += 1;
        let Failed { why, again } = match once(&client, url, most, progress).await {
            Ok(bytes) => return Ok(bytes),
            Err(failed) => failed,
        };
        let Some(asked) = again.filter(|_| tried < TRIES) else {
            return Err(match tried {
                1 => why,
                _ => format!("{why} ({tried} tries)"),
            });
        };
        sleep(pause.max(asked).min(LONGEST)).await;
        pause *= 2;
    }
}

async fn once(client: &Client, url: &str, most: u64, progress: &mut Progress<'_>) -> Result<Vec<u8>, Failed> {
    let too_large = || Failed::for_good(format!("it is larger than {} MiB", most / MIB));
    let mut response = client
        .get(url)
        .send()
        .await
        .map_err(|error| Failed::for_now(explain(error)))?;
    refused(&response)?;
    let total = response.content_length();
    if total.is_some_and(|total| total > most) {
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
        if received > most {
            return Err(too_large());
        }
        if told.is_none_or(|told| told.elapsed() >= TOLD) {
            told = Some(Instant::now());
            progress(received, total);
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
