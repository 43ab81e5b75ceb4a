//! What a playbook no longer declares goes from the host; what it never made stays.

use crate::host::{Host, run};

const BASE: &str = "name: app
files: { /srv/app/stays: { content: stays } }
";

const MORE: &str = "name: app
users: { app: { system: true } }
directories: { /srv/full: {}, /srv/empty/inner: {} }
files:
  /srv/app/stays: { content: stays }
  /srv/app/goes: { content: goes }
  /etc/systemd/system/nap.service: { content: \"[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n\" }
links: { /srv/app/link: { to: goes } }
systemd: { nap: {} }
supervisor: { worker: { command: /bin/sleep 1000, user: app } }
nginx: { old: { proxy: '127.0.0.1:8080', replaces_default: true } }
cron: { job: { schedule: '@daily', command: /bin/true } }
logrotate: { app: { paths: [/var/log/app/*.log], every: daily } }
binaries: { tool: { path: tool, to: /opt/tool } }
ufw: { allow: [22/tcp, 80/tcp, 8443/tcp] }
";

#[test]
fn what_a_playbook_no_longer_declares_goes_and_nothing_else() {
    let Some(host) = Host::boot() else { return };
    host.file("tool", "#!/bin/sh\necho tool\n");
    host.converge(MORE);
    host.sh("touch /srv/full/of-somebody-else; systemctl is-active nap supervisor nginx; supervisorctl status worker");
    let fewer = format!("{BASE}ufw: {{ allow: [22/tcp] }}\n");
    let plan = host.plan(&fewer);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    for words in [
        "- absent./srv/app/goes",
        "- pruned.nap.service  stop and disable nap.service",
        "- pruned.app  remove the user app",
        "his home, /home/app, stays",
        "- absent./etc/nginx/sites-enabled/old",
        "+ pruned./etc/nginx/sites-enabled/default  put /etc/nginx/sites-enabled/default back",
        "take away allow 80/tcp, allow 8443/tcp",
        "- pruned./srv/empty/inner  remove the empty directory /srv/empty/inner",
    ] {
        assert!(plan.stdout.contains(words), "{words} in\n{}", plan.stdout);
    }
    assert!(!plan.stdout.contains("/srv/full"), "{}", plan.stdout);
    // What is stopped is not started again.
    assert!(!plan.stdout.contains("restart nap"), "{}", plan.stdout);
    host.converge(&fewer);
    let left = host.sh(
        "ls /srv/app /srv /opt/tool 2>&1; id app 2>&1; systemctl is-active nap; systemctl is-enabled nap 2>&1
        supervisorctl status; ls /etc/supervisor/conf.d /etc/nginx/sites-enabled /etc/nginx/sites-available /etc/cron.d /etc/logrotate.d
        ufw status; curl -s http://127.0.0.1/ | grep -c nginx; true",
    );
    for words in [
        "worker",
        "goes",
        "inner",
        "8443",
        "80/tcp",
        "old",
        "app-job",
        "/opt/tool:\ncurrent",
    ] {
        assert!(!left.contains(words), "{words} in\n{left}");
    }
    for words in [
        "stays",
        "full",
        "no such user",
        "default",
        "22/tcp",
        "No such file",
    ] {
        assert!(left.contains(words), "{words} in\n{left}");
    }
}

#[test]
fn what_was_there_before_stays_and_what_a_failed_run_made_goes() {
    let Some(host) = Host::boot() else { return };
    host.sh("mkdir /srv/theirs; echo theirs >/srv/theirs/file; chmod 0640 /srv/theirs/file; echo before >/etc/issue; useradd -r old; ln -s theirs /srv/link
        ln -s theirs/file /srv/led; ln -s theirs /srv/other; mkdir -m 0711 /srv/dir; chown old /srv/dir
        printf ours >/srv/same; chmod 0604 /srv/same; touch /srv/dir/full");
    let all = "name: app
users: { old: { system: true }, new: { system: true } }
directories: { /srv/theirs: {}, /srv/ours: {}, /srv/dir: { mode: 0700 } }
files:
  /srv/theirs/file: { content: ours }
  /etc/issue: { content: ours }
  /srv/led: { content: ours }
  /srv/same: { content: ours }
systemd: { ssh: {}, cron: {} }
links: { /srv/link: { to: theirs }, /srv/other: { to: dir } }
ufw: { allow: [22/tcp] }
commands: { no: { run: 'test -e /srv/go', creates: /srv/go, after: [file./srv/theirs/file, directory./srv/ours] } }
";
    assert_eq!(host.apply(all).status, 1);
    assert_eq!(host.sh("ls -d /srv/ours; id -un new"), "/srv/ours\nnew");
    host.sh("touch /srv/go");
    host.converge(all);
    let plan = host.plan("name: app\nufw: { allow: [22/tcp] }\n");
    let goes: Vec<&str> = plan
        .stdout
        .lines()
        .filter(|line| line.starts_with("- "))
        .collect();
    assert_eq!(
        goes,
        [
            "- pruned.new  remove the user new",
            "- pruned./srv/ours  remove the empty directory /srv/ours",
        ],
        "{}",
        plan.stdout
    );
    host.converge("name: app\nufw: { allow: [22/tcp] }\n");
    assert_eq!(
        host.sh("cat /srv/theirs/file /etc/issue; stat -c %a /srv/theirs/file; systemctl is-active ssh cron; id -un old"),
        "theirs\nbefore\n640\nactive\nactive\nold"
    );
    assert_eq!(
        host.sh("readlink /srv/link /srv/led /srv/other; stat -c '%n %a %U' /srv/dir /srv/same; ls /srv/dir /var/lib/hostwright/originals"),
        "theirs\ntheirs/file\ntheirs\n/srv/dir 711 old\n/srv/same 604 root\n/srv/dir:\nfull\n\n/var/lib/hostwright/originals:"
    );
}

#[test]
fn a_file_that_moves_from_one_kind_to_another_stays() {
    let Some(host) = Host::boot() else { return };
    host.file("static/page", "page\n");
    host.converge("name: app\nfiles: { /srv/static/page: { content: \"page\\n\" } }\n");
    let plan = host.plan("name: app\ndirectories: { /srv/static: { source: static } }\n");
    assert_eq!(plan.status, 0, "{}{}", plan.stdout, plan.stderr);
}

#[test]
fn two_playbooks_share_a_host_and_no_file() {
    let Some(host) = Host::boot() else { return };
    host.converge(BASE);
    host.converge("name: base\nfiles: { /srv/base: { content: base } }\ndirectories: { /srv/app: {} }\n");
    // Neither takes away what the other has.
    host.converge("name: base\nfiles: { /srv/other: { content: base } }\n");
    assert_eq!(
        host.sh("ls /srv/app /srv | tr '\\n' ' '"),
        "/srv: app other  /srv/app: stays"
    );
    let both = host.plan("name: base\nfiles: { /srv/app/stays: { content: mine } }\n");
    assert_eq!(both.status, 1);
    assert!(
        both.stderr
            .contains("the playbook app has /srv/app/stays on this host, too"),
        "{}",
        both.stderr
    );
    let unknown = run(host.bare("drift").args(["--playbook", "ap"]));
    assert!(
        unknown.stderr.contains("has no playbook ap; it has app, base"),
        "{}",
        unknown.stderr
    );
    let only = run(host.bare("rollback").args(["--playbook", "app", "--yes"]));
    assert!(
        only.stderr.contains("has no generation of app before 1"),
        "{}",
        only.stderr
    );
    let which = run(&mut host.bare("drift"));
    assert!(
        which.stderr.contains("several playbooks: app, base"),
        "{}",
        which.stderr
    );
}

#[test]
fn a_rollback_takes_away_what_came_later() {
    let Some(host) = Host::boot() else { return };
    host.converge(BASE);
    host.converge(
        "name: app\nfiles: { /srv/app/stays: { content: stays }, /srv/app/new: { content: new } }\n",
    );
    run(host.bare("rollback").arg("--yes")).ok();
    assert_eq!(host.sh("ls /srv/app"), "stays");
}

/// The newest generation says what is wanted again, and still something else has been made since.
#[test]
fn what_a_failed_apply_made_goes_with_the_playbook_that_wanted_it() {
    let Some(host) = Host::boot() else { return };
    host.converge(BASE);
    let more = format!(
        "{BASE}directories: {{ /srv/new: {{}} }}\ncommands: {{ fails: {{ run: exit 4, creates: /srv/none, after: [directory./srv/new] }} }}\n"
    );
    let failed = host.apply(&more);
    assert!(failed.stderr.contains("command.fails"), "{}", failed.stderr);
    host.sh("test -d /srv/new");
    host.converge(BASE);
    host.sh("test ! -e /srv/new");
    let history = run(&mut host.bare("history")).ok();
    assert!(history.stdout.contains("  2  "), "{}", history.stdout);
    // From then on it is what the host is.
    let again = host.apply(BASE).ok();
    assert!(again.stdout.contains("Nothing to change."), "{}", again.stdout);
    let same = run(&mut host.bare("history")).ok();
    assert!(!same.stdout.contains("  3  "), "{}", same.stdout);
}
