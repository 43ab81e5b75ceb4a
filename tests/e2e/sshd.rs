//! What lets us in: files of sshd and sudo are checked before they are live, and undone when nobody gets in any more.

use crate::host::Host;

fn file(path: &str, text: &str) -> String {
    format!("name: ssh\nfiles: {{ {path}: {{ content: \"{text}\\n\" }} }}\n")
}

fn options(text: &str) -> String {
    file("/etc/ssh/sshd_config.d/90-own.conf", text)
}

fn says(host: &Host, playbook: &str, words: &str) {
    let failed = host.apply(playbook);
    let said = failed.stdout + &failed.stderr;
    assert_eq!(failed.status, 1, "{said}");
    assert!(said.contains(words), "{words} in\n{said}");
}

#[test]
fn sshd_runs_with_the_file_that_stands_there() {
    let Some(host) = Host::boot() else { return };
    let main = |key: &str| host.sh(&format!("systemctl show -p {key} --value ssh"));
    let first = main("MainPID");
    host.converge(&options("MaxSessions 7"));
    assert_ne!(main("MainPID"), first, "it was not started anew");
    // As after a run that died between the file and the restart.
    host.sh("rm /var/lib/hostwright/loaded/sshd@*90-own.conf");
    let plan = host.plan(&options("MaxSessions 7"));
    assert!(plan.stdout.contains("restart sshd"), "{}", plan.stdout);
    host.converge(&options("MaxSessions 7"));
    assert_eq!(host.sh("sshd -T | grep -i maxsessions"), "maxsessions 7");
    // A run that died after it had taken the file away, whether the playbook still says so or not.
    let gone = "name: ssh\nabsent: [/etc/ssh/sshd_config.d/90-own.conf]\n";
    let unknown = "cd /var/lib/hostwright/loaded && echo - >sshd@absent._etc_ssh_sshd_config.d_90-own.conf";
    host.converge(gone);
    for playbook in [gone, "name: other\n"] {
        host.sh(unknown);
        let before = main("MainPID");
        let run = host.converge(playbook);
        assert!(run.stdout.contains("restart sshd"), "{}", run.stdout);
        assert_ne!(main("MainPID"), before, "it was not started anew");
    }
}

#[test]
fn sshd_runs_with_what_any_kind_puts_there_or_takes_away() {
    let Some(host) = Host::boot() else { return };
    let sessions = || host.sh("sshd -T | grep -i maxsessions");
    let main = || host.sh("systemctl show -p MainPID --value ssh");
    let steps = |playbook: &str, told: &str| {
        let before = main();
        host.converge(playbook);
        assert_ne!(main(), before, "{playbook}: it was not started anew");
        assert_eq!(sessions(), told, "{playbook}");
    };
    host.file("options/90-tree.conf", "MaxSessions 8\n");
    let tree = "name: ssh\ndirectories: { /etc/ssh/sshd_config.d: { source: options, delete: true } }\n";
    steps(tree, "maxsessions 8");
    host.sh("mkdir /srv/ssh && echo MaxSessions 9 >/srv/ssh/nine && echo MaxSesions 9 >/srv/ssh/wrong");
    let link = |to: &str| {
        format!(
            "name: ssh\nabsent: [/etc/ssh/sshd_config.d/90-tree.conf]\nlinks: {{ /etc/ssh/sshd_config.d/95.conf: {{ to: {to} }} }}\n"
        )
    };
    steps(&link("/srv/ssh/nine"), "maxsessions 9");
    says(&host, &link("../../../srv/ssh/wrong"), "Bad configuration option");
    assert_eq!(
        host.sh("readlink /etc/ssh/sshd_config.d/95.conf"),
        "/srv/ssh/nine"
    );
    steps("name: ssh\nabsent: [/etc/ssh/sshd_config.d]\n", "maxsessions 10");
}

#[test]
fn options_that_sshd_does_not_take_do_not_go_live() {
    let Some(host) = Host::boot() else { return };
    says(&host, &options("MaxSesions 7"), "Bad configuration option");
    let left = host.sh("ls -A /etc/ssh/sshd_config.d; ls /var/lib/hostwright/loaded");
    assert!(!left.contains("90-own"), "{left}");
}

