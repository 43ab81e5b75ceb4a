//! The types of a playbook's scalars. Each reads the scalar's own text, so that the field decides what
//! `0640`, `22:22` or `no` mean, and never YAML.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};

use super::expanded::UNKNOWN;
use super::scope::TOLD;

/// Reads the text of a scalar, whatever YAML would take it for.
struct RawText;

impl Visitor<'_> for RawText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// The text of a scalar as it stands, whatever YAML would make of it.
///
/// # Errors
/// When it is no scalar.
pub fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(RawText)
}

/// Reads a scalar by its type.
pub(super) fn read<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err = String>,
{
    match raw(deserializer)?.as_str() {
        UNKNOWN => Err(Error::custom(TOLD)),
        text => text.parse().map_err(Error::custom),
    }
}

/// For `Option` fields: null means that the field is not set.
pub fn optional<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err = String>,
{
    struct Maybe<T>(std::marker::PhantomData<T>);
    impl<'de, T: FromStr<Err = String>> Visitor<'de> for Maybe<T> {
        type Value = Option<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a single value or null")
        }
        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            read(deserializer).map(Some)
        }
    }
    deserializer.deserialize_option(Maybe(std::marker::PhantomData))
}

/// Declares a scalar type: its name, what it is, the pattern of its schema, how its text is read.
macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident($inner:ty), $pattern:literal, $parse:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $inner);

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let parse: fn(&str) -> Result<$inner, String> = $parse;
                parse(text).map(Self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::language::scalar::read(deserializer)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": ["string", "number", "boolean"], "pattern": $pattern })
            }
        }
    };
}
pub(super) use scalar;

fn one_line(text: &str) -> Result<String, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(_) => Err("one line without control characters is needed here".into()),
        None if text.is_empty() => Err("this must not be empty".into()),
        None => Ok(text.to_owned()),
    }
}

/// The text, if a configuration can hold it without quotes.
fn bare(text: &str) -> Result<String, String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"';{}\\".contains(c);
    match text.chars().find(|c| odd(*c)) {
        Some(c) => Err(format!(
            "`{text}` has a {c:?} in it, and nginx would not take that for a part of it"
        )),
        None => Ok(text.to_owned()),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is not a name: letters, digits, `_`, `.` and `-`, the first no `.` or `-`"
    ))
}

fn number<T: FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not {what}"))
}

scalar! {
    /// Any text, of any number of lines.
    Text(String), "", |text| Ok(text.to_owned())
}
scalar! {
    /// One line of text.
    Line(String), "^[^\\n]+$", one_line
}
scalar! {
    /// A name: letters, digits, `_`, `.` and `-`.
    Name(String), "^[A-Za-z0-9_][A-Za-z0-9_.-]*$", name
}
scalar! {
    /// The name of a systemd unit: `nginx`, `backup.timer`, `worker@1`; `worker@` is a template.
    UnitName(String), "^[A-Za-z0-9_-][A-Za-z0-9_.:@\\\\-]*$", |text| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.:@\\-".contains(c);
        if text.is_empty() || text.starts_with(['.', '@']) || !text.chars().all(fits) {
            return Err(format!("`{text}` is not the name of a systemd unit: letters, digits and `_.:@\\-`"));
        }
        Ok(text.to_owned())
    }
}
scalar! {
    /// An absolute path on the host.
    AbsPath(String), "^/", |text| {
        let text = one_line(text)?;
        if !text.starts_with('/') {
            return Err(format!("`{text}` is not an absolute path: it starts with `/`"));
        }
        if text.contains('\\') || text.split('/').skip(1).any(|part| part == ".." || part == ".") {
            return Err(format!("`{text}` is not a plain path: no `.`, `..` or `\\` in it"));
        }
        let trimmed = text.trim_end_matches('/');
        if trimmed.contains("//") {
            return Err(format!("`{text}` has an empty part: write each `/` once"));
        }
        Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
    }
}
scalar! {
    /// A path on this machine, relative to the playbook.
    LocalPath(String), "", one_line
}
scalar! {
    /// Permission bits, three or four octal digits, with or without quotes: `0640`.
    Mode(String), "^[0-7]{3,4}$", |text| {
        let digits = text.len() == 3 || text.len() == 4;
        if digits && text.chars().all(|c| ('0'..='7').contains(&c)) {
            return Ok(format!("{text:0>4}"));
        }
        Err(format!("`{text}` is not a mode: write three or four octal digits, such as `0640`"))
    }
}
scalar! {
    /// A TCP or UDP port, 1 to 65535.
    Port(u16), "^[0-9]+$", |text| match text.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a port: a whole number from 1 to 65535")),
        Ok(port) => Ok(port),
    }
}
scalar! {
    /// A host and a port: `127.0.0.1:8080`.
    Address(String), "^.+:[0-9]+$", |text| {
        let (host, port) = text.rsplit_once(':').ok_or(format!("`{text}` has no port: write `host:port`"))?;
        port.parse::<Port>()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(format!("`{host}` is not a host name or an address"));
        }
        Ok(text.to_owned())
    }
}
scalar! {
    /// Where requests go: a host and a port, `https://` and a host, a socket (`unix:/run/app.sock`), or the name of a
    /// program with `instances` or of one of the site's `upstreams`: `127.0.0.1:8080`, `web`.
    Upstream(String), "^(https://[^/]+|unix:/.+|.+:[0-9]+|[A-Za-z0-9_][A-Za-z0-9_.-]*)$", |text| {
        if let Some(host) = text.strip_prefix("https://") {
            let address = if host.contains(':') { host.to_owned() } else { format!("{host}:443") };
            return address.parse::<Address>().map(|_| text.to_owned());
        }
        if text.starts_with("unix:") {
            return text.parse::<Server>().map(|server| server.0);
        }
        let is_host = text == "localhost" || text.parse::<std::net::IpAddr>().is_ok();
        match is_name(text) && !is_host {
            true => Ok(text.to_owned()),
            false => text.parse::<Address>().map(|address| address.0),
        }
    }
}

