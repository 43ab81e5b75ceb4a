//! The order of rules, the first of which decides: what ours come to, and what has to be done for it.

use super::kernel::Line;
use super::rule::Rule;
use super::state::{Family, State};
use super::stored::{Stored, Way};
use super::traffic::Traffic;

/// A rule of the playbook's: `allow`, `deny`, `reject` or `limit`, and what.
pub(super) type Own = (&'static str, Rule);

/// A rule with its action.
pub(super) fn name((action, rule): &Own) -> String {
    format!("{action} {rule}")
}

/// Whether both are asked of the same traffic: what comes in, goes out, or passes through.
fn same_chain(one: &Way, other: &Way) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Where traffic goes out, if a rule says so.
fn goes(way: &Way) -> Option<&String> {
    match way {
        Way::In => None,
        Way::Out(goes) | Way::Route(goes) => goes.as_ref(),
    }
}

fn covers((way, wide): (&Way, &Traffic), (other, narrow): (&Way, &Traffic)) -> bool {
    same_chain(way, other) && goes(way).is_none_or(|one| goes(other) == Some(one)) && wide.covers(narrow)
}

fn meets((way, one): (&Way, &Traffic), (other, two): (&Way, &Traffic)) -> bool {
    let apart = matches!((goes(way), goes(other)), (Some(one), Some(two)) if one != two);
    same_chain(way, other) && !apart && one.meets(two)
}

/// The playbook's rules as they have to stand to each other: the more particular one first.
pub(super) fn by_particularity(mut rules: Vec<Own>) -> Vec<Own> {
    let all: Vec<Rule> = rules.iter().map(|(_, rule)| rule.clone()).collect();
    let about = |rule: &Rule| (rule.way.clone(), rule.traffic.clone());
    rules.sort_by_key(|(_, rule)| {
        let (way, ours) = about(rule);
        let wider = all
            .iter()
            .filter(|wide| covers((&wide.way, &wide.traffic), (&way, &ours)));
        std::cmp::Reverse(wider.count())
    });
    rules
}

/// A rule in a list, ours or another's.
#[derive(Clone, Debug)]
struct Ruled<'a> {
    action: &'a str,
    way: &'a Way,
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
            .map(|v6| (v6, list(own, &front, state, v6)))
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
    let other = |said: &str, there: &str| !said.is_empty() && said != there;
    families.find_map(|v6| {
        let there = state.family(v6).rules.iter().find(|stored| is(stored, rule));
        match there {
            Some(stored)
                if stored.action == *action
                    && !other(&rule.comment, &stored.comment)
                    && !other(rule.log, stored.log) =>
            {
                None
            }
            there => Some(there),
        }
    })
}

/// Whether ufw takes a stored rule for this one, whatever its action is.
pub(super) fn is(stored: &Stored, rule: &Rule) -> bool {
    let mut traffic = stored.traffic.clone();
    // What a profile is about, ufw keeps beside its name.
    if !rule.profiles.0.is_empty() {
        traffic.ports.clear();
    }
    if !rule.profiles.1.is_empty() {
        traffic.source_ports.clear();
    }
    if rule.profiles != Default::default() {
        traffic.protocol.clear();
    }
    stored.way == rule.way && stored.profiles == rule.profiles && traffic == rule.traffic
}