#[test]
fn options_that_shut_us_out_are_undone() {
    let Some(host) = Host::boot() else { return };
    host.converge(&options("MaxSessions 7"));
    says(
        &host,
        &options("AllowUsers somebody"),
        "no new SSH connection got in within 45 s",
    );
    assert_eq!(host.sh("cat /etc/ssh/sshd_config.d/90-own.conf"), "MaxSessions 7");
    // We get in again, and the next apply puts right what the host remembers.
    host.converge(&options("MaxSessions 7"));
}

#[test]
fn options_that_sshd_cannot_start_with_are_undone() {
    let Some(host) = Host::boot() else { return };
    // It is in order, and no address of this host's.
    says(
        &host,
        &options("ListenAddress 203.0.113.7"),
        "taken away again: /etc/ssh/sshd_config.d/90-own.conf",
    );
    assert_eq!(host.sh("systemctl is-active ssh"), "active");
    host.converge(&options("MaxSessions 7"));
}

#[test]
fn more_files_than_systemd_would_start_sshd_for() {
    let Some(host) = Host::boot() else { return };
    let files = (10..18).map(|number| {
        format!("  /etc/ssh/sshd_config.d/{number}.conf: {{ content: \"MaxSessions {number}\\n\" }}\n")
    });
    let files: String = files.collect();
    host.converge(&format!("name: ssh\nfiles:\n{files}"));
    assert_eq!(host.sh("sshd -T | grep -i maxsessions"), "maxsessions 10");
}

#[test]
fn an_ssh_that_is_stopped_is_started_again() {
    let Some(host) = Host::boot() else { return };
    says(
        &host,
        "name: ssh\nsystemd: { ssh: { running: false, enabled: false } }\n",
        NOBODY,
    );
    assert_eq!(
        host.sh("systemctl is-active ssh; systemctl is-enabled ssh"),
        "active\nenabled"
    );
}

const NOBODY: &str = "no new SSH connection got in within 45 s";

