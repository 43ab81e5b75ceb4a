//! Causes that no throwaway host can have, or not in a second, read from what hosts say of them.

use super::findings;
use super::seen::Seen;

/// What a host said, and the kinds of causes that are found in it.
fn kinds(frames: &[(&str, &str, &str)]) -> Vec<(&'static str, String)> {
    let usual = [
        (
            "system",
            "",
            "now=1000000\nuptime=900000.0 1\nprocessors=2\npage=4096",
        ),
        ("memory", "", "MemTotal: 2000 kB\nMemAvailable: 1500 kB"),
    ];
    let said = |(kind, name, body): &(&str, &str, &str)| format!("@{kind} {} {name}\n{body}\n", body.len());
    let text: String = usual
        .iter()
        .chain(frames)
        .chain(&[("end", "", "")])
        .map(said)
        .collect();
    let mut seen = Seen::read(text.as_bytes(), "root@web").expect("an answer");
    seen.here.now = Some((1_000_001, 2));
    let found = findings(&seen);
    for finding in &found {
        assert!(
            !finding.mend.is_empty() && !finding.cause.is_empty(),
            "{finding:?}"
        );
    }
    found
        .into_iter()
        .map(|finding| (finding.kind, format!("{} {:?}", finding.cause, finding.evidence)))
        .collect()
}

#[track_caller]
fn one(frames: &[(&str, &str, &str)], kind: &str, words: &str) {
    let found = kinds(frames);
    let [(its, text)] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(*its, kind, "{text}");
    assert!(text.contains(words), "{text}");
}

const SITE: (&str, &str, &str) = (
    "conf",
    "shop",
    "server {\n listen 80;\n location / { \n proxy_pass http://127.0.0.1:8080;\n }\n}",
);

