//! The shipped playbook against an empty host, without one: order, steps and contents, word for word.

use std::path::Path;

use hostwright::facts::{Facts, System};
use hostwright::language::render::Artifacts;
use hostwright::plan::plan;
use hostwright::playbook::load::{Overrides, load};
use hostwright::playbook::render::render;

fn planned(set: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/mcp-crypto-api.yml");
    let set = set
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let loaded = load(
        &path,
        &Overrides {
            set,
            ..Overrides::default()
        },
    )
    .expect("loads");
    let artifacts = Artifacts::from([("mcp-crypto-api".to_owned(), b"program".to_vec())]);
    let desired = render(&loaded, Some(&artifacts)).expect("renders").desired;
    let system = System {
        uid: "0".into(),
        machine: "x86_64".into(),
        ssh_connection: "203.0.113.7 50000 203.0.113.9 22".into(),
        ..System::default()
    };
    let mut facts = Facts::default();
    facts.system = system;
    let plan = plan(&desired, &facts).expect("a plan");
    let text = hostwright::report::text::plan::text(&plan, &desired.secrets, true);
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn an_empty_host_gets_everything() {
    insta::assert_snapshot!(planned(&[]));
}

#[test]
fn with_a_domain_the_site_answers_the_challenge_before_it_has_tls() {
    let plan = planned(&[("domain", "api.example.com"), ("email", "me@example.com")]);
    let place = |id: &str| {
        plan.find(&format!("\n{id}  "))
            .unwrap_or_else(|| panic!("{id} in\n{plan}"))
    };
    assert!(place("+ nginx.mcp-crypto-api/challenge") < place("+ certificate.main"));
    assert!(place("+ certificate.main") < place("+ nginx.mcp-crypto-api"));
    assert!(place("+ ufw.firewall") < place("+ certificate.main"));
    let site = &plan[place("+ nginx.mcp-crypto-api")..];
    insta::assert_snapshot!(&site[..site.find("\n\n+ ").unwrap_or(site.len())]);
}
