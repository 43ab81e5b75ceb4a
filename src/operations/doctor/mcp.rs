//! Tools that MCP's clients cannot call.

use super::finding::{Finding, Gravity};
use super::seen::{Answer, Seen};

/// Requests that were refused or failed: how many, the status, the method, the path.
fn refused<'s>(seen: &'s Seen, site: &str) -> impl Iterator<Item = (u64, u16, &'s str, &'s str)> {
    seen.text("refused", site).lines().filter_map(|line| {
        let mut words = line.trim().splitn(4, ' ');
        let (count, status) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((count, status, words.next()?, words.next()?))
    })
}

/// Whether the answer is one of JSON-RPC's.
fn speaks(answer: &Answer<'_>) -> bool {
    answer.body.contains("\"jsonrpc\"")
}

fn serves(answer: Option<Answer<'_>>) -> bool {
    answer.is_some_and(|answer| answer.status.is_ok_and(|status| status < 300) && speaks(&answer))
}

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    seen.all("conf")
        .flat_map(|(site, _)| of_site(seen, site))
        .collect()
}

fn of_site(seen: &Seen, site: &str) -> Vec<Finding> {
    let asked = |how: &str| seen.answer("mcp", &format!("{how} {site}"));
    let (plain, json, origin, direct) = (asked("plain"), asked("json"), asked("origin"), asked("direct"));
    let all = [plain, json, origin, direct];
    let Some(plain) = plain.filter(|_| all.iter().flatten().any(speaks)) else {
        return Vec::new();
    };
    // Our own four are among them.
    let often = |status: u16| {
        let ours = all[..3]
            .iter()
            .flatten()
            .filter(|answer| answer.status == Ok(status))
            .count() as u64;
        let lines = refused(seen, site)
            .filter(|(_, its, _, path)| *its == status && path.trim_end_matches('/') == "/mcp");
        lines.map(|(count, ..)| count).sum::<u64>().saturating_sub(ours)
    };
    let times = |status: u16| {
        format!(
            "{} of the last requests to /mcp were answered {status}",
            often(status)
        )
    };
    let what = format!("tools of {site} cannot be called");
    let found = |kind, cause: String| Finding::new(kind, Gravity::Down, &*what, cause);
    let refusal = |answer: &Answer<'_>| answer.body.lines().next().unwrap_or_default().to_owned();
    let mut findings = Vec::new();
    match plain.status {
        Ok(401) if often(401) > 0 => findings.push(
            found("mcp.key", "clients give no key, or a wrong one".into())
                .seen(times(401))
                .seen(refusal(&plain))
                .mend("put the key into the client's configuration, as the header X-API-Key or `Authorization: Bearer …`"),
        ),
        Ok(403 | 421) if serves(direct) || refusal(&plain).to_lowercase().contains("host") => findings.push(
            found(
                "mcp.host-refused",
                "the server does not serve the name that clients ask for".into(),
            )
            .seen(format!("asked by the site's name: {}", refusal(&plain)))
            .all_seen(serves(direct).then_some("asked by its own address, it answers"))
            .mend(
                "name the site's names in its allowed hosts (ALLOWED_HOSTS of mcp-crypto-api), or have nginx set Host to its address",
            ),
        ),
        Ok(406) => findings.push(
            found("mcp.accept", "the server takes no request, whatever it may be answered with".into())
                .seen(refusal(&plain))
                .mend("see what Accept it wants, and whether nginx passes that header on"),
        ),
        Ok(404 | 405) if serves(direct) => findings.push(
            found("mcp.url", "nginx does not pass /mcp on to the server".into())
                .seen(refusal(&plain))
                .seen("asked directly, the server answers at /mcp")
                .mend("add a location for /mcp to the site"),
        ),
        _ => {}
    }
    if serves(Some(plain)) {
        if json.is_some_and(|json| json.status == Ok(406)) && often(406) > 0 {
            findings.push(
                found("mcp.accept", "some clients do not say that they take both forms of an answer".into())
                    .seen(times(406))
                    .seen("asked with `Accept: application/json` alone it answers 406; with text/event-stream beside it, it serves")
                    .mend("have the client send `Accept: application/json, text/event-stream`, or nginx set it: proxy_set_header Accept \"application/json, text/event-stream\""),
            );
        }
        if let Some(origin) = origin.filter(|origin| origin.status == Ok(403) && often(403) > 0) {
            findings.push(
                found(
                    "mcp.origin-refused",
                    "the server takes no request from pages".into(),
                )
                .seen(times(403))
                .seen(refusal(&origin))
                .mend(
                    "name the pages that may ask in its allowed origins (ALLOWED_ORIGINS of mcp-crypto-api)",
                ),
            );
        }
        let wrong = |(_, status, method, path): &(u64, u16, &str, &str)| {
            let likely = [
                "/",
                "/sse",
                "/messages",
                "/api/mcp",
                "/mcp/sse",
                "/v1/mcp",
                "/mcp/",
            ];
            matches!(status, 404 | 405) && *method == "POST" && likely.contains(path)
        };
        if let Some((count, status, method, path)) = refused(seen, site).find(wrong) {
            findings.push(
                found("mcp.url", "a client has another URL than the server's".into())
                    .seen(format!(
                        "{count} of the last requests were `{method} {path}`, answered {status}"
                    ))
                    .seen("the server answers at /mcp")
                    .mend("correct the URL in the client's configuration: it ends in /mcp"),
            );
        }
    }
    findings
}
