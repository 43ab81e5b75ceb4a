use super::*;
use proptest::prelude::*;

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK2pr+Bfus1hvPof4Wb/plZCzSbqadHH0u+/f4ODtKnE";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMxBTpMIGvo7CnordO7wP0QQRqpBwUjOLl4eMhfucfE1sjTYyK5wmTl1UqoSDS1PtRVTBdl+0+9pquFb46U7fwg=";

const HASHED_WEB: &str = "|1|dIXktzru5K3bNxsU3ETKPhko9Ws=|E/05DgPohi4eW5SD5Xp0r918gfU=";
const HASHED_WEB_2222: &str = "|1|Uky62DlDUP4vk3xcgmULJ5usOPk=|EA+K69QVL8ueTgayM+75b0ho+vI=";

fn known(text: &str) -> KnownHosts {
    let mut known = KnownHosts::default();
    known.add(Path::new("known_hosts"), text);
    known
}

fn verdict(text: &str, host: &str, port: u16, key: &str) -> String {
    let known = known(text);
    match known.check(host, port, &key.parse().unwrap()) {
        Verdict::Known => "known".into(),
        Verdict::Unknown => "unknown".into(),
        Verdict::Changed(line) => format!("changed at {}", line.number),
        Verdict::Revoked(line) => format!("revoked at {}", line.number),
    }
}

#[test]
fn plain_lists_and_case() {
    let text = format!("# a comment\n\nweb.example,192.0.2.7\t {A} ann@home\n");
    assert_eq!(verdict(&text, "WEB.example", 22, A), "known");
    assert_eq!(verdict(&text, "192.0.2.7", 22, A), "known");
    assert_eq!(verdict(&text, "web.example", 22, B), "changed at 3");
    assert_eq!(verdict(&text, "web", 22, A), "unknown");
}

#[test]
fn a_port_is_part_of_the_name() {
    let text = format!("[web]:2222 {A}\nweb {B}\n");
    assert_eq!(verdict(&text, "web", 2222, A), "known");
    assert_eq!(verdict(&text, "web", 2222, B), "changed at 1");
    assert_eq!(verdict(&text, "web", 22, A), "changed at 2");
}

#[test]
fn a_line_without_a_port_vouches_for_a_moved_sshd_but_does_not_contradict_it() {
    let text = format!("web {A}\n");
    assert_eq!(verdict(&text, "web", 2222, A), "known");
    assert_eq!(verdict(&text, "web", 2222, B), "unknown");
}

#[test]
fn wildcards_and_negation() {
    let text = format!("*.example,!bad.example,host-?,[*.lab]:2222 {A}\n");
    assert_eq!(verdict(&text, "web.example", 22, A), "known");
    assert_eq!(verdict(&text, "bad.example", 22, A), "unknown");
    assert_eq!(verdict(&text, "host-1", 22, A), "known");
    assert_eq!(verdict(&text, "host-10", 22, A), "unknown");
    assert_eq!(verdict(&text, "x.lab", 2222, A), "known");
    assert_eq!(verdict(&text, "x.lab", 22, A), "unknown");
}

#[test]
fn hashed_names_as_ssh_keygen_makes_them() {
    // ssh-keygen -H on lines for `web` and `[web]:2222`.
    let text = format!("{HASHED_WEB} {A}\n{HASHED_WEB_2222} {B}\n");
    assert_eq!(verdict(&text, "web", 22, A), "known");
    assert_eq!(verdict(&text, "Web", 2222, B), "known");
    assert_eq!(verdict(&text, "web", 22, B), "changed at 1");
    assert_eq!(verdict(&text, "wek", 22, A), "unknown");
}

#[test]
fn a_revoked_key_is_refused_whatever_else_is_known() {
    let text = format!("web {A}\n@revoked * {A}\n");
    assert_eq!(verdict(&text, "web", 22, A), "revoked at 2");
    assert_eq!(verdict(&text, "web", 2222, A), "revoked at 2");
    assert_eq!(verdict(&text, "web", 22, B), "changed at 1");
}

#[test]
fn an_authority_vouches_for_no_plain_key() {
    let text = format!("@cert-authority web {A}\n");
    assert_eq!(verdict(&text, "web", 22, A), "unknown");
    assert_eq!(verdict(&text, "web", 22, B), "unknown");
}

#[test]
fn another_algorithm_is_a_change_too_and_the_same_algorithm_is_named_first() {
    let text = format!("web {ECDSA}\nweb {A}\n");
    assert_eq!(verdict(&text, "web", 22, B), "changed at 2");
    assert_eq!(verdict(&format!("web {ECDSA}\n"), "web", 22, A), "changed at 1");
}

#[test]
fn unreadable_lines_say_nothing() {
    let text = format!("web\nweb ssh-new AAAA\n|1|x {A}\n@odd web {A}\nweb {A}\n");
    assert_eq!(verdict(&text, "web", 22, B), "changed at 5");
}

#[test]
fn the_known_algorithms_come_in_order_and_once() {
    let known = known(&format!("web {ECDSA}\n@revoked web {B}\nweb {A}\nweb {B}\n"));
    let names: Vec<_> = known
        .algorithms("web", 22)
        .iter()
        .map(|a| a.as_str().to_owned())
        .collect();
    assert_eq!(names, ["ecdsa-sha2-nistp256", "ssh-ed25519"]);
}

proptest! {
    /// A text with some runs starred and some bytes masked matches; with a byte more at the end it does not.
    #[test]
    fn a_masked_text_matches_itself(parts in prop::collection::vec(("[a-c.]{0,4}", 0..3), 0..6)) {
        let (mut pattern, mut text) = (String::new(), String::new());
        for (part, mask) in &parts {
            text.push_str(part);
            match mask {
                0 => pattern.push_str(part),
                1 => pattern.push('*'),
                _ => pattern.push_str(&"?".repeat(part.len())),
            }
        }
        prop_assert!(glob(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        prop_assert!(!glob(format!("{pattern}x").as_bytes(), text.as_bytes()), "{pattern}x {text}");
        prop_assert_eq!(glob(text.as_bytes(), pattern.as_bytes()), pattern == text);
    }

    #[test]
    fn no_file_panics(text in "(@revoked |@x )?[|!*?,\\[\\]:a-c1 ]{0,20}( ssh-ed25519 [A-Za-z0-9+/=]{0,70})?") {
        let _ = verdict(&text, "a", 2222, A);
    }
}
