//! From nothing to a running server: machines that a stand-in for Vultr's API boots, with real cloud-init.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use hostwright::host::rehearsal::{Image, cloud_image};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{Host, Run, base, run};
use crate::vm::interrupted;
use crate::vultr::{Fault, Vultr};

/// A first boot as it is on a cloud: sshd starts late, and somebody holds dpkg's lock some seconds longer than
/// cloud-init takes, as unattended-upgrades does.
const FIRST_BOOT: &str = r#"set -eu
cat >/etc/systemd/system/slow-disk.service <<'END'
[Unit]
Before=ssh.service
[Service]
Type=oneshot
ExecStart=sleep 8
[Install]
WantedBy=multi-user.target
END
cat >/usr/local/sbin/first-upgrade <<'END'
#!/usr/bin/python3
import fcntl, os, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
while not os.path.exists("/var/lib/cloud/instance/boot-finished"):
    time.sleep(0.2)
time.sleep(8)
END
chmod 755 /usr/local/sbin/first-upgrade
cat >/etc/systemd/system/first-upgrade.service <<'END'
[Unit]
After=dbus.service
[Service]
ExecStart=/usr/local/sbin/first-upgrade
[Install]
WantedBy=multi-user.target
END
systemctl enable slow-disk.service first-upgrade.service
"#;

/// The image that a cloud would boot: bare, with cloud-init, and busy with itself at first.
static CLOUD: LazyLock<Option<Image>> = LazyLock::new(|| {
    let progress = &mut |line: &str| eprintln!("{line}");
    let image = cloud_image(&base()?, progress).expect("the image with cloud-init");
    Some(
        image
            .derive("first-boot", FIRST_BOOT, progress)
            .expect("the image that is busy"),
    )
});

const PLAYBOOK: &str = r#"
name: site
apt: { packages: [nginx] }
files:
  /var/www/html/index.html: { content: "hello from up\n" }
systemd:
  nginx: {}
ufw: { allow: [22/tcp, 80/tcp] }
checks:
  here: { http: "http://HOST/", from: here, expect: { contains: hello from up } }
"#;

fn up(vultr: &Arc<Vultr>, home: &TempDir, playbook: &str) -> Command {
    let path = home.path().join("site.yml");
    std::fs::write(&path, playbook).expect("written");
    let mut up = vultr.hostwright(home.path());
    up.arg("up").arg(path);
    up.args([
        "--region",
        "sgp",
        "--plan",
        "vc2-1c-2gb",
        "--label",
        "mcp-1",
        "--yes",
    ]);
    up
}

struct Cloud {
    vultr: Arc<Vultr>,
    home: TempDir,
}

