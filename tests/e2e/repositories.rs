//! Where packages come from, which versions, and which go: against a signed archive on the host itself.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::host::{Host, Run, base, run};
use crate::images;

/// Packages in two archives on the host: one is the host's own, the other nobody knows yet. Its `Release` says that it
/// mends security.
const ARCHIVES: &str = r#"
deb() { # ARCHIVE NAME VERSION FIELDS
  tree=/srv/build/$2-$3
  mkdir -p "$tree/DEBIAN" "$tree/usr/share/$2"
  echo "$3" >"$tree/usr/share/$2/version"
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n' "$2" "$3" >"$tree/DEBIAN/control"
  [ -z "$4" ] || printf '%b\n' "$4" >>"$tree/DEBIAN/control"
  mkdir -p "/srv/$1"
  cd "/srv/$1"
  dpkg-deb -b "$tree" "$2-$3.deb" >/dev/null
  { dpkg-deb -f "$2-$3.deb"; printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$2-$3" "$(stat -c %s "$2-$3.deb")" "$(sha256sum "$2-$3.deb" | cut -d ' ' -f 1)"; } >>Packages
}
deb host plain 1.0 ''
deb host old 1.0 ''
deb host old-extra 1.0 'Depends: old'
deb own tool 1.0 ''
deb own tool 2.0 ''
deb own plain 1.1 ''
mkdir -p /srv/build/asking-1.0/DEBIAN
cd /srv/build/asking-1.0/DEBIAN
printf 'Template: asking/name\nType: string\nDefault: nobody\nDescription: Who?\n\nTemplate: asking/password\nType: password\nDescription: What?\n' >templates
printf '#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_input high asking/name || true\ndb_input high asking/password || true\ndb_go || true\n' >config
printf '#!/bin/sh\n. /usr/share/debconf/confmodule\ndb_get asking/name\necho "$RET" >/etc/asking\ndb_get asking/password\necho "$RET" | sha256sum >>/etc/asking\ndb_reset asking/password\n' >postinst
chmod 755 config postinst
deb own asking 1.0 ''
cd /srv/own
printf 'Origin: own\nLabel: Own-Security\nSuite: own\nCodename: own\nDate: %s\nArchitectures: all amd64 arm64\nSHA256:\n %s %s Packages\n' "$(date -uR)" "$(sha256sum Packages | cut -d ' ' -f 1)" "$(stat -c %s Packages)" >Release
rm -f /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/host ./' >/etc/apt/sources.list
apt-get -qq update
apt-get -qq -y install plain old-extra >/dev/null
"#;

/// What a plan must not write.
const WRITTEN: &str = "find /etc/apt /var/lib/apt /var/cache/apt /var/cache/debconf /var/lib/dpkg -printf '%p %T@ %s\\n' | sort | sha256sum";

/// gpg with keys of its own.
struct Gpg(TempDir);

impl Gpg {
    fn new() -> Self {
        let gpg = Self(TempDir::new().expect("a folder"));
        for name in ["own@example.com", "other@example.com"] {
            gpg.run(
                &[
                    "--passphrase",
                    "",
                    "--quick-gen-key",
                    name,
                    "ed25519",
                    "sign",
                    "never",
                ],
                "",
            );
        }
        gpg
    }

    fn run(&self, words: &[&str], input: &str) -> String {
        let mut child = Command::new("gpg")
            .arg("--homedir")
            .arg(self.0.path())
            .args(["--batch", "--quiet", "--pinentry-mode", "loopback"])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes())
            .expect("written");
        let output = child.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn fingerprint(&self, name: &str) -> String {
        let listed = self.run(&["--with-colons", "--list-keys", name], "");
        let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("one");
        line.trim_matches(|c: char| !c.is_ascii_hexdigit())
            .rsplit(':')
            .next()
            .expect("one")
            .to_owned()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut end = Command::new("gpgconf");
        let _ = end
            .arg("--homedir")
            .arg(self.0.path())
            .args(["--kill", "all"])
            .status();
    }
}

/// Answers every request with `text`.
fn serve(text: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                text.len()
            );
            let _ = stream.write_all(format!("{head}{text}").as_bytes());
        }
    });
    format!("http://{address}/own.asc")
}

#[track_caller]
fn says(run: &Run, texts: &[&str]) {
    let said = format!("{}{}", run.stdout, run.text());
    for text in texts {
        assert!(said.contains(text), "{text} in\n{said}");
    }
}

#[test]
fn a_repository_comes_with_its_key_and_what_is_in_it() {
    let Some(base) = base() else { return };
    comes_with_its_key(&Host::of(&base));
}

/// Another apt, and another program that looks at signatures.
#[test]
fn a_repository_comes_with_its_key_on_the_next_release() {
    let Some((_, image, _)) = images::all().into_iter().nth(1) else {
        return;
    };
    comes_with_its_key(&Host::of(&image));
}

