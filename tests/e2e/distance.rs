//! What a host costs at a distance: how often what passes on its connection turns, for each turn takes half a round
//! trip. TCP's own handshake comes before them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hostwright::host::ssh::Options;
use hostwright::operations::apply::{go_on_checking, plan_and_check_when_free};
use hostwright::operations::playbook::prove;
use hostwright::operations::session::connect;
use hostwright::playbook::load::Overrides;
use hostwright::transaction::run::Access;

use crate::host::{Host, run};

/// A side that is silent for so long waits for the other.
const QUIET: Duration = Duration::from_millis(40);

/// Carries connections to a host. What a side says goes on when it is silent, so that what crosses on the way is no
/// turn.
struct Line {
    port: u16,
    /// Those of the connections that are made now.
    turns: Arc<Mutex<Arc<AtomicUsize>>>,
}

impl Line {
    fn to(host: &Host) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let turns = Arc::<Mutex<Arc<AtomicUsize>>>::default();
        let (address, now) = (host.machine.address(), Arc::clone(&turns));
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((address, 22)) else {
                    continue;
                };
                let count = Arc::clone(&now.lock().expect("nobody panics"));
                thread::spawn(move || carry([client, server], &count));
            }
        });
        Self { port, turns }
    }

    /// How many turns it takes. A side that was kept from the processor may look as if it waited, which only adds
    /// some: the best of five counts unless the first is as good as it `should` be.
    fn turns<T>(&self, should: usize, mut passes: impl FnMut() -> T) -> usize {
        let mut least = usize::MAX;
        for _ in 0..5 {
            let count = Arc::<AtomicUsize>::default();
            *self.turns.lock().expect("nobody panics") = Arc::clone(&count);
            let lives = passes();
            least = least.min(count.load(Ordering::SeqCst));
            drop(lives);
            if least <= should {
                break;
            }
        }
        least
    }
}

fn carry(mut sides: [TcpStream; 2], turns: &AtomicUsize) {
    let mut last = None;
    for side in &sides {
        side.set_read_timeout(Some(QUIET)).expect("set");
    }
    let mut is_open = true;
    while is_open {
        for from in [0, 1] {
            let mut said = Vec::new();
            let mut bytes = [0; 32 * 1024];
            loop {
                match sides[from].read(&mut bytes) {
                    Ok(0) => is_open = false,
                    Ok(read) => {
                        said.extend_from_slice(&bytes[..read]);
                        continue;
                    }
                    Err(error) => {
                        is_open &= matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    }
                }
                break;
            }
            if !said.is_empty() {
                if last.replace(from) != Some(from) {
                    turns.fetch_add(1, Ordering::SeqCst);
                }
                is_open &= sides[1 - from].write_all(&said).is_ok();
            }
        }
    }
    for side in sides {
        let _ = side.shutdown(Shutdown::Both);
    }
}

const PLAYBOOK: &str = r#"
name: distant
secrets: { token: { env: HW_TOKEN } }
users:
  app: { system: true }
directories:
  /srv/app: { owner: app, mode: 0750 }
files:
  /srv/app/motd: { content: "hello\n", owner: app, mode: 0640 }
  /srv/app/token: { content: "${token}\n", mode: 0600 }
checks:
  one: { command: "test -d /srv/app" }
  two: { command: "true" }
  three: { tcp: "127.0.0.1:22" }
  four: { command: "test ! -e /srv/app/none" }
"#;

const ONWARD: &str =
    "name: onward\nfiles:\n  /srv/onward: { content: on }\nchecks:\n  one: { command: \"true\" }\n";

/// The server's and our own words of the protocol, its keys, the service, a key that it takes, the signature, a session,
/// the command, and a goodbye that nobody waits for and that may be on its way yet.
const TURNS: usize = 15;
/// The same to a host that lets go on, up to the signature; the way onward; and all of it there but for the goodbye.
const TURNS_ONWARD: usize = 12 + TURNS - 1;