impl Upstream {
    /// The name, where it is one.
    pub fn name(&self) -> Option<&str> {
        is_name(&self.0).then_some(&self.0)
    }

    /// The host behind `https://`.
    pub fn https(&self) -> Option<&str> {
        self.0.strip_prefix("https://")
    }
}

scalar! {
    /// A server of a group: a host and a port, or a socket: `10.0.0.2:8080`, `unix:/run/app.sock`.
    Server(String), "^(unix:/.+|.+:[0-9]+)$", |text| match text.strip_prefix("unix:") {
        Some(path) => {
            let path: AbsPath = path.parse()?;
            match path.0.contains(|c: char| c.is_whitespace() || "\"';{}$:".contains(c)) {
                true => Err(format!("nginx would not read `{path}` as one path: it has a blank, a quote or one of `;{{}}$:`")),
                false => Ok(text.to_owned()),
            }
        }
        None => text.parse::<Address>().map(|address| address.0),
    }
}

scalar! {
    /// A name that a site answers to: a domain, all below one (`*.example.com`), or a host's short name.
    ServerName(String), "^(\\*\\.)?[A-Za-z0-9.-]+$", |text| {
        let bare = text.strip_prefix("*.").unwrap_or(text);
        let dotted = if bare == text && !bare.contains('.') { format!("{bare}.local") } else { bare.to_owned() };
        match dotted.parse::<Domain>() {
            Ok(_) => Ok(text.to_ascii_lowercase()),
            Err(_) => Err(format!("`{text}` is not a name of a site: write `example.com`, `*.example.com` or `intranet`")),
        }
    }
}

