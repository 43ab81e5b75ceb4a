//! Cron jobs and the shipped scripts that they run: the monitor and the backup.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::host::{Host, base, run, wait_for};

const JOBS: &str = r#"
name: jobs.v2
cron:
  percent: { schedule: "*/5 * * * *", command: "date +%H >/tmp/hour", user: nobody }
  script.sh: { schedule: "@daily", template: job.sh.hbs, with: { what: "it's 100%" } }
"#;

#[test]
fn entries_and_scripts_are_as_cron_wants_them() {
    let Some(host) = Host::boot() else { return };
    host.file("job.sh.hbs", "#!/bin/sh\ncat <<'END'\n{{what}}\nEND\n");
    host.converge(JOBS);
    // cron passes over a name with a dot (cron(8), Debian), and needs the newline at the end.
    let entries = host.sh("cd /etc/cron.d && stat -c '%n %a %U' jobs* && tail -qn 1 jobs*");
    let expected = "\
jobs_v2-percent 644 root
jobs_v2-script_sh 644 root
*/5 * * * * nobody date +\\%H >/tmp/hour
@daily root /usr/local/lib/jobs.v2/script.sh";
    assert_eq!(entries, expected);
    assert_eq!(host.sh("/usr/local/lib/jobs.v2/script.sh"), "it's 100%");
    assert_eq!(host.sh("systemctl is-active cron"), "active");
    // cron says in its log what it cannot read. It reads its folder anew when it starts.
    let log = host.sh("systemctl restart cron && journalctl -u cron -o cat --no-pager");
    assert!(!log.contains("Error") && !log.contains("bad "), "{log}");
    host.sh(
        "sed -i s/daily/hourly/ /etc/cron.d/jobs_v2-script_sh && chmod -x /usr/local/lib/jobs.v2/script.sh",
    );
    let plan = host.plan(JOBS).stdout;
    assert!(
        plan.contains("mode: 0644 → 0755") && plan.contains("- @hourly"),
        "{plan}"
    );
}

