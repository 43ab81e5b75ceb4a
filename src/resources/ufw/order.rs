//! The order of rules, the first of which decides: what ours come to, and what has to be done for it.

use super::kernel::Line;
use super::rule::Rule;
use super::state::{Family, State};
use super::stored::{Stored, Way};
use super::traffic::Traffic;

/// A rule of the playbook's: `allow` or `limit`, and what.
pub(super) type Own = (&'static str, Rule);

/// The playbook's rules as they have to stand to each other: the more particular one first.
pub(super) fn by_particularity(mut rules: Vec<Own>) -> Vec<Own> {
    let all: Vec<Traffic> = rules.iter().map(|(_, rule)| rule.traffic()).collect();
    rules.sort_by_key(|(_, rule)| {
        let ours = rule.traffic();
        std::cmp::Reverse(all.iter().filter(|wide| wide.covers(&ours)).count())
    });
    rules
}

/// A rule in a list, ours or another's.
#[derive(Clone, Debug)]
struct Ruled<'a> {
    action: &'a str,
    traffic: Traffic,
    own: Option<usize>,
    stored: Option<&'a Stored>,
}

/// What the rules become.
#[derive(Debug, Default)]
pub(super) struct Arranged<'a> {
    /// Ours that ufw is told, with what it has in their place.
    pub told: Vec<(&'a Own, Option<&'a Stored>)>,
    /// Ours that go before all others, with what would keep them from counting where they are.
    pub first: Vec<(&'a Own, Option<&'a Stored>)>,
    /// All rules, as they then are.
    lists: Vec<(bool, Vec<Ruled<'a>>)>,
}

/// Lets every one of ours count: what ufw lacks it is told, and what would come too late goes to the front.
pub(super) fn arrange<'a>(own: &'a [Own], state: &'a State) -> Arranged<'a> {
    let mut causes: Vec<Option<Option<&Stored>>> = vec![None; own.len()];
    let told = own.iter().filter_map(|rule| Some((rule, told(rule, state)?)));
    let told = told.collect();
    loop {
        let front: Vec<usize> = (0..own.len()).filter(|index| causes[*index].is_some()).collect();
        let lists: Vec<(bool, Vec<Ruled>)> = state
            .families()
            .map(|v6| (v6, list(own, &front, state.family(v6), v6)))
            .collect();
        let mut late = Vec::new();
        for index in (0..own.len()).filter(|index| causes[*index].is_none()) {
            let shadow = lists.iter().find_map(|(_, list)| shadow(own, index, list));
            late.extend(shadow.map(|by| (index, by.stored)));
        }
        if late.is_empty() {
            let first = own
                .iter()
                .zip(&causes)
                .filter_map(|(rule, cause)| Some((rule, (*cause)?)));
            return Arranged {
                told,
                first: first.collect(),
                lists,
            };
        }
        for (index, by) in late {
            causes[index] = Some(by);
        }
    }
}

/// Whether ufw has to be told a rule; the inner value is what it keeps in its place.
fn told<'a>((action, rule): &Own, state: &'a State) -> Option<Option<&'a Stored>> {
    let mut families = state.families().filter(|v6| rule.is_of(*v6));
    families.find_map(|v6| {
        let there = state.family(v6).rules.iter().find(|stored| is(stored, rule));
        match there {
            Some(stored) if stored.action == *action => None,
            there => Some(there),
        }
    })
}

/// Whether ufw takes a stored rule for this one, whatever its action is.
fn is(stored: &Stored, rule: &Rule) -> bool {
    stored.way == Way::In && stored.is_plain() && stored.traffic == rule.traffic()
}

/// A family's rules after ours have been told, and those in `front` have been moved.
fn list<'a>(own: &'a [Own], front: &[usize], family: &'a Family, v6: bool) -> Vec<Ruled<'a>> {
    let ours = |index: usize, stored| Ruled {
        action: own[index].0,
        traffic: own[index].1.traffic(),
        own: Some(index),
        stored,
    };
    let coming = family.rules.iter().filter(|stored| stored.way == Way::In);
    let mut list: Vec<Ruled> = coming
        .map(|stored| match own.iter().position(|(_, rule)| is(stored, rule)) {
            Some(index) => ours(index, Some(stored)),
            None => Ruled {
                action: &stored.action,
                traffic: stored.traffic.clone(),
                own: None,
                stored: Some(stored),
            },
        })
        .collect();
    for index in (0..own.len()).filter(|index| own[*index].1.is_of(v6)) {
        if !list.iter().any(|ruled| ruled.own == Some(index)) {
            list.push(ours(index, None));
        }
    }
    list.sort_by_key(|ruled| {
        let place = ruled
            .own
            .and_then(|own| front.iter().position(|index| *index == own));
        place.unwrap_or(front.len())
    });
    list
}

