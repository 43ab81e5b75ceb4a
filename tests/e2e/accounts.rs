//! What the host's facts rule out is refused with its cause, before anything is touched.

use crate::host::Host;

#[track_caller]
fn refused(host: &Host, playbook: &str, says: &[&str]) {
    let before = host.sh("cat /etc/passwd /etc/group; ls -la /srv /etc/cron.d");
    let said = host.apply(&format!("name: x\n{playbook}\n"));
    assert_eq!(said.status, 1, "{}", said.stdout);
    // The message is broken into lines.
    let words = said.stderr.split_whitespace().filter(|word| *word != "│");
    let text = words.collect::<Vec<_>>().join(" ");
    for says in says {
        assert!(text.contains(says), "{says} in\n{text}");
    }
    assert_eq!(
        host.sh("cat /etc/passwd /etc/group; ls -la /srv /etc/cron.d"),
        before
    );
}

#[test]
fn a_user_is_made_in_the_group_that_is_there() {
    let Some(host) = Host::boot() else { return };
    host.sh("groupadd deploy; groupadd ops");
    host.converge("name: x\nusers: { deploy: { system: true }, ops: { groups: [deploy] } }\n");
    assert_eq!(host.sh("id -gn deploy; id -Gn ops"), "deploy\nops deploy");
}

#[test]
fn users_and_groups_that_nobody_has_are_refused_by_name() {
    let Some(host) = Host::boot() else { return };
    let none = "there is no user nobody-here on the host";
    for playbook in [
        "directories: { /srv/x: { owner: nobody-here } }",
        "files: { /srv/x: { content: x, owner: nobody-here } }",
        "cron: { x: { schedule: '@daily', command: /bin/true, user: nobody-here } }",
        "supervisor: { x: { command: /bin/sleep 9, user: nobody-here } }",
    ] {
        refused(&host, playbook, &[none, "declare it under `users`"]);
    }
    refused(
        &host,
        "users: { ann: { groups: [docker] } }",
        &["user.ann: there is no group docker"],
    );
    // The group of a user who is there is not made with him.
    refused(
        &host,
        "files: { /srv/x: { content: x, owner: nobody } }",
        &["there is no group nobody", "`id -gn`"],
    );
    host.sh("useradd -g users ann");
    refused(
        &host,
        "users: { ann: {} }\nfiles: { /srv/x: { content: x, owner: ann } }",
        &["there is no group ann"],
    );
    host.converge("name: x\nusers: { bob: {} }\nfiles: { /srv/x: { content: x, owner: bob }, /srv/y: { content: y, owner: 1234, group: 4321 } }\n");
    assert_eq!(host.sh("stat -c %U:%G /srv/x /srv/y"), "bob:bob\nUNKNOWN:UNKNOWN");
}

#[test]
fn what_a_package_or_a_command_may_bring_is_said_and_awaited() {
    let Some(host) = Host::boot() else { return };
    let playbook = "
name: x
commands: { make: { run: useradd made, unless: id made } }
files: { /srv/x: { content: x, owner: made, after: [command.make] } }
";
    let plan = host.plan(playbook);
    assert!(
        plan.stdout.contains("the user made is not there yet"),
        "{}",
        plan.stdout
    );
    host.converge(playbook);
    assert_eq!(host.sh("stat -c %U /srv/x"), "made");
    // Without a word on the order the file may come first.
    host.sh("userdel made");
    refused(
        &host,
        &playbook
            .replace(", after: [command.make]", "")
            .replace("name: x", ""),
        &["no user made"],
    );
}

#[test]
fn homes_shells_and_directory_services_are_minded() {
    let Some(host) = Host::boot() else { return };
    host.sh("useradd -m bob; systemd-run --quiet --unit=bobs -p User=bob sleep 1000; mkdir /srv/his; useradd -M -d /srv/none carl");
    refused(
        &host,
        "users: { bob: { home: /srv/bob } }",
        &["does not change the home of bob", "sleep ("],
    );
    refused(
        &host,
        "users: { ann: { home: /srv/his } }",
        &["the home /srv/his belongs to root", "owner: ann"],
    );
    refused(
        &host,
        "users: { ann: { shell: /usr/bin/fish } }",
        &["the shell /usr/bin/fish is not on the host"],
    );
    for name in ["'12'", "abcdefghijklmnopqrstuvwxyzabcdefg"] {
        refused(
            &host,
            &format!("users: {{ {name}: {{}} }}"),
            &["is no name for a user"],
        );
    }
    host.converge("name: x\nusers: { ann: { home: /srv/his, shell: /bin/bash } }\ndirectories: { /srv/his: { owner: ann, mode: 0750 } }\n");
    host.sh("systemctl stop bobs");
    host.converge("name: x\nusers: { bob: { home: /srv/bob, shell: /bin/bash } }\n");
    assert_eq!(host.sh("getent passwd bob | cut -d: -f6"), "/srv/bob");
    // As a directory service would: getent knows him, /etc/passwd does not.
    host.sh("mkdir -p /var/lib/extrausers; apt-get -qq update; apt-get -qq -y install libnss-extrausers >/dev/null
        sed -i 's/^passwd:.*/passwd: files extrausers/' /etc/nsswitch.conf
        echo 'far:x:5000:100::/home/far:/bin/sh' >/var/lib/extrausers/passwd; getent passwd far");
    refused(&host, "users: { far: {} }", &["comes from a directory service"]);
    host.converge("name: x\nusers: { far: { shell: /bin/sh } }\n");
}

#[test]
fn a_port_that_another_process_holds_is_refused_by_its_name() {
    let Some(host) = Host::boot() else { return };
    let site = "nginx: { api: { proxy: '127.0.0.1:9', listen: 8080 } }";
    host.sh("systemd-run --quiet --unit=squatter python3 -m http.server 8080; until ss -ltnH | grep -q :8080; do sleep 0.05; done");
    refused(
        &host,
        site,
        &["nginx.api: port 8080 is held by python3 (process "],
    );
    // nginx itself may hold it, and a unit that this plan stops first gives it up.
    host.sh("systemctl stop squatter; printf '[Service]\\nExecStart=/usr/local/bin/squat -m http.server 8080\\n' >/etc/systemd/system/squat.service
        ln -s /usr/bin/python3 /usr/local/bin/squat; systemctl start squat; until ss -ltnH | grep -q :8080; do sleep 0.05; done");
    refused(&host, site, &["port 8080 is held by squat"]);
    host.converge(&format!(
        "name: x\nsystemd: {{ squat: {{ enabled: false, running: false }} }}\n{site}\n"
    ));
    host.converge(&format!("name: x\n{}\n", site.replace(":9'", ":10'")));
}
