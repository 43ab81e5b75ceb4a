//! A stream that remembers how the other side began, to say what it is if it is not SSH.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Enough for the first line of anything; an SSH identification has at most 255 bytes.
const KEPT: usize = 256;

/// The beginning of what was read, shared with whoever has to explain a failure.
#[derive(Clone, Default)]
pub(super) struct FirstLine(Arc<Mutex<Vec<u8>>>);

impl FirstLine {
    /// The first line, printable; `None` if nothing was read.
    pub fn text(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = bytes
            .split(|&byte| byte == b'\n')
            .next()
            .filter(|line| !line.is_empty())?;
        let text = String::from_utf8_lossy(line);
        Some(
            text.trim_end()
                .chars()
                .map(|c| if c.is_control() { '.' } else { c })
                .take(80)
                .collect(),
        )
    }

    fn add(&self, read: &[u8]) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = KEPT.saturating_sub(bytes.len());
        bytes.extend(read.iter().take(missing));
    }
}

/// Passes everything through.
pub(super) struct Remembering<S> {
    pub stream: S,
    pub first: FirstLine,
}

impl<S: AsyncRead + Unpin> AsyncRead for Remembering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.first.add(buf.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Remembering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn the_first_line_is_kept_and_all_is_passed_on() {
        let first = FirstLine::default();
        let sent = [b"HTTP/1.1 400\x07 Bad\r\n".as_slice(), &[b'x'; 1000]].concat();
        let mut stream = Remembering {
            stream: sent.as_slice(),
            first: first.clone(),
        };
        let mut received = Vec::new();
        assert_eq!(first.text(), None);
        stream.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, sent);
        assert_eq!(first.text().as_deref(), Some("HTTP/1.1 400. Bad"));
    }
}
