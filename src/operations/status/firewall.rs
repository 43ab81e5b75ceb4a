//! What a host's firewall lets in.

use super::Firewall;

/// The firewall from ufw's settings and rules, and the kernel's input chain (`iptables -S INPUT`).
pub(super) fn firewall(text: &str) -> Firewall {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_matches('"').to_lowercase())
    };
    let policy = of("-P INPUT ").unwrap_or_else(|| "unknown".into());
    let is_loaded = text.contains("ufw-before-input");
    match of("ENABLED=") {
        Some(enabled) if enabled == "yes" || is_loaded => {
            let mut rules: Vec<String> = Vec::new();
            for rule in text.lines().filter_map(rule) {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
            Firewall {
                tool: Some("ufw".into()),
                active: is_loaded,
                incoming: policy,
                rules,
            }
        }
        _ => {
            let rules: Vec<String> = text
                .lines()
                .filter_map(|line| line.strip_prefix("-A INPUT "))
                .map(str::to_owned)
                .collect();
            Firewall {
                tool: (!rules.is_empty()).then(|| "iptables".into()),
                active: !rules.is_empty() || policy == "drop",
                incoming: policy,
                rules,
            }
        }
    }
}

/// A rule of ufw's as it keeps it (`UFWRule` in ufw's common.py): `### tuple ### ACTION PROTOCOL PORTS TO SPORTS FROM
/// DIRECTION`, for incoming traffic. The two families' rules that say the same read alike.
fn rule(line: &str) -> Option<String> {
    let mut words = line.strip_prefix("### tuple ### ")?.split_whitespace();
    let mut next = || words.next();
    let (action, protocol, ports) = (next()?, next()?, next()?);
    let (to, sports, from, direction) = (next()?, next()?, next()?, next()?);
    if !direction.starts_with("in") {
        return None;
    }
    let any = |address: &str| address == "0.0.0.0/0" || address == "::/0";
    let mut text = format!("{action} {ports}");
    if protocol != "any" {
        text += &format!("/{protocol}");
    }
    if !any(to) {
        text += &format!(" to {to}");
    }
    if !any(from) {
        text += &format!(" from {from}");
    }
    if sports != "any" {
        text += &format!(" from port {sports}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_as_they_are_written() {
        let text = "ENABLED=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n\
            ### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n\
            ### tuple ### limit any 53 0.0.0.0/0 any 203.0.113.0/24 in comment=6e\n\
            ### tuple ### reject tcp 25 0.0.0.0/0 any 0.0.0.0/0 out\n\
            ### tuple ### allow tcp 22 ::/0 any ::/0 in\n";
        let loaded = firewall(&format!("{text}-P INPUT DROP\n-A INPUT -j ufw-before-input\n"));
        assert_eq!(loaded.rules, ["allow 22/tcp", "limit 53 from 203.0.113.0/24"]);
        assert_eq!((loaded.active, &*loaded.incoming), (true, "drop"));
        let not_loaded = firewall(&format!("{text}-P INPUT ACCEPT\n"));
        assert_eq!((not_loaded.active, &*not_loaded.incoming), (false, "accept"));
        let none = firewall("ENABLED=no\n-P INPUT ACCEPT\n");
        assert_eq!((none.tool, none.active), (None, false));
        let other = firewall("-P INPUT ACCEPT\n-A INPUT -p tcp --dport 25 -j DROP\n");
        assert_eq!((other.active, other.rules.len()), (true, 1));
    }
}
