//! What supervisor's states mean: programs that end, programs in groups, and files that it does not read.

use crate::host::{Host, wait_for};

fn state(host: &Host, name: &str) -> String {
    host.sh(&format!(
        "supervisorctl status {name} | awk '{{ print $2 }}' || true"
    ))
}

/// How many run `sleep` for so many seconds.
fn asleep(host: &Host, seconds: u32) -> String {
    host.sh(&format!("pgrep -c -x -f '/usr/bin/sleep {seconds}' || true"))
}

#[test]
fn a_program_that_ended_as_it_may_is_done() {
    let Some(host) = Host::boot() else { return };
    let warmup = "
name: p
supervisor:
  warmup: { command: /bin/true, autorestart: false, startsecs: 0 }
";
    host.converge(warmup);
    assert_eq!(state(&host, "warmup"), "EXITED");

    // With another status it has failed, and what was before is there again.
    let job = |text: &str| {
        host.file("job", &format!("#!/bin/sh\n{text}\n"));
        "
name: p
files: { /srv/job: { source: job, mode: 0755 } }
supervisor:
  warmup: { command: /srv/job, autorestart: false, startsecs: 0, restart_on: [/srv/job] }
"
    };
    let failed = host.apply(job("echo no luck >&2; exit 4"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let said = failed.stdout + &failed.stderr;
    for line in [
        "warmup ended with status 4",
        "the end of /var/log/warmup/err.log",
        "no luck",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    host.sh("grep -q /bin/true /etc/supervisor/conf.d/warmup.conf");
    // It runs again when what it is changes, and only then.
    host.converge(job("echo one >>/srv/ran"));
    host.converge(job("echo two >>/srv/ran"));
    assert_eq!(host.sh("cat /srv/ran"), "one\ntwo");
    host.converge(job("echo two >>/srv/ran"));
    assert_eq!(host.sh("cat /srv/ran"), "one\ntwo");

    // One that fails later is seen by the next plan.
    host.apply(job("sleep 4; exit 3")).ok();
    wait_for("it ends", || state(&host, "warmup") == "EXITED");
    let plan = host.plan(job("sleep 4; exit 3"));
    assert!(
        plan.stdout.contains("it is EXITED with status 3 now"),
        "{}",
        plan.stdout
    );

    // An own template says which statuses are right, and one that ends unexpectedly is started again.
    host.file(
        "own.hbs",
        "[program:{{name}}]\ncommand={{command}}\nautorestart=unexpected\nexitcodes=0,7\nstartsecs=0\nstdout_logfile=/srv/own.log\nredirect_stderr=true\n",
    );
    let own = |code: u8| {
        host.file("job", &format!("#!/bin/sh\necho with {code}\nexit {code}\n"));
        "
name: p
files: { /srv/job: { source: job, mode: 0755 } }
supervisor:
  own: { command: /srv/job, template: own.hbs }
"
    };
    host.converge(own(7));
    let failed = host.apply(own(8));
    let said = failed.stdout + &failed.stderr;
    for line in ["the end of /srv/own.log", "with 8"] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
}

#[test]
fn programs_are_found_in_groups_and_in_numbers() {
    let Some(host) = Host::boot() else { return };
    host.file(
        "many.hbs",
        "[program:{{name}}]\ncommand={{command}}\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)02d\n[program:{{name}}-clock]\ncommand=/usr/bin/sleep 100009\n[group:crew]\nprograms={{name}},{{name}}-clock\n",
    );
    let many = |seconds: u32| {
        format!("name: p\nsupervisor:\n  hand: {{ command: /usr/bin/sleep {seconds}, template: many.hbs }}\n")
    };
    host.converge(&many(100_001));
    for name in ["crew:hand_00", "crew:hand_01", "crew:hand-clock"] {
        assert_eq!(state(&host, name), "RUNNING", "{name}");
    }
    host.sh("rm -f /srv/quit; supervisorctl stop crew:hand_01");
    let plan = host.plan(&many(100_001));
    assert!(
        plan.stdout.contains("crew:hand_01 is STOPPED now"),
        "{}",
        plan.stdout
    );
    host.converge(&many(100_001));
    assert_eq!(state(&host, "crew:hand_01"), "RUNNING");
    host.converge(&many(100_002));
    assert_eq!([asleep(&host, 100_001), asleep(&host, 100_002)], ["0", "2"]);

    // What cannot start is undone, in the group as it was.
    let failed = host.apply(&many(100_003).replace("/usr/bin/sleep", "/usr/bin/false"));
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    wait_for("the old ones run", || asleep(&host, 100_002) == "2");
    host.converge(&many(100_002));

    // A group in a plain file takes in a program of the kind's.
    let grouped = |seconds: u32| {
        format!(
            "
name: q
files:
  /etc/supervisor/conf.d/team.conf: {{ content: \"[group:team]\\nprograms=api\\n\" }}
supervisor:
  api: {{ command: /usr/bin/sleep {seconds} }}
"
        )
    };
    host.converge(&grouped(100_004));
    assert_eq!(state(&host, "team:api"), "RUNNING");
    host.converge(&grouped(100_005));
    assert_eq!([asleep(&host, 100_004), asleep(&host, 100_005)], ["0", "1"]);
}

#[test]
fn a_plain_file_is_loaded_as_if_its_kind_had_written_it() {
    let Some(host) = Host::boot() else { return };
    let plain = |text: &str| {
        format!(
            "name: p\nfiles:\n  /etc/supervisor/conf.d/plain.conf:\n    content: |\n      [program:plain]\n      {text}\n"
        )
    };
    host.converge(&plain("command=/usr/bin/sleep 100001"));
    host.converge(&plain("command=/usr/bin/sleep 100002"));
    assert_eq!([asleep(&host, 100_001), asleep(&host, 100_002)], ["0", "1"]);

    let before = host.sh("cat /etc/supervisor/conf.d/plain.conf");
    for (text, word) in [
        ("command=/usr/bin/gone", "can't find command '/usr/bin/gone'"),
        ("command=/usr/bin/sleep 1\n      startsecs=many", "many"),
    ] {
        let failed = host.apply(&plain(text));
        assert_eq!(failed.status, 1, "{}", failed.stdout);
        let said = failed.stdout + &failed.stderr;
        assert!(said.contains(word), "{word} in\n{said}");
        assert_eq!(host.sh("cat /etc/supervisor/conf.d/plain.conf"), before);
        wait_for("the old one runs", || state(&host, "plain") == "RUNNING");
    }
    // So is one that a folder or a link puts there, and one that is taken away ends.
    host.file(
        "programs/own.conf",
        "[program:own]\ncommand=/usr/bin/sleep 100004\n",
    );
    let others = "
name: p
directories: { /etc/supervisor/conf.d: { source: programs } }
files: { /srv/far.conf: { content: \"[program:far]\\ncommand=/usr/bin/sleep 100005\\n\" } }
links: { /etc/supervisor/conf.d/far.conf: { to: /srv/far.conf } }
absent: [/etc/supervisor/conf.d/plain.conf]
";
    host.converge(others);
    assert_eq!(
        [
            asleep(&host, 100_004),
            asleep(&host, 100_005),
            asleep(&host, 100_002)
        ],
        ["1", "1", "0"]
    );
    host.file("programs/own.conf", "[program:own]\ncommand=/usr/bin/gone\n");
    let failed = host.apply(others);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(host.sh("cat /etc/supervisor/conf.d/own.conf").contains("100004"));
    wait_for("the old one runs", || asleep(&host, 100_004) == "1");

    // While supervisor is stopped, its file waits.
    host.sh("systemctl stop supervisor");
    host.converge(&plain("command=/usr/bin/sleep 100003"));
}

#[test]
fn a_file_that_supervisor_would_not_read_or_would_mix_is_refused() {
    let Some(host) = Host::boot() else { return };
    let playbook = "name: p\nsupervisor:\n  app: { command: /usr/bin/sleep 100001 }\n";
    let include = |line: &str| {
        host.sh(&format!(
            "sed -i 's,^files.*,{line},' /etc/supervisor/supervisord.conf"
        ));
    };
    include("files = /etc/supervisor/programs/*.ini");
    let refused = host.plan(playbook);
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    for line in [
        "/etc/supervisor/programs/*.ini",
        "files = /etc/supervisor/programs/*.ini /etc/supervisor/conf.d/*.conf",
    ] {
        let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(line), "{line} in\n{}", refused.stderr);
    }
    include("files = conf.d/*.conf programs/*.ini");
    host.converge(playbook);

    // Another file's section of that name would be mixed into ours.
    host.sh("printf '[program:app]\\ncommand=/usr/bin/sleep 7\\n' >/etc/supervisor/conf.d/zz.conf");
    let refused = host.plan(playbook);
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("zz.conf"), "{}", refused.stderr);
    host.converge(&format!("{playbook}absent: [/etc/supervisor/conf.d/zz.conf]\n"));
}

/// A program of two processes, one of which ends as it may, in the folder that the host includes.
const CREW: &str = r#"
name: p
files: { /srv/job: { source: job, mode: 0755 } }
supervisor:
  hand:
    command: /srv/job
    expand: true
    environment: { NUMBER: "%(process_num)d", HERE: "%(ENV_PATH)s" }
    numprocs: 2
    numprocs_start: 1
    autorestart: unexpected
    exitcodes: [0, 7]
    startsecs: 0
    stopsignal: QUIT
    stopasgroup: false
    killasgroup: false
    redirect_stderr: true
    file: /etc/supervisord.d/hand.ini
"#;
const CLOCK: &str = "  clock: { command: /usr/bin/sleep 100009, priority: 5, startretries: 1, file: /etc/supervisord.d/clock.ini }
supervisor_groups: { crew: { programs: [hand, clock], priority: 3, file: /etc/supervisord.d/crew.ini } }
";

#[test]
fn several_processes_in_a_group_are_read_from_the_folder_that_the_host_includes() {
    let Some(host) = Host::boot() else { return };
    host.sh(
        "sed -i 's,^files.*,files = /etc/supervisord.d/*.ini,' /etc/supervisor/supervisord.conf
        mkdir /etc/supervisord.d; systemctl restart supervisor",
    );
    host.file(
        "job",
        "#!/bin/sh\ntrap 'echo quit >>/srv/quit; exit 0' QUIT\necho \"number $NUMBER\" >&2\n[ \"$NUMBER\" = 1 ] || exit 7\nwhile :; do sleep 0.1; done\n",
    );
    let refused = host.plan(&CREW.replace("    file: /etc/supervisord.d/hand.ini\n", ""));
    assert!(
        refused.text().contains("`file: /etc/supervisord.d/hand.ini`"),
        "{}",
        refused.stderr
    );

    let all = format!("{CREW}{CLOCK}");
    host.converge(&all);
    let states = |names: &[&str]| names.iter().map(|name| state(&host, name)).collect::<Vec<_>>();
    let crew = ["crew:hand_01", "crew:hand_02", "crew:clock"];
    assert_eq!(states(&crew), ["RUNNING", "EXITED", "RUNNING"]);
    assert_eq!(host.sh("tail -n 1 /var/log/hand/out-01.log"), "number 1");
    let here = "tr '\\0' '\\n' </proc/$(supervisorctl pid crew:hand_01)/environ | grep -c '^HERE=/.*bin'";
    assert_eq!(host.sh(here), "1");
    host.sh("rm -f /srv/quit; supervisorctl stop crew:hand_01");
    assert_eq!(host.sh("cat /srv/quit"), "quit");
    let plan = host.plan(&all);
    assert!(
        plan.stdout.contains("crew:hand_01 is STOPPED now"),
        "{}",
        plan.stdout
    );
    host.converge(&all);
    assert_eq!(states(&crew), ["RUNNING", "EXITED", "RUNNING"]);

    // A program that leaves its group and the playbook is named by no group when supervisor reads of another.
    host.converge(&format!(
        "{}supervisor_groups: {{ crew: {{ programs: [hand], file: /etc/supervisord.d/crew.ini }} }}\n",
        CREW.replace("[0, 7]", "[0, 7, 9]")
    ));
    assert_eq!(states(&crew[..2]), ["RUNNING", "EXITED"]);
    assert_eq!(asleep(&host, 100_009), "0");
    host.converge(&all);

    // Without its group a program is by itself again, and what is no longer declared ends.
    host.converge(CREW);
    assert_eq!(host.sh("ls /etc/supervisord.d"), "hand.ini");
    assert_eq!(states(&["hand:hand_01", "hand:hand_02"]), ["RUNNING", "EXITED"]);
    assert_eq!(asleep(&host, 100_009), "0");
}
