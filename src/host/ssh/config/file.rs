//! The SSH configuration where the program `ssh` is not there: what most files hold. What is not followed is
//! refused by its place wherever it could make another host, user or key of it.

use std::io::ErrorKind;
use std::path::Path;

use super::setting::Setting;
use crate::host::ssh::error::SshError;
use crate::host::ssh::glob::glob;
use crate::host::ssh::options::{Options, user_file};
use crate::host::target::Target;

/// What is understood, or refused once it is known to hold for the host.
const FOLLOWED: &[&str] = &[
    "addressfamily",
    "batchmode",
    "bindaddress",
    "bindinterface",
    "certificatefile",
    "checkhostip",
    "ciphers",
    "connecttimeout",
    "globalknownhostsfile",
    "hashknownhosts",
    "hostkeyalgorithms",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "kbdinteractiveauthentication",
    "kexalgorithms",
    "knownhostscommand",
    "macs",
    "nohostauthenticationforlocalhost",
    "numberofpasswordprompts",
    "passwordauthentication",
    "port",
    "preferredauthentications",
    "proxycommand",
    "proxyjump",
    "proxyusefdpass",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "requiredrsasize",
    "revokedhostkeys",
    "serveralivecountmax",
    "serveraliveinterval",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// What changes neither whom we reach nor whom we trust nor with which key: it is for shells, forwardings and
/// looks, which are none of ours, or has been seen to by `ssh -G` (canonical names).
const PASSED_OVER: &[&str] = &[
    "addkeystoagent",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizehostname",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "channeltimeout",
    "clearallforwardings",
    "compression",
    "connectionattempts",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "enableescapecommandline",
    "enablesshkeysign",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "gssapiauthentication",
    "gssapidelegatecredentials",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapiclientidentity",
    "gssapirenewalforcesrekey",
    "gssapiserveridentity",
    "gssapitrustdns",
    "host",
    "hostbasedacceptedalgorithms",
    "hostbasedauthentication",
    "ignoreunknown",
    "ipqos",
    "localcommand",
    "localforward",
    "loglevel",
    "logverbose",
    "obscurekeystroketiming",
    "permitlocalcommand",
    "permitremoteopen",
    "pkcs11provider",
    "rekeylimit",
    "remotecommand",
    "remoteforward",
    "requesttty",
    "securitykeyprovider",
    "sendenv",
    "sessiontype",
    "setenv",
    "stdinnull",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tag",
    "tcpkeepalive",
    "tunnel",
    "tunneldevice",
    "updatehostkeys",
    "usekeychain",
    "verifyhostkeydns",
    "versionaddendum",
    "visualhostkey",
    "warnweakcrypto",
    "xauthlocation",
];

/// Canonical names are other hosts, which only `ssh` itself works out.
const ONLY_BY_SSH: &[&str] = &["canonicaldomains", "canonicalizehostname"];

/// Whether it is known what a keyword means for us.
pub(super) fn is_known(key: &str) -> bool {
    FOLLOWED.contains(&key) || PASSED_OVER.contains(&key)
}

/// What holds for a host, of the person's file and the system's.
pub(super) fn settings(target: &Target, options: &Options) -> Result<Vec<Setting>, SshError> {
    let mut settings = Vec::new();
    let system = options.config.is_none().then(|| "/etc/ssh/ssh_config".into());
    for file in std::iter::once(user_file(options)).chain(system) {
        match std::fs::read_to_string(&file) {
            Ok(text) => settings.extend(read(&text, &file, &target.host)?),
            Err(error) if error.kind() == ErrorKind::NotFound && options.config.is_none() => {}
            Err(error) => {
                let cause = format!("{}: {error}", file.display());
                return Err(SshError::Config { cause });
            }
        }
    }
    Ok(settings)
}

/// What a file says of a host.
pub(super) fn read(text: &str, file: &Path, host: &str) -> Result<Vec<Setting>, SshError> {
    let mut settings = Vec::new();
    let mut applies = true;
    for (index, line) in text.lines().enumerate() {
        let place = format!("{}:{}", file.display(), index + 1);
        let wrong = |what: &str| {
            let cause = format!("{place}: {what}");
            Err(SshError::Config { cause })
        };
        let Some(mut words) = words(line) else {
            return wrong("a quote has no end");
        };
        if words.is_empty() {
            continue;
        }
        let key = words.remove(0).to_ascii_lowercase();
        if words.is_empty() || words.iter().any(String::is_empty) {
            return wrong(&format!("`{key}` has no value"));
        }
        let is_all = words.len() == 1 && words[0].eq_ignore_ascii_case("all");
        match key.as_str() {
            "host" => applies = matches(&words, host),
            "match" if is_all => applies = true,
            "match" => return wrong("`Match` is followed only where the program `ssh` is there: install it"),
            _ if !applies => {}
            _ if PASSED_OVER.contains(&key.as_str()) && !ONLY_BY_SSH.contains(&key.as_str()) => {}
            _ if FOLLOWED.contains(&key.as_str()) => {
                let words = match key.as_str() {
                    // The rest of the line is one command.
                    "proxycommand" => vec![rest_of(line)],
                    _ => words,
                };
                let (place, made) = (Some(place), true);
                settings.push(Setting {
                    key,
                    words,
                    place,
                    made,
                });
            }
            _ => {
                return wrong(&format!(
                    "`{key}` is followed only where the program `ssh` is there: install it"
                ));
            }
        }
    }
    Ok(settings)
}

/// All behind the keyword.
fn rest_of(line: &str) -> String {
    let line = line.trim();
    let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
    let rest = line[end..].trim_start();
    rest.strip_prefix('=').unwrap_or(rest).trim().to_owned()
}

/// Some pattern matches and no negated one does.
pub(super) fn matches(patterns: &[String], host: &str) -> bool {
    let is_match = |pattern: &str| glob(pattern.as_bytes(), host.as_bytes());
    let negated = |pattern: &String| pattern.strip_prefix('!').is_some_and(is_match);
    !patterns.iter().any(negated) && patterns.iter().any(|pattern| is_match(pattern))
}

/// Keyword and arguments of a line, between which one `=` may stand; none if a quote does not end.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (mut word, mut quote) = (String::new(), None);
        let mut chars = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            let is_end = c.is_whitespace() || (words.is_empty() && c == '=');
            match (c, quote) {
                ('\\', _) if rest[at + 1..].starts_with(['"', '\'', '\\']) => {
                    word.extend(chars.next().map(|(_, c)| c));
                }
                (c, Some(open)) if c == open => quote = None,
                (c, Some(_)) => word.push(c),
                ('"' | '\'', None) => quote = Some(c),
                _ if is_end => {
                    end = at;
                    break;
                }
                _ => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        rest = rest[end..].trim_start();
        if words.is_empty() {
            rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
        }
        words.push(word);
    }
    Some(words)
}