#[test]
fn the_line_that_runs_is_the_line_that_was_written() {
    let Some(host) = Host::boot() else { return };
    let playbook = r#"
name: lines
cron:
  month: { schedule: "@reboot", command: 'date +\%Y-\%m >> /tmp/month' }
  tab: { schedule: "@reboot", command: 'printf "a\\tb" >/tmp/tab; printf %s ''a\\tb\%\\%\'' >/tmp/odd' }
  busy: { schedule: "@reboot", command: "touch /tmp/busy", lock: true }
  free:
    schedule: "@reboot"
    command: printf '%s %s' "$NOTE" "it's" >/tmp/free
    environment: { NOTE: 'say "100%" $HOME', MAILTO: "" }
    random_delay: 1s
    lock: true
    user: nobody
  plain: { schedule: "@reboot", command: "sleep 1; date +%H%% | tr -d '%' >/tmp/hour", user: nobody }
"#;
    host.converge(playbook);
    host.sh("systemd-run --quiet --unit=busy flock /run/lock/lines-busy.root sleep infinity");
    // It is as if the host had just started.
    host.sh("rm /run/crond.reboot && systemctl restart cron");
    wait_for("the jobs have run", || {
        let there = host.sh("ls /tmp");
        there.contains("hour") && there.contains("free")
    });
    assert_eq!(host.sh("cat /tmp/month"), host.sh("date +%Y-%m"));
    assert_eq!(host.sh("cat /tmp/tab"), "a\tb");
    assert_eq!(host.sh("cat /tmp/odd"), r"a\\tb\%\\%\");
    assert_eq!(host.sh("stat -c %U /tmp/hour"), "nobody");
    assert_eq!(host.sh("cat /tmp/free"), "say \"100%\" $HOME it's");
    assert_eq!(
        host.sh("ls /tmp/busy 2>/dev/null || true"),
        "",
        "its last run still goes on"
    );
    host.sh("systemctl stop busy && rm /run/crond.reboot && systemctl restart cron");
    wait_for("its lock is free", || {
        !host.sh("ls /tmp/busy 2>/dev/null || true").is_empty()
    });
}

#[test]
fn what_cron_does_not_take_is_a_failed_step() {
    let Some(host) = Host::boot() else { return };
    let file = |name: &str, text: &str, more: &str| {
        format!("name: x\nfiles:\n  /etc/cron.d/{name}: {{ content: \"{text}\", {more} }}\n")
    };
    let right = "5 4 * * * root true\\n";
    host.converge(&file("own", right, ""));
    let before = host.sh("ls -A /etc/cron.d; cat /etc/cron.d/* /etc/crontab; stat -c %a /etc/cron.d/own");
    for (playbook, words) in [
        (
            file("own", "5 4 * * * nosuchuser true\\n", ""),
            "there is no user nosuchuser on the host",
        ),
        (
            // Whom a command was to bring, and did not.
            file("own", "5 4 * * * nosuchuser true\\n", "after: [command.bring]")
                + "commands: { bring: { run: 'true', unless: 'false' } }\n",
            "bad username; while reading /etc/cron.d/own",
        ),
        (
            file("new", "99 4 * * * root true\\n", ""),
            "bad minute; while reading /etc/cron.d/new",
        ),
        (
            file("new", "5 4 * * * root true", ""),
            "Missing newline before EOF",
        ),
        (file("own", right, "mode: 0666"), "INSECURE MODE"),
        (
            file("new", right, "owner: nobody, group: nogroup"),
            "WRONG FILE OWNER",
        ),
        (
            file("own.sh", right, ""),
            "cron would not read /etc/cron.d/own.sh",
        ),
        (
            "name: x\nlinks: { /etc/cron.d/new: { to: /srv/nothing } }\n".into(),
            "CAN'T OPEN SYMLINK",
        ),
        (
            "name: x\nfiles: { /etc/crontab: { content: \"nonsense\\n\" } }\n".into(),
            "bad minute; while reading /etc/crontab",
        ),
    ] {
        let failed = host.apply(&playbook);
        let said = failed.stdout + &failed.stderr;
        assert_eq!(failed.status, 1, "{playbook}\n{said}");
        assert!(said.contains(words), "{words} in\n{said}");
        let after = host.sh("ls -A /etc/cron.d; cat /etc/cron.d/* /etc/crontab; stat -c %a /etc/cron.d/own");
        assert_eq!(after, before, "{playbook}");
    }
    host.file("jobs/tree", "99 4 * * * root true\n");
    let failed = host.apply("name: x\ndirectories: { /etc/cron.d: { source: jobs } }\n");
    assert!(
        failed
            .stdout
            .contains("bad minute; while reading /etc/cron.d/tree"),
        "{}",
        failed.stdout
    );
    // run-parts, which runs /etc/cron.daily, says nothing at all.
    let daily = |name: &str, mode: &str| {
        format!(
            "name: x\nfiles: {{ /etc/cron.daily/{name}: {{ content: \"#!/bin/sh\\n\", mode: {mode} }} }}\n"
        )
    };
    for (playbook, words) in [
        (
            daily("own", "0644"),
            "it is not executable (`mode: 0755` makes it so)",
        ),
        (daily("own.sh", "0755"), "would not read /etc/cron.daily/own.sh"),
    ] {
        let failed = host.apply(&playbook);
        let said = failed.stdout + &failed.stderr;
        assert!(failed.status == 1 && said.contains(words), "{said}");
    }
    host.converge(&daily("own", "0755"));
    // More files than systemd would start cron for.
    let many =
        (1..9).map(|hour| format!("  h{hour}: {{ schedule: \"0 {hour} * * *\", command: \"true\" }}\n"));
    host.converge(&format!("name: many\ncron:\n{}", many.collect::<String>()));
    assert_eq!(host.sh("systemctl is-active cron"), "active");
    // Others' mistakes are not ours.
    host.sh("echo nonsense >/etc/cron.d/theirs");
    host.converge(&file("own", "6 4 * * * root true\\n", ""));
}

/// A place that takes what is posted to it, and remembers it.
struct Sink {
    url: String,
    posts: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Listens at this machine's end of the link to the host until the test ends.
    fn listen(host: &Host) -> Self {
        let listener = TcpListener::bind((host.machine.gateway(), 0)).expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("its address"));
        let posts = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&posts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(&stream);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).expect("a request");
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a number");
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                kept.lock()
                    .expect("kept")
                    .push(String::from_utf8(body).expect("text"));
                (&stream)
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .expect("an answer");
            }
        });
        Self { url, posts }
    }

    /// The messages that came since the last call.
    fn texts(&self) -> Vec<String> {
        let text = |post: String| {
            let json: serde_json::Value = serde_json::from_str(&post).expect("JSON");
            json["text"].as_str().expect("a text").to_owned()
        };
        self.posts.lock().expect("kept").drain(..).map(text).collect()
    }
}

