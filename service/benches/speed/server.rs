//! The servers that are measured: processes of their own, which end with the benchmark.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;

const PRICE: &str = r#"{"symbol":"BTCUSDT","price":92731.52,"price_formatted":"$92,731.5200","market":"现货","upstream":"recorded"}"#;

/// A server that ends with the benchmark.
pub struct Server {
    process: Child,
    pub port: u16,
}

impl Server {
    /// Starts a program on a free port, which is its last argument and the value of a variable.
    pub fn spawn(
        program: &Path,
        arguments: &[&OsStr],
        variables: &[(&str, &str)],
        output: Stdio,
        port_variable: &str,
    ) -> std::io::Result<Self> {
        let port = free_port();
        let mut command = Command::new(program);
        command.args(arguments).envs(variables.iter().copied());
        if port_variable.is_empty() {
            command.arg(port.to_string());
        } else {
            command.env(port_variable, port.to_string());
        }
        let process = command.stdout(output).spawn()?;
        Ok(Self { process, port })
    }

    /// Starts a peer and waits for it; none when it cannot start.
    pub fn start(program: PathBuf, arguments: &[&OsStr], port_variable: &str) -> Option<Self> {
        let server = Self::spawn(&program, arguments, &[], Stdio::null(), port_variable).ok()?;
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// What it writes.
    pub fn output(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Resident memory in megabytes.
    pub fn resident(&self) -> f64 {
        let status = self.kernel_says("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kilobytes.unwrap_or_default() / 1024.0
    }

    /// Processor time spent so far, in the kernel's ticks.
    pub fn spent(&self) -> f64 {
        let stat = self.kernel_says("stat");
        // After the name, which may hold anything, the 12th and 13th field: in the program and in the kernel for it.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum()
    }

    fn kernel_says(&self, what: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{what}", self.process.id())).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The ceiling: the same bytes from memory for every request, in a runtime like the service's.
pub fn bare_hyper(port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a port");
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
    });
}
