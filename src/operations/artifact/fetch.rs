//! Files that are fetched once, and kept by their hashes: `~/.cache/hostwright/fetched/SHA256`. It may be deleted at any
//! time.

use std::time::Instant;

use crate::change::{Content, sha256};
use crate::language::Problem;
use crate::operations::download::{MIB, download};
use crate::operations::event::{Event, Observe};
use crate::transaction::Sent;

/// No program is larger.
const MOST: u64 = 1024 * MIB;

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
    let began = Instant::now();
    let mut progress = |received, total| {
        observe(&Event::Fetching {
            name,
            url,
            received,
            total,
        });
    };
    let bytes = download(url, MOST, &mut progress).await.map_err(|why| {
        Problem::new(
            format!("{url} could not be fetched: {why}"),
            "see in a browser or with curl whether it is there",
        )
    })?;
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
            said(&error).contains("it is larger than 1024 MiB"),
            "{}",
            said(&error)
        );
    }
}
