//! Applies that are disturbed at a random moment: whatever happens, files are whole, nothing stays locked, generations
//! agree with each other, and the next apply ends with nothing left to change.
//!
//! `HOSTWRIGHT_CHAOS=SEED:ROUNDS cargo test --test e2e chaos` makes more rounds, or others.

use std::thread::sleep;
use std::time::Duration;

use crate::host::{Host, run, wait_for};
use crate::transaction::Apply;

/// One of two versions of a playbook that touches several daemons.
fn playbook(version: u64) -> String {
    let files: String = (0..6)
        .map(|number| {
            format!("  /srv/chaos/{number}: {{ content: \"{version}\\n\", owner: app, mode: 0640 }}\n")
        })
        .collect();
    format!(
        "name: chaos
users: {{ app: {{ system: true }} }}
files:
{files}  /srv/only-{version}: {{ content: only }}
  /etc/systemd/system/nap.service: {{ content: \"[Service]\\nExecStart=/bin/sleep 10{version}0\\n\" }}
systemd: {{ nap: {{}} }}
supervisor: {{ worker: {{ command: /bin/sleep 20{version}0, user: app }} }}
nginx: {{ site: {{ proxy: '127.0.0.1:80{version}0', replaces_default: true }} }}
cron: {{ job-{version}: {{ schedule: '@daily', command: /bin/true }} }}
"
    )
}

/// Numbers that look random and are the same for the same seed (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const DISTURBANCES: [&str; 5] = [
    "the controller is killed",
    "the host loses its power",
    "the sessions are killed and sshd is restarted",
    "the link is cut for a while",
    "another apply comes between",
];

fn disturb(host: &mut Host, which: u64, apply: &mut Apply, version: u64) {
    match which {
        0 => apply.kill(),
        1 => {
            host.machine.kill().expect("no power");
            host.machine.start().expect("power again");
        }
        2 => {
            let kill = "pkill -9 -f '^sshd: root' || true; systemctl restart ssh";
            host.machine.exec(kill).expect("killed");
        }
        3 => {
            let cut = "iptables -I INPUT -p tcp --dport 22 -j DROP; sleep 2; iptables -D INPUT -p tcp --dport 22 -j DROP";
            host.machine.exec(cut).expect("cut");
        }
        _ => {
            let other = Apply::start(host, &playbook(1 - version), "other");
            other.end(Duration::from_secs(120));
        }
    }
}

/// What must hold after any disturbance, once an apply has gone through: prints what does not.
const HOLDS: &str = r#"cd /var/lib/hostwright
flock -n lock true || echo "the lock is held"
[ ! -e current ] || echo "a run seems to go on"
find /srv /etc /var/lib/hostwright -name '*.hostwright-new~*' -o -name '.new'
ls generations/chaos | grep -vx '[0-9]*'
for generation in generations/chaos/*; do
  for file in generation.json bundle.json declared digest contents texts run; do
    [ -e "$generation/$file" ] || echo "$generation lacks $file"
  done
  while read -r hash; do [ -f "store/$hash" ] || echo "$generation lacks the content $hash"; done <"$generation/contents"
done
find store -type f -printf '%f  %p\n' | sha256sum -c --quiet - 2>&1
systemctl is-active --quiet nginx supervisor nap cron ssh || echo "a daemon does not run"
true"#;

#[test]
fn whatever_disturbs_an_apply_the_next_one_ends_with_nothing_left() {
    let Some(mut host) = Host::boot() else { return };
    let asked = std::env::var("HOSTWRIGHT_CHAOS").unwrap_or_default();
    let (seed, rounds) = asked.split_once(':').unwrap_or(("1", ""));
    let seed: u64 = seed.parse().unwrap_or(1);
    let rounds: u64 = rounds.parse().unwrap_or(DISTURBANCES.len() as u64);
    let mut dice = Dice(seed);
    host.converge(&playbook(0));
    for round in 0..rounds {
        let version = (round + 1) % 2;
        let which = (seed + round) % DISTURBANCES.len() as u64;
        // A run of these steps takes about that long.
        let moment = Duration::from_millis(150 + dice.below(1800));
        let what = format!(
            "seed {seed}, round {round}: {} after {moment:?}",
            DISTURBANCES[which as usize]
        );
        let mut apply = Apply::start(&host, &playbook(version), "disturbed");
        sleep(moment);
        disturb(&mut host, which, &mut apply, version);
        let (_, said) = apply.end(Duration::from_secs(150));
        wait_for("the run is over", || {
            host.sh("cd /var/lib/hostwright; flock -n lock true && echo free || true") == "free"
        });
        let mended = host.apply(&playbook(version));
        assert_eq!(
            mended.status, 0,
            "{what}\n{said}\n{}{}",
            mended.stdout, mended.stderr
        );
        let second = host.plan(&playbook(version));
        assert_eq!(
            second.status, 0,
            "{what}\n{said}\n{}{}",
            second.stdout, second.stderr
        );
        assert_eq!(host.sh(HOLDS), "", "{what}\n{said}");
        let other = 1 - version;
        assert_eq!(
            host.sh(&format!(
                "cat /srv/chaos/*; stat -c '%a %U' /srv/chaos/3; cat /srv/only-{version}; ls /srv/only-{other} /etc/cron.d/chaos-job-{other} 2>/dev/null || true"
            )),
            format!("{}640 app\nonly", format!("{version}\n").repeat(6)),
            "{what}\n{said}"
        );
        let history = run(&mut host.bare("history"));
        assert_eq!(history.status, 0, "{what}\n{}", history.stderr);
    }
}
