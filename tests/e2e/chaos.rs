//! Applies that are disturbed at a random moment: whatever happens, files are whole, nothing stays locked, generations
//! agree with each other, and the next apply ends with nothing left to change.
//!
//! `HOSTWRIGHT_CHAOS=SEED:ROUNDS cargo test --test e2e chaos` makes more rounds, or others.

use std::thread::sleep;
use std::time::{Duration, Instant};

use self::disturbance::{ALL, Disturbance};
use crate::host::{Host, run, wait_for};
use crate::transaction::Apply;

mod disturbance;

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
ufw: {{ allow: [22/tcp, 700{version}/tcp] }}
cron: {{ job-{version}: {{ schedule: '@daily', command: /bin/true }} }}
"
    )
}

/// Numbers that look random and are the same for the same seed (Knuth's MMIX generator).
pub struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
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
ufw status | grep -q '^22/tcp .*ALLOW' || echo "the firewall lets nobody in"
[ ! -e /etc/systemd/system/hostwright-undo.service ] || echo "something would be undone at the next boot"
systemctl is-active --quiet nginx supervisor nap cron ssh || echo "a daemon does not run"
true"#;

fn is_free(host: &Host) -> bool {
    host.sh("cd /var/lib/hostwright; flock -n lock true && echo free || true") == "free"
}

/// What must hold as soon as the run is over, before anything is mended: prints what does not.
const WHOLE: &str = r#"cd /srv/chaos
for file in 0 1 2 3 4 5; do
  is=$(stat -c '%a %U' $file; cat $file)
  case $is in '640 app
'[01]) ;; *) echo "$file is not whole: $is" ;; esac
done
ufw status | grep -q -e inactive -e '^22/tcp .*ALLOW' || echo "the firewall lets nobody in"
true"#;

/// A playbook whose step `last` begins on a full disk.
fn filled(nap: u32, ports: &str, last: &str) -> String {
    let after = |step: &str| match step == last {
        true => "after: [command.fill]",
        false => "",
    };
    format!(
        "name: full
files: {{ /etc/systemd/system/nap.service: {{ content: \"[Service]\\nExecStart=/bin/sleep {nap}\\n\" }} }}
commands: {{ fill: {{ run: 'cat /dev/zero >/var/lib/hostwright/fill || true', unless: 'test -z \"{last}\"' }} }}
systemd: {{ nap: {{ {} }} }}
ufw: {{ allow: [{ports}], {} }}
",
        after("nap"),
        after("ufw")
    )
}

#[test]
fn what_a_full_disk_does_not_let_be_remembered_is_not_touched() {
    let Some(host) = Host::boot() else { return };
    host.converge(&filled(1000, "22/tcp", ""));
    Disturbance::BaseFull.prepare(&host);
    let state =
        || host.sh("systemctl show -p MainPID -p ActiveState nap; iptables -S; cat /etc/ufw/user.rules");
    let before = state();
    for (playbook, step) in [
        (filled(2000, "22/tcp", "nap"), "step systemd.nap failed"),
        (filled(1000, "22/tcp, 81/tcp", "ufw"), "step ufw.firewall failed"),
    ] {
        let full = host.apply(&playbook);
        assert!(full.text().contains(step), "{}{}", full.stdout, full.stderr);
        assert!(
            full.stdout.contains("the disk is full at /var/lib/hostwright"),
            "{}",
            full.stdout
        );
        assert_eq!(state(), before, "{}", full.stdout);
        Disturbance::BaseFull.end(&host);
    }
    host.converge(&filled(2000, "22/tcp, 81/tcp", ""));
}

#[test]
fn whatever_disturbs_an_apply_the_next_one_ends_with_nothing_left() {
    let Some(mut host) = Host::boot() else { return };
    let asked = std::env::var("HOSTWRIGHT_CHAOS").unwrap_or_default();
    let (seed, rounds) = asked.split_once(':').unwrap_or(("1", ""));
    let seed: u64 = seed.parse().unwrap_or(1);
    let rounds: u64 = rounds.parse().unwrap_or(ALL.len() as u64);
    let mut dice = Dice(seed);
    host.converge(&playbook(0));
    for round in 0..rounds {
        let version = (round + 1) % 2;
        let disturbance = ALL[((seed + round) % ALL.len() as u64) as usize];
        // An apply takes longer than that, and so does a run.
        let (since, moment) = match dice.below(2) * u64::from(disturbance != Disturbance::RunKilled) {
            0 => ("the run", Duration::from_millis(dice.below(1500))),
            _ => ("the apply", Duration::from_millis(100 + dice.below(1000))),
        };
        let what = format!("seed {seed}, round {round}: {disturbance:?}, {moment:?} after {since} began");
        let start = Instant::now();
        disturbance.prepare(&host);
        let mut apply = Apply::start(&host, &playbook(version), "disturbed");
        if since == "the run" {
            wait_for("a run", || host.sh("ls /var/lib/hostwright").contains("current"));
        }
        sleep(moment);
        disturbance.strike(&mut host, &mut apply, &mut dice, &playbook(1 - version));
        let (status, said) = apply.end(Duration::from_secs(150));
        // Without its controller a step waits 45 s for the proof that we still get in.
        let over = Instant::now() + Duration::from_secs(180);
        while !is_free(&host) {
            assert!(Instant::now() < over, "{what}: the run goes on and on\n{said}");
            sleep(Duration::from_millis(100));
        }
        let ended = start.elapsed();
        assert_eq!(host.sh(WHOLE), "", "{what}\n{said}");
        disturbance.end(&host);
        // It proves itself, by a plan, that nothing is left to change.
        let mended = host.apply(&playbook(version));
        assert_eq!(
            mended.status, 0,
            "{what}\n{said}\n{}{}",
            mended.stdout, mended.stderr
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
        disturbance.clear(&host);
        let wrong = said.lines().find(|line| line.starts_with("error: "));
        let (first, rest) = (ended.as_secs_f32(), (start.elapsed() - ended).as_secs_f32());
        eprintln!(
            "{what}: {first:.1} s + {rest:.1} s, status {status} {}",
            wrong.unwrap_or_default()
        );
    }
}
