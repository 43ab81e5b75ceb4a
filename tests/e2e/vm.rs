//! `hostwright vm` and orders, against a stand-in for Vultr's API; no host is booted.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::host::{Run, on_a_terminal, run, wait_for};
use crate::vultr::{Fault, KEY, Vultr};

const ORDER: [&str; 6] = ["--region", "sgp", "--plan", "vc2-1c-2gb", "--label", "mcp-1"];

fn vm(cloud: &Arc<Vultr>, home: &TempDir, words: &[&str]) -> Run {
    let mut said = run(cloud.hostwright(home.path()).arg("vm").args(words));
    said.stdout = said.stdout.replace(&home.path().display().to_string(), "~");
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(!all.contains(KEY), "{all}");
    said
}

/// What was said, with the status.
fn text(run: &Run) -> String {
    format!("{}{}[{}]\n", run.stdout, run.stderr, run.status)
}

/// Runs a command until it says `until`, interrupts it, and gives all that it said.
pub fn interrupted(command: &mut Command, until: &str) -> (i32, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("its output"));
    while !said.contains(until) {
        let read = lines.read_line(&mut said).expect("its output");
        assert!(read > 0, "it ended before it said {until}: {said}");
    }
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    kill_process(pid, Signal::INT).expect("it runs");
    lines.read_to_string(&mut said).expect("its output");
    let output = child.wait_with_output().expect("it ends");
    said += &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), said)
}

