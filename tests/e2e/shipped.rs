//! The playbooks that come with hostwright: each makes a host what it says, once, and its checks pass.

use std::path::Path;

use crate::host::{Host, run};

/// Applies a shipped playbook, whose checks must pass, and proves that a second plan is empty.
#[track_caller]
fn rehearse(host: &Host, name: &str) {
    let playbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(name);
    run(&mut host.command_for("apply", &playbook)).ok();
    let second = run(&mut host.command_for("plan", &playbook)).ok();
    assert!(second.stdout.contains("Nothing to change."), "{}", second.stdout);
}

/// What curl gets, headers and all.
fn get(host: &Host, url: &str) -> String {
    host.sh(&format!("curl -si {url}"))
}

#[test]
fn a_static_site() {
    let Some(host) = Host::boot() else { return };
    rehearse(&host, "static-site.yml");
    let page = get(&host, "http://127.0.0.1/");
    assert!(
        page.contains("<h1>A static site</h1>") && page.contains("max-age=3600"),
        "{page}"
    );
    assert!(get(&host, "http://127.0.0.1/style.css").contains("text/css"));
    assert!(get(&host, "http://127.0.0.1/none").contains("404 Not Found"));
}

#[test]
fn static_sites() {
    let Some(host) = Host::boot() else { return };
    rehearse(&host, "static-sites.yml");
    let at = |name: &str, path: &str| {
        let to = format!("--connect-to ::127.0.0.1: http://{name}{path}");
        get(&host, &to)
    };
    for (name, path, words) in [
        ("shop.example.com", "/any/path", "<h1>Shop</h1>"),
        ("shop.example.com", "/assets/shop.4f2a.css", "max-age=31536000"),
        (
            "www.shop.example.com",
            "/a?b",
            "Location: http://shop.example.com/a?b",
        ),
        ("blog.example.com", "/", "X-Content-Type-Options: nosniff"),
        (
            "blog.example.com",
            "/feed",
            "Location: http://blog.example.com/feed.xml",
        ),
        ("blog.example.com", "/feed.xml", "<title>Blog</title>"),
        ("blog.example.com", "/drafts/next.html", "403 Forbidden"),
        ("other.example.com", "/", "Location: http://shop.example.com/"),
    ] {
        let answer = at(name, path);
        assert!(answer.contains(words), "{name}{path}: {answer}");
    }
}

#[test]
fn a_web_application() {
    let Some(host) = Host::boot() else { return };
    rehearse(&host, "web-app.yml");
    let page = get(&host, "http://127.0.0.1/");
    assert!(page.contains("<h1>Chat</h1>"), "{page}");
    let script = get(&host, "http://127.0.0.1/static/chat.js");
    assert!(script.contains("max-age=3600"), "{script}");
    // What one says the other hears.
    let heard = host.sh("cat >/root/two.py <<'END'
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect('http://127.0.0.1/chat') as ann, session.ws_connect('http://127.0.0.1/chat') as bob:
            await bob.send_str('ready')
            await ann.receive_str(timeout=30)
            await ann.send_str('hello')
            print(await bob.receive_str(timeout=30), await bob.receive_str(timeout=30))
asyncio.run(main())
END
python3 /root/two.py");
    assert_eq!(heard, "ready hello");
    assert_eq!(host.sh("ps -o user= -C python3"), "web-app");
}

#[test]
fn a_hardened_base_host() {
    let Some(host) = Host::boot() else { return };
    let playbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/base-host.yml");
    // Whose keys let people in must be said.
    let unsaid = run(&mut host.command_for("plan", &playbook));
    assert!(unsaid.stderr.contains("${ann}"), "{}", unsaid.stderr);
    let key = host.folder.path().join("ann");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.expect("ssh-keygen").success());
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
    let set = |verb: &str| {
        let mut command = host.command_for(verb, &playbook);
        for name in ["ann", "ci"] {
            command.arg("--set").arg(format!("{name}={}", public.trim()));
        }
        command
    };
    run(&mut set("apply")).ok();
    let second = run(&mut set("plan")).ok();
    assert!(second.stdout.contains("Nothing to change."), "{}", second.stdout);
    // Ann gets in by her key, and may do all.
    let mut ann = std::process::Command::new("ssh");
    ann.args(["-F", "none", "-o", "BatchMode=yes", "-o"])
        .arg(format!(
            "UserKnownHostsFile={}",
            host.machine.known_hosts().display()
        ))
        .arg("-i")
        .arg(&key)
        .arg(format!("ann@{}", host.machine.address()))
        .arg("sudo -n id -u; hostname");
    assert_eq!(run(&mut ann).ok().stdout, "0\nweb-1\n");
    let state = host.sh("fail2ban-client get sshd maxretry; sudo -l -U deploy; apt-config dump APT::Periodic::Unattended-Upgrade; swapon --show --noheadings; grep swapfile /etc/fstab");
    for words in [
        "5",
        "(root) NOPASSWD: /usr/bin/systemctl restart app.service",
        "APT::Periodic::Unattended-Upgrade \"1\"",
        "/swapfile none swap",
    ] {
        assert!(state.contains(words), "{words} in\n{state}");
    }
}
