//! Sites that answer with an error, and ports that answer on the host and not from here.

use super::failed::ports;
use super::finding::{Finding, Gravity};
use super::programs::{section, supervised};
use super::seen::{Answer, Seen, span, value};
use crate::operations::status::Program;
use crate::shell::quote;

/// A program that was started so few seconds ago may still be starting.
const YOUNG: u64 = 120;

/// What is said of a request that takes too long (http.pl).
const HANGS: &str = "no answer";

/// What a site passes requests on to, as far as that is an address: `host:port`, or the path of a socket.
pub(super) fn upstreams(conf: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in conf.lines().map(str::trim) {
        let to = match line.split_once(char::is_whitespace) {
            Some(("proxy_pass", to)) => to.trim().strip_prefix("http://"),
            Some(("server", to)) if !to.contains('{') => Some(to.trim()),
            _ => None,
        };
        let Some(to) = to.and_then(|to| to.split([';', ' ']).next()) else {
            continue;
        };
        let to = match to.strip_prefix("unix:") {
            Some(path) => path.trim_end_matches(':').to_owned(),
            None => {
                let host = to.split('/').next().unwrap_or(to);
                match host.contains(':') {
                    true => host.to_owned(),
                    false => format!("{host}:80"),
                }
            }
        };
        if !found.contains(&to) {
            found.push(to);
        }
    }
    found
}

/// Whether another server of the same group answers: nginx passes requests on to that (of two instances that take turns
/// one listens).
fn has_another(conf: &str, address: &str, answers: impl Fn(&str) -> bool) -> bool {
    let groups = conf.split("upstream ").skip(1);
    let mut groups = groups.filter_map(|rest| Some(upstreams(rest.split('}').next()?)));
    groups.any(|group| {
        let mut others = group.iter().filter(|other| *other != address);
        group.iter().any(|own| own == address) && others.any(|other| answers(other))
    })
}

/// The last lines of a site's log of errors.
fn errors<'s>(seen: &'s Seen, site: &str) -> impl Iterator<Item = &'s str> {
    seen.text("errors", site).lines().skip(1)
}

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen
        .all("conf")
        .filter_map(|(site, conf)| broken(seen, site, conf))
        .collect();
    findings.extend(closed(seen));
    findings
}

fn broken(seen: &Seen, site: &str, conf: &str) -> Option<Finding> {
    let answer = seen.answer("answer", site)?;
    // Whether nginx runs is its unit's.
    let what = match answer.status {
        Ok(status) if status >= 500 => format!("{site} answers {status}"),
        Err(why) if why.starts_with(HANGS) => format!("{site} does not answer"),
        _ => return None,
    };
    for address in upstreams(conf) {
        let direct = seen.answer("direct", &address);
        let silent = direct.and_then(|direct| direct.status.err());
        let answers = |other: &str| {
            let direct = seen.answer("direct", other);
            direct.is_some_and(|direct| direct.status.is_ok())
        };
        if let Some(why) = silent.filter(|_| !has_another(conf, &address, answers)) {
            let finding = match why.starts_with(HANGS) {
                true => hangs(&what, &address, why),
                false => refused(seen, &what, site, &address, why),
            };
            return Some(finding.all_seen(errors(seen, site).last()));
        }
    }
    Some(own_error(seen, site, conf, &what, &answer))
}

fn hangs(what: &str, address: &str, why: &str) -> Finding {
    Finding::new(
        "site.program-hangs",
        Gravity::Down,
        what,
        format!("the program at {address} takes the request and does not answer"),
    )
    .seen(format!("asked directly, {address}: {why}"))
    .mend("see what it waits for in its log, and start it anew")
}

/// Nothing takes connections where the site passes requests on to.
fn refused(seen: &Seen, what: &str, site: &str, address: &str, why: &str) -> Finding {
    let port: Option<u16> = address.rsplit(':').next().and_then(|port| port.parse().ok());
    let finding = |kind, cause: String| {
        Finding::new(kind, Gravity::Down, what, cause).seen(format!("asked directly, {address}: {why}"))
    };
    let names = |program: &&Program| {
        let section = section(seen, &program.name);
        let said = [
            value(section, "environment").unwrap_or_default(),
            value(section, "command").unwrap_or_default(),
        ];
        port.is_some_and(|port| said.iter().any(|text| ports(text).contains(&port)))
    };
    let all: Vec<&Program> = supervised(seen)
        .chain(
            seen.status
                .programs
                .iter()
                .filter(|program| program.runner == crate::operations::status::Runner::Systemd),
        )
        .collect();
    // Whose port it is, or else whoever is not as it should be.
    let its = all.iter().copied().find(names);
    let is_up = |program: &Program| program.since.is_some() && !program.failed;
    let age = |program: &Program| {
        let since = program.since.unwrap_or_default();
        seen.status.system.now.saturating_sub(since)
    };
    let down = its.filter(|program| !is_up(program)).or_else(|| {
        all.iter()
            .copied()
            .find(|program| program.failed || program.state == "stopped")
    });
    if let Some(program) = its.filter(|program| is_up(program) && !program.listens.is_empty()) {
        return wrong_port(finding, site, address, program);
    }
    if let Some(program) = its.filter(|program| is_up(program) && age(program) < YOUNG) {
        return finding(
            "site.slow-start",
            format!(
                "{} has not begun to listen: it was started {} ago",
                program.name,
                span(age(program))
            ),
        )
        .seen(format!(
            "{} is {}, and listens nowhere",
            program.name, program.state
        ))
        .mend("wait, and see its log if it takes longer than it should");
    }
    if let Some(program) = its.filter(|program| is_up(program)) {
        return finding(
            "site.not-listening",
            format!("{} runs, and listens nowhere", program.name),
        )
        .seen(format!("it was started {} ago", span(age(program))))
        .mend(format!(
            "its log says why (`hostwright logs TARGET {}`)",
            program.name
        ));
    }
    if let Some(program) = down {
        let found = finding(
            "site.program-down",
            format!("{}, to which it passes requests on, does not run", program.name),
        )
        .seen(format!("{} is {}", program.name, program.state));
        return match program.state.as_str() {
            "stopped" => found
                .mend("somebody has stopped it: start it")
                .safe(format!("supervisorctl start {}", quote(&program.name))),
            _ => found.mend("mend that first: it is told of on its own"),
        };
    }
    let used: Vec<String> = seen.all("conf").flat_map(|(_, conf)| upstreams(conf)).collect();
    let unused = |program: &&Program| {
        is_up(program)
            && program.name != "nginx"
            && program.listens.iter().any(|at| {
                !used
                    .iter()
                    .any(|used| used.rsplit(':').next() == at.rsplit(':').next())
            })
    };
    if let Some(program) = supervised(seen).find(unused) {
        return wrong_port(finding, site, address, program);
    }
    finding("site.program-down", format!("nothing listens at {address}"))
        .mend("start the program that should, or correct the address in the site")
}

