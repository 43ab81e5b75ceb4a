//! certbot's `renewal/NAME.conf`, which is in the format of Python's ConfigObj: read, compared, mended. Lines that
//! need no mending stay as they are.

use super::certbot::Challenge;
use crate::change::Detail;

/// What the file must say.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub domains: &'a [String],
    pub challenge: &'a Challenge,
    /// The accounts that the host has with the authority.
    pub accounts: Vec<&'a str>,
}

/// Whether a line of `cli.ini`, which certbot takes before what this file says, makes renewals other than wanted.
pub(super) fn overrides(line: &str, challenge: &Challenge, server: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let (key, value) = (key.trim().replace('_', "-"), value_of(value));
    let other = |own: &str| own != key && value.eq_ignore_ascii_case("true");
    match key.as_str() {
        "authenticator" | "a" | "configurator" => value != authenticator(challenge),
        "webroot-path" | "w" => matches!(challenge, Challenge::Webroot(path) if value != path),
        "server" => value != server,
        "pre-hook" => stops(value, false),
        "standalone" | "nginx" | "apache" | "manual" | "webroot" => other(authenticator(challenge)),
        "staging" | "test-cert" => other(""),
        _ => false,
    }
}

/// What certbot calls the way of answering a challenge.
fn authenticator(challenge: &Challenge) -> &'static str {
    match challenge {
        Challenge::Webroot(_) => "webroot",
        Challenge::Dns { .. } => "manual",
    }
}

/// A line, and the sections it stands in.
#[derive(Debug)]
struct Line<'a> {
    text: &'a str,
    section: &'a str,
    subsection: &'a str,
}

impl<'a> Line<'a> {
    /// The key and value, if it has them.
    fn pair(&self) -> Option<(&'a str, &'a str)> {
        let text = self.text.trim();
        if text.starts_with(['#', '[']) {
            return None;
        }
        let (key, value) = text.split_once('=')?;
        Some((unquoted(key.trim()), value_of(value)))
    }

    fn is_param(&self) -> bool {
        self.section == PARAMS && self.subsection.is_empty()
    }

    fn is_map(&self) -> bool {
        self.section == PARAMS && self.subsection == MAP
    }
}

const PARAMS: &str = "renewalparams";
const MAP: &str = "webroot_map";