const MONITOR: &str = "/usr/local/lib/watched/monitor";

const WATCHED: &str = r#"
name: watched
secrets:
  webhook: { env: WEBHOOK }
files:
  /srv/serve.py: { source: serve.py }
  /srv/well: { content: "" }
supervisor:
  served: { command: /usr/bin/python3 /srv/serve.py, user: nobody, after: [file./srv/serve.py] }
cron:
  monitor:
    schedule: "*/5 * * * *"
    template: monitor.sh.hbs
    with: { url: "http://127.0.0.1:8080/", program: served, webhook: "${webhook}", logfile: /var/log/monitor.log }
checks:
  served: { http: "http://127.0.0.1:8080/" }
"#;

/// A program that is well while `/srv/well` is there, and the monitor that watches it.
fn watch(host: &Host, sink: &Sink) {
    host.file(
        "serve.py",
        "import http.server, os\n\
         class Handler(http.server.BaseHTTPRequestHandler):\n    \
             def do_GET(self):\n        \
                 self.send_response(200 if os.path.exists('/srv/well') else 500)\n        \
                 self.end_headers()\n\
         http.server.HTTPServer(('127.0.0.1', 8080), Handler).serve_forever()\n",
    );
    run(host.command("apply", WATCHED).env("WEBHOOK", &sink.url)).ok();
}

#[test]
fn the_monitor_restarts_at_the_second_failure_and_never_storms() {
    let Some(host) = Host::boot() else { return };
    let sink = Sink::listen(&host);
    watch(&host, &sink);
    assert_eq!(host.sh(&format!("stat -c '%a %U' {MONITOR}")), "700 root");
    let pid = || host.sh("supervisorctl pid served");
    let monitor = |times: usize| host.sh(&format!("for i in $(seq {times}); do {MONITOR} || true; done"));
    let first = pid();

    monitor(3);
    assert_eq!((pid(), sink.texts()), (first.clone(), vec![]));
    host.sh("rm /srv/well");
    monitor(1);
    assert_eq!((pid(), sink.texts()), (first.clone(), vec![]));
    monitor(1);
    let texts = sink.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].contains("served is not well, restart number 1: curl: (22)"),
        "{texts:?}"
    );
    wait_for("the program runs again", || pid() != "0");
    let second = pid();
    assert_ne!(second, first);

    // It stays broken: one restart, however often it is asked.
    monitor(10);
    assert_eq!((pid(), sink.texts()), (second.clone(), vec![]));
    // Each wait is twice the one before, up to six hours. The clock is moved by moving what it is compared with.
    let mut last = second;
    for (number, wait) in [(2, 300), (3, 600), (9, 21600)] {
        let state = "/var/lib/watched-monitor";
        let back = |by: i64| {
            format!(
                "echo {} >{state}/restarts; echo $(($(date +%s) - {by})) >{state}/last",
                number - 1
            )
        };
        host.sh(&back(wait - 30));
        monitor(1);
        assert_eq!(
            (pid(), sink.texts()),
            (last.clone(), vec![]),
            "restart {number} came before {wait} s"
        );
        host.sh(&back(wait));
        monitor(1);
        assert_eq!(
            sink.texts().len(),
            1,
            "restart {number} did not come after {wait} s"
        );
        wait_for("the program runs again", || pid() != "0");
        assert_ne!(pid(), last);
        last = pid();
    }

    host.sh("touch /srv/well");
    wait_for("the program answers", || {
        host.sh("curl -sf http://127.0.0.1:8080/ || echo no").is_empty()
    });
    monitor(3);
    assert_eq!(pid(), last);
    let texts = sink.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].ends_with("served is well again"), "{texts:?}");
}

