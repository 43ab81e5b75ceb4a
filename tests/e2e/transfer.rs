//! What travels to a host: what it lacks, compressed; of a new version only what is different.

use std::fs;

use crate::host::{Host, Run, on_a_terminal, run};

const TOOL: &str = r"
name: tool
directories: { /opt/tool: {} }
binaries:
  tool: { path: tool, to: /opt/tool, keep: 1 }
";

/// A program as large as they are, in its version `number`: every version is shifted against the others.
fn build(host: &Host, number: usize) -> String {
    let mut program = fs::read(env!("CARGO_BIN_EXE_hostwright")).expect("a program");
    // Of larger ones no difference is looked for.
    program.truncate(32 << 20);
    let (front, behind) = (program.len() / 3, program.len() / 2);
    for at in (front..behind).step_by(64) {
        program[at] = program[at].wrapping_add(u8::try_from(number).expect("small"));
    }
    program.splice(front..front, vec![0x90; 1000 * number]);
    fs::write(host.folder.path().join("tool"), &program).expect("written");
    hostwright::change::sha256(&program)
}

fn installed(host: &Host) -> String {
    host.sh("sha256sum </opt/tool/current/tool | cut -d ' ' -f 1")
}

/// How many megabytes were sent; none if it was too little to be worth a line.
fn sent(run: &Run) -> f64 {
    let line = run.stdout.split_once("Sent ").map(|(_, line)| line);
    let number = line.and_then(|line| line.split(' ').next());
    number.map_or(0.0, |number| number.parse().expect("megabytes"))
}

#[test]
fn an_updated_program_travels_as_its_difference() {
    let Some(host) = Host::boot() else { return };
    build(&host, 1);
    let whole = sent(&host.converge(TOOL));
    assert!(whole > 1.0, "{whole} MB");
    let second = build(&host, 2);
    let part = sent(&host.converge(TOOL));
    assert!(part < whole / 5.0, "{part} of {whole} MB");
    assert_eq!(installed(&host), second);

    // A host that cannot patch gets the whole.
    for perl in ["exit 1", "cat; echo more"] {
        host.sh(&format!(
            "[ -e /usr/bin/perl.real ] || mv /usr/bin/perl /usr/bin/perl.real
            printf '#!/bin/sh\n{perl}\n' >/usr/bin/perl; chmod 755 /usr/bin/perl"
        ));
        let next = build(&host, 3 + perl.len());
        assert!(sent(&host.converge(TOOL)) > whole / 2.0);
        assert_eq!(installed(&host), next);
    }
    host.sh("rm /usr/bin/perl");
    let next = build(&host, 5);
    assert!(sent(&host.converge(TOOL)) > whole / 2.0);
    assert_eq!(installed(&host), next);
    host.sh("mv /usr/bin/perl.real /usr/bin/perl");

    // So does one whose program is not known here.
    fs::remove_dir_all(host.folder.path().join("cache")).expect("removed");
    let last = build(&host, 6);
    assert!(sent(&host.converge(TOOL)) > whole / 2.0);
    assert_eq!(installed(&host), last);
}

#[test]
fn what_the_host_holds_does_not_travel_again() {
    let Some(host) = Host::boot() else { return };
    let program = build(&host, 1);
    host.converge(TOOL);
    host.sh("rm -r /opt/tool");
    let again = host.converge(TOOL);
    assert!(sent(&again) == 0.0, "{}", again.stdout);
    assert_eq!(installed(&host), program);

    // A store that has been damaged is not believed.
    host.sh(&format!(
        "rm -r /opt/tool; echo torn >/var/lib/hostwright/store/{program}"
    ));
    assert!(sent(&host.converge(TOOL)) > 1.0);
    assert_eq!(installed(&host), program);
}

#[test]
fn a_person_sees_how_far_it_is() {
    let Some(host) = Host::boot() else { return };
    build(&host, 1);
    let mut apply = on_a_terminal(&host.command("apply", TOOL), "");
    let seen = run(&mut apply).ok().stdout;
    assert!(seen.contains("Sending 0."), "{seen:?}");
    assert!(seen.contains("Sent "), "{seen:?}");
}