/// A value without its quotes, its comment and the comma that makes a list of one.
fn value_of(text: &str) -> &str {
    let text = text.trim();
    if let Some(quote) = text.chars().next().filter(|quote| matches!(quote, '"' | '\''))
        && let Some(end) = text[1..].find(quote)
    {
        return &text[1..=end];
    }
    let text = text.split('#').next().unwrap_or(text).trim_end();
    text.strip_suffix(',').unwrap_or(text).trim_end()
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// A value as ConfigObj reads it back.
fn quoted(text: &str) -> String {
    match text.contains([',', '#', '\'', '"', ' ']) {
        true if text.contains('"') => format!("'{text}'"),
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct Conf<'a> {
    lines: Vec<Line<'a>>,
}

/// What a value is when it is not there.
const NONE: &str = "none";

/// The challenge by DNS, as certbot writes it.
const DNS: &str = "dns-01";

/// What is said anew of how the challenge is answered.
const ANSWERS: [&str; 5] = [
    "authenticator",
    "webroot_path",
    "manual_auth_hook",
    "manual_cleanup_hook",
    "pref_challs",
];

impl<'a> Conf<'a> {
    /// Reads it; none when it is not what certbot writes.
    pub fn read(text: &'a str) -> Option<Self> {
        let (mut section, mut subsection) = ("", "");
        let lines: Vec<Line<'a>> = text
            .lines()
            .map(|text| {
                let name = text.trim();
                if let Some(name) = name.strip_prefix("[[").and_then(|name| name.split(']').next()) {
                    subsection = name.trim();
                } else if let Some(name) = name.strip_prefix('[').and_then(|name| name.split(']').next()) {
                    (section, subsection) = (name.trim(), "");
                }
                Line {
                    text,
                    section,
                    subsection,
                }
            })
            .collect();
        lines.iter().any(Line::is_param).then_some(Self { lines })
    }

    /// The value of a parameter; none when it is not set, or set to nothing.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        let params = self.lines.iter().filter(|line| line.is_param());
        let mut pairs = params.filter_map(Line::pair);
        let value = pairs.find_map(|(known, value)| (known == key).then_some(value));
        value.filter(|value| !matches!(*value, "" | "None"))
    }

    /// Where the challenge for a domain is put: as its own entry says, else in the last of all paths.
    fn webroot(&self, domain: &str) -> Option<&'a str> {
        let mut map = self
            .lines
            .iter()
            .filter(|line| line.is_map())
            .filter_map(Line::pair);
        let own = map.find_map(|(known, path)| (known == domain).then_some(path));
        own.or_else(|| self.get("webroot_path")?.rsplit(',').next().map(str::trim))
    }

    /// What it says, and must say.
    fn fields(&self, wanted: &Wanted<'a>) -> Vec<(&'static str, &'a str, &'a str)> {
        let get = |key| self.get(key).unwrap_or(NONE);
        let way = authenticator(wanted.challenge);
        let moves = get("authenticator") != way;
        let mut fields = Vec::new();
        if moves {
            fields.push(("authenticator", get("authenticator"), way));
        }
        fields.extend(self.challenge(wanted));
        // The plugin may not be installed; the deploy hook makes nginx load the certificate.
        if get("installer") != NONE {
            fields.push(("installer", get("installer"), NONE));
        }
        if get("autorenew").eq_ignore_ascii_case("false") {
            fields.push(("autorenew", get("autorenew"), "True"));
        }
        // What was stopped so that certbot could answer itself must now answer.
        if self.get("pre_hook").is_some_and(|hook| stops(hook, moves)) {
            for key in ["pre_hook", "post_hook"] {
                if get(key) != NONE {
                    fields.push((key, get(key), NONE));
                }
            }
        }
        if let (Some(account), Some(first)) = (self.get("account"), wanted.accounts.first())
            && !wanted.accounts.contains(&account)
        {
            fields.push(("account", account, first));
        }
        fields
    }

    /// The same of how the challenge is answered.
    fn challenge(&self, wanted: &Wanted<'a>) -> Vec<(&'static str, &'a str, &'a str)> {
        let get = |key| self.get(key).unwrap_or(NONE);
        let mut fields: Vec<(&str, &str, &str)> = Vec::new();
        let by = |kind: &str| self.get("pref_challs").is_none_or(|all| all.contains(kind));
        match wanted.challenge {
            Challenge::Webroot(path) => {
                let elsewhere = |domain: &&String| self.webroot(domain) != Some(path.as_str());
                if let Some(domain) = wanted.domains.iter().find(elsewhere) {
                    fields.push(("webroot", self.webroot(domain).unwrap_or(NONE), path));
                }
                if !by("http") {
                    fields.push(("pref_challs", get("pref_challs"), NONE));
                }
            }
            Challenge::Dns { auth, cleanup } => {
                let hooks = [("manual_auth_hook", auth), ("manual_cleanup_hook", cleanup)];
                let other = hooks.into_iter().filter(|(key, hook)| get(key) != *hook);
                fields.extend(other.map(|(key, hook)| (key, get(key), hook.as_str())));
                // Of itself it would be asked over HTTP.
                if self.get("pref_challs").is_none() || !by("dns") {
                    fields.push(("pref_challs", get("pref_challs"), DNS));
                }
            }
        }
        fields
    }

    /// What of it would make a renewal fail, or other than the playbook says.
    pub fn differences(&self, wanted: &Wanted<'a>) -> Vec<Detail> {
        let fields = self.fields(wanted).into_iter();
        fields
            .map(|(name, from, to)| Detail::Field {
                name,
                from: from.to_owned(),
                to: to.to_owned(),
            })
            .collect()
    }

    /// The file as it must be.
    pub fn mended(&self, wanted: &Wanted<'a>) -> String {
        let fields = self.fields(wanted);
        let mut params = vec![format!("authenticator = {}", authenticator(wanted.challenge))];
        let mut map = Vec::new();
        match wanted.challenge {
            Challenge::Webroot(path) => {
                let path = quoted(path);
                params.push(format!("webroot_path = {path},"));
                map.push(format!("[[{MAP}]]"));
                map.extend(wanted.domains.iter().map(|domain| format!("{domain} = {path}")));
            }
            Challenge::Dns { auth, cleanup } => params.extend([
                format!("pref_challs = {DNS},"),
                format!("manual_auth_hook = {}", quoted(auth)),
                format!("manual_cleanup_hook = {}", quoted(cleanup)),
            ]),
        }
        if let Some((_, _, account)) = fields.iter().find(|(name, ..)| *name == "account") {
            params.push(format!("account = {account}"));
        }
        let stays = |line: &&Line<'_>| {
            let set = |key: &str| ANSWERS.contains(&key) || fields.iter().any(|(name, ..)| *name == key);
            let is_set = line.is_param() && line.pair().is_some_and(|(key, _)| set(key));
            !line.is_map() && !is_set
        };
        let mut text = String::new();
        let push = |text: &mut String, line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        let last = self.lines.iter().rposition(Line::is_param).unwrap_or_default();
        for (index, line) in self.lines.iter().enumerate() {
            if stays(&line) {
                push(&mut text, line.text);
            }
            if index == last {
                params.iter().chain(&map).for_each(|line| push(&mut text, line));
            }
        }
        text
    }
}

