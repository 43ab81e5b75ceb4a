//! `cargo bench -p mcp-crypto-api`: cached answers against bare hyper and against the peers in `benches/peers`.
//!
//! The peers' packages are those of `tests/clients/run`, and FastMCP in `target/clients/fastmcp` where it is installed;
//! what is missing is left out and said. Load and servers share this machine: read the ratios, not the numbers.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 32;
const LASTS: Duration = Duration::from_secs(3);
const PRICE: &str =
    r#"{"symbol":"BTCUSDT","price":92731.52,"price_formatted":"$92,731.5200","market":"现货"}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_spot_price","arguments":{"symbol":"BTC"}}}"#;

/// A server that ends with the benchmark.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if let Some(port) = std::env::var("BARE_HYPER")
        .ok()
        .and_then(|port| port.parse().ok())
    {
        bare_hyper(port).await;
        return;
    }
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients");
    let rest = "GET /binance/spot/price?symbol=BTC HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
    let mcp = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{CALL}",
        CALL.len()
    );

    let began = Instant::now();
    let port = free_port();
    let mut service = Command::new(env!("CARGO_BIN_EXE_mcp-crypto-api"))
        .envs([
            ("PORT", port.to_string().as_str()),
            ("UPSTREAM", "recorded"),
            ("RATE_LIMIT", "0"),
            ("LOG", "events"),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .map(Server)
        .expect("the service starts");
    let mut line = String::new();
    let out = service.0.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("a line");
    println!(
        "ready after          {:>8.1} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    println!("memory idle          {:>8.1} MB", resident(&service));
    let ours_rest = load("REST", port, &rest).await;
    let ours_mcp = load("MCP", port, &mcp).await;
    println!("memory under load    {:>8.1} MB", resident(&service));
    println!("p99 at 1000/s, REST  {:>8.3} ms", p99(port, &rest).await);
    println!("p99 at 1000/s, MCP   {:>8.3} ms", p99(port, &mcp).await);
    drop(service);

    let myself = std::env::current_exe().expect("a path");
    let mut bare = Command::new(myself);
    let hyper = peer("bare hyper", bare.env("BARE_HYPER", "PORT"), &rest).await;
    let mut node = Command::new(clients.join("node_modules/node/bin/node"));
    node.arg(peers("typescript.mjs")).arg(&clients).arg("PORT");
    let typescript = peer("TypeScript SDK", &mut node, &mcp).await;
    let mut python = Command::new(clients.join("fastmcp/bin/python"));
    let fastmcp = peer("FastMCP", python.arg(peers("python.py")).arg("PORT"), &mcp).await;

    let ratio = |name: &str, value: Option<f64>| match value {
        Some(value) => println!("{name} {value:>8.2}"),
        None => println!("{name} not measured: it is not installed under target/clients"),
    };
    ratio("bare hyper / REST   ", hyper.map(|hyper| hyper / ours_rest));
    ratio("bare hyper / MCP    ", hyper.map(|hyper| hyper / ours_mcp));
    ratio("MCP / TypeScript SDK", typescript.map(|peer| ours_mcp / peer));
    ratio("MCP / FastMCP       ", fastmcp.map(|peer| ours_mcp / peer));
}

fn peers(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches/peers")
        .join(file)
}

/// Starts a peer on a port of its own (`PORT` in its arguments and environment) and loads it; none when it cannot start.
async fn peer(name: &str, command: &mut Command, request: &str) -> Option<f64> {
    let port = free_port().to_string();
    let mut started = Command::new(command.get_program());
    started.args(command.get_args().map(|argument| {
        if argument == "PORT" {
            std::ffi::OsStr::new(&port)
        } else {
            argument
        }
    }));
    if command.get_envs().next().is_some() {
        started.env("BARE_HYPER", &port);
    }
    let server = started.stdout(Stdio::null()).spawn().map(Server).ok()?;
    let number = port.parse().ok()?;
    let waited = Instant::now();
    while TcpStream::connect(("127.0.0.1", number)).await.is_err() {
        if waited.elapsed() > Duration::from_secs(20) {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rate = load(name, number, request).await;
    println!("p99 at 1000/s        {:>8.3} ms", p99(number, request).await);
    println!("memory of {name:<11}{:>8.1} MB", resident(&server));
    Some(rate)
}

/// Requests a second over [`CONNECTIONS`] connections.
async fn load(name: &str, port: u16, request: &str) -> f64 {
    let began = Instant::now();
    let clients = (0..CONNECTIONS).map(|_| {
        let request = request.to_owned();
        tokio::spawn(async move {
            let mut stream = connected(port).await;
            let mut count = 0_u32;
            while began.elapsed() < LASTS {
                exchange(&mut stream, &request).await;
                count += 1;
            }
            count
        })
    });
    let mut total = 0;
    for client in clients.collect::<Vec<_>>() {
        total += client.await.expect("no panic");
    }
    let rate = f64::from(total) / began.elapsed().as_secs_f64();
    println!("{name:<20} {rate:>8.0} requests/s");
    rate
}

/// Milliseconds that 99 of 100 requests take, sent a thousand a second.
async fn p99(port: u16, request: &str) -> f64 {
    let clients = (0..4).map(|_| {
        let request = request.to_owned();
        tokio::spawn(async move {
            let mut stream = connected(port).await;
            let mut tick = tokio::time::interval(Duration::from_millis(4));
            let mut took = Vec::new();
            for _ in 0..750 {
                tick.tick().await;
                let began = Instant::now();
                exchange(&mut stream, &request).await;
                took.push(began.elapsed());
            }
            took
        })
    });
    let mut took = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        took.extend(client.await.expect("no panic"));
    }
    took.sort();
    took[took.len() * 99 / 100].as_secs_f64() * 1e3
}

async fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// One request and its whole answer, which must be 200 and say its length or come in one chunk.
async fn exchange(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).await.expect("it listens");
    let mut answer = Vec::with_capacity(2048);
    loop {
        let read = stream.read_buf(&mut answer).await.expect("an answer");
        assert!(read > 0, "the server closed the connection");
        let text = String::from_utf8_lossy(&answer);
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{text}");
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
        let complete = match length {
            Some(length) => answer.len() >= head.len() + 4 + length,
            None => answer.ends_with(b"0\r\n\r\n"),
        };
        if complete {
            return;
        }
    }
}

async fn bare_hyper(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let service = service_fn(|_| async {
            let mut answer = Response::new(Full::new(Bytes::from_static(PRICE.as_bytes())));
            let json = hyper::header::HeaderValue::from_static("application/json");
            answer.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
            Ok::<_, Infallible>(answer)
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Resident memory in megabytes.
fn resident(server: &Server) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