scalar! {
    /// How a program says that it is ready: the path of a URL to which it answers with 2xx or 3xx, or `tcp`, where it
    /// is enough that it listens.
    Ready(String), "^(tcp|/[^\\s\"';{}\\\\$]*)$", |text| match text {
        "tcp" => Ok(text.to_owned()),
        text => text.parse::<UrlPath>().map(|path| path.0).map_err(|_| format!("`{text}` is neither a path that starts with `/` nor `tcp`")),
    }
}
scalar! {
    /// A whole number.
    Count(u32), "^[0-9]+$", |text| number(text, "a whole number")
}
scalar! {
    /// `true` or `false`.
    Flag(bool), "^(true|false)$", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("`{other}` is not true or false: write `true` or `false`")),
    }
}
scalar! {
    /// An amount of memory or disk, in units of 1024: `500K`, `256M`, `2G`. Kept in bytes.
    Size(u64), "^[0-9]+[KMGT]$", |text| {
        let wrong = || format!("`{text}` is not an amount: write `500K`, `256M` or `2G`");
        let unit = ["K", "M", "G", "T"].iter().position(|unit| text.ends_with(unit)).ok_or_else(wrong)?;
        let number = text[..text.len() - 1].parse::<u64>().ok();
        number.and_then(|number| number.checked_mul(1024_u64.pow(unit as u32 + 1))).ok_or_else(wrong)
    }
}
scalar! {
    /// A length of time in seconds, minutes, hours or days: `30s`, `5m`, `1h`, `7d`. Kept in seconds.
    Duration(u32), "^[0-9]+[smhd]$", |text| {
        let wrong = || format!("`{text}` is not a length of time: write `30s`, `5m`, `1h` or `7d`");
        let scale = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            _ => return Err(wrong()),
        };
        text[..text.len() - 1].parse::<u32>().ok().and_then(|n| n.checked_mul(scale)).ok_or_else(wrong)
    }
}
scalar! {
    /// A domain name.
    Domain(String), "^[A-Za-z0-9.-]+$", |text| {
        let label = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let valid = text.contains('.') && text.split('.').all(label);
        if valid { Ok(text.to_ascii_lowercase()) } else { Err(format!("`{text}` is not a domain name")) }
    }
}
scalar! {
    /// A domain name, or all names one label below one: `*.example.com`.
    WildDomain(String), "^(\\*\\.)?[A-Za-z0-9.-]+$", |text| {
        let (star, bare) = text.strip_prefix("*.").map_or(("", text), |bare| ("*.", bare));
        bare.parse::<Domain>().map(|domain| format!("{star}{}", domain.0))
    }
}
scalar! {
    /// The path of a URL, in the characters that need no quotes: `/assets/`.
    UrlPath(String), "^/[^\\s\"';{}\\\\$]*$", |text| match text.starts_with('/') && !text.contains('$') {
        true => bare(text),
        false => Err(format!("`{text}` is not the path of a URL: it starts with `/`, and has no `$`")),
    }
}
scalar! {
    /// What a location of nginx is about: all that begins with a path (`/assets/`), or that path alone (`= /feed`).
    LocationPath(String), "^(= ?)?/[^\\s\"';{}\\\\$]*$", |text| {
        let alone = text.strip_prefix('=').map(|path| path.strip_prefix(' ').unwrap_or(path));
        let path = alone.unwrap_or(text).parse::<UrlPath>()?.0;
        Ok(if alone.is_some() { format!("= {path}") } else { path })
    }
}
scalar! {
    /// A URL, or a path of the same site: `https://example.com/new`, `/new`.
    Url(String), "^(https?:/)?/[^\\s\"';{}\\\\]*$", |text| {
        let begins = ["https://", "http://", "/"].iter().find_map(|begin| text.strip_prefix(begin));
        match begins {
            Some(rest) if !rest.is_empty() || text == "/" => bare(text),
            _ => Err(format!("`{text}` is not a URL: write `https://…`, or a path that starts with `/`")),
        }
    }
}
scalar! {
    /// Who asks: an address, a network, or `all`: `203.0.113.7`, `10.0.0.0/8`, `2001:db8::/32`.
    Network(String), "^(all|[0-9A-Fa-f.:]+(/[0-9]+)?)$", |text| {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let most = match address.parse() {
            Ok(std::net::IpAddr::V4(_)) => 32,
            Ok(std::net::IpAddr::V6(_)) => 128,
            Err(_) => 0,
        };
        let fits = |bits: &str| bits.parse::<u8>().is_ok_and(|bits| bits <= most);
        match text == "all" || most > 0 && bits.is_none_or(fits) {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is no address or network: write `203.0.113.7`, `10.0.0.0/8` or `all`")),
        }
    }
}
scalar! {
    /// A regular expression, for one line: `^#?Port `.
    Regexp(String), "", |text| match regex_lite::Regex::new(text) {
        Ok(_) => one_line(text),
        Err(error) => Err(format!("`{text}` is no regular expression: {error}")),
    }
}
scalar! {
    /// The name of a host, with or without its domain: `web1`, `web1.example.com`.
    HostName(String), "^[A-Za-z0-9.-]{1,64}$", |text| {
        let label = |part: &str| {
            let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            !part.is_empty() && part.len() < 64 && plain && !part.starts_with('-') && !part.ends_with('-')
        };
        // The kernel keeps 64 bytes (HOST_NAME_MAX, gethostname(2)).
        match text.len() <= 64 && text.split('.').all(label) {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is not the name of a host: letters, digits, `-` and `.`, up to 64")),
        }
    }
}
scalar! {
    /// An IP address: `203.0.113.7`, `2001:db8::7`.
    IpAddress(String), "^[0-9A-Fa-f.:]+$", |text| match text.parse::<std::net::IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(format!("`{text}` is not an address: write `203.0.113.7` or `2001:db8::7`")),
    }
}
scalar! {
    /// A value of the kernel's: `net.ipv4.ip_forward`, `net/ipv4/conf/eth0.1/rp_filter`.
    SysctlKey(String), "^[A-Za-z0-9_./-]+$", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
        let parts = text.split(['.', '/']).all(|part| !part.is_empty());
        match text.contains(['.', '/']) && parts && text.chars().all(plain) && !text.starts_with('-') {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is no value of the kernel's: write `net.ipv4.ip_forward`")),
        }
    }
}
scalar! {
    /// A time zone, as it is called below `/usr/share/zoneinfo`: `Europe/Berlin`, `Etc/UTC`.
    TimeZone(String), "^[A-Za-z0-9_+/-]+$", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_+/-".contains(c);
        match text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.ends_with('/') {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is not a time zone: write `Europe/Berlin` or `Etc/UTC`")),
        }
    }
}
scalar! {
    /// A locale: `de_DE.UTF-8`, `C.UTF-8`.
    LocaleName(String), "^[A-Za-z_]+(\\.[A-Za-z0-9-]+)?(@[a-z]+)?$", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
        match !text.is_empty() && text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is not a locale: write `de_DE.UTF-8` or `C.UTF-8`")),
        }
    }
}
scalar! {
    /// The fingerprint of an OpenPGP key, as `gpg --fingerprint` prints it: 40 hex digits, blanks between them or not.
    Fingerprint(String), "^[0-9A-Fa-f ]+$", |text| {
        let digits: String = text.split_whitespace().collect::<String>().to_ascii_uppercase();
        match [40, 64].contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(digits),
            false => Err(format!("`{text}` is not the fingerprint of a key: 40 hex digits; a shorter one may be another key's, too")),
        }
    }
}
scalar! {
    /// How much apt prefers something: a whole number from -32768 to 32767, not 0 (apt_preferences(5)).
    Priority(i16), "^-?[0-9]+$", |text| match text.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a priority: a whole number from -32768 to 32767, and not 0, of which apt says nothing")),
        Ok(number) => Ok(number),
    }
}
scalar! {
    /// Whether a host starts anew, or at which time of the day: `true`, `false`, `02:00`.
    Reboot(String), "^(true|false|[0-2][0-9]:[0-5][0-9])$", |text| {
        let is_time = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            let number = |part: &str, most: u8| part.len() == 2 && part.parse::<u8>().is_ok_and(|number| number < most);
            (number(hours, 24) && number(minutes, 60)).then_some(())
        };
        match ["true", "false"].contains(&text) || is_time(text).is_some() {
            true => Ok(text.to_owned()),
            false => Err(format!("`{text}` is neither true or false nor a time: write `02:00`")),
        }
    }
}
scalar! {
    /// When a program is started again: `true`, `false` or `unexpected`.
    Restart(String), "^(true|false|unexpected)$", |text| match text {
        "true" | "false" | "unexpected" => Ok(text.to_owned()),
        other => Err(format!("`{other}` is no way to start again: write `true`, `false` or `unexpected`")),
    }
}
scalar! {
    /// A line of an `authorized_keys` file: `ssh-ed25519 AAAA… ann@laptop`, with options before it if it has any.
    PublicKey(String), "^[^\\n]+$", super::public_key::parse
}
scalar! {
    /// When cron runs something: five fields, or `@daily` and its like.
    Schedule(String), "", super::schedule::parse
}

#[cfg(test)]
#[path = "scalar_tests.rs"]
mod tests;
