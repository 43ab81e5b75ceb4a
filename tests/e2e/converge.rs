//! Every kind: what is declared is so after an apply, a second plan is empty, and drift is found.

use crate::host::Host;

const FILES: &str = r#"
name: files
vars: { greeting: "a\tb" }
users:
  app: { system: true, groups: [adm] }
directories:
  /srv/app: { owner: app, mode: 0750 }
files:
  /srv/app/motd: { content: "hello ${greeting}\n", owner: app, mode: 0640 }
  /srv/app/from-template: { template: t.hbs, with: { who: "<you> & 'me'" } }
  /etc/sudoers.d/app: { content: "app ALL=(ALL) NOPASSWD: /bin/true\n", mode: 0440, validate: "visudo -cf {}" }
links:
  /srv/app/link: { to: motd }
absent: [/srv/old]
commands:
  once: { run: "echo ran >>/srv/app/once", creates: /srv/app/once, after: [directory./srv/app] }
"#;

#[test]
fn files_users_links_and_commands_converge_and_drift_is_found() {
    let Some(host) = Host::boot() else { return };
    host.file("t.hbs", "{{who}}\n");
    host.sh("mkdir -p /srv/old/deep && touch /srv/old/deep/file");
    host.converge(FILES);
    assert_eq!(
        host.sh("stat -c '%a %U:%G' /srv/app /srv/app/motd"),
        "750 app:app\n640 app:app"
    );
    assert_eq!(
        host.sh("cat /srv/app/link /srv/app/from-template"),
        "hello a\tb\n<you> & 'me'"
    );
    assert_eq!(host.sh("id -nG app"), "app adm");
    assert_eq!(host.sh("cat /srv/app/once"), "ran");
    assert_eq!(
        host.sh("ls -d /srv/old 2>/dev/null; find /var/lib/hostwright/runs -name file | wc -l"),
        "1"
    );

    host.sh("echo more >>/srv/app/motd; chmod 0644 /srv/app/motd; ln -sfn /etc/passwd /srv/app/link");
    let plan = host.plan(FILES);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    for line in [
        "- more",
        "mode: 0644 → 0640",
        "target: /etc/passwd → motd",
        "2 changes: 2 to update.",
    ] {
        assert!(plan.stdout.contains(line), "{line} in\n{}", plan.stdout);
    }
    host.converge(FILES);
}