/// A family's rules after ours have been told, and those in `front` have been moved.
fn list<'a>(own: &'a [Own], front: &[usize], state: &'a State, v6: bool) -> Vec<Ruled<'a>> {
    let family: &Family = state.family(v6);
    let coming = family.rules.iter().filter(|stored| !stored.goes);
    let mut list: Vec<Ruled> = coming
        .map(|stored| {
            let index = own.iter().position(|(_, rule)| is(stored, rule));
            Ruled {
                action: index.map_or(&stored.action, |index| own[index].0),
                way: &stored.way,
                traffic: stored.traffic.clone(),
                own: index,
                stored: Some(stored),
            }
        })
        .collect();
    for index in (0..own.len()).filter(|index| own[*index].1.is_of(v6)) {
        if !list.iter().any(|ruled| ruled.own == Some(index)) {
            let (action, rule) = &own[index];
            list.extend(rule.traffics(&state.profiles).into_iter().map(|traffic| Ruled {
                action,
                way: &rule.way,
                traffic,
                own: Some(index),
                stored: None,
            }));
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
    let ours: Vec<&Ruled> = list.iter().filter(|ruled| ruled.own == Some(index)).collect();
    ours.into_iter().find_map(|one| {
        let about = (&rule.way, &one.traffic);
        list.iter()
            .take_while(|ruled| ruled.own != Some(index))
            // What lets the same in before does not have to be ours.
            .take_while(|ruled| ruled.action != *action || !covers((ruled.way, &ruled.traffic), about))
            .filter(|ruled| ruled.action != *action && ruled.own.is_none_or(|other| other > index))
            // Somebody who is let in without a limit is an exception to it.
            .find(|ruled| match (ruled.action, *action) {
                ("allow", "limit") => covers((ruled.way, &ruled.traffic), about),
                _ => meets((ruled.way, &ruled.traffic), about),
            })
    })
}

/// What decides on traffic.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    LetIn,
    /// A rule keeps it out.
    KeptOutBy(&'a Stored),
    /// A rule of the playbook keeps it out.
    KeptOutByOurs(usize),
    /// A rule that is not ufw's, or of `before.rules`, keeps it out.
    KeptOutBefore(&'a Line),
    /// No rule is about it.
    Unnamed,
}

impl<'a> Arranged<'a> {
    /// What the rules, as they then are, say of `traffic` that comes in. What may or may not be about it is passed over.
    pub fn verdict(&self, traffic: &Traffic, v6: bool, state: &'a State) -> Verdict<'a> {
        if let Some(line) = decides(&state.family(v6).before, traffic) {
            return match line.lets_in() {
                Some(true) => Verdict::LetIn,
                _ => Verdict::KeptOutBefore(line),
            };
        }
        let list = self.lists.iter().find(|(family, _)| *family == v6);
        let mut rules = list.iter().flat_map(|(_, list)| list);
        match rules.find(|ruled| covers((ruled.way, &ruled.traffic), (&Way::In, traffic))) {
            None => Verdict::Unnamed,
            Some(ruled) if ["allow", "limit"].contains(&ruled.action) => Verdict::LetIn,
            Some(ruled) => match (ruled.own, ruled.stored) {
                (Some(own), _) => Verdict::KeptOutByOurs(own),
                (None, Some(stored)) => Verdict::KeptOutBy(stored),
                (None, None) => Verdict::Unnamed,
            },
        }
    }
}

/// What ufw stores of a rule in place of its action (see `stored.rs`), for each of its protocols.
pub(super) fn keys(rule: &Rule, state: &State, v6: bool) -> Vec<String> {
    let any = if v6 { "::/0" } else { "0.0.0.0/0" };
    let ports = |list: &[(u16, u16)]| match list {
        [] => "any".to_owned(),
        list => list
            .iter()
            .map(|(from, to)| {
                if from == to {
                    from.to_string()
                } else {
                    format!("{from}:{to}")
                }
            })
            .collect::<Vec<_>>()
            .join(","),
    };
    let comes = rule.traffic.interface.as_ref().map(|name| format!("in_{name}"));
    let out = goes(&rule.way).map(|name| format!("out_{name}"));
    let way: Vec<String> = comes.into_iter().chain(out).collect();
    let way = match (way.is_empty(), &rule.way) {
        (false, _) => way.join("!"),
        (true, Way::Out(_)) => "out".to_owned(),
        (true, Way::In | Way::Route(_)) => "in".to_owned(),
    };
    let routed = if matches!(rule.way, Way::Route(_)) {
        "route:"
    } else {
        ""
    };
    let profile = |name: &str| {
        if name.is_empty() {
            "-".to_owned()
        } else {
            name.replace(' ', "%20")
        }
    };
    let named = match rule.profiles == Default::default() {
        true => String::new(),
        false => format!("{} {} ", profile(&rule.profiles.0), profile(&rule.profiles.1)),
    };
    let whose = |network: Option<super::traffic::Network>| {
        network.map_or(any.to_owned(), |network| network.to_string())
    };
    let key = |traffic: Traffic| {
        let protocol = if traffic.protocol.is_empty() {
            "any"
        } else {
            &traffic.protocol
        };
        let (to, from) = (ports(&traffic.ports), ports(&traffic.source_ports));
        format!(
            "{routed}{protocol} {to} {} {from} {} {named}{way}",
            whose(traffic.to),
            whose(traffic.from)
        )
    };
    rule.traffics(&state.profiles).into_iter().map(key).collect()
}

/// The line that decides on all of `traffic`, if one surely does.
pub(super) fn decides<'a>(lines: &'a [Line], traffic: &Traffic) -> Option<&'a Line> {
    lines
        .iter()
        .filter(|line| line.new && line.plain && line.lets_in().is_some())
        .find(|line| line.traffic.covers(traffic))
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