#[test]
fn a_slow_site_is_slow_for_what_is_short() {
    let answers = [
        SITE,
        ("answer", "shop", "3100\nHTTP/1.1 200 OK\r\n\r\nwell"),
        ("direct", "127.0.0.1:8080", "3000\nHTTP/1.1 200 OK\r\n\r\nwell"),
    ];
    let with = |more: &[(&'static str, &'static str, &'static str)]| [&answers[..], more].concat();
    let short =
        "some avg10=72.50 avg60=60.00 avg300=10.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0";
    one(&answers, "slow.program", "127.0.0.1:8080");
    one(
        &with(&[
            ("pressure", "cpu", short),
            ("busy", "", "95\t70\tffmpeg\n6\t71\tx"),
        ]),
        "slow.processors",
        "ffmpeg (pid 70) uses 95 % of a processor",
    );
    one(
        &with(&[("pressure", "memory", short)]),
        "slow.memory",
        "72 % of the time",
    );
    one(&with(&[("pressure", "io", short)]), "slow.disk", "busy");
    one(
        &with(&[(
            "exchange",
            "BINANCE_BASE_URL",
            "url=https://api.example.com\naddress=203.0.113.9\nmillis=2900\nnow=1000000\nHTTP/2 200\r\ndate: Mon, 12 Jan 1970 13:46:40 GMT\r\n",
        )]),
        "slow.upstream",
        "https://api.example.com",
    );
    let in_nginx = [
        SITE,
        ("answer", "shop", "3100\nHTTP/1.1 200 OK\r\n\r\nwell"),
        ("direct", "127.0.0.1:8080", "20\nHTTP/1.1 200 OK\r\n\r\nwell"),
    ];
    one(&in_nginx, "slow.site", "in nginx");
    let quick = [SITE, ("answer", "shop", "100\nHTTP/1.1 200 OK\r\n\r\nwell")];
    assert_eq!(kinds(&quick), []);
}

#[test]
fn what_the_kernel_killed_is_named() {
    let line =
        "2026-11-28T18:00:00+0000 web kernel: Out of memory: Killed process 812 (api) total-vm:2000000kB";
    let supervised = ("supervised", "", "api:api\tFATAL\t1\t0\t0\t-\t-");
    let section = (
        "section",
        "api",
        "file_of=/etc/supervisor/conf.d/api.conf\ncommand=/opt/api\nfile=-rwxr-xr-x root regular file",
    );
    let found = kinds(&[supervised, section, ("oom", "", line)]);
    let its: Vec<&str> = found.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(its, ["program.out-of-memory", "memory.killed"], "{found:?}");
    one(
        &[(
            "memory",
            "",
            "MemTotal: 2000 kB\nMemAvailable: 20 kB\nSwapTotal: 100 kB\nSwapFree: 1 kB",
        )],
        "memory.used-up",
        "of 2 MB",
    );
}

#[test]
fn what_certbot_logged_of_a_certificate_is_read() {
    let site = (
        "site",
        "shop",
        "server_name shop.example\nssl_certificate /c\nends 1300000",
    );
    let certificate = (
        "certificate",
        "shop",
        "file=/etc/letsencrypt/live/shop.example/fullchain.pem\nserved=a\nstands=a\nlineage=shop.example\nrenewal=yes",
    );
    let renewing = (
        "renewing",
        "",
        "Id=certbot.timer LoadState=loaded ActiveState=active",
    );
    let of_other = "Detail: too many certificates\nFailed to renew certificate other.example with error: urn:ietf:params:acme:error:rateLimited\n";
    let said = |words: &str| {
        let words = format!(
            "{of_other}{words}\nFailed to renew certificate shop.example with error: Some challenges have failed."
        );
        kinds(&[site, certificate, renewing, ("renewed", "", &words)])
    };
    for (words, kind) in [
        (
            "Detail: 203.0.113.7: Fetching http://shop.example/: Timeout during connect (likely firewall problem)",
            "certificate.unreachable",
        ),
        (
            "Detail: DNS problem: NXDOMAIN looking up A for shop.example",
            "certificate.dns",
        ),
        (
            "Detail: 203.0.113.7: Invalid response from http://shop.example/: 404",
            "certificate.challenge",
        ),
        (
            "urn:ietf:params:acme:error:rateLimited",
            "certificate.rate-limited",
        ),
        ("something else", "certificate.failing"),
    ] {
        let found = said(words);
        assert_eq!(
            found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
            [kind],
            "{found:?}"
        );
        assert!(!found[0].1.contains("other.example"), "{found:?}");
    }
    one(&[site, certificate, renewing], "certificate.not-tried", "tried");
    let off = (
        "renewing",
        "",
        "Id=certbot.timer LoadState=loaded ActiveState=inactive",
    );
    one(&[site, certificate, off], "certificate.timer-off", "off");
}

#[test]
fn what_programs_log_of_exchanges_is_read() {
    for (line, kind) in [
        (
            "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://api.binance.com/api/v3/ticker/price",
            "exchange.limited",
        ),
        (
            "binance APIError(code=-1021): Timestamp for this request is outside of the recvWindow.",
            "exchange.clock",
        ),
        (
            "451 Client Error:  for url: https://api.binance.com/",
            "exchange.country",
        ),
        (
            "Max retries exceeded (Caused by NameResolutionError: Temporary failure in name resolution)",
            "exchange.dns",
        ),
    ] {
        let words = format!("log=/var/log/api.log\nup\n{line}\nGET / 200");
        one(&[("words", "api:api", &words)], kind, line);
    }
    let words = "log=/var/log/api.log\nGET /price 451 ms\nserved 429 requests";
    assert_eq!(kinds(&[("words", "api:api", words)]), []);
}

#[test]
fn what_ought_to_happen_by_itself_is_missed() {
    let there = "LoadState=loaded\nActiveState=active\nconfigs=3\nsince=1\ndaily=";
    let fails = format!("{there}\nresult=exit-code\nlast=999000");
    let words = "error: nginx:1 duplicate log entry for /var/log/nginx/api.access.log";
    one(
        &[("logrotate", "there", &fails), ("rotation_words", "", words)],
        "logrotate.fails",
        "duplicate log entry",
    );
    let stale = format!("{there}\nresult=success\nlast=600000");
    one(&[("logrotate", "there", &stale)], "logrotate.stale", "4 days ago");
    let large = ("large_logs", "", "700000000 /var/log/api.log");
    one(
        &[("logrotate", "none", ""), large],
        "logrotate.missing",
        "/var/log/api.log has 700 MB",
    );
    let well = format!("{there}\nresult=success\nlast=999000");
    assert_eq!(kinds(&[("logrotate", "there", &well)]), []);

    let job = ("jobs", "", "/etc/cron.d/a\t0 2 * * * root /opt/job");
    let cron = ("cron", "", "LoadState=loaded\nActiveState=active");
    one(
        &[job, cron, ("ran", "yes", "999000\t3\troot /opt/job")],
        "cron.job-fails",
        "`/opt/job` ended with 3",
    );
    assert_eq!(
        kinds(&[job, cron, ("ran", "yes", "999000\t-\troot /opt/job")]),
        []
    );
}

#[test]
fn a_backup_says_itself_what_is_wrong() {
    let about = "playbook=shop\nname=data\nplace=/srv/backups\nschedule=0 2 * * *\nlast=990000 failed\nsaid=no space left\nproblem=the last run failed";
    one(&[("backup", "", about)], "backup.missing", "no space left");
    let well = about.replace("problem=the last run failed", "problem=");
    assert_eq!(kinds(&[("backup", "", &well)]), []);
}

#[test]
fn whoever_works_on_packages_is_left_alone() {
    let audit = "The following packages have been unpacked but not yet configured:\n odd  an odd package";
    one(
        &[("dpkg", "0", audit), ("dpkg_held", "-", "")],
        "dpkg.broken",
        "odd",
    );
    one(&[("dpkg", "2", "")], "dpkg.broken", "interrupted");
    assert_eq!(
        kinds(&[
            ("dpkg", "2", audit),
            ("dpkg_held", "70", "/usr/bin/python3 /usr/bin/unattended-upgrade")
        ]),
        []
    );
    one(
        &[("dpkg", "0", ""), ("dpkg_held", "70", "vim /var/lib/dpkg/status")],
        "dpkg.held",
        "process 70",
    );
}

#[test]
fn any_answer_is_read_without_a_panic() {
    use proptest::prelude::*;
    proptest!(|(kind in 0..24_usize, name in ".{0,20}", body in ".{0,200}")| {
        const KINDS: [&str; 24] = [
            "section", "words", "described", "recent", "sick", "holder", "listening", "conf", "answer", "direct",
            "ready", "mcp", "errors", "refused", "certificate", "renewed", "exchange", "disks", "large", "deleted",
            "clock", "dpkg", "logrotate", "pack",
        ];
        let name = name.replace('\n', " ");
        let text = format!("@{} {} {name}\n{body}\n@end 0 \n\n", KINDS[kind], body.len());
        if let Some(seen) = Seen::read(text.as_bytes(), "web") {
            findings(&seen);
        }
    });
}

#[test]
fn a_name_that_mcp_refuses_is_told_by_the_servers_own_words() {
    let refused = "3\nHTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"this Host is not served; ALLOWED_HOSTS lists who is\"}}";
    let asked = [
        SITE,
        ("mcp", "plain shop", refused),
        ("mcp", "json shop", refused),
        ("mcp", "origin shop", refused),
        ("mcp", "direct shop", refused),
    ];
    one(&asked, "mcp.host-refused", "ALLOWED_HOSTS lists who is");
}