#[test]
fn the_monitor_outlives_torn_state_and_a_clock_set_back() {
    let Some(host) = Host::boot() else { return };
    let sink = Sink::listen(&host);
    watch(&host, &sink);
    host.sh("rm /srv/well; cd /var/lib && mkdir watched-monitor && cd watched-monitor && echo 1 >failures && : >restarts && echo x >last");
    assert_eq!(host.sh(&format!("{MONITOR} 2>&1")), "");
    assert_eq!(sink.texts().len(), 1);
    host.sh("cd /var/lib/watched-monitor && echo 9 >restarts && echo 99999999999 >last");
    assert_eq!(host.sh(&format!("{MONITOR} 2>&1")), "");
    assert_eq!(sink.texts().len(), 1);
    // What curl says may hold what JSON does not take, and nothing of the webhook stands in a log.
    host.sh(&format!("sed -i 's|^url=.*|url=foo://x|' {MONITOR}"));
    host.sh("echo 99999999999 >/var/lib/watched-monitor/last");
    host.sh(MONITOR);
    let texts = sink.texts();
    assert!(
        texts[0].ends_with("Protocol 'foo' not supported or disabled in libcurl"),
        "{texts:?}"
    );
    assert_eq!(host.sh("grep -c /hook /var/log/monitor.log || true"), "0");
}

const BACKUP: &str = r#"
name: api
directories:
  /srv/api: { mode: 0755 }
  /srv/api/releases: { mode: 0755 }
files:
  /srv/api/data: { content: "kept\n" }
  /srv/api/releases/1: { content: "left out\n" }
cron:
  backup:
    schedule: "0 2 * * *"
    template: backup.sh.hbs
    with: { what: /srv/api /etc/hostname, exclude: "--exclude=/srv/api/releases", to: /opt/backups, days: "7" }
"#;

#[test]
fn the_backup_makes_packs_that_can_be_read_and_removes_old_ones() {
    let Some(image) = base() else { return };
    let host = Host::of(&image);
    host.converge(BACKUP);
    host.sh("mkdir /opt/backups && cd /opt/backups && touch -d '-169 hours' api-20200101_020000.tar.gz");
    host.sh("cd /opt/backups && touch -d '-167 hours' api-20200102_020000.tar.gz && touch .api-20200103_020000.tar.gz");
    host.sh("cd /opt/backups && touch -d '-900 hours' api-two-20200101_020000.tar.gz other.tar.gz");
    let said = host.sh("/usr/local/lib/api/backup 2>/dev/null");
    let pack = said.rsplit(' ').next().expect("its path").to_owned();
    assert!(said.contains("backup complete: /opt/backups/api-2"), "{said}");
    assert_eq!(
        host.sh(&format!("tar -tzf {pack}; stat -c %a {pack}")),
        "srv/api/\nsrv/api/data\netc/hostname\n600"
    );
    let there = host.sh("cd /opt/backups && ls -A");
    let name = pack.trim_start_matches("/opt/backups/");
    assert_eq!(
        there,
        format!(".lock\napi-20200102_020000.tar.gz\n{name}\napi-two-20200101_020000.tar.gz\nother.tar.gz")
    );

    // Another one is under way as long as its lock is held.
    let busy = host
        .sh("cd /opt/backups && flock .lock sh -c '/usr/local/lib/api/backup && echo wrong; ls -A | wc -l'");
    assert_eq!(busy, "another backup is running\n5");
    // What cannot be packed whole leaves nothing, and no old pack goes for it.
    host.sh("touch -d '-900 hours' /opt/backups/api-20200102_020000.tar.gz && mv /srv/api /srv/away");
    let failed = host.sh("/usr/local/lib/api/backup 2>&1 && echo wrong; ls -A /opt/backups | wc -l");
    assert!(
        failed.contains("Cannot stat") && !failed.contains("wrong") && failed.ends_with("\n5"),
        "{failed}"
    );
}