/// Whether a hook stops what answers the challenge. One that came with another way of answering it
/// stops whatever holds the port.
fn stops(hook: &str, moves: bool) -> bool {
    let any = |words: &[&str]| words.iter().any(|word| hook.contains(word));
    any(&["stop", "kill", "quit", "down"]) && (moves || hook.contains("nginx"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDALONE: &str = "# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/main
cert = /etc/letsencrypt/live/main/cert.pem

# Options used in the renewal process
[renewalparams]
account = 0123
pre_hook = systemctl stop nginx # frees the port
authenticator = standalone
installer = None
server = https://acme.test/dir
key_type = ecdsa
post_hook = \"systemctl start nginx\"
renew_hook = /usr/local/bin/tell
[acme_renewal_info]
ari_retry_after = 2026-01-01
";

    fn webroot(path: &str) -> Challenge {
        Challenge::Webroot(path.to_owned())
    }

    fn wanted<'a>(domains: &'a [String], challenge: &'a Challenge) -> Wanted<'a> {
        Wanted {
            domains,
            challenge,
            accounts: vec!["0123"],
        }
    }

    fn domains() -> [String; 2] {
        ["one.test", "two.test"].map(str::to_owned)
    }

    fn fields(text: &str) -> Vec<String> {
        let domains = domains();
        let conf = Conf::read(text).expect("certbot's");
        let challenge = webroot("/var/www/acme");
        let wanted = wanted(&domains, &challenge);
        let fields = conf.fields(&wanted).into_iter();
        fields
            .map(|(name, from, to)| format!("{name}: {from} → {to}"))
            .collect()
    }

    #[test]
    fn another_way_of_answering_the_challenge_becomes_the_webroot() {
        assert_eq!(
            fields(STANDALONE),
            [
                "authenticator: standalone → webroot",
                "webroot: none → /var/www/acme",
                "pre_hook: systemctl stop nginx → none",
                "post_hook: systemctl start nginx → none",
            ]
        );
        let domains = domains();
        let conf = Conf::read(STANDALONE).expect("certbot's");
        let text = conf.mended(&wanted(&domains, &webroot("/var/www/acme")));
        assert_eq!(
            text,
            "# renew_before_expiry = 30 days
version = 2.1.0
archive_dir = /etc/letsencrypt/archive/main
cert = /etc/letsencrypt/live/main/cert.pem

# Options used in the renewal process
[renewalparams]
account = 0123
installer = None
server = https://acme.test/dir
key_type = ecdsa
renew_hook = /usr/local/bin/tell
authenticator = webroot
webroot_path = /var/www/acme,
[[webroot_map]]
one.test = /var/www/acme
two.test = /var/www/acme
[acme_renewal_info]
ari_retry_after = 2026-01-01
"
        );
        assert_eq!(fields(&text), Vec::<String>::new());
    }

    #[test]
    fn what_would_break_a_renewal_is_found() {
        let domains = domains();
        let conf = Conf::read(STANDALONE).expect("certbot's");
        let good = conf.mended(&wanted(&domains, &webroot("/var/www/acme")));
        let with = |line: &str| good.replace("[[webroot_map]]", &format!("{line}\n[[webroot_map]]"));
        for (text, field) in [
            (with("autorenew = False"), "autorenew: False → True"),
            (with("pref_challs = dns-01,"), "pref_challs: dns-01 → none"),
            (
                with("pre_hook = service nginx stop"),
                "pre_hook: service nginx stop → none",
            ),
            (
                good.replace("installer = None", "installer = nginx"),
                "installer: nginx → none",
            ),
            (
                good.replace("account = 0123", "account = 99"),
                "account: 99 → 0123",
            ),
            (
                good.replace("two.test = /var/www/acme", "two.test = /srv/two"),
                "webroot: /srv/two → /var/www/acme",
            ),
            (
                good.replace("two.test = /var/www/acme\n", "")
                    .replace("path = /var/www/acme,", "path = /var/www/acme, /srv/last"),
                "webroot: /srv/last → /var/www/acme",
            ),
        ] {
            assert_eq!(fields(&text), [field], "{text}");
            let conf = Conf::read(&text).expect("certbot's");
            let mended = conf.mended(&wanted(&domains, &webroot("/var/www/acme")));
            assert_eq!(fields(&mended), Vec::<String>::new(), "{mended}");
        }
        for harmless in [
            "pre_hook = echo begins",
            "renew_hook = systemctl stop x",
            "autorenew = True",
        ] {
            assert_eq!(fields(&with(harmless)), Vec::<String>::new(), "{harmless}");
        }
        assert!(Conf::read("version = 2.1.0\n").is_none());
    }

    #[test]
    fn options_for_all_certificates_are_read() {
        let overrides = |line: &str| overrides(line, &webroot("/var/www/acme"), "https://acme.test/dir");
        for line in [
            "authenticator = standalone",
            "standalone=True",
            "webroot-path = /srv",
            "server = https://other.test/dir",
            "pre-hook = systemctl stop nginx",
        ] {
            assert!(overrides(line), "{line}");
        }
        for line in [
            "max-log-backups = 0",
            "# authenticator = standalone",
            "authenticator = webroot",
            "webroot-path = /var/www/acme",
            "email = a@b.test",
        ] {
            assert!(!overrides(line), "{line}");
        }
    }

    #[test]
    fn values_are_read_as_config_obj_reads_them() {
        let text = "[renewalparams]\nauthenticator = 'webroot'\nwebroot_path = \"/srv/a, b\",\n";
        let conf = Conf::read(text).expect("certbot's");
        assert_eq!(conf.get("authenticator"), Some("webroot"));
        assert_eq!(conf.get("webroot_path"), Some("/srv/a, b"));
        let domains = domains();
        let mended = conf.mended(&wanted(&domains, &webroot("/srv/a, b")));
        assert!(mended.contains("\none.test = \"/srv/a, b\"\n"), "{mended}");
    }
}
