//! Certificates that have ended or will, and why they are not renewed.

use std::net::IpAddr;

use super::finding::{Finding, Gravity};
use super::seen::{Seen, value};
use crate::shell::quote;

/// certbot renews 30 days before the end; what has not been renewed so many days before it fails.
const DUE: i64 = 21;

/// So many lines of certbot's log are shown.
const LINES: usize = 3;

pub(super) fn find(seen: &Seen) -> Vec<Finding> {
    seen.all("certificate")
        .filter_map(|(site, text)| certificate(seen, site, text))
        .collect()
}

fn certificate(seen: &Seen, site: &str, text: &str) -> Option<Finding> {
    let file = value(text, "file")?;
    let (served, stands) = (value(text, "served"), value(text, "stands"));
    let Some(stands) = stands else {
        return Some(
            Finding::new(
                "certificate.unreadable",
                Gravity::Down,
                format!("{site} has no certificate"),
                format!("{file} is no certificate, or does not exist"),
            )
            .mend("put it there, or have one issued: `certificates` in a playbook"),
        );
    };
    let status = seen.status.sites.iter().find(|its| its.name == site);
    let days = status.and_then(|status| status.days)?;
    if let Some(served) = served.filter(|served| *served != stands && days >= DUE) {
        let end = |text: &str| {
            text.split("notAfter=")
                .nth(1)
                .map(|rest| rest.split(" GMT").next().unwrap_or(rest).to_owned())
        };
        return Some(
            Finding::new(
                "certificate.not-loaded",
                Gravity::Failing,
                format!("{site} is served with another certificate than its file has"),
                "nginx has not loaded the newer one",
            )
            .seen(format!(
                "served until {}, in {file} until {}",
                end(served)?,
                end(stands)?
            ))
            .mend("have nginx load it")
            .safe("nginx -t && systemctl reload nginx"),
        );
    }
    if days >= DUE {
        return None;
    }
    let (what, gravity) = match days < 0 {
        true => (format!("the certificate of {site} has ended"), Gravity::Down),
        false => (
            format!("the certificate of {site} ends in {days} days"),
            Gravity::Failing,
        ),
    };
    Some(unrenewed(seen, site, text, what, gravity).seen(format!("{file} ends {days} days from now")))
}

