//! What the host's facts rule out is refused with its cause, before anything is touched.

use crate::host::{Host, run};

#[track_caller]
fn refused(host: &Host, playbook: &str, says: &[&str]) {
    let before = host.sh("cat /etc/passwd /etc/group; ls -la /srv /etc/cron.d");
    let said = host.apply(&format!("name: x\n{playbook}\n"));
    assert_eq!(said.status, 1, "{}", said.stdout);
    let text = said.text();
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
    host.file(
        "template.hbs",
        "[Service]\nExecStart=/usr/bin/sleep 9\nUser={{who}}\n",
    );
    host.file("units/x.service.d/a.conf", "[Service]\nUser=nobody-here\n");
    for playbook in [
        "logrotate: { x: { paths: [/srv/x.log], create: 0640 nobody-here adm } }",
        "files: { /etc/logrotate.d/x: { content: \"/srv/x.log {\\n su nobody-here adm\\n}\\n\" } }",
        "files: { /etc/systemd/system/x.service: { template: template.hbs, with: { who: nobody-here } } }",
        "files: { /srv/x: { template: template.hbs, with: { who: nobody-here } } }\nlinks: { /etc/systemd/system/x.service: { to: /srv/x } }",
        "directories: { /etc/systemd/system: { source: units } }",
        "files: { /etc/cron.d/x: { content: \"@daily nobody-here /bin/true\\n\" } }",
        "files: { /etc/tmpfiles.d/x.conf: { content: \"d /srv/x 0755 nobody-here root -\\n\" } }",
        "files: { /etc/nginx/nginx.conf: { content: \"user nobody-here;\\nevents {}\\n\" } }",
    ] {
        refused(&host, playbook, &[none, "declare it under `users`"]);
    }
    refused(
        &host,
        "logrotate: { x: { paths: [/srv/x.log], create: 0640 root no-group-here } }",
        &["there is no group no-group-here"],
    );
    host.converge("name: x\nusers: { app: { system: true } }\nfiles: { /etc/systemd/system/x.service: { template: template.hbs, with: { who: app } } }\nlogrotate: { x: { paths: [/srv/x.log], create: 0640 app app } }\nsystemd: { x: { enabled: false } }\n");
    host.sh("pgrep -u app sleep");
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
    let squat = |unit: &str| {
        host.sh(&format!(
            "systemctl start {unit}; until ss -ltnH | grep -q :8080; do sleep 0.05; done"
        ));
    };
    // Its process is not called as the unit is; the unit `python3` is another.
    host.sh("for unit in squat python3; do printf '[Service]\\nExecStart=/usr/bin/python3 -m http.server 8080\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/$unit.service; done
        sed -i 's,/usr.*,/usr/bin/sleep 1000,' /etc/systemd/system/python3.service; systemctl daemon-reload");
    squat("squat");
    let site = "nginx: { api: { proxy: '127.0.0.1:9', listen: 8080 } }";
    let held = [
        "nginx.api: port 8080 is held by python3 (process ",
        "of squat.service",
        "disable --now squat.service",
    ];
    refused(&host, site, &held);
    // A unit of that name which is started, or is only enabled, ends nothing.
    refused(&host, &format!("systemd: {{ python3: {{}} }}\n{site}"), &held);
    refused(&host, &format!("systemd: {{ squat: {{}} }}\n{site}"), &held);
    // Wherever it is said.
    host.file("own.hbs", "server { listen 8080; }\n");
    host.file("here.hbs", "server { listen 127.0.0.1:8080; }\n");
    for text in [
        "nginx: { api: { proxy: '127.0.0.1:9', template: own.hbs } }",
        "nginx: { api: { proxy: '127.0.0.1:9', template: here.hbs } }",
        "files: { /etc/nginx/conf.d/own.conf: { template: own.hbs } }",
        "files: { /etc/systemd/system/door.socket: { content: \"[Socket]\\nListenStream=8080\\n\" } }\nsystemd: { door.socket: { enabled: false } }",
        "files: { /etc/ssh/sshd_config.d/x.conf: { content: \"Port 22\\nPort 8080\\n\" } }",
    ] {
        refused(&host, text, &["port 8080 is held by python3 (process "]);
    }
    // A command may do what it likes before; and what it does not do nginx tells.
    let command = format!(
        "name: x\ncommands: {{ end: {{ run: systemctl stop squat, unless: '! systemctl is-active squat' }} }}\n{}\n",
        site.replace("listen: 8080", "listen: 8080, after: [command.end]")
    );
    host.converge(&command);
    // nginx itself may hold it.
    host.converge(&format!("name: x\n{}\n", site.replace(":9'", ":10'")));
    // A unit that this plan stops first gives it up, and so may one that it starts anew from other files.
    host.converge("name: x\nabsent: [/etc/nginx/sites-enabled/api]\n");
    squat("squat");
    host.converge(&format!(
        "name: x\nsystemd: {{ squat: {{ enabled: false, running: false }} }}\n{site}\n"
    ));
    host.converge("name: x\nabsent: [/etc/nginx/sites-enabled/api]\n");
    squat("squat");
    host.converge(&format!(
        "name: x\nfiles: {{ /etc/systemd/system/squat.service: {{ content: \"[Service]\\nExecStart=/usr/bin/python3 -m http.server 8081\\n\" }} }}\nsystemd: {{ squat: {{ enabled: false }} }}\n{site}\n"
    ));
    // Another address is another port.
    host.sh("systemd-run --quiet --unit=far python3 -m http.server 8082 --bind 127.0.0.2; until ss -ltnH | grep -q :8082; do sleep 0.05; done");
    host.file(
        "here.hbs",
        "server { listen 127.0.0.1:8082; server_name here; }\n",
    );
    host.converge("name: x\nnginx: { here: { proxy: '127.0.0.1:9', template: here.hbs } }\n");
}

/// The hash of `its-password`.
const HASH: &str =
    "$6$saltsalt$ldQ9SnGmce7EPXxGB8Jdp5DY9VcIJKFYHIKhwjL5gXdFeuCx5.t9moTOe3incOaP7bp6ZRJqz6p.PEFTmNDuH/";
/// Keys of nobody.
const BOBS: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExEJ63L/hkFsYrkj99WScaBmNzDLHdqZb5ziuF6OlKW bob";

#[test]
fn a_user_is_as_declared_with_his_numbers_password_keys_and_rules() {
    let Some(host) = Host::boot() else { return };
    let ours = host.sh("cat /root/.ssh/authorized_keys");
    host.file("hash", &format!("{HASH}\n"));
    host.sh(&format!(
        "useradd -m -s /bin/bash ann; mkdir -m 755 ~ann/.ssh; echo '{BOBS}' >~ann/.ssh/authorized_keys; touch ~ann/file ~ann/theirs /srv/file
        chown ann: ~ann/file /srv/file"
    ));
    let playbook = |rest: &str| {
        format!(
            "name: x\nsecrets: {{ ann_hash: {{ file: hash }} }}\ngroups: {{ deploy: {{ gid: 1500 }}, spare: {{}} }}\nusers:\n  ann:\n    {rest}\n"
        )
    };
    let all = playbook(&format!(
        "uid: 1600\n    group: deploy\n    comment: Ann Example\n    password: \"${{ann_hash}}\"\n    sudo: ['ALL=(ALL) NOPASSWD: ALL']\n    authorized_keys: {{ exclusive: false, keys: ['{ours}'] }}"
    ));
    // A step that fails when the number has changed leaves no file behind with a number of nobody's.
    host.sh("printf '#!/bin/sh\\n[ \"$1\" != --gid ] || exit 1\\nexec /usr/sbin/usermod \"$@\"\\n' >/usr/local/sbin/usermod; chmod +x /usr/local/sbin/usermod");
    let numbers =
        "id -u ann; stat -c '%u:%g' ~ann ~ann/file ~ann/theirs; grep -c ann:.*Example /etc/passwd || true";
    let before = host.sh(numbers);
    let failed = host.apply(&all);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert_eq!(host.sh(numbers), before);
    host.sh("rm /usr/local/sbin/usermod");

    let applied = host.converge(&all);
    assert_eq!(host.sh(numbers), "1600\n1600:1500\n1600:1500\n0:0\n1");
    let shadow = || host.sh("getent shadow ann | cut -d: -f2");
    assert_eq!(shadow(), HASH);
    assert!(!applied.stdout.contains("saltsalt"), "{}", applied.stdout);
    host.sh("! grep -rl saltsalt /var/lib/hostwright /run --include='*' 2>/dev/null");
    let keys = "stat -c '%a %U:%G' ~ann/.ssh ~ann/.ssh/authorized_keys; cat ~ann/.ssh/authorized_keys";
    assert_eq!(
        host.sh(keys),
        format!("700 ann:deploy\n600 ann:deploy\n{BOBS}\n{ours}")
    );
    assert_eq!(host.sh("stat -c %a /etc/sudoers.d/ann"), "440");

    // By his key and his rule we are root, and do not take that from ourselves.
    let as_ann = |playbook: &str| {
        let path = host.file("ann.yml", playbook);
        run(&mut host.command_as("ann", "apply", &path))
    };
    as_ann(&all).ok();
    let shut = as_ann(&all.replace("NOPASSWD: ", ""));
    let said = shut.stdout + &shut.stderr;
    assert!(
        said.contains("no new SSH connection got in within 45 s"),
        "{said}"
    );
    as_ann(&all).ok();
    for (rest, says) in [
        (
            "uid: 1601",
            "does not change the number of ann while processes of his run: ",
        ),
        ("present: false", "processes of ann run: "),
    ] {
        let refused = as_ann(&playbook(rest));
        assert!(refused.text().contains(says), "{says} in {}", refused.text());
    }
    host.sh("until ! pgrep -u ann; do sleep 0.05; done");
    host.converge(&all.replace("1500", "1700"));
    assert_eq!(host.sh("stat -c '%u:%g' ~ann/file ~ann/theirs"), "1600:1700\n0:0");

    // What is no longer declared goes: the key that came, the rule, the group that nobody is in.
    let less = "name: x\nusers: { ann: { password: '!' } }\n";
    host.converge(less);
    assert_eq!(host.sh("cat ~ann/.ssh/authorized_keys"), BOBS);
    assert_eq!(shadow(), format!("!{HASH}"));
    assert_eq!(
        host.sh("ls /etc/sudoers.d; getent group spare || echo none; id -gn ann"),
        "README\nnone\ndeploy"
    );
    host.converge(&format!("{less}\n").replace("password: '!'", &format!("authorized_keys: ['{ours}']")));
    assert_eq!(host.sh("cat ~ann/.ssh/authorized_keys"), ours);

    // A list of keys takes the place of a whole file of them, which does not go.
    host.sh("rm ~ann/.ssh/authorized_keys");
    host.converge(&format!(
        "name: x\nusers: {{ ann: {{}}, eve: {{ system: true }} }}\nfiles: {{ /home/ann/.ssh/authorized_keys: {{ content: \"{BOBS}\\n\", mode: 0600, owner: ann, group: deploy }} }}\n"
    ));
    host.converge(&format!(
        "name: x\nusers: {{ ann: {{ authorized_keys: ['{ours}'] }}, eve: {{ system: true }} }}\n"
    ));
    assert_eq!(host.sh("cat ~ann/.ssh/authorized_keys"), ours);
    // One who goes is at work.
    host.sh("systemd-run --quiet --unit=eves -p User=eve sleep 1000; until pgrep -u eve sleep; do sleep 0.05; done");
    refused(
        &host,
        "users: { ann: {} }",
        &["processes of eve run", "sleep (", "of eves.service"],
    );
    host.sh("systemctl stop eves");

    host.sh("echo 'AuthorizedKeysFile /etc/ssh/keys/%u' >/etc/ssh/sshd_config.d/99.conf");
    refused(
        &host,
        &format!("users: {{ ann: {{ authorized_keys: ['{BOBS}'] }} }}"),
        &["sshd looks for the keys of ann in `/etc/ssh/keys/%u`"],
    );
    host.sh("rm /etc/ssh/sshd_config.d/99.conf");
    host.converge("name: x\nusers: { ann: { present: false, remove_home: true } }\n");
    assert_eq!(
        host.sh("getent passwd ann || echo none; ls /home; ls /var/lib/hostwright/runs/*/kept/*/*.moved"),
        "none\nfile\ntheirs"
    );
}