/// The rule that decides before one of ours, for some of its traffic, and otherwise.
fn shadow<'a, 'b>(own: &[Own], index: usize, list: &'b [Ruled<'a>]) -> Option<&'b Ruled<'a>> {
    let (action, rule) = &own[index];
    let traffic = rule.traffic();
    list.iter()
        .take_while(|ruled| ruled.own != Some(index))
        // What lets the same in before does not have to be ours.
        .take_while(|ruled| ruled.action != *action || !ruled.traffic.covers(&traffic))
        .filter(|ruled| ruled.action != *action && ruled.own.is_none_or(|other| other > index))
        // Somebody who is let in without a limit is an exception to it.
        .find(|ruled| match (ruled.action, *action) {
            ("allow", "limit") => ruled.traffic.covers(&traffic),
            _ => ruled.traffic.meets(&traffic),
        })
        .filter(|_| list.iter().any(|ruled| ruled.own == Some(index)))
}

/// What decides on traffic.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    LetIn,
    /// A rule keeps it out.
    KeptOutBy(&'a Stored),
    /// A rule that is not ufw's, or of `before.rules`, keeps it out.
    KeptOutBefore(&'a Line),
    /// No rule is about it.
    Unnamed,
}

impl<'a> Arranged<'a> {
    /// What the rules, as they then are, say of `traffic`. What may or may not be about it is passed over.
    pub fn verdict(&self, traffic: &Traffic, v6: bool, state: &'a State) -> Verdict<'a> {
        if let Some(line) = decides(&state.family(v6).before, traffic) {
            return match line.lets_in() {
                Some(true) => Verdict::LetIn,
                _ => Verdict::KeptOutBefore(line),
            };
        }
        let list = self.lists.iter().find(|(family, _)| *family == v6);
        let mut rules = list.iter().flat_map(|(_, list)| list);
        match rules.find(|ruled| ruled.traffic.covers(traffic)) {
            None => Verdict::Unnamed,
            Some(ruled) if ["allow", "limit"].contains(&ruled.action) => Verdict::LetIn,
            Some(ruled) => ruled.stored.map_or(Verdict::Unnamed, Verdict::KeptOutBy),
        }
    }
}

/// The line that decides on all of `traffic`, if one surely does.
pub(super) fn decides<'a>(lines: &'a [Line], traffic: &Traffic) -> Option<&'a Line> {
    lines
        .iter()
        .filter(|line| line.new && line.plain && line.lets_in().is_some())
        .find(|line| line.traffic.covers(traffic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(v4: &[&str], v6: &[&str]) -> State {
        let lines = |file: &str, rules: &[&str]| {
            let lines = rules.iter().map(|rule| match rule.starts_with("-A") {
                true => format!("before{file}.rules:{rule}\n"),
                false => format!("user{file}.rules:### tuple ### {rule}\n"),
            });
            lines.collect::<String>()
        };
        State::read(&format!("conf:IPV6=yes\n{}{}", lines("", v4), lines("6", v6)))
    }

    fn own(rules: &[&str]) -> Vec<Own> {
        let rules = rules.iter().map(|text| match text.strip_prefix("limit ") {
            Some(rule) => ("limit", rule.parse().expect("a rule")),
            None => ("allow", text.parse().expect("a rule")),
        });
        by_particularity(rules.collect())
    }

    const SSH: &str = "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in";
    const SSH6: &str = "allow tcp 22 ::/0 any ::/0 in";

    /// What ufw is told, and what goes to the front because of what.
    fn arranged(rules: &[&str], v4: &[&str], v6: &[&str]) -> String {
        let (own, state) = (own(rules), state(v4, v6));
        let arranged = arrange(&own, &state);
        let name = |(action, rule): &Own| format!("{action} {rule}");
        let by = |by: &Option<&Stored>| by.map_or("ours".into(), ToString::to_string);
        let told = arranged
            .told
            .iter()
            .map(|(own, _)| format!("told {}; ", name(own)));
        let first = arranged.first.iter();
        let first = first.map(|(own, cause)| format!("first {} ({}); ", name(own), by(cause)));
        told.chain(first).collect()
    }

    #[test]
    fn a_rule_for_another_destination_is_another_rule() {
        let host = ["allow tcp 5432 198.51.100.7 any 203.0.113.0/24 in"];
        let ours = ["5432/tcp from 203.0.113.0/24"];
        assert_eq!(
            arranged(&ours, &host, &[]),
            "told allow 5432/tcp from 203.0.113.0/24; "
        );
        for other in [
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in",
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0",
            "allow tcp 22 0.0.0.0/0 1024:65535 0.0.0.0/0 in",
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 out",
            "route:allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
            "allow tcp 22,23 0.0.0.0/0 any 0.0.0.0/0 in",
        ] {
            assert_eq!(
                arranged(&["22/tcp"], &[other], &[SSH6]),
                "told allow 22/tcp; ",
                "{other}"
            );
        }
    }

    #[test]
    fn what_is_there_and_counts_stays_as_it_is() {
        for v4 in [
            [SSH, "deny tcp 22 0.0.0.0/0 any 203.0.113.0/24 in"],
            ["deny tcp 23 0.0.0.0/0 any 0.0.0.0/0 in", SSH],
            ["deny any any 0.0.0.0/0 any 203.0.113.0/24 out", SSH],
            ["route:deny any any 0.0.0.0/0 any 0.0.0.0/0 in", SSH],
            [
                "allow_log tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=78",
                "deny any any 0.0.0.0/0 any 0.0.0.0/0 in",
            ],
        ] {
            assert_eq!(arranged(&["22/tcp"], &v4, &[SSH6]), "", "{v4:?}");
        }
        let profile = [
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in",
            "deny any any 0.0.0.0/0 any 203.0.113.0/24 in",
            SSH,
        ];
        assert_eq!(
            arranged(&["22/tcp"], &profile, &[SSH6]),
            "",
            "it is let in before"
        );
        let exception = [
            "allow any any 0.0.0.0/0 any 10.0.0.1 in",
            "limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
        ];
        let limit6 = ["limit tcp 22 ::/0 any ::/0 in"];
        assert_eq!(arranged(&["limit 22/tcp"], &exception, &limit6), "");
    }

    #[test]
    fn what_would_come_too_late_goes_to_the_front() {
        for (by, said) in [
            (
                "deny any any 0.0.0.0/0 any 203.0.113.0/24 in",
                "deny from 203.0.113.0/24",
            ),
            ("reject any 22 0.0.0.0/0 any 0.0.0.0/0 in", "reject 22"),
            ("deny any any 0.0.0.0/0 any 0.0.0.0/0 in_eth1", "deny in on eth1"),
            (
                "limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in",
                "limit OpenSSH",
            ),
            (
                "deny tcp 20:30,99 198.51.100.7 any 0.0.0.0/0 in",
                "deny to 198.51.100.7 port 20:30,99 proto tcp",
            ),
        ] {
            let first = format!("first allow 22/tcp ({said}); ");
            assert_eq!(arranged(&["22/tcp"], &[by, SSH], &[SSH6]), first);
            assert_eq!(
                arranged(&["22/tcp"], &[by], &[SSH6]),
                format!("told allow 22/tcp; {first}")
            );
        }
        let twin = ["deny any any ::/0 any 2001:db8::/32 in", SSH6];
        assert_eq!(
            arranged(&["22/tcp"], &[SSH], &twin),
            "first allow 22/tcp (deny from 2001:db8::/32); "
        );
        let replaced = [
            "deny any any 0.0.0.0/0 any 203.0.113.0/24 in",
            "deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
        ];
        assert_eq!(
            arranged(&["22/tcp"], &replaced, &[SSH6]),
            "told allow 22/tcp; first allow 22/tcp (deny from 203.0.113.0/24); "
        );
        assert_eq!(
            arranged(&["22/tcp"], &replaced[1..], &[SSH6]),
            "told allow 22/tcp; "
        );
        let dead = [
            "allow any 22 0.0.0.0/0 any 0.0.0.0/0 in",
            "limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
        ];
        let limit6 = ["limit tcp 22 ::/0 any ::/0 in"];
        assert_eq!(
            arranged(&["limit 22/tcp"], &dead, &limit6),
            "first limit 22/tcp (allow 22); "
        );
    }

    #[test]
    fn the_more_particular_of_ours_stays_before_the_other() {
        let ours = ["limit 22/tcp", "22/tcp from 10.0.0.1"];
        assert_eq!(own(&ours)[0].0, "allow");
        let limit = "limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in";
        let exception = "allow tcp 22 0.0.0.0/0 any 10.0.0.1 in";
        let limit6 = ["limit tcp 22 ::/0 any ::/0 in"];
        assert_eq!(arranged(&ours, &[exception, limit], &limit6), "");
        assert_eq!(
            arranged(&ours, &[limit, exception], &limit6),
            "first allow 22/tcp from 10.0.0.1 (limit 22/tcp); "
        );
        let deny = "deny any any 0.0.0.0/0 any 203.0.113.0/24 in";
        assert_eq!(
            arranged(&ours, &[exception, deny, limit], &limit6),
            "first allow 22/tcp from 10.0.0.1 (limit 22/tcp); first limit 22/tcp (deny from 203.0.113.0/24); "
        );
    }

    #[test]
    fn the_first_rule_that_is_about_us_decides() {
        let verdict = |ours: &[&str], v4: &[&str], v6: &[&str], from: &str| {
            let (own, state) = (own(ours), state(v4, v6));
            let us = Traffic {
                protocol: "tcp".into(),
                ports: vec![(22, 22)],
                from: from.parse().ok(),
                to: if from.contains(':') {
                    "fd00::9"
                } else {
                    "10.99.1.2"
                }
                .parse()
                .ok(),
                interface: Some("eth0".into()),
                ..Traffic::default()
            };
            match arrange(&own, &state).verdict(&us, from.contains(':'), &state) {
                Verdict::LetIn => "in".to_owned(),
                Verdict::KeptOutBy(rule) => rule.to_string(),
                Verdict::KeptOutBefore(line) => line.text.clone(),
                Verdict::Unnamed => "unnamed".to_owned(),
            }
        };
        for lets_in in [
            SSH,
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in",
            "limit_log tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
            "allow any any 0.0.0.0/0 any 10.99.0.0/16 in",
            "allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0",
            "allow tcp 21:23,80 0.0.0.0/0 any 0.0.0.0/0 in",
            "allow any 22 10.99.1.2 any 0.0.0.0/0 in",
            "-A ufw-before-input -p tcp --dport 22 -j ACCEPT",
        ] {
            assert_eq!(
                verdict(&["80/tcp"], &[lets_in], &[], "10.99.1.1"),
                "in",
                "{lets_in}"
            );
            assert_eq!(
                verdict(&["80/tcp"], &[lets_in], &[], "fd00::1"),
                "unnamed",
                "{lets_in}"
            );
        }
        for does_not in [
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth1",
            "allow tcp 22 0.0.0.0/0 1:1023 0.0.0.0/0 in",
            "allow udp 22 0.0.0.0/0 any 0.0.0.0/0 in",
            "allow esp any 0.0.0.0/0 any 0.0.0.0/0 in",
            "allow any any 198.51.100.7 any 0.0.0.0/0 in",
            "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 out",
            "route:allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
            "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            "-A ufw-before-input -m recent --update -j DROP",
        ] {
            assert_eq!(
                verdict(&["80/tcp"], &[does_not], &[], "10.99.1.1"),
                "unnamed",
                "{does_not}"
            );
        }
        let deny = "deny tcp 22 0.0.0.0/0 any 10.99.0.0/16 in";
        assert_eq!(
            verdict(&["80/tcp"], &[deny, SSH], &[], "10.99.1.1"),
            "deny 22/tcp from 10.99.0.0/16"
        );
        assert_eq!(verdict(&["80/tcp"], &[SSH, deny], &[], "10.99.1.1"), "in");
        assert_eq!(
            verdict(&["22/tcp"], &[deny, SSH], &[], "10.99.1.1"),
            "in",
            "ours goes before it"
        );
        assert_eq!(verdict(&["22/tcp"], &[], &[], "fd00::1"), "in");
        let drop = "-A ufw-before-input -s 10.99.0.0/16 -j DROP";
        assert_eq!(verdict(&["22/tcp"], &[drop, SSH], &[], "10.99.1.1"), drop);
    }
}