fn unrenewed(seen: &Seen, site: &str, text: &str, what: String, gravity: Gravity) -> Finding {
    let finding = |kind, cause: String| Finding::new(kind, gravity, &*what, cause);
    let Some(lineage) = value(text, "lineage") else {
        return finding(
            "certificate.by-hand",
            "nothing renews it: it is none of certbot's".into(),
        )
        .mend("put a new one in its place, or have certbot keep it: `certificates` in a playbook");
    };
    if value(text, "renewal").is_none() {
        return finding(
            "certificate.no-renewal",
            format!(
                "certbot has no renewal of {lineage}: /etc/letsencrypt/renewal/{lineage}.conf is not there"
            ),
        )
        .mend("issue it anew: `certificates` in a playbook, or `certbot certonly`");
    }
    if let Some((name, found)) = elsewhere(seen, site) {
        return finding(
            "certificate.dns-elsewhere",
            format!("{name} leads to another host"),
        )
        .seen(format!("{name} has the address {found}"))
        .all_seen(
            own(seen)
                .into_iter()
                .take(2)
                .map(|own| format!("the host has {own}")),
        )
        .all_seen(said(seen, lineage))
        .mend("point its A and AAAA records at the host; the next renewal goes through then");
    }
    let timers: Vec<&str> = seen
        .first("renewing")
        .lines()
        .filter(|line| line.contains("LoadState=loaded"))
        .collect();
    if !timers.is_empty() && timers.iter().all(|line| !line.contains("ActiveState=active")) {
        return finding(
            "certificate.timer-off",
            "the timer that renews certificates is off".into(),
        )
        .all_seen(&timers)
        .mend("switch it on")
        .safe("systemctl enable --now certbot.timer && certbot renew --quiet --no-random-sleep-on-renew");
    }
    let words: Vec<&str> = said(seen, lineage);
    let has = |all: &[&str]| {
        words
            .iter()
            .any(|line| all.iter().any(|word| line.contains(word)))
    };
    let renew = format!(
        "certbot renew --no-random-sleep-on-renew --cert-name {}",
        quote(lineage)
    );
    let (kind, cause, mend) = if has(&["rateLimited", "too many"]) {
        (
            "certificate.rate-limited",
            "the authority limits how often it issues",
            "wait as long as it says; do not try meanwhile",
        )
    } else if has(&[
        "Timeout during connect",
        "Connection refused",
        "timed out",
        "connection",
    ]) {
        (
            "certificate.unreachable",
            "the authority cannot reach the host, or the host cannot reach the authority",
            "let port 80 in at every firewall before the host, and let the host out to the authority",
        )
    } else if has(&["NXDOMAIN", "DNS problem", "SERVFAIL", "no valid A records"]) {
        (
            "certificate.dns",
            "the authority finds no address for the name",
            "mend the name's DNS records",
        )
    } else if has(&["unauthorized", "Invalid response"]) {
        (
            "certificate.challenge",
            "the authority asked the site for its proof and got something else",
            "have nginx serve /.well-known/acme-challenge/ on port 80 from the webroot of the renewal",
        )
    } else if words.is_empty() {
        return finding("certificate.not-tried", "nobody has tried to renew it".into())
            .mend("renew it")
            .safe(renew);
    } else {
        (
            "certificate.failing",
            "renewing it fails",
            "mend what its log says",
        )
    };
    finding(kind, cause.into())
        .all_seen(&words)
        .mend(format!("{mend}; then `{renew}`"))
}

/// What certbot has logged of the last try to renew a certificate: what stands before the line that names it.
fn said<'s>(seen: &'s Seen, lineage: &str) -> Vec<&'s str> {
    let lines: Vec<&str> = seen.first("renewed").lines().map(str::trim).collect();
    let fails = |line: &&str| line.contains("Failed to renew certificate ");
    let ours = |line: &&str| line.contains(&format!("Failed to renew certificate {lineage} "));
    let Some(end) = lines.iter().rposition(ours) else {
        // Older versions name none.
        return match lines.iter().any(fails) {
            true => Vec::new(),
            false => lines.into_iter().rev().take(LINES).rev().collect(),
        };
    };
    let begin = lines[..end].iter().rposition(fails).map_or(0, |at| at + 1);
    let begin = begin.max((end + 1).saturating_sub(LINES));
    lines[begin..=end].to_vec()
}

/// The host's addresses.
fn own(seen: &Seen) -> Vec<IpAddr> {
    let on_it = seen
        .first("addresses")
        .lines()
        .filter_map(|line| line.trim().parse().ok());
    let own = seen.here.address.into_iter().chain(on_it);
    own.filter(|address: &IpAddr| !address.is_loopback()).collect()
}

/// A name of the site's that leads elsewhere, and where to.
fn elsewhere<'s>(seen: &'s Seen, site: &str) -> Option<(&'s str, IpAddr)> {
    let own = own(seen);
    let names = &seen
        .status
        .sites
        .iter()
        .find(|its| its.name == site)?
        .server_names;
    let ours = seen
        .all("resolved")
        .filter(|(name, _)| names.iter().any(|its| its == name));
    ours.filter_map(|(name, text)| {
        let here = seen.here.names.get(name).into_iter().flatten().copied();
        let there = text.lines().filter_map(|line| line.trim().parse().ok());
        let found: Vec<IpAddr> = here.chain(there).filter(|found| !found.is_loopback()).collect();
        let other = found.iter().find(|found| !own.contains(found));
        other
            .filter(|_| !found.iter().any(|found| own.contains(found)))
            .map(|found| (name, *found))
    })
    .next()
}
