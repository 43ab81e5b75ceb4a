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
    let rules = rules.iter().map(|text| {
        let found = ["limit", "deny"]
            .into_iter()
            .find_map(|word| Some((word, text.strip_prefix(word)?)));
        let (action, rule) = found.unwrap_or(("allow", text));
        (action, rule.parse().expect("a rule"))
    });
    by_particularity(rules.collect())
}

const SSH: &str = "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in";
const SSH6: &str = "allow tcp 22 ::/0 any ::/0 in";

/// What ufw is told, and what goes to the front because of what.
fn arranged(rules: &[&str], v4: &[&str], v6: &[&str]) -> String {
    let (own, state) = (own(rules), state(v4, v6));
    let arranged = arrange(&own, &state);
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
            Verdict::KeptOutByOurs(own) => format!("ours {own}"),
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

#[test]
fn ours_of_all_sorts_stand_in_their_order() {
    assert_eq!(
        arranged(
            &["deny from 203.0.113.0/24", "80/tcp"],
            &["allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in"],
            &["allow tcp 80 ::/0 any ::/0 in"]
        ),
        "told deny from 203.0.113.0/24; first deny from 203.0.113.0/24 (allow 80/tcp); "
    );
    // What goes out is none of what comes in.
    let out = ["allow any any 0.0.0.0/0 any 0.0.0.0/0 out"];
    assert_eq!(arranged(&["deny 25/tcp"], &out, &[]), "told deny 25/tcp; ");
    assert_eq!(
        arranged(&["deny out 25/tcp"], &out, &[]),
        "told deny out 25/tcp; first deny out 25/tcp (allow out); "
    );
    let rule = |text: &str| text.parse::<Rule>().expect("a rule");
    let state = State::read("applications.d/web:[Web]\napplications.d/web:ports=80,443/tcp\n");
    for (text, key) in [
        ("22/tcp from 10.1.2.3/8", "tcp 22 0.0.0.0/0 any 10.0.0.0/8 in"),
        ("Web", "tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Web - in"),
        ("out on eth0 53", "any 53 0.0.0.0/0 any 0.0.0.0/0 out_eth0"),
        (
            "route in on a out on b",
            "route:any any 0.0.0.0/0 any 0.0.0.0/0 in_a!out_b",
        ),
    ] {
        assert_eq!(keys(&rule(text), &state, false), [key], "{text}");
    }
}
