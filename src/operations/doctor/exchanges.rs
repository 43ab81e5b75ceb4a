//! What programs ask elsewhere, and do not get: exchanges above all.

use std::time::UNIX_EPOCH;

use super::finding::{Finding, Gravity};
use super::seen::{Seen, field, span, value};

/// A clock that is further off makes signed requests fail: exchanges take 5 s (Binance, `recvWindow`).
const OFF: u64 = 5;

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen
        .all("exchange")
        .filter_map(|(name, text)| asked(seen, name, text))
        .collect();
    findings.extend(
        seen.all("ready")
            .flat_map(|(address, _)| of_program(seen, address)),
    );
    if findings.is_empty() {
        findings.extend(
            seen.all("words")
                .filter_map(|(program, text)| logged(program, text)),
        );
    }
    findings
}

/// The status of the last head of an answer.
fn status(text: &str) -> Option<u16> {
    let mut lines = text.lines().filter(|line| line.starts_with("HTTP/"));
    lines.next_back()?.split_whitespace().nth(1)?.parse().ok()
}

/// What a status means of an exchange.
fn refusal(status: u16, retry: Option<&str>) -> Option<(&'static str, &'static str, String)> {
    let wait = retry
        .and_then(|seconds| seconds.parse().ok())
        .map(|seconds: u64| span(seconds.min(7 * 86_400)));
    let wait = wait.map_or("a while".to_owned(), |wait| wait + ", as it says");
    Some(match status {
        451 => (
            "exchange.country",
            "it refuses the country that the host stands in",
            "ask a host of it that serves the country (Binance's market data: https://data-api.binance.vision), or let the program run elsewhere".into(),
        ),
        418 => (
            "exchange.banned",
            "it has banned the host's address for going on after it was told to ask less often",
            format!("stop asking, and begin again after {wait}; ask less often, and keep answers"),
        ),
        429 => (
            "exchange.limited",
            "it limits how often it is asked",
            format!("begin again after {wait}; ask less often, keep answers, and see who else asks from this address"),
        ),
        403 => (
            "exchange.refused",
            "it refuses the host's address or its key",
            "see whether a key is wanted, and whether it serves addresses of this provider".into(),
        ),
        500.. => (
            "exchange.down",
            "it fails itself",
            "wait, or ask another of its hosts".into(),
        ),
        _ => return None,
    })
}

fn asked(seen: &Seen, name: &str, text: &str) -> Option<Finding> {
    let url = value(text, "url")?;
    let what = format!("what {name} names does not answer as it should: {url}");
    let finding = |kind, cause: String| Finding::new(kind, Gravity::Down, &*what, cause);
    let host = url.split("://").nth(1)?.split(['/', ':']).next()?;
    if value(text, "address").is_none() {
        let servers: Vec<&str> = seen.first("nameservers").lines().collect();
        let cause = match servers.is_empty() {
            true => "the host has no name server".to_owned(),
            false => format!("the host finds no address for {host}"),
        };
        return Some(
            finding("exchange.dns", cause)
                .seen(format!("`getent ahosts {host}` on the host says nothing"))
                .all_seen(servers)
                .mend("correct the name, or the name servers (/etc/resolv.conf, `resolvectl status`)"),
        );
    }
    if let Some(status) = status(text) {
        let date = field(text, "date").and_then(|date| httpdate::parse_http_date(date).ok());
        let theirs = date.and_then(|date| Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs()));
        let ours: Option<u64> = value(text, "now").and_then(|now| now.parse().ok());
        if let (Some(theirs), Some(ours)) = (theirs, ours)
            && theirs.abs_diff(ours) > OFF
        {
            return Some(
                finding(
                    "exchange.clock",
                    format!("the host's clock is {} off", span(theirs.abs_diff(ours))),
                )
                .seen(format!("its answer is dated {}", field(text, "date")?))
                .mend("set the clock right: it is told of on its own, or `timedatectl set-ntp true`"),
            );
        }
        let (kind, cause, mend) = refusal(status, field(text, "retry-after"))?;
        return Some(
            finding(kind, cause.into())
                .seen(format!("asked from the host, it answers {status}"))
                .mend(mend),
        );
    }
    let said = text
        .lines()
        .rev()
        .find(|line| line.starts_with("curl: ") || line.starts_with("! "))?;
    if ["not yet valid", "expired"]
        .iter()
        .any(|word| said.contains(word))
    {
        return Some(
            finding(
                "exchange.clock",
                "its certificate is not valid at the time that the host's clock shows".into(),
            )
            .seen(said)
            .mend("see whether the clock is right: `date`, `timedatectl`"),
        );
    }
    Some(
        finding(
            "exchange.unreachable",
            "it cannot be reached from the host".into(),
        )
        .seen(said)
        .mend(
            "see whether the host gets out at all (`ping -c 1 1.1.1.1`), and its rules for outgoing traffic",
        ),
    )
}