#[test]
fn what_can_be_had_is_listed_with_prices_over_all_pages() {
    let (cloud, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    cloud.add("web", &[]);
    cloud.add("mcp-1", &["hostwright", "hostwright-1"]);
    cloud.add("db", &[]);
    let mut all = String::new();
    for words in [
        "plans",
        "plans --region sgp",
        "regions",
        "images",
        "list",
        "show mcp-1",
        "show mpc-1",
    ] {
        let said = vm(&cloud, &home, &words.split(' ').collect::<Vec<_>>());
        all += &format!("### vm {words}\n{}\n", text(&said));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_overloaded_or_broken_is_asked_again_and_what_is_refused_is_told() {
    let (cloud, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    cloud.fail("GET /v2/regions", Fault::Status(429, "rate limit exceeded"));
    cloud.fail("GET /v2/regions", Fault::Status(500, "Server error"));
    cloud.fail("GET /v2/regions", Fault::Dropped);
    let said = vm(&cloud, &home, &["regions"]).ok();
    assert!(said.stdout.contains("sgp     Singapore   SG"), "{}", said.stdout);
    // Three faults, then two pages.
    assert_eq!(cloud.count("GET /v2/regions"), 5);

    let mut all = String::new();
    let mut tell = |what: &str, said: &Run| all += &format!("### {what}\n{}\n", text(said));
    let mut wrong = cloud.hostwright(home.path());
    tell(
        "wrong key",
        &run(wrong.args(["vm", "list"]).env("VULTR_API_KEY", "WRONG")),
    );
    let mut none = cloud.hostwright(home.path());
    let said = run(none.args(["vm", "list"]).env_remove("VULTR_API_KEY"));
    tell(
        "no key",
        &Run {
            stderr: said.stderr.replace(&home.path().display().to_string(), "~"),
            ..said
        },
    );
    let mut far = cloud.hostwright(home.path());
    far.env("HOSTWRIGHT_VULTR_API", "http://192.0.2.1");
    tell("no TLS", &run(far.args(["vm", "list"])));
    cloud.fail("GET /v2/instances", Fault::Status(400, "Invalid cursor."));
    tell("refused", &vm(&cloud, &home, &["list"]));
    insta::assert_snapshot!(all);
}

#[test]
fn what_cannot_be_had_is_not_ordered() {
    let (cloud, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    cloud.add("web", &[]);
    let mut all = String::new();
    for words in [
        "--region sgp --plan vc2-1c-2g --label mcp-1 --yes",
        "--region spg --plan vc2-1c-2gb --label mcp-1 --yes",
        "--region ewr --plan vc2-1c-2gb --label mcp-1 --yes",
        "--region sgp --plan vc2-1c-2gb --label mcp-1 --yes --image debian-21",
        "--region sgp --plan vc2-1c-2gb --label mcp_1 --yes",
        "--region sgp --plan vc2-1c-2gb --label web --yes",
        "--region sgp --plan vc2-1c-2gb --label mcp-1",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let said = vm(&cloud, &home, &[&["create"], words.as_slice()].concat());
        all += &format!("### vm create {}\n{}\n", words.join(" "), text(&said));
    }
    assert_eq!(cloud.count("POST"), 0);
    // And what the provider itself refuses is told in its words, and costs nothing.
    cloud.fail(
        "POST /v2/instances",
        Fault::Status(
            400,
            "You have reached the maximum monthly fee limit for this account.",
        ),
    );
    let said = vm(&cloud, &home, &[&["create", "--yes"], ORDER.as_slice()].concat());
    all += &format!("### refused\n{}\n", text(&said));
    assert_eq!((cloud.count("POST"), cloud.labels()), (1, vec!["web".to_owned()]));
    insta::assert_snapshot!(all);
}

/// However the answer to an order is lost, there is one machine, and whoever gives up says what exists.
#[test]
fn a_lost_answer_buys_no_second_machine_and_an_interruption_says_what_exists() {
    let faults: [(&str, &[Fault], usize); 6] = [
        ("none", &[], 1),
        ("the answer is lost", &[Fault::Lost], 1),
        ("the answer is an error, the order is taken", &[Fault::Broken], 1),
        ("the answer is lost, and lists lag behind", &[Fault::Late(2)], 1),
        ("the order is lost", &[Fault::Dropped], 2),
        (
            "the limit is reached",
            &[Fault::Status(429, "rate limit exceeded")],
            2,
        ),
    ];
    for (what, faults, orders) in faults {
        let (cloud, home) = (Vultr::start(None, usize::MAX), TempDir::new().expect("a home"));
        for fault in faults {
            cloud.fail("POST /v2/instances", fault.clone());
        }
        let mut create = cloud.hostwright(home.path());
        create.args(["vm", "create", "--yes"]).args(ORDER);
        let (status, said) = interrupted(&mut create, "waiting for Vultr to hand mcp-1 out");
        assert_eq!(
            (status, cloud.labels().len(), cloud.count("POST")),
            (1, 1, orders),
            "{what}: {said}"
        );
        let exists = "The machine mcp-1 exists (14b3e7d6-ffb5-4994-8502-000000000000, no address yet) and costs $10.00 a month.";
        for words in [
            "error: interrupted",
            exists,
            "`hostwright vm destroy mcp-1` ends it.",
        ] {
            assert!(said.contains(words), "{what}: {words} in\n{said}");
        }
        // And again: it is found.
        let mut again = cloud.hostwright(home.path());
        again.args(["vm", "create", "--yes"]).args(ORDER);
        let (_, said) = interrupted(&mut again, "waiting for Vultr to hand mcp-1 out");
        assert_eq!(
            (cloud.labels().len(), cloud.count("POST")),
            (1, orders),
            "{what}: {said}"
        );
    }
}

#[test]
fn an_order_of_which_nobody_knows_is_looked_for_before_another_is_given() {
    let (cloud, home) = (Vultr::start(None, usize::MAX), TempDir::new().expect("a home"));
    // The order is taken; nothing more is heard of anything, and then no list shows it at once.
    cloud.fail("POST /v2/instances", Fault::Late(2));
    for _ in 0..6 {
        cloud.fail("GET /v2/instances?tag=", Fault::Status(503, "maintenance"));
    }
    let create = || {
        let mut create = cloud.hostwright(home.path());
        create.args(["vm", "create", "--yes"]).args(ORDER);
        create
    };
    let said = run(&mut create());
    let tag = cloud.bodies("POST")[0]["tags"][1].clone();
    let unclear = "it is not known whether Vultr took the order for `mcp-1`: Vultr did not list its instances: maintenance (503)";
    for words in [
        unclear,
        tag.as_str().expect("a tag"),
        "An order for mcp-1 ($10.00 a month) was sent",
    ] {
        assert!(
            said.status == 1 && said.stderr.contains(words),
            "{words} in\n{}",
            said.stderr
        );
    }
    let (_, said) = interrupted(&mut create(), "waiting for Vultr to hand mcp-1 out");
    assert_eq!((cloud.labels().len(), cloud.count("POST")), (1, 1), "{said}");
    assert_eq!(cloud.bodies("POST")[0]["tags"], json!(["hostwright", tag]));
}

#[test]
fn a_machine_is_destroyed_by_whoever_types_its_label() {
    let (cloud, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    cloud.add("mcp-1", &["hostwright"]);
    cloud.add("twin", &[]);
    cloud.add("twin", &[]);
    let mut all = String::new();
    for words in [
        "mcp-1",
        "mcp-1 --confirm mcp-2",
        "twin --confirm twin",
        "mcp-1 --confirm mcp-1",
        "mcp-1 --confirm mcp-1",
        "14b3e7d6-ffb5-4994-8502-000000000002 --confirm twin",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let said = vm(&cloud, &home, &[&["destroy"], words.as_slice()].concat());
        all += &format!("### vm destroy {}\n{}\n", words.join(" "), text(&said));
    }
    assert_eq!(cloud.labels(), ["twin"]);
    insta::assert_snapshot!(all);
}

#[test]
fn a_target_may_be_a_label() {
    let (cloud, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    cloud.add("mcp-1", &["hostwright"]);
    let playbook = home.path().join("p.yml");
    std::fs::write(&playbook, "name: x\n").expect("written");
    let plan = |target: &str| {
        let said = run(cloud
            .hostwright(home.path())
            .arg("plan")
            .arg(&playbook)
            .arg(target));
        assert_eq!(said.status, 1);
        said.stderr
    };
    assert!(plan("vultr:mcp-2").contains("Vultr has no machine `mcp-2`; is `mcp-1` meant?"));
    assert!(plan("vultr:mcp-1").contains("the machine `mcp-1` has no address yet"));
    cloud.set("status", json!("active"));
    cloud.set("main_ip", json!("127.0.0.1"));
    cloud.set("power_status", json!("stopped"));
    assert!(plan("vultr:mcp-1").contains("the machine `mcp-1` is stopped"));
}

/// What costs money, or cannot be undone, is asked for.
#[test]
fn a_person_is_asked_before_money_is_spent_or_a_machine_is_lost() {
    let (cloud, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    let answered = |command: &Command, but: &str, answer: &str| {
        let mut on_terminal = on_a_terminal(command, but);
        on_terminal.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = on_terminal.spawn().expect("it starts");
        let mut input = child.stdin.take().expect("its input");
        // The terminal keeps the line until it is asked for.
        std::io::Write::write_all(&mut input, format!("{answer}\n").as_bytes()).expect("answered");
        let output = child.wait_with_output().expect("it ends");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut create = cloud.hostwright(home.path());
    create.args(["vm", "create", "--yes"]).args(ORDER);
    let said = answered(&create, "--yes", "n");
    assert!(
        said.contains("cost    $10.00 a month") && said.contains("Order it? [y/N]"),
        "{said}"
    );
    assert!(said.contains("Nothing was ordered."), "{said}");
    assert_eq!(cloud.count("POST"), 0);
    assert!(!home.path().join(".ssh").exists(), "a key was made for nothing");

    cloud.add("mcp-1", &["hostwright"]);
    let mut destroy = cloud.hostwright(home.path());
    destroy.args(["vm", "destroy", "mcp-1"]);
    let said = answered(&destroy, "", "mcp-2");
    assert!(
        said.contains("`mcp-2` is not the label of this machine"),
        "{said}"
    );
    assert_eq!(cloud.labels(), ["mcp-1"]);
    let said = answered(&destroy, "", "mcp-1");
    assert!(
        said.contains("Type its label to destroy it: ") && said.contains("Destroyed mcp-1"),
        "{said}"
    );
    assert!(cloud.labels().is_empty());
}

#[test]
fn two_at_once_do_not_order_twice_and_a_machine_that_goes_is_missed() {
    let (cloud, home) = (Vultr::start(None, usize::MAX), TempDir::new().expect("a home"));
    let mut create = cloud.hostwright(home.path());
    create.args(["vm", "create", "--yes"]).args(ORDER);
    create.stdout(Stdio::piped()).stderr(Stdio::piped());
    let first = create.spawn().expect("it starts");
    wait_for("the order is there", || cloud.labels() == ["mcp-1"]);
    let second = vm(&cloud, &home, &[&["create", "--yes"], ORDER.as_slice()].concat());
    let busy = "another hostwright on this machine is at work on the machine `mcp-1`";
    assert!(
        second.status == 1 && second.stderr.contains(busy),
        "{}",
        second.stderr
    );
    vm(&cloud, &home, &["destroy", "mcp-1", "--confirm", "mcp-1"]).ok();
    let output = first.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("is gone: Vultr does not know it any more"),
        "{said}"
    );
    assert!(!said.contains("exists"), "{said}");
    assert_eq!(cloud.count("POST"), 1);
}
