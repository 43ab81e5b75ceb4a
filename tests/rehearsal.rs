//! Throwaway hosts, seen from outside. They need root; without it each test says so and returns, but in CI, where it
//! fails.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hostwright::host::rehearsal::{
    Base, BootOptions, Image, Rehearsal, image, kept, missing, remove_abandoned, remove_kept,
};

/// The base image, or None (and why) where hosts cannot be booted.
fn base() -> Option<Image> {
    let missing = missing();
    if !missing.is_empty() {
        let what: Vec<_> = missing.iter().map(ToString::to_string).collect();
        let what = what.join(", ");
        // `tests/run` sets this as root, after it has installed everything: then nothing may be left out.
        assert!(
            std::env::var_os("HOSTWRIGHT_E2E").is_none(),
            "this machine lacks {what}"
        );
        eprintln!("skipped: this machine lacks {what}");
        return None;
    }
    let base = Base::of_this_machine().unwrap();
    Some(image(&base, &mut |line| eprintln!("{line}")).unwrap())
}

fn boot(image: &Image) -> Rehearsal {
    Rehearsal::boot(image, &BootOptions::default()).unwrap()
}

fn await_condition(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn here(program: &str, arguments: &[&str]) -> String {
    stdout(&Command::new(program).args(arguments).output().unwrap())
}

fn ssh(host: &Rehearsal, command: &str) -> Output {
    Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .args([
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "ConnectTimeout=5",
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
        ])
        .arg(format!("UserKnownHostsFile={}", host.known_hosts().display()))
        .arg("-i")
        .arg(host.identity())
        .arg(format!("root@{}", host.address()))
        .arg(command)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What of a host can be seen on this machine.
fn traces(netns: &str, address: &str, dir: &Path) -> Vec<String> {
    let number = netns.trim_start_matches("hostwright-");
    let subnet = address.rsplit_once('.').unwrap().0.to_owned() + ".";
    let mut traces = Vec::new();
    let mut look = |what: &str, text: String, needle: &str| {
        if text
            .lines()
            .any(|line| line.split([' ', ':', '/', '@']).any(|word| word == needle))
        {
            traces.push(format!("{what} {needle}"));
        }
    };
    look("namespace", here("ip", &["netns"]), netns);
    look("link", here("ip", &["-o", "link"]), &format!("hw{number}"));
    look(
        "forward rule",
        here("iptables", &["-S", "FORWARD"]),
        &format!("hw{number}"),
    );
    let last: u8 = address.rsplit_once('.').unwrap().1.parse().unwrap();
    look(
        "nat rule",
        here("iptables", &["-t", "nat", "-S"]),
        &format!("{subnet}{}", last - 2),
    );
    let path = dir.display().to_string();
    if fs::read_to_string("/proc/mounts")
        .unwrap()
        .contains(&format!("{path}/"))
    {
        traces.push("mounts".to_owned());
    }
    if dir.exists() {
        traces.push(path.clone());
    }
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(&format!("--directory={path}/root")) {
            traces.push(format!("process {}", process.path().display()));
        }
    }
    for hierarchy in ["", "unified", "systemd"] {
        let group = Path::new("/sys/fs/cgroup").join(hierarchy).join(netns);
        if group.exists() {
            traces.push(group.display().to_string());
        }
    }
    traces
}

fn traces_of(host: &Rehearsal) -> impl Fn() -> Vec<String> + use<> {
    let (netns, address) = (host.netns().to_owned(), host.address().to_string());
    let dir = host.root().parent().unwrap().to_owned();
    move || traces(&netns, &address, &dir)
}

#[test]
fn two_hosts_run_side_by_side_and_leave_nothing() {
    let Some(image) = base() else { return };
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(|| boot(&image));
        let two = scope.spawn(|| boot(&image));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_ne!(one.address(), two.address());
    assert_ne!(
        fs::read(one.known_hosts()).unwrap(),
        fs::read(two.known_hosts()).unwrap()
    );
    let mut seen = Vec::new();
    for host in [&one, &two] {
        let mut state = String::new();
        await_condition("systemd is not running", || {
            state = stdout(&host.exec("systemctl is-system-running").unwrap());
            state == "running" || state == "degraded"
        });
        let failed = stdout(&host.exec("systemctl --failed --no-legend").unwrap());
        assert_eq!((state.as_str(), failed.as_str()), ("running", ""));

        let output = ssh(host, "hostname; id -u; ip -4 -o address show eth0");
        let text = stdout(&output);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(text.starts_with(&format!("{}\n0\n", host.name())), "{text}");
        assert!(text.contains(&format!("{}/30", host.address())), "{text}");
        seen.push(stdout(&host.exec("cat /etc/machine-id").unwrap()));
        assert_eq!(
            fs::read_to_string(host.root().join("etc/machine-id"))
                .unwrap()
                .trim(),
            seen[seen.len() - 1]
        );
    }
    assert_ne!(seen[0], seen[1]);
    // The units of one are not the other's: a stop here must not be felt there.
    let stopped = one.exec("systemctl stop ssh && systemctl is-active ssh").unwrap();
    assert_eq!(stdout(&stopped), "inactive");
    assert!(ssh(&two, "true").status.success());

    for host in [one, two] {
        let traces = traces_of(&host);
        assert!(traces().len() >= 7, "the looking itself is blind: {:?}", traces());
        drop(host);
        assert_eq!(traces(), Vec::<String>::new());
    }
}

#[test]
fn apt_reaches_its_archive_and_the_firewall_can_be_set() {
    let Some(image) = base() else { return };
    let script = "apt-get update && apt-get install -y --no-install-recommends iptables cron";
    let image = image
        .derive("test-tools", script, &mut |line| eprintln!("{line}"))
        .unwrap();
    let host = boot(&image);
    let update = host
        .exec("apt-get update 2>&1 | tee /dev/stderr | grep -E '^(W|E|Err)'")
        .unwrap();
    assert_eq!(stdout(&update), "", "{}", String::from_utf8_lossy(&update.stderr));
    // What the derived image's packages start at boot has started.
    await_condition("cron did not start", || {
        stdout(&host.exec("systemctl is-active cron").unwrap()) == "active"
    });
    let rules = host.exec("iptables -P INPUT DROP && iptables -S INPUT").unwrap();
    assert_eq!(
        stdout(&rules),
        "-P INPUT DROP",
        "{}",
        String::from_utf8_lossy(&rules.stderr)
    );
    assert!(
        !here("iptables", &["-S", "INPUT"]).contains("DROP"),
        "the rule was set on this machine"
    );
}

#[test]
fn a_power_cut_and_a_reboot_keep_the_disk() {
    let Some(image) = base() else { return };
    let mut host = boot(&image);
    host.exec("echo before > /root/mark && sync && echo gone > /run/mark")
        .unwrap();
    let memory = |host: &Rehearsal| stdout(&host.exec("cat /run/mark").unwrap());
    assert_eq!(memory(&host), "gone");
    host.kill().unwrap();
    assert!(host.exec("true").is_err(), "it answers without power");
    host.start().unwrap();
    assert_eq!(stdout(&ssh(&host, "cat /root/mark")), "before");
    assert_eq!(memory(&host), "");

    host.exec("echo again > /run/mark; systemctl --no-block reboot")
        .unwrap();
    // By ssh: what nsenter has started while systemd stops everything makes nsenter stop as well, for ever.
    await_condition("it did not come back", || {
        ssh(&host, "test ! -e /run/mark && cat /root/mark")
            .status
            .success()
    });
}

#[test]
fn a_kept_host_stays_until_it_is_removed() {
    let Some(image) = base() else { return };
    let name = format!("kept-{}", std::process::id());
    let host = Rehearsal::boot(
        &image,
        &BootOptions {
            name: Some(name.clone()),
            ..BootOptions::default()
        },
    )
    .unwrap();
    let traces = traces_of(&host);
    let entry = host.keep().unwrap();
    remove_abandoned();
    assert!(kept().unwrap().contains(&entry));
    let command = format!("{} -o BatchMode=yes hostname", entry.ssh_command);
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert_eq!(
        stdout(&output),
        name,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    remove_kept(&name).unwrap();
    assert_eq!(traces(), Vec::<String>::new());
    assert!(remove_kept(&name).is_err());
}

#[test]
fn what_fails_says_why_and_leaves_nothing() {
    let Some(image) = base() else { return };
    let error = image
        .derive("test-failing", "echo the reason; exit 7", &mut |_| {})
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("the reason") && text.contains("exit status 7"),
        "{text}"
    );

    // PID 1 is running already: the host shuts down in order, and cannot boot again.
    let script = "rm -f /lib/systemd/systemd /sbin/init /bin/init /etc/init /bin/sh";
    let broken = image.derive("test-broken", script, &mut |_| {}).unwrap();
    let name = format!("broken-{}", std::process::id());
    let options = BootOptions {
        name: Some(name.clone()),
        ..BootOptions::default()
    };
    let text = Rehearsal::boot(&broken, &options).unwrap_err().to_string();
    assert!(
        text.contains(&name) && text.contains("systemd-nspawn ended:\n"),
        "{text}"
    );
    let hosts = fs::read_dir("/var/cache/hostwright/hosts").unwrap().flatten();
    let names = hosts.map(|host| fs::read_to_string(host.path().join("name")).unwrap_or_default());
    assert!(!names.into_iter().any(|left| left == name));

    let options = BootOptions {
        name: Some("No Name".to_owned()),
        ..BootOptions::default()
    };
    assert!(
        Rehearsal::boot(&image, &options)
            .unwrap_err()
            .to_string()
            .contains("No Name")
    );
}

/// Set for the process that `an_abandoned_host_is_removed` kills.
const ABANDON: &str = "HOSTWRIGHT_TEST_ABANDON";

/// Not a test by itself: what that process does.
#[test]
#[ignore = "run by an_abandoned_host_is_removed"]
fn boot_and_wait_to_be_killed() {
    if std::env::var_os(ABANDON).is_none() {
        return;
    }
    let Some(image) = base() else { return };
    let host = boot(&image);
    println!(
        "booted {} {} {}",
        host.netns(),
        host.address(),
        host.root().parent().unwrap().display()
    );
    thread::park();
}

#[test]
fn an_abandoned_host_is_removed() {
    use std::io::{BufRead, BufReader};
    if base().is_none() {
        return;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--ignored",
            "--nocapture",
            "boot_and_wait_to_be_killed",
        ])
        .env(ABANDON, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let line = lines
        .into_iter()
        .find_map(|line| Some(line.split_once("booted ")?.1.to_owned()))
        .unwrap();
    let words: Vec<_> = line.split(' ').collect();
    let traces = || traces(words[0], words[1], Path::new(words[2]));

    remove_abandoned();
    assert!(traces().len() >= 7, "a host in use was removed: {:?}", traces());
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(traces().len() >= 7, "{:?}", traces());
    // Another test's boot may be at it already.
    remove_abandoned();
    await_condition("traces remain", || traces().is_empty());
}
