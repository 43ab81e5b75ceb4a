use super::*;
use proptest::prelude::*;

#[test]
fn rules_are_read_and_written() {
    for text in [
        "22/tcp",
        "443",
        "6000:6007/udp",
        "80,443/tcp",
        "22/tcp from 203.0.113.7",
        "22 from 10.0.0.0/8",
        "from 10.0.0.0/8",
        "from any",
        "OpenSSH",
        "Nginx Full from 10.0.0.0/8",
        "in on eth1",
        "in on eth1 23/tcp",
        "log 24/tcp",
        "from 203.0.113.0/24 to 198.51.100.7 port 5432 proto tcp",
        "from any port 68 to any port 67 proto udp",
        "from 10.0.0.9 proto esp",
        "out 25/tcp",
        "out on eth0 to 192.0.2.9",
        "route in on eth0 out on eth1",
        "route from 10.9.0.0/16",
        "to 10.0.5.5 app Nginx HTTP",
    ] {
        assert_eq!(text.parse::<Rule>().map(|rule| rule.to_string()), Ok(text.into()));
    }
    for (text, said) in [
        ("443,80/tcp", "80,443/tcp"),
        ("from any to any port 22 proto tcp", "22/tcp"),
        ("22/tcp comment 'the door'", "22/tcp"),
    ] {
        assert_eq!(text.parse::<Rule>().map(|rule| rule.to_string()), Ok(said.into()));
    }
    for text in [
        "",
        "0/tcp",
        "22/icmp",
        "6000:6007",
        "80,443",
        "22 form 1.2.3.4",
        "22/tcp from 1.2.3.4/33",
        "22/tcp from 0.0.0.0/0",
        "99999",
        "OpenSSH proto tcp",
        "22/tcp from 10.0.0.1 to 2001:db8::1",
        "in on eth0 out on eth1",
        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16/tcp",
        "22/tcp comment it's",
    ] {
        assert!(text.parse::<Rule>().is_err(), "{text}");
    }
}

#[test]
fn ufw_is_told_them() {
    for (text, told) in [
        ("22/tcp", "allow 22/tcp"),
        ("22/tcp comment the door", "allow 22/tcp comment the door"),
        ("Nginx Full", "allow Nginx Full"),
        (
            "22/tcp from 10.1.2.3/8",
            "allow from 10.0.0.0/8 to any port 22 proto tcp",
        ),
        ("in on eth1", "allow in on eth1 from any to any"),
        (
            "in on eth1 23/tcp",
            "allow in on eth1 from any to any port 23 proto tcp",
        ),
        ("out 25/tcp", "allow out from any to any port 25 proto tcp"),
        ("log 24/tcp", "allow log from any to any port 24 proto tcp"),
        (
            "route in on eth0 out on eth1",
            "route allow in on eth0 out on eth1 from any to any",
        ),
    ] {
        let rule: Rule = text.parse().expect("a rule");
        assert_eq!(rule.command("allow").join(" "), told);
    }
    let rule: Rule = "route from 10.9.0.0/16 comment x".parse().expect("a rule");
    assert_eq!(
        rule.removal("deny").join(" "),
        "route delete deny from 10.9.0.0/16 to any"
    );
}

#[test]
fn a_profile_is_what_the_host_says() {
    let profiles = [
        ("DNS".to_owned(), "53".to_owned()),
        ("Web".to_owned(), "80,443/tcp|443/udp".to_owned()),
    ];
    let rule: Rule = "Web from 10.0.0.0/8".parse().expect("a rule");
    let ports: Vec<String> = rule
        .traffics(&profiles)
        .iter()
        .map(|one| format!("{} {}", one.protocol, list(&one.ports)))
        .collect();
    assert_eq!(ports, ["tcp 80,443", "udp 443"]);
    assert!(
        "None"
            .parse::<Rule>()
            .expect("a rule")
            .traffics(&profiles)
            .is_empty()
    );
}

proptest! {
    #[test]
    fn any_text_is_a_rule_or_says_why(text in "((in|out|on|from|to|any|port|app|proto|route|log|comment|22|tcp|10.0.0.1|x|[^ ]{0,3}) ?){0,8}") {
        if let Ok(rule) = text.parse::<Rule>() {
            // What is remembered of it is read again.
            let again: Rule = rule.to_string().parse().map_err(|error| TestCaseError::fail(format!("{rule}: {error}")))?;
            prop_assert_eq!(Rule { comment: String::new(), ..rule }, again);
        }
    }
}