#[test]
fn the_monitor_tells_of_jobs_that_fail_or_are_missed() {
    let Some(host) = Host::boot() else { return };
    let playbook = r#"
name: jobs
secrets: { token: { file: token } }
cron:
  sync:
    schedule: "@reboot"
    command: 'test -e /srv/well && echo "$name 100%" >>/tmp/ran'
    environment: { name: "it's" }
    user: nobody
    max_age: 2h
  jobs: { schedule: "@yearly", template: tell.sh.hbs, user: nobody }
  monitor:
    schedule: "@daily"
    template: monitor.sh.hbs
    with: { url: "", program: "", logfile: /var/log/told.log }
"#;
    host.file("token", "s3cr3t-token");
    host.file("tell.sh.hbs", "#!/bin/sh\necho {{token}}\n");
    host.converge(playbook);
    // Beside the folder of the same name, and for a user whose group is none of that name.
    let script = "/usr/local/lib/jobs/jobs_";
    assert_eq!(
        host.sh(&format!("stat -c '%a %U' {script} && runuser -u nobody {script}")),
        "700 nobody\ns3cr3t-token"
    );
    let told = || {
        let monitor = "/usr/local/lib/jobs/monitor";
        host.sh(&format!(
            "touch /var/log/told.log; {monitor} && {monitor} && sed 's/^[^ ]* [^ ]* //' /var/log/told.log && rm /var/log/told.log"
        ))
    };
    let state = "/var/lib/jobs-jobs/sync";
    // cron itself runs it, as if the host had just started.
    let run_it = || {
        host.sh(&format!(
            "rm -f {state}/code /run/crond.reboot && systemctl restart cron"
        ));
        wait_for("the job has run", || {
            host.sh(&format!("ls {state}")).contains("code")
        });
    };
    assert_eq!(told(), "", "it has time");
    run_it();
    let failed = "the last run of the cron job sync failed with exit status 1";
    assert_eq!(told(), failed, "it is told once");
    run_it();
    assert_eq!(told(), "", "it was told");
    host.sh("touch /srv/well");
    run_it();
    assert_eq!(told(), "the cron job sync is well again");
    assert_eq!(
        host.sh(&format!("cat /tmp/ran; stat -c %U {state}/well")),
        "it's 100%\nnobody"
    );

    // A run is missed: the clock is moved by moving what it is compared with.
    host.sh(&format!("echo $(($(date +%s) - 7260)) >{state}/well"));
    assert_eq!(told(), "the cron job sync has not run for 121 minutes");
    run_it();
    assert_eq!(told(), "the cron job sync is well again");

    // What its user may write there neither stops the monitor nor shows it anything.
    host.sh(&format!(
        "cd {state} && rm well code && mkfifo well && ln -s /etc/shadow code"
    ));
    assert_eq!(told(), "");
    let gone = playbook.replace("    max_age: 2h\n", "");
    host.converge(&gone);
    assert_eq!(host.sh("ls /usr/local/lib/jobs/jobs 2>/dev/null || true"), "");
}
