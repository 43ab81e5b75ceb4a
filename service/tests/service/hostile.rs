//! Clients that mean harm or know no better: no panic, no 5xx, and the next client is served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::program::Program;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn raw(program: &Program, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(program.base.trim_start_matches("http://")).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    // Who is refused early may see its write fail.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn bodies_that_no_client_would_send() {
    let program = Program::recorded();
    let deep = "[".repeat(100_000);
    let (status, answer) = program.post("/mcp", &JSON, deep).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &(-32700).into()));
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_spot_price","arguments":{{"symbol":{}{}}}}}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    assert!(program.post("/mcp", &JSON, deep).await.0 < 500);
    let (status, _) = program.post("/mcp", &JSON, "x".repeat(300_000)).await;
    assert_eq!(status, 413);
    let bad = b"POST /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n\"\xff\xfe\"";
    assert!(raw(&program, bad).contains("-32700"));
    assert_eq!(program.get("/health").await.0, 200);
}

/// What is wrong with one of many arguments is not sought by trying all of them.
#[tokio::test]
async fn more_arguments_than_any_tool_takes() {
    let program = Program::recorded();
    let names: Vec<String> = (0..20_000).map(|number| format!("a{number}")).collect();
    let path = format!("/binance/spot/price?{}", names[..3_000].join("&"));
    let (status, answer) = program.get(&path).await;
    assert_eq!(status, 400);
    assert!(answer.to_string().contains("unknown field `a0`"), "{answer}");
    let arguments = names.join("\":1,\"");
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_spot_price","arguments":{{"{arguments}":1}}}}}}"#
    );
    assert_eq!(program.post("/mcp", &JSON, call).await.0, 200);
}

/// RFC 9112, section 3.2: HTTP/1.1 names its host, once.
#[tokio::test]
async fn a_request_without_its_host_is_refused() {
    let program = Program::recorded();
    let get = |version: &str, hosts: &str| {
        let request = format!("GET /health HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        raw(&program, request.as_bytes())
    };
    for hosts in ["", "Host: a\r\nHost: b\r\n"] {
        let answer = get("1.1", hosts);
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains("Host"),
            "{answer}"
        );
    }
    assert!(get("1.1", "Host: a\r\n").starts_with("HTTP/1.1 200 "));
    assert!(get("1.0", "").starts_with("HTTP/1.0 200 "));
}

#[tokio::test]
async fn heads_that_no_client_would_send() {
    let program = Program::recorded();
    let many: String = (0..200).map(|number| format!("X-{number}: 1\r\n")).collect();
    let answer = raw(&program, format!("GET /health HTTP/1.1\r\n{many}\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let long = "a".repeat(100_000);
    let answer = raw(&program, format!("GET /{long} HTTP/1.1\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 4") || answer.is_empty(), "{answer}");
    assert!(!raw(&program, b"\x16\x03\x01\x00\xa5\x01\x00").contains("200 OK"));
    assert_eq!(program.get("/health").await.0, 200);
}

#[tokio::test]
async fn who_sends_its_head_slowly_is_let_go_and_who_says_nothing_later() {
    let program = Program::recorded();
    let mut idle = TcpStream::connect(program.base.trim_start_matches("http://")).expect("it listens");
    let mut ask = || {
        idle.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("it is open");
        let mut answer = [0; 13];
        idle.read_exact(&mut answer).expect("an answer");
        while !answer.ends_with(b"\n\r\n{\"status\":") {
            answer.rotate_left(1);
            idle.read_exact(&mut answer[12..]).expect("a head");
        }
        let mut rest = [0; 32];
        idle.read_exact(&mut rest).expect("a body");
    };
    ask();
    let began = std::time::Instant::now();
    raw(&program, b"GET /health HT");
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(5) && took < Duration::from_secs(15),
        "{took:?}"
    );
    ask();
}

/// Ten thousand bodies: random bytes, and a call with random changes.
#[tokio::test]
async fn ten_thousand_random_bodies() {
    let program = Program::recorded();
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_spot_price","arguments":{"symbol":"BTC"}}}"#;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap_or_default()
    };
    for number in 0..10_000 {
        let body: Vec<u8> = if number % 4 == 0 {
            (0..random() % 200).map(|_| (random() % 256) as u8).collect()
        } else {
            let mut body = call.to_vec();
            for _ in 0..=random() % 4 {
                let at = random() % body.len();
                match random() % 3 {
                    0 => body[at] = (random() % 256) as u8,
                    1 => body.truncate(at.max(1)),
                    _ => body.insert(at, b"{}[],:\"0e-"[random() % 10]),
                }
            }
            body
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        let request = program
            .client
            .post(format!("{}/mcp", program.base))
            .header("content-type", "application/json");
        let status = request.body(body).send().await.expect("an answer").status();
        assert!(status.as_u16() < 500, "{status}: {text}");
    }
    assert_eq!(program.get("/health").await.0, 200);
}
