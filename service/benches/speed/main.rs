//! `cargo bench -p mcp-crypto-api`: cached answers against bare hyper and against the peers in `benches/peers`.
//!
//! The peers' packages are those of `tests/clients/run`, and FastMCP in `target/clients/fastmcp` where it is installed;
//! what is missing is left out and said. Load and servers share this machine: read the ratios, not the numbers. All
//! servers run at once and are loaded by turns, so that what else the machine does strikes them alike; a ratio is the
//! middle one of all rounds.

mod load;
mod server;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use server::Server;

const ROUNDS: usize = 15;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_spot_price","arguments":{"symbol":"BTC"}}}"#;

/// One kind of request to one server, and what its rounds gave.
struct Contender<'a> {
    name: &'static str,
    server: &'a Server,
    request: &'a str,
    /// Requests a second.
    rates: Vec<f64>,
    /// The server's processor time for a request.
    costs: Vec<f64>,
    /// The time within which 99 of 100 requests are answered at a thousand a second, in milliseconds.
    tails: Vec<f64>,
}

impl<'a> Contender<'a> {
    fn new(name: &'static str, server: &'a Server, request: &'a str) -> Self {
        let (rates, costs, tails) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            name,
            server,
            request,
            rates,
            costs,
            tails,
        }
    }

    fn round(&mut self) {
        let spent = self.server.spent();
        let (count, took) = load::as_many_as_go(self.server.port, self.request);
        self.costs.push((self.server.spent() - spent) / f64::from(count));
        self.rates.push(f64::from(count) / took.as_secs_f64());
    }

    fn print(&self) {
        let (rate, name) = (median(&self.rates), self.name);
        let tail = if self.tails.is_empty() {
            String::new()
        } else {
            format!(", p99 at 1000/s {:.3} ms", median(&self.tails))
        };
        println!("{name:<15} {rate:>7.0} requests/s{tail}");
    }
}

fn main() {
    if let Ok(port) = std::env::var("BARE_HYPER") {
        return server::bare_hyper(port.parse().expect("a port"));
    }
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients");
    let rest = "GET /binance/spot/price?symbol=BTC HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mcp = &format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{CALL}",
        CALL.len()
    );

    let ours = started();
    let hyper =
        Server::start(std::env::current_exe().expect("a path"), &[], "BARE_HYPER").expect("it starts");
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let (node, script) = (
        clients.join("node_modules/node/bin/node"),
        peers.join("typescript.mjs"),
    );
    let typescript = Server::start(node, &[script.as_os_str(), clients.as_os_str()], "");
    let (python, script) = (clients.join("fastmcp/bin/python"), peers.join("python.py"));
    let fastmcp = Server::start(python, &[script.as_os_str()], "");

    let mut contenders = vec![
        Contender::new("bare hyper", &hyper, rest),
        Contender::new("REST", &ours, rest),
        Contender::new("MCP", &ours, mcp),
    ];
    let others = [("TypeScript SDK", &typescript), ("FastMCP", &fastmcp)];
    for (name, server) in others {
        match server {
            Some(server) => contenders.push(Contender::new(name, server, mcp)),
            None => println!("{name} is not measured: it is not installed under target/clients"),
        }
    }
    for _ in 0..ROUNDS {
        contenders.iter_mut().for_each(Contender::round);
    }
    println!("memory under load {:.1} MB", ours.resident());
    for _ in 0..ROUNDS {
        for contender in &mut contenders[..3] {
            contender
                .tails
                .push(load::p99(contender.server.port, contender.request));
        }
    }
    contenders.iter().for_each(Contender::print);

    let [hyper, rest, mcp, peers @ ..] = &contenders[..] else {
        return;
    };
    for ours in [rest, mcp] {
        let (rate, cost) = (ratio(&hyper.rates, &ours.rates), ratio(&ours.costs, &hyper.costs));
        let name = ours.name;
        println!("bare hyper / {name:<4} {rate:.2} in throughput, {cost:.2} in the server's processor time");
    }
    for peer in peers {
        println!("MCP / {:<14} {:.1}", peer.name, ratio(&mcp.rates, &peer.rates));
    }
}

/// The service, once it listens.
fn started() -> Server {
    let began = Instant::now();
    let mut ours = Server::spawn(
        env!("CARGO_BIN_EXE_mcp-crypto-api").as_ref(),
        &[],
        &[("UPSTREAM", "recorded"), ("RATE_LIMIT", "0"), ("LOG", "events")],
        Stdio::piped(),
        "PORT",
    )
    .expect("the service starts");
    let out = ours.output().expect("piped");
    BufReader::new(out).read_line(&mut String::new()).expect("a line");
    println!("ready after {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    std::thread::sleep(Duration::from_millis(200));
    println!("memory idle {:.1} MB", ours.resident());
    ours
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The middle one of the rounds' ratios.
fn ratio(above: &[f64], below: &[f64]) -> f64 {
    let ratios: Vec<f64> = above
        .iter()
        .zip(below)
        .map(|(above, below)| above / below)
        .collect();
    median(&ratios)
}