impl Cloud {
    fn start() -> Option<Self> {
        let (vultr, home) = (
            Vultr::start(Some(CLOUD.clone()?), 2),
            TempDir::new().expect("a home"),
        );
        Some(Self { vultr, home })
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    fn up(&self, playbook: &str) -> Command {
        up(&self.vultr, &self.home, playbook)
    }
    fn hostwright(&self, words: &[&str]) -> Run {
        run(self.vultr.hostwright(self.home.path()).args(words))
    }

    /// What this machine remembers of the machine.
    fn record(&self, name: &str) -> PathBuf {
        self.home
            .path()
            .join(".local/state/hostwright/vultr/mcp-1")
            .join(name)
    }
}

#[test]
fn from_nothing_to_passing_checks_and_again_and_destroyed() {
    let Some(cloud) = Cloud::start() else { return };
    cloud.vultr.fail("POST /v2/instances", Fault::Lost);
    cloud
        .vultr
        .fail("GET /v2/instances/", Fault::Status(429, "rate limit exceeded"));
    let up = run(&mut cloud.up(PLAYBOOK)).ok();
    println!("{}", up.stdout);
    let address = cloud
        .vultr
        .sh("hostname -I")
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_owned();
    let fingerprint = cloud
        .vultr
        .sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2");
    for words in [
        "looking whether the order was taken",
        "mcp-1 has the address",
        "waiting for SSH: ",
        "mcp-1 shows the host key that it was given, and lets us in",
        "waiting for dpkg, which first-upgrade holds",
        "mcp-1 has ended its first boot",
        "nothing is left to change.",
        "1 check passed",
        &format!("  address      {address}\n  url          http://{address}/\n"),
        &format!("  fingerprint  {fingerprint}\n"),
        "  cost         $10.00 a month (vc2-1c-2gb in sgp)\n",
    ] {
        assert!(up.stdout.contains(words), "{words} in\n{}", up.stdout);
    }
    assert!(!up.stderr.contains("warning"), "{}", up.stderr);
    assert_eq!((cloud.vultr.labels().len(), cloud.vultr.count("POST")), (1, 1));

    // cloud-init did what it was told, and nothing secret is left where programs of the machine read it.
    assert_eq!(
        cloud.vultr.sh("cd /etc/ssh && ls ssh_host_*_key"),
        "ssh_host_ed25519_key"
    );
    assert_eq!(
        cloud.vultr.sh("hostname; wc -l </root/.ssh/authorized_keys"),
        "mcp-1\n1"
    );
    assert_eq!(
        cloud.vultr.sh("sshd -T | grep ^passwordauth"),
        "passwordauthentication no"
    );
    assert_eq!(cloud.vultr.user_data(), "#cloud-config\n{}\n");
    assert!(!cloud.record("host_key").exists());
    let password = std::fs::read_to_string(cloud.record("password")).unwrap_or_default();
    // The answer that told it was lost.
    assert_eq!(password, "");

    // Again: nothing is ordered, nothing changed.
    let journal = "ls /var/lib/hostwright/runs | wc -l";
    let runs = cloud.vultr.sh(journal);
    let again = run(&mut cloud.up(PLAYBOOK)).ok();
    for words in [
        "Nothing to change.",
        "1 check passed",
        &format!("  fingerprint  {fingerprint}\n"),
    ] {
        assert!(again.stdout.contains(words), "{words} in\n{}", again.stdout);
    }
    assert!(!again.stdout.contains("waiting"), "{}", again.stdout);
    assert_eq!((cloud.vultr.count("POST"), cloud.vultr.sh(journal)), (1, runs));

    // And for programs, without a secret.
    let told = run(cloud.up(PLAYBOOK).arg("--json")).ok();
    let lines = told
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let lines: Vec<Value> = lines.collect();
    let last = lines.last().expect("a line");
    assert_eq!(
        (
            &last["event"],
            &last["url"],
            &last["fingerprint"],
            &last["monthly"]
        ),
        (
            &json!("up"),
            &json!(format!("http://{address}/")),
            &json!(fingerprint),
            &json!(10.0)
        ),
        "{last}"
    );
    let list = cloud.hostwright(&["vm", "list", "--json"]).ok();
    let machines: Value = serde_json::from_str(list.stdout.lines().last().expect("a line")).expect("JSON");
    assert_eq!(machines["machines"][0]["label"], "mcp-1", "{machines}");
    assert!(!format!("{}{}", told.stdout, list.stdout).contains("PRIVATE"));

    // By its label it is a target like any other.
    let path = cloud.file("site.yml", &PLAYBOOK.replace("hello", "goodbye"));
    let plan = cloud
        .hostwright(&["plan", &path.display().to_string(), "vultr:mcp-1"])
        .ok();
    assert!(plan.stdout.contains("+ goodbye from up"), "{}", plan.stdout);

    // Another plan is not what it is.
    let mut other = cloud.up(PLAYBOOK);
    let other = run(other.args(["--plan", "vc2-1c-1gb"]));
    assert!(other.status != 0, "{}", other.stdout);

    let gone = cloud
        .hostwright(&["vm", "destroy", "mcp-1", "--confirm", "mcp-1"])
        .ok();
    assert!(gone.stdout.contains("Destroyed mcp-1"), "{}", gone.stdout);
    assert!(cloud.vultr.labels().is_empty() && !cloud.record("tag").exists());
}

/// What is left when something goes wrong after the order: a machine, its price, and a way on.
#[test]
fn a_failure_says_what_exists_and_the_next_run_goes_on_with_it() {
    let Some(cloud) = Cloud::start() else { return };
    let failing = "name: site\ncommands:\n  odd: { run: \"echo it is odd; exit 3\", unless: \"test -e /srv/mended\" }\n";
    // Interrupted while the machine boots: it goes on alone.
    let (status, said) = interrupted(&mut cloud.up(failing), "waiting for SSH: ");
    let exists = "The machine mcp-1 exists (14b3e7d6-ffb5-4994-8502-000000000000, 10.99.";
    assert!(
        status == 1 && said.contains(exists) && said.contains("costs $10.00 a month"),
        "{said}"
    );
    // What its provider told once is kept, for its owner alone.
    let password = std::fs::read_to_string(cloud.record("password")).expect("the password");
    assert_eq!(password, "v5{Fvn*A.LbSg7_K\n");
    assert!(!said.contains(password.trim()), "{said}");

    let failed = run(&mut cloud.up(failing));
    assert_eq!(failed.status, 1);
    for words in [
        "step command.odd failed",
        exists,
        "Run the same again to go on with it; `hostwright vm destroy mcp-1` ends it.",
    ] {
        assert!(failed.stderr.contains(words), "{words} in\n{}", failed.stderr);
    }
    // Somebody mends it; nothing is ordered again.
    cloud.vultr.sh("mkdir -p /srv && touch /srv/mended");
    let again = run(&mut cloud.up(failing)).ok();
    assert!(again.stdout.contains("mcp-1 is up:"), "{}", again.stdout);
    assert_eq!(cloud.vultr.count("POST"), 1);

    // Interrupted in a run: the host goes on with it, and the next waits for its end.
    let slow =
        "name: site\ncommands:\n  slow: { run: \"sleep 8; echo x >>/srv/slow\", creates: /srv/slow }\n";
    let (status, said) = interrupted(cloud.up(slow).arg("--json"), "\"step_started\"");
    assert!(status == 1 && said.contains("\"remains\""), "{said}");
    let after = run(&mut cloud.up(slow)).ok();
    assert!(after.stdout.contains("is still going on"), "{}", after.stdout);
    assert_eq!(cloud.vultr.sh("cat /srv/slow"), "x");

    // From a machine that knows nothing of the order its key is as unknown as any other's.
    let elsewhere = TempDir::new().expect("a home");
    std::fs::create_dir(elsewhere.path().join(".ssh")).expect("made");
    std::fs::copy(
        cloud.home.path().join(".ssh/id_ed25519"),
        elsewhere.path().join(".ssh/id_ed25519"),
    )
    .expect("copied");
    let unknown = run(&mut up(&cloud.vultr, &elsewhere, failing));
    assert!(
        unknown.status == 1 && unknown.stderr.contains("is not known: ssh-ed25519 SHA256:"),
        "{}",
        unknown.stderr
    );
    let learnt = run(up(&cloud.vultr, &elsewhere, failing).arg("--accept-new")).ok();
    assert!(learnt.stdout.contains("mcp-1 is up:"), "{}", learnt.stdout);
}

/// What is waited for on a machine, and what is odd there, is what is so.
#[test]
fn whoever_holds_a_lock_is_waited_for_and_errors_of_cloud_init_are_told() {
    let Some(image) = base() else { return };
    let host = Host::of(&image);
    let ready = include_str!("../../src/operations/provision/ready.sh");
    assert_eq!(host.sh(ready), "");
    let locks = [
        "/var/lib/dpkg/lock-frontend",
        "/var/lib/dpkg/lock",
        "/var/lib/apt/lists/lock",
        "/var/cache/apt/archives/lock",
    ];
    for lock in locks {
        host.sh(&format!("mkdir -p $(dirname {lock}); touch {lock}"));
        // perl is on every Debian. The lock is one of fcntl(2), as dpkg and apt take it: type, whence, start, length.
        let hold = format!(
            r#"setsid perl -MFcntl -e 'open(my $f, ">>", "{lock}"); $| = 1;
            my $l = pack("s s x4 l! l! i x4", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $l) or die "$!"; print "held\n"; close(STDOUT);
            sleep 3' >/run/held 2>&1 &
            for _ in $(seq 100); do if [ -s /run/held ]; then break; fi; sleep 0.1; done; cat /run/held; rm /run/held"#
        );
        assert_eq!(host.sh(&hold), "held");
        assert_eq!(host.sh(ready), "wait dpkg, which perl holds", "{lock}");
    }
    let told = |result: &str| {
        let make = format!("mkdir -p /run/cloud-init && echo '{result}' >/run/cloud-init/result.json");
        host.sh(&make);
        host.sh(ready)
    };
    assert_eq!(told(r#"{"v1": {"datasource": "x", "errors": []}}"#), "");
    let odd = told(r#"{"v1": {"datasource": "x", "errors": ["no"]}}"#);
    assert!(odd.starts_with("note cloud-init ended with errors"), "{odd}");
}

/// An image without cloud-init shows a key of its own: nobody logs in there.
#[test]
fn whoever_shows_another_key_is_told_nothing() {
    let Some(image) = base() else { return };
    let (vultr, home) = (Vultr::start(Some(image), 0), TempDir::new().expect("a home"));
    let mut command = up(&vultr, &home, "name: site\n");
    let (status, said) = interrupted(&mut command, "waiting for Vultr to hand mcp-1 out");
    assert!(status == 1, "{said}");
    // Instead of cloud-init, somebody has made a host key.
    // Something of its boot may want the same just then.
    vultr.sh("ssh-keygen -A && until systemctl restart ssh; do sleep 0.2; done");
    let told = run(&mut command);
    let who = "does not have the host key that the machine `mcp-1` was given";
    for words in [who, "nothing was sent there", "The machine mcp-1 exists"] {
        assert!(
            told.status == 1 && told.stderr.contains(words),
            "{words} in\n{}",
            told.stderr
        );
    }
    let seen = vultr.sh("journalctl -u ssh --no-pager");
    // Nobody named a user, and nobody knocked so often that a firewall or sshd would mind.
    let knocks = seen.matches("Connection closed by").count();
    assert!(
        (2..=13).contains(&knocks) && !seen.contains("authenticating user"),
        "{knocks}: {seen}"
    );
}

/// The other provider: this machine, with real cloud-init, by the same commands.
#[test]
fn this_machine_hands_out_throwaway_hosts_as_a_cloud_does() {
    if base().is_none() {
        return;
    }
    let (vultr, home) = (Vultr::start(None, 0), TempDir::new().expect("a home"));
    let label = format!("here-{}", std::process::id());
    let here = |words: &[&str]| {
        let mut command = vultr.hostwright(home.path());
        run(command.env_remove("VULTR_API_KEY").args(words))
    };
    let playbook = home.path().join("site.yml");
    std::fs::write(&playbook, "name: site\nfiles:\n  /srv/x: { content: x }\n").expect("written");
    let playbook = playbook.display().to_string();
    let up = [
        "up",
        &playbook,
        "--provider",
        "rehearsal",
        "--region",
        "here",
        "--plan",
        "here",
        "--label",
        &label,
        "--yes",
    ];
    let first = here(&up).ok();
    assert!(
        first.stdout.contains("$0.00 a month (here in here)"),
        "{}",
        first.stdout
    );
    let second = here(&up).ok();
    assert!(second.stdout.contains("Nothing to change."), "{}", second.stdout);
    let plan = here(&["plan", &playbook, &format!("rehearsal:{label}")]).ok();
    assert!(plan.stdout.contains("Nothing to change."), "{}", plan.stdout);
    here(&[
        "vm",
        "destroy",
        &label,
        "--confirm",
        &label,
        "--provider",
        "rehearsal",
    ])
    .ok();
    let list = here(&["vm", "list", "--provider", "rehearsal"]).ok();
    assert!(!list.stdout.contains(&label), "{}", list.stdout);
}