#[test]
fn nothing_to_change_takes_as_few_turns_as_a_command() {
    let Some(host) = Host::boot() else { return };
    let token = |command: &mut Command| run(command.env("HW_TOKEN", "a-token-of-somebody")).ok();
    token(&mut host.command("apply", PLAYBOOK));
    let line = Line::to(&host);
    let key = std::fs::read_to_string(host.machine.known_hosts()).expect("the host's key");
    let key = key.split_once(' ').expect("a name and a key").1;
    let here = format!("[127.0.0.1]:{} {key}", line.port);
    let known_hosts = host.file("known_hosts", &format!("{here}\n127.0.0.1 {key}"));

    // What OpenSSH's client takes.
    let ssh = || {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-i",
        ]);
        ssh.arg(host.machine.identity());
        ssh.arg("-o")
            .arg(format!("UserKnownHostsFile={}", known_hosts.display()));
        ssh.args(["-p", &line.port.to_string(), "root@127.0.0.1", "true"]);
        run(ssh.stdin(Stdio::null())).ok();
    };
    let others = line.turns(TURNS + 2, ssh);

    let path = host.folder.path().join("playbook.yml");
    let through = |verb: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command
            .arg(verb)
            .arg(&path)
            .arg(format!("root@127.0.0.1:{}", line.port));
        command.arg("--identity").arg(host.machine.identity());
        command.arg("--known-hosts").arg(&known_hosts);
        command.env("NO_COLOR", "1").stdin(Stdio::null());
        command
    };
    let plan = line.turns(TURNS, || {
        let said = token(&mut through("plan"));
        assert!(said.stdout.contains("Nothing to change."), "{}", said.stdout);
    });
    // With the checks.
    let apply = line.turns(TURNS, || {
        let said = token(through("apply").arg("--yes"));
        assert!(said.stdout.contains("4 checks passed"), "{}", said.stdout);
    });
    assert!(plan.max(apply) <= TURNS, "{plan} and {apply}");
    assert!(TURNS < others, "{others}");

    // A generation is found and read at once.
    let back = line.turns(TURNS, || {
        let mut show = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        show.arg("show").arg(format!("root@127.0.0.1:{}", line.port));
        show.arg("--identity").arg(host.machine.identity());
        let said = run(show.arg("--known-hosts").arg(&known_hosts).env("NO_COLOR", "1")).ok();
        assert!(said.stdout.contains("name: distant"), "{}", said.stdout);
    });
    assert!(back <= TURNS, "{back}");

    let config = format!(
        "Host gate\n HostName 127.0.0.1\n Port {}\n User root\n IdentityFile {identity}\n\
         Host inside\n HostName 127.0.0.1\n User root\n ProxyJump gate\n IdentityFile {identity}\n",
        line.port,
        identity = host.machine.identity().display()
    );
    let access = Access {
        target: "inside".parse().expect("a target"),
        options: Options {
            known_hosts: Some(known_hosts.clone()),
            config: Some(host.file("config", &config)),
            agent: Some(host.folder.path().join("no-agent")),
            ..Options::default()
        },
    };
    host.apply(ONWARD).ok();
    let path = host.folder.path().join("playbook.yml");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let onward = line.turns(TURNS_ONWARD, || {
        runtime.block_on(async {
            let proved = prove(&path, &Overrides::default(), &mut |_| {}).expect("right");
            let (mut built, session) = connect(proved, access.clone(), &mut |_| {})
                .await
                .expect("connected");
            let planned = plan_and_check_when_free(&session, &mut built, &mut |_| {}).await;
            let (plan, seen) = planned.expect("a plan");
            assert!(plan.does_nothing(), "{plan:?}");
            let right = go_on_checking(&session, &built.desired, seen, &mut |_| {}).await;
            right.expect("right");
            session
        })
    });
    assert!(onward <= TURNS_ONWARD, "{onward}");
}
