//! What "nothing to change" costs, against the floor: an OpenSSH client that runs `true` on the same host.
//!
//!     cargo bench --bench noop
//!
//! Boots a throwaway host, applies the shipped playbook to it, then times `plan` and `ssh host true` in turn.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hostwright::host::rehearsal::{Base, BootOptions, Rehearsal, image, missing};

const ROUNDS: usize = 15;
const PLAYBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/mcp-crypto-api.yml");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let missing = missing();
    if !missing.is_empty() {
        let what: Vec<String> = missing.iter().map(ToString::to_string).collect();
        println!("left out: this machine lacks {}", what.join(", "));
        return Ok(());
    }
    let base = image(&Base::of_this_machine()?, &mut |line| println!("{line}"))?;
    let host = Rehearsal::boot(&base, &BootOptions::default())?;
    let run = |verb: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command.args([
            verb,
            PLAYBOOK,
            &format!("root@{}", host.address()),
            "--set",
            "upstream=recorded",
        ]);
        command
            .arg("--identity")
            .arg(host.identity())
            .arg("--known-hosts")
            .arg(host.known_hosts());
        command
    };
    let applied = run("apply").arg("--yes").output()?;
    if !applied.status.success() {
        return Err(String::from_utf8_lossy(&applied.stderr).into_owned().into());
    }
    let ssh = || {
        let mut command = Command::new("ssh");
        command.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-i",
        ]);
        command.arg(host.identity());
        command
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", host.known_hosts().display()));
        command.args([&format!("root@{}", host.address()), "true"]);
        command
    };
    let (mut plans, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plans.push(time(&mut run("plan"))?);
        floors.push(time(&mut ssh())?);
    }
    let (plan, floor) = (median(plans), median(floors));
    println!(
        "plan with nothing to change  {:>7.1} ms",
        plan.as_secs_f64() * 1e3
    );
    println!(
        "ssh host true                {:>7.1} ms",
        floor.as_secs_f64() * 1e3
    );
    println!(
        "ratio                        {:>7.2}",
        plan.as_secs_f64() / floor.as_secs_f64()
    );
    Ok(())
}

fn time(command: &mut Command) -> Result<Duration, Box<dyn std::error::Error>> {
    let start = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let time = start.elapsed();
    if status.success() {
        Ok(time)
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
