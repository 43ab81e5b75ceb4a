//! What stands between here and a host.

use super::setting::Setting;
use super::tokens::Tokens;
use crate::host::target::Target;

/// Hosts to go through, or a program that carries the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// `ProxyJump`: the first is the nearest.
    Jumps(Vec<Target>),
    /// `ProxyCommand`, with its tokens filled in.
    Command(String),
}

/// None if it cannot be read.
pub(super) fn read(setting: &Setting, tokens: &Tokens) -> Option<Proxy> {
    let text = setting.words.join(" ");
    if setting.key == "proxycommand" {
        return tokens.command(&text).map(Proxy::Command);
    }
    let text = tokens.command(&text)?;
    let hop = |text: &str| {
        let text = text.trim();
        let text = text.strip_prefix("ssh://").unwrap_or(text);
        let text = text.trim_end_matches('/');
        // `ssh -G` puts whatever has a port into brackets.
        let bare = text.replace(['[', ']'], "");
        text.parse().or_else(|_| bare.parse()).ok()
    };
    text.split(',').map(hop).collect::<Option<_>>().map(Proxy::Jumps)
}