#[test]
fn keys_that_shut_us_out_are_undone() {
    let Some(host) = Host::boot() else { return };
    let keys = "stat -c '%a %n' /root /root/.ssh /root/.ssh/*; sha256sum /root/.ssh/authorized_keys";
    let before = host.sh(keys);
    let path = "/root/.ssh/authorized_keys";
    says(
        &host,
        &file(path, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVzZWxlc3M= other"),
        NOBODY,
    );
    assert_eq!(host.sh(keys), before);
    says(&host, "name: ssh\nabsent: [/root/.ssh]\n", NOBODY);
    assert_eq!(host.sh(keys), before);
    let ours = host.sh(&format!("cat {path}"));
    host.converge(&file(path, &format!("{ours}\\n# one more")));
}

#[test]
fn a_home_or_a_shell_that_shuts_us_out_is_undone() {
    let Some(host) = Host::boot() else { return };
    let before = host.sh("stat -c %a /root; getent passwd root; id -nG root");
    says(
        &host,
        "name: ssh\ndirectories: { /root: { mode: 0777 } }\n",
        NOBODY,
    );
    says(
        &host,
        "name: ssh\nusers: { root: { shell: /usr/sbin/nologin, groups: [adm] } }\n",
        NOBODY,
    );
    assert_eq!(
        host.sh("stat -c %a /root; getent passwd root; id -nG root"),
        before
    );
    host.converge("name: ssh\nusers: { root: { shell: /bin/sh } }\n");
}

#[test]
fn rules_that_sudo_does_not_take_do_not_go_live() {
    let Some(host) = Host::boot() else { return };
    host.sh("DEBIAN_FRONTEND=noninteractive apt-get -qq -y install sudo >/dev/null");
    let path = "/etc/sudoers.d/own";
    says(&host, &file(path, "app ALL=(ALL NOPASSWD: ALL"), "syntax error");
    assert_eq!(host.sh("ls /etc/sudoers.d"), "README");
    host.converge(&file(path, "%app ALL=(ALL) NOPASSWD: ALL"));
    host.file("rules/more", "nonsense\n");
    let tree = "name: ssh\ndirectories: { /etc/sudoers.d: { source: rules, mode: 0750 } }\n";
    says(&host, tree, "syntax error");
    assert_eq!(host.sh("ls /etc/sudoers.d"), "README\nown");

    // In order by itself, and not with what is there already.
    host.converge(&file(path, "User_Alias OPS = root"));
    says(
        &host,
        &file("/etc/sudoers.d/a", "User_Alias OPS = daemon"),
        "Alias \"OPS\" already defined",
    );
    assert_eq!(host.sh("ls /etc/sudoers.d"), "README\nown");
    // What others did wrong before does not stop us.
    host.sh("echo nonsense >/etc/sudoers.d/theirs");
    let run = host.converge(&file(path, "User_Alias OPS = root, daemon"));
    assert!(run.stdout.contains("theirs"), "{}", run.stdout);
}

/// systemd listens for sshd, as Debian's unit has it.
const SOCKET: &str = "systemctl disable -q ssh.service
systemctl daemon-reload
systemctl stop ssh.service
systemctl enable -q --now ssh.socket";

/// Ubuntu's form: the service needs the socket, whose ports a generator makes of sshd's.
const UBUNTUS_SOCKET: &str = r#"mkdir -p /etc/systemd/system-generators /etc/systemd/system/ssh.service.requires
ln -s /lib/systemd/system/ssh.socket /etc/systemd/system/ssh.service.requires/
cat >/etc/systemd/system-generators/sshd-socket-generator <<'END'
#!/bin/sh
ports=$(awk '/^Port/ { print "ListenStream=" $2 }' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf)
mkdir -p "$1/ssh.socket.d"
[ -z "$ports" ] || printf '[Socket]\nListenStream=\n%s\n' "$ports" >"$1/ssh.socket.d/addresses.conf"
END
chmod +x /etc/systemd/system-generators/sshd-socket-generator"#;

/// Options with a port that a command of the same playbook takes first: no plan can know of it.
fn taken(text: &str) -> String {
    let playbook = options(text).replace("\" }", "\", after: [command.take] }");
    playbook
        + "commands: { take: { run: \"systemd-run --quiet --unit=taker python3 -m http.server 8080; until ss -ltnH | grep -q :8080; do sleep 0.05; done\", unless: systemctl is-active taker } }\n"
}

#[test]
fn a_port_that_sshd_cannot_have_is_a_failure_though_it_has_another() {
    let Some(host) = Host::boot() else { return };
    says(
        &host,
        &taken("Port 22\\nPort 8080"),
        "sshd does not listen at 0.0.0.0:8080, another process does",
    );
    assert_eq!(
        host.sh("ls /etc/ssh/sshd_config.d; ss -Hltn sport = :22 | wc -l"),
        "10-keys-only.conf\n2"
    );
    host.converge(&options("Port 22\\nPort 2222"));
    host.sh("ss -Hltnp sport = :2222 | grep sshd");
}

//~ Server | ssh.socket, in Debian's form and Ubuntu's | ports take effect; one that is taken is undone, and the socket comes back
#[test]
fn where_systemd_listens_its_socket_follows_and_comes_back() {
    let Some(host) = Host::boot() else { return };
    host.sh(SOCKET);
    let main = || host.sh("systemctl show -p MainPID --value ssh");
    host.converge(&options("MaxSessions 7"));
    let first = main();
    host.converge(&options("MaxSessions 8"));
    assert_ne!(main(), first, "it was not started anew");
    assert_eq!(host.sh("systemctl is-active ssh.socket"), "active");

    host.sh(UBUNTUS_SOCKET);
    host.sh("systemctl daemon-reload");
    assert_eq!(
        host.sh("systemctl is-active nginx; ss -Hltn sport = :80 | wc -l"),
        "active\n2"
    );
    says(&host, &options("Port 22\\nPort 80"), "port 80 is held by nginx");
    says(&host, &taken("Port 22\\nPort 8080"), "Address already in use");
    assert_eq!(
        host.sh("cat /etc/ssh/sshd_config.d/90-own.conf; systemctl is-active ssh.socket ssh.service"),
        "MaxSessions 8\nactive\nactive"
    );
    // A port that is free is taken, by a new connection as by an old one.
    host.converge(&options("Port 22\\nPort 2222"));
    let greeting = "timeout 5 bash -c 'read -r line </dev/tcp/127.0.0.1/2222; echo \"${line%%-Open*}\"'";
    assert_eq!(host.sh(greeting), "SSH-2.0");
    host.sh("systemctl stop ssh.service");
    host.converge(&options("MaxSessions 7"));
    assert_eq!(
        host.sh("systemctl is-active ssh.socket; ss -Hltn sport = :2222"),
        "active"
    );
}