/// What a program says itself of whom it asks (`/ready` of mcp-crypto-api).
fn of_program(seen: &Seen, address: &str) -> Vec<Finding> {
    let Some(answer) = seen
        .answer("ready", address)
        .filter(|answer| answer.status == Ok(200))
    else {
        return Vec::new();
    };
    let Ok(body) = serde_json::from_str::<serde_json::Value>(answer.body) else {
        return Vec::new();
    };
    let sources = body["sources"].as_object().into_iter().flatten();
    let bad = sources.filter(|(_, state)| matches!(state.as_str(), Some("down" | "paused")));
    bad.map(|(source, state)| {
        let cause = body["causes"][source]
            .as_str()
            .unwrap_or("it limits how often it is asked");
        let again = body["asked_again_in_seconds"][source].as_u64();
        let has = |word: &str| cause.contains(word);
        let kind = match state.as_str() {
            Some("paused") => "exchange.limited",
            _ if has("451") => "exchange.country",
            _ if has("dns") || has("lookup") || has("resolve") => "exchange.dns",
            _ if has("refuses") => "exchange.refused",
            _ => "exchange.unreachable",
        };
        Finding::new(
            kind,
            Gravity::Down,
            format!("the program at {address} gets nothing from {source}"),
            cause,
        )
        .seen(format!(
            "its /ready says that {source} is {}",
            state.as_str().unwrap_or_default()
        ))
        .all_seen(again.map(|seconds| format!("it asks again in {}", span(seconds))))
        .mend(match kind {
            "exchange.limited" => "ask less often, keep answers, and see who else asks from this address",
            "exchange.country" => "set another of its hosts, which serves the country",
            "exchange.dns" => "correct the name, or the host's name servers",
            _ => "see whether the host gets there: `hostwright exec TARGET -- curl -sv URL`",
        })
    })
    .collect()
}

/// What a program has logged of whom it asks.
fn logged(program: &str, text: &str) -> Option<Finding> {
    const SIGNS: [(&str, &str, &[&str], &str); 4] = [
        (
            "exchange.dns",
            "names are not found from the host",
            &[
                "Temporary failure in name resolution",
                "Name or service not known",
                "EAI_AGAIN",
                "getaddrinfo ENOTFOUND",
                "no such host",
                "failed to lookup address",
            ],
            "see the host's name servers (/etc/resolv.conf, `resolvectl status`)",
        ),
        (
            "exchange.clock",
            "the host's clock is off for the exchange",
            &[
                "\"code\":-1021",
                "code=-1021",
                "code': -1021",
                "outside of the recvWindow",
            ],
            "set the clock right: `timedatectl set-ntp true`",
        ),
        (
            "exchange.country",
            "the exchange refuses the country that the host stands in",
            &[
                "451 Client Error",
                "status 451",
                "status: 451",
                "status=451",
                "Service unavailable from a restricted location",
                "Unavailable For Legal Reasons",
            ],
            "ask a host of it that serves the country, or let the program run elsewhere",
        ),
        (
            "exchange.limited",
            "the exchange limits how often it is asked",
            &[
                "429 Client Error",
                "status 429",
                "status: 429",
                "status=429",
                "Too Many Requests",
                "418 Client Error",
                "status 418",
                "\"code\":-1003",
            ],
            "ask less often, keep answers, and see who else asks from this address",
        ),
    ];
    let name = program.split(':').next_back().unwrap_or(program);
    let lines = || text.lines().skip(1);
    let (kind, cause, signs, mend) = SIGNS
        .into_iter()
        .find(|(_, _, signs, _)| lines().any(|line| signs.iter().any(|sign| line.contains(sign))))?;
    let line = lines()
        .filter(|line| signs.iter().any(|sign| line.contains(sign)))
        .last();
    Some(
        Finding::new(
            kind,
            Gravity::Failing,
            format!("{name} does not get what it asks for"),
            cause,
        )
        .all_seen(line)
        .seen(format!("its log is {}", value(text, "log").unwrap_or_default()))
        .mend(mend),
    )
}