fn wrong_port(
    finding: impl Fn(&'static str, String) -> Finding,
    site: &str,
    address: &str,
    program: &Program,
) -> Finding {
    finding(
        "site.wrong-port",
        format!(
            "it passes requests on to {address}, and {} listens at {}",
            program.name,
            program.listens.join(" ")
        ),
    )
    .seen(format!("{} is {}", program.name, program.state))
    .mend(format!(
        "give both the same port: proxy_pass of {site}, or the program's"
    ))
}

/// The program answers, and what comes out is an error.
fn own_error(seen: &Seen, site: &str, conf: &str, what: &str, answer: &Answer<'_>) -> Finding {
    let direct = upstreams(conf)
        .into_iter()
        .find_map(|address| Some((seen.answer("direct", &address)?.status.ok()?, address)));
    match direct {
        Some((status, address)) if status >= 500 => Finding::new(
            "site.program-error",
            Gravity::Failing,
            what,
            format!("the program at {address} itself answers {status}"),
        )
        .all_seen(answer.body.lines().take(1))
        .mend("its log says why"),
        direct => Finding::new(
            "site.error",
            Gravity::Failing,
            what,
            match direct {
                Some((status, address)) => {
                    format!(
                        "nginx takes what {address} answers ({status}) for an error, or does not get at it"
                    )
                }
                None => "nginx itself makes the error".to_owned(),
            },
        )
        .all_seen(errors(seen, site))
        .mend("its log of errors says why"),
    }
}

/// Ports at which the host listens for all, and which do not let this machine in.
fn closed(seen: &Seen) -> Vec<Finding> {
    let for_all = |port: u16| {
        let ends = format!(":{port}");
        let at = ["0.0.0.0", "[::]", "*"];
        seen.holders()
            .into_iter()
            .find(|holder| at.iter().any(|at| holder.address == format!("{at}{ends}")))
    };
    let firewall = &seen.status.firewall;
    let closed = seen.here.ports.iter().filter(|(_, is_open)| !**is_open);
    let finding = |(port, _): (&u16, &bool)| {
        let holder = for_all(*port)?;
        let is_ufw = firewall.active && firewall.tool.as_deref() == Some("ufw");
        let word = port.to_string();
        let allows = firewall.rules.iter().any(|rule| {
            let mut words = rule.split([' ', '/']);
            matches!(words.next(), Some("allow" | "limit"))
                && words
                    .next()
                    .is_some_and(|ports| ports.split(',').any(|one| one == word))
        });
        let found = |cause: String| {
            Finding::new(
                "site.port-closed",
                Gravity::Down,
                format!("port {port} is closed to this machine"),
                cause,
            )
            .seen(format!(
                "{holder} listens at {}; a connection from here does not come through",
                holder.address
            ))
        };
        Some(match is_ufw && !allows && firewall.incoming != "accept" {
            true => found("the host's firewall does not let it in".into())
                .seen(format!("ufw: {}; {} the rest", firewall.rules.join(", "), firewall.incoming))
                .mend(format!("let it in, in the playbook or by `ufw allow {port}/tcp`")),
            false => found("a firewall before the host, or a rule on it, does not let it in".into())
                .mend("see the firewall in the provider's control panel, and `hostwright status TARGET` for the host's own"),
        })
    };
    closed.filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_have_another_in_its_place() {
        let conf = "upstream site.app.8080 {
    server 127.0.0.1:8080 max_fails=0;
    server 127.0.0.1:8081 max_fails=0 backup;
}
server { location / { proxy_pass http://127.0.0.1:9000; } }";
        let one = |other: &str| other == "127.0.0.1:8081";
        assert!(has_another(conf, "127.0.0.1:8080", one));
        assert!(!has_another(conf, "127.0.0.1:8081", one));
        assert!(!has_another(conf, "127.0.0.1:9000", one));
    }
}
