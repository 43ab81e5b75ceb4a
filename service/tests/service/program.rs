//! The program, started on a port of its own and ended with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::source::Local;

/// A running program.
pub struct Program {
    child: Child,
    pub base: String,
    pub client: reqwest::Client,
    /// What it has written to its log.
    log: Arc<Mutex<String>>,
}

/// The program with nothing in its environment that a test did not put there.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-crypto-api"));
    command.env_clear();
    command
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Program {
    /// Starts with these settings and waits until it listens.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::on(free_port(), settings)
    }

    /// Starts on a port, which another program may share.
    pub fn on(port: u16, settings: &[(&str, &str)]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = command()
            .env("PORT", port.to_string())
            .env("RATE_LIMIT", "0")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        assert!(line.contains("listening"), "{line}");
        // What follows is read away, so that the program never waits for us.
        let log = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
                written.lock().expect("no panic").push_str(&line);
                line.clear();
            }
        });
        Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::new(),
            log,
        }
    }

    /// All of the log, once a request with this identifier is in it; and that line.
    pub async fn logged(&self, id: &str) -> (String, Value) {
        for _ in 0..500 {
            let log = self.log.lock().expect("no panic").clone();
            let lines = log
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(line) = lines.into_iter().find(|line| line["id"] == id) {
                return (log, line);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{id} is not in the log");
    }

    /// Answers with what is bundled.
    pub fn recorded() -> Self {
        Self::start(&[("UPSTREAM", "recorded")])
    }

    /// Asks this source for everything.
    pub fn asking(source: &Local, settings: &[(&str, &str)]) -> Self {
        let url = source.url();
        let mut all = vec![
            ("BINANCE_BASE_URL", url.as_str()),
            ("BINANCE_FUTURES_BASE_URL", url.as_str()),
            ("COINGECKO_BASE_URL", url.as_str()),
        ];
        all.extend_from_slice(settings);
        Self::start(&all)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await;
        let answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Posts a message to MCP, with these headers.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<String>) -> (u16, Value) {
        let mut request = self.client.post(format!("{}{path}", self.base)).body(body.into());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Calls a tool as the newest clients do.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let headers = [
            ("content-type", "application/json"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", tool),
        ];
        let (status, answer) = self.post("/mcp", &headers, message.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answer["result"].clone()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end and says whether it was a good one.
    pub fn ended(mut self) -> bool {
        let child = &mut self.child;
        for _ in 0..1000 {
            if let Some(status) = child.try_wait().expect("a child") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
