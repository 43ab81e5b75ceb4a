//! Login shells of every kind: they hand our scripts on and see nothing of them. Accounts that run no command say so.

use std::time::{Duration, Instant};

use crate::host::{Host, Run, base, run};

const SHELLS: [&str; 7] = [
    "/bin/bash",
    "/bin/dash",
    "/bin/zsh",
    "/usr/bin/fish",
    "/bin/tcsh",
    "/bin/bsd-csh",
    "/bin/rbash",
];

/// Cuts its own connection, and then needs a new one to get in.
fn playbook(value: usize) -> String {
    format!(
        r#"
name: shells
files:
  /srv/file: {{ content: "it's {value}\n", after: [command.cut] }}
  /etc/ssh/sshd_config.d/90-own.conf: {{ content: "MaxSessions {value}\n", after: [file./srv/file] }}
commands:
  cut:
    run: kill $(pgrep -f '^sshd.*@notty'); echo {value} >/srv/cut
    unless: grep -qx {value} /srv/cut
checks:
  there: {{ command: "grep -qx \"it's {value}\" /srv/file" }}
"#
    )
}

fn with_user(host: &Host, verb: &str, playbook: &str, user: &str) -> Run {
    let path = host.file("playbook.yml", playbook);
    run(&mut host.command_as(user, verb, &path))
}

//~ Login shell | bash, dash, zsh, fish, tcsh, csh, rbash, as root and through sudo | plan, apply, proof and checks work alike
#[test]
fn every_login_shell_plans_runs_follows_and_confirms() {
    let Some(base) = base() else { return };
    let image = base
        .derive(
            "shells",
            "apt-get -qq update; apt-get -qq -y --no-install-recommends install zsh fish tcsh csh curl",
            &mut |line| eprintln!("{line}"),
        )
        .expect("the image with shells");
    let host = Host::of(&image);
    host.sh(
        "useradd -m deploy && cp -r /root/.ssh /home/deploy/ && chown -R deploy: /home/deploy/.ssh
        echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy",
    );
    let mut value = 10;
    for shell in SHELLS {
        // Each is asked through one that notes what it is told.
        host.sh(&format!(
            "printf '#!/bin/sh\\nprintf \"%%s\\\\n\" \"$2\" >>/var/tmp/told\\nexec {shell} \"$@\"\\n' >/bin/noting
            chmod 0755 /bin/noting; rm -f /var/tmp/told; install -m 0666 /dev/null /var/tmp/told
            usermod -s /bin/noting root; usermod -s /bin/noting deploy"
        ));
        for user in ["root", "deploy"] {
            value += 1;
            let applied = with_user(&host, "apply", &playbook(value), user);
            assert_eq!(applied.status, 0, "{shell} of {user}: {applied:?}");
            assert_eq!(
                host.sh("cat /srv/file /srv/cut"),
                format!("it's {value}\n{value}")
            );
        }
        // A plan, a run, what goes on with it, what confirms it, another plan and a check, each twice.
        assert_eq!(
            host.sh("wc -l </var/tmp/told"),
            "12",
            "{}",
            host.sh("cat /var/tmp/told")
        );
        let odd = r#"! grep -vxE "sh -c '[^'\\!]*' sh [A-Za-z0-9+/= .]*" /var/tmp/told"#;
        assert_eq!(host.sh(odd), "");
    }
}

//~ Server | root's key with a cloud image's forced command, nologin, a start-up file that goes on as another shell | named at once: log in as ubuntu
#[test]
fn an_account_that_runs_no_command_is_named_at_once() {
    let Some(host) = Host::boot() else { return };
    let address = host.machine.address();
    let refused = |words: &str| {
        let start = Instant::now();
        let plan = run(&mut host.command("plan", "name: x\nfiles: { /srv/file: { content: x } }\n"));
        let said = plan.stderr.replace("\n  │ ", " ").replace("\n    ", " ");
        assert_eq!(plan.status, 1, "{said}");
        assert!(said.contains(words), "{words} in\n{said}");
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    };
    let shell = |path: &str| host.sh(&format!("usermod -s {path} root"));
    shell("/bin/false");
    refused(&format!(
        "{address} does not run commands for root: its login shell ended with 1; it said nothing"
    ));
    shell("/usr/sbin/nologin");
    refused("it said: This account is currently not available.");
    // A start-up file that goes on as another shell, which then has no command.
    shell("/bin/bash");
    host.sh("echo 'exec dash' >/root/.bashrc");
    refused("its login shell ended with 0; it said nothing");
    host.sh("rm /root/.bashrc");
    // As cloud-init writes it.
    let forced = r#"no-port-forwarding,command="echo 'Please login as the user \"ubuntu\" rather than the user \"root\".';echo;sleep 10;exit 142" "#;
    host.sh(&format!(
        "printf '%s' '{}' | cat - /root/.ssh/authorized_keys >/root/.ssh/new; mv /root/.ssh/new /root/.ssh/authorized_keys",
        forced.replace('\'', r"'\''")
    ));
    refused(&format!("{address} lets root in only to say: log in as ubuntu"));
}