fn comes_with_its_key(host: &Host) {
    host.sh(ARCHIVES);
    let gpg = Gpg::new();
    let signed = gpg.run(
        &["-u", "own@example.com", "--clearsign"],
        &(host.sh("cat /srv/own/Release") + "\n"),
    );
    host.sh(&format!("cat >/srv/own/InRelease <<'END'\n{signed}END"));
    host.file(
        "other.asc",
        &gpg.run(&["--armor", "--export", "other@example.com"], ""),
    );
    host.file("word", "hunter22-hunter22\n");
    let url = serve(gpg.run(&["--armor", "--export", "own@example.com"], ""));
    let own = gpg.fingerprint("own@example.com");
    let playbook = |key: &str, rest: &str| {
        format!(
            "name: tools\nsecrets: {{ word: {{ file: word }} }}\ncommands: {{ late: {{ run: \"true\", creates: /srv/own, after: [apt.repository.own] }} }}\napt:\n  repositories:\n    \
            own: {{ uris: [\"file:/srv/own\"], suites: [./], key: {{ {key} }} }}\n{rest}"
        )
    };
    let do_it = |verb: &str, playbook: &str| {
        let mut command = host.command(verb, playbook);
        if verb == "plan" {
            command.arg("--upgrades");
        }
        run(command.env("NO_PROXY", "127.0.0.1"))
    };

    // Another key at the address is told before anything is asked of the host.
    let other = gpg.fingerprint("other@example.com");
    let wrong = do_it(
        "plan",
        &playbook(&format!("url: \"{url}\", fingerprint: {other}"), ""),
    );
    assert_eq!(wrong.status, 1, "{}", wrong.stdout);
    says(
        &wrong,
        &[&format!("holds the key {own}, which `fingerprint` does not name")],
    );
    // One that did not sign the archive is taken away again.
    let wrong = do_it("apply", &playbook("file: other.asc", ""));
    assert_eq!(wrong.status, 1, "{}", wrong.stdout);
    says(
        &wrong,
        &[
            "apt cannot use the sources of /etc/apt/sources.list.d/own.sources",
            "taken away again: /etc/apt/sources.list.d/own.sources",
            "taken away again: /etc/apt/keyrings/own.asc",
        ],
    );
    assert_eq!(
        host.sh("ls /etc/apt/sources.list.d /etc/apt/keyrings"),
        "/etc/apt/keyrings:\n\n/etc/apt/sources.list.d:"
    );

    host.sh("apt-get -qq update");

    // Key, list, index, answers, package; what goes with what is removed is said.
    let key = format!("url: \"{url}\", fingerprint: {own}");
    let rest = |version: &str| {
        format!(
            "  packages: [{{ name: tool, version: \"{version}\", hold: true }}, asking]\n  \
            purged: [old]\n  pins: {{ plain: {{ package: plain, pin: version 1.0, priority: 900 }} }}\n  \
            debconf:\n    asking:\n      asking/name: {{ type: string, value: somebody }}\n      \
            asking/password: {{ type: password, value: \"${{word}}\" }}\n"
        )
    };
    let whole = playbook(&key, &rest("1.*"));
    let before = host.sh(WRITTEN);
    let plan = do_it("plan", &whole);
    says(
        &plan,
        &[
            "add the repository own",
            "purge old",
            "REMOVES with them, since they depend on them: old-extra",
            "tool 1.*, as the index says once the steps before it are done",
            "asking, as the index says once the steps before it are done",
            "asking/name: somebody",
            "asking/password: an answer that is not shown",
            "hold tool at its version",
            "An upgrade would change nothing (by the host's index, read ",
        ],
    );
    assert!(!plan.stdout.contains("refreshed"), "{}", plan.stdout);
    assert_eq!(before, host.sh(WRITTEN), "a plan writes nothing");
    do_it("apply", &whole).ok();
    let second = do_it("plan", &whole).ok();
    says(
        &second,
        &[
            "Nothing to change.",
            "kept back, held or not to be had without others: tool",
        ],
    );
    assert_eq!(host.sh("cat /usr/share/tool/version; apt-mark showhold; dpkg-query -W -f='${Status}' old-extra 2>/dev/null || echo none"), "1.0\ntool\nnone");
    let hash = host.sh("echo hunter22-hunter22 | sha256sum");
    assert_eq!(host.sh("cat /etc/asking"), format!("somebody\n{hash}"));
    assert_eq!(
        host.sh("grep -rlF hunter22-hunter22 /var/lib/hostwright /run /tmp /var/log || true"),
        ""
    );
    // What was fetched is kept with the rest: nobody is asked for it again.
    let drift = run(&mut host.bare("drift")).ok();
    assert!(
        drift.stdout.contains("is as generation 1 of tools left it"),
        "{}",
        drift.stdout
    );

    // Another version of what is held, newer and older again.
    let plan = do_it("plan", &playbook(&key, &rest("2.*")));
    says(
        &plan,
        &["bring another version: tool=2.*", "upgrades tool 1.0 → 2.0"],
    );
    do_it("apply", &playbook(&key, &rest("2.*"))).ok();
    assert_eq!(
        host.sh("cat /usr/share/tool/version; apt-mark showhold"),
        "2.0\ntool"
    );
    says(&do_it("plan", &whole), &["DOWNGRADES tool 2.0 → 1.0"]);
    do_it("apply", &whole).ok();
    says(&do_it("plan", &whole), &["Nothing to change."]);

    // What is held no longer may be another at once.
    let plan = do_it("plan", &playbook(&key, "  packages: [\"tool=2.*\", asking]\n"));
    says(&plan, &["let go of tool", "bring another version: tool=2.*"]);

    // So may it go.
    let gone = playbook(&key, "  packages: [asking]\n  purged: [tool]\n");
    says(&do_it("plan", &gone), &["let go of tool", "purge tool"]);
    do_it("apply", &gone).ok();
    says(&do_it("plan", &gone), &["Nothing to change."]);
    assert_eq!(
        host.sh("apt-mark showhold; ls /usr/share/tool 2>/dev/null || true"),
        ""
    );
    do_it("apply", &whole).ok();

    // Without the pin and the hold both would come, and from where security is mended.
    let plan = do_it("plan", &playbook(&key, "  packages: [tool, asking]\n"));
    says(
        &plan,
        &[
            "let go of tool",
            "remove the file /etc/apt/preferences.d/plain.pref",
        ],
    );
    do_it("apply", &playbook(&key, "  packages: [tool, asking]\n")).ok();
    let json = run(host
        .command("plan", &playbook(&key, ""))
        .args(["--upgrades", "--json"])
        .env("NO_PROXY", "127.0.0.1"));
    let line = json
        .stdout
        .lines()
        .find(|line| line.contains("\"upgrades\""))
        .expect("a line");
    let upgrades: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let named: Vec<&str> = upgrades["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["package"].as_str())
        .collect();
    assert_eq!(named, ["plain", "tool"], "{line}");
    assert_eq!(upgrades["packages"][0]["from"], "1.0");
    assert_eq!(upgrades["packages"][0]["to"], "1.1");
    assert_eq!(upgrades["packages"][0]["security"], true);

    // By another name, its file and its key are others: apt takes no source with two keys.
    let renamed = playbook(&key, "  packages: [tool]\n").replace("own: {", "mine: {");
    let renamed = renamed.replace("repository.own", "repository.mine");
    do_it("apply", &renamed).ok();
    says(&do_it("plan", &renamed), &["Nothing to change."]);

    // What is no longer declared goes, and apt knows nothing of it.
    do_it("apply", "name: tools\napt: { packages: [plain] }\n").ok();
    assert_eq!(
        host.sh("ls /etc/apt/sources.list.d /etc/apt/keyrings /etc/apt/preferences.d; apt-mark showhold"),
        "/etc/apt/keyrings:\n\n/etc/apt/preferences.d:\n\n/etc/apt/sources.list.d:"
    );
    assert!(!host.sh("apt-cache policy tool").contains("2.0"));
}

#[test]
fn a_host_upgrades_itself_and_keeps_its_ways_in() {
    let Some((_, image, user)) = images::all().into_iter().nth(2) else {
        return;
    };
    let host = Host::of(&image);
    let apply = |playbook: &str, verb: &str| {
        let path = host.file("playbook.yml", playbook);
        run(&mut host.command_as(user, verb, &path))
    };
    let playbook = "name: base\napt: { unattended_upgrades: { automatic_reboot: \"02:30\", mail: root } }\n";
    host.sh("install -d -o ubuntu -g ubuntu -m 0700 /home/ubuntu/.ssh
install -o ubuntu -g ubuntu -m 0600 /root/.ssh/authorized_keys /home/ubuntu/.ssh/
systemctl disable -q --now apt-daily-upgrade.timer");
    apply(playbook, "apply").ok();
    says(&apply(playbook, "plan"), &["Nothing to change."]);
    assert_eq!(
        host.sh("systemctl is-active apt-daily-upgrade.timer; systemctl is-enabled apt-daily.timer"),
        "active\nenabled"
    );
    let options = host.sh("apt-config dump");
    for line in [
        "APT::Periodic::Unattended-Upgrade \"1\";",
        "Unattended-Upgrade::Automatic-Reboot \"true\";",
        "Unattended-Upgrade::Automatic-Reboot-Time \"02:30\";",
        "Unattended-Upgrade::Mail \"root\";",
    ] {
        assert!(options.contains(line), "{line} in\n{options}");
    }
    // The program that does it reads that, too; without an index it has nothing to fetch.
    host.sh("rm -r /var/lib/apt/lists/*");
    let said = host.sh("unattended-upgrade --dry-run --debug 2>&1");
    assert!(said.contains("Allowed origins are:"), "{said}");
    for package in ["sudo", "openssh-server"] {
        let refused = apply(&format!("name: base\napt: {{ removed: [{package}] }}\n"), "plan");
        assert_eq!(refused.status, 1, "{}", refused.stdout);
        says(
            &refused,
            &[&format!("without {package} nobody would get in any more")],
        );
    }
}
