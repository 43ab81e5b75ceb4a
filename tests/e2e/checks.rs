//! Checks: asked on the host and from here, until they are right or their time is up.

use crate::host::{Host, run};

/// What the checks ask. It looks for the secret in every process's arguments while it is asked.
const SERVER: &str = r#"
import glob, http.server, json

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/bytes":
            return self.answer(200, b"\xff\xfe")
        self.answer(200 if self.path == "/health" else 404, b'{"status": "ok", "count": 3}')

    def do_POST(self):
        key = self.headers["X-Key"]
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                leaked = key.encode() in open(path, "rb").read()
            except OSError:
                continue
            if leaked:
                open("/srv/leaks", "a").write(path)
        posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        open("/srv/posts", "a").write("\n")
        self.answer(401, json.dumps({"key": key, "posted": posted["it's"], "type": self.headers["Content-Type"]}).encode())

http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"#;

const RIGHT: &str = r#"
name: checked
secrets:
  key: { env: KEY }
apt: { packages: [curl] }
checks:
  # The server starts when this one has been asked three times.
  slow: { command: "echo >>/srv/tries; [ $(wc -l </srv/tries) -ge 3 ]", within: 60s }
  status: { http: "http://127.0.0.1:8080/", expect: { status: 404 }, within: 60s }
  json: { http: "http://127.0.0.1:8080/health", expect: { json: { status: ok, count: 3 }, contains: '"count": 3' }, within: 60s }
  bytes: { http: "http://127.0.0.1:8080/bytes", within: 60s }
  tcp: { tcp: "127.0.0.1:8080", within: 60s }
  reads-nothing: { command: cat }
  counted: { command: "echo >>/srv/counted" }
  json-here: { http: "http://HOST:8080/health", from: here, expect: { json: { count: 3 } }, within: 60s }
  tcp-here: { tcp: "HOST:8080", from: here, within: 60s }
  posted:
    http: http://127.0.0.1:8080/post
    post: "{\"it's\": \"a \\\"b\\\" \\\\ c\"}"
    headers: { X-Key: "${key}" }
    expect: { status: 401, json: { posted: "a \"b\" \\ c", type: application/json, key: "${key}" } }
    within: 60s
  posted-here:
    http: http://HOST:8080/post
    post: "{\"it's\": \"d\"}"
    headers: { X-Key: "${key}" }
    expect: { status: 401, json: { posted: d, type: application/json, key: "${key}" } }
    from: here
    within: 60s
"#;

/// `left` is what must be free, on the disk and in memory.
fn guarded(left: &str) -> String {
    format!(
        "name: guarded
secrets: {{ key: {{ env: KEY }} }}
files: {{ /srv/guarded: {{ content: '{left}' }} }}
checks:
  disk: {{ disk: {{ at: /srv/none/yet, free: {left} }}, before: true }}
  memory: {{ memory: {left}, before: true }}
  asked: {{ command: 'echo ${{key}} >/dev/null; echo >>/srv/asked; test ! -e /srv/no', before: true }}
  after: {{ command: 'test -e /srv/guarded' }}
"
    )
}

const WRONG: &str = r#"
name: checked
secrets:
  key: { env: KEY }
checks:
  status: { http: "http://127.0.0.1:8080/none", within: 1s }
  value: { http: "http://127.0.0.1:8080/health", expect: { json: { status: better } }, within: 1s }
  text: { http: "http://127.0.0.1:8080/health", expect: { contains: nowhere }, within: 1s }
  refused: { http: "http://127.0.0.1:1/", within: 1s }
  tcp: { tcp: "127.0.0.1:1", within: 1s }
  command: { command: "echo why >&2; exit 3", within: 1s }
  syntax: { command: "echo )", within: 1s }
  here: { http: "http://HOST:1/", from: here, within: 1s }
  tcp-here: { tcp: "HOST:1", from: here, within: 1s }
  posted:
    http: http://127.0.0.1:8080/post
    post: "{\"it's\": \"d\"}"
    headers: { X-Key: "${key}" }
    within: 1s
"#;

const KEY: &str = "a-key-that-nobody-sees";

#[test]
fn checks_are_asked_until_they_are_right_or_their_time_is_up() {
    let Some(host) = Host::boot() else { return };
    std::fs::write(host.machine.root().join("srv/serve.py"), SERVER).expect("written");
    host.sh(
        "systemd-run --quiet sh -c 'until [ $(cat /srv/tries | wc -l) -ge 3 ]; do sleep 0.05; done; exec python3 /srv/serve.py'",
    );
    let right = run(host.command("apply", RIGHT).env("KEY", KEY)).ok();
    assert!(right.stdout.contains("11 checks passed"), "{}", right.stdout);
    let asked = "cat /srv/tries | wc -l; cat /srv/counted | wc -l; cat /srv/posts | wc -l";
    assert_eq!(host.sh(asked), "3\n1\n2", "none was asked before the apply");

    // With nothing to change they are asked beside the probe, and again until they are right.
    host.sh("rm /srv/tries");
    let again = run(host.command("apply", RIGHT).env("KEY", KEY)).ok();
    for said in ["Nothing to change.", "11 checks passed"] {
        assert!(again.stdout.contains(said), "{}", again.stdout);
    }
    assert_eq!(host.sh(asked), "3\n2\n4");

    let wrong = run(host.command("apply", WRONG).env("KEY", KEY));
    assert_eq!(wrong.status, 1, "{}", wrong.stdout);
    let address = host.machine.address();
    for line in [
        "status: the status is 404, not 200: {\"status\": \"ok\", \"count\": 3}",
        "value: `status` is `ok`, not `better`",
        "text: the answer does not hold `nowhere`: {\"status\"",
        "refused: http://127.0.0.1:1/ does not answer: curl: (7)",
        "tcp: nothing takes a connection at 127.0.0.1:1",
        "command: it ended with 3: why",
        "syntax: it ended with 2:",
        &format!("here: http://{address}:1/ does not answer: "),
        &format!("tcp-here: nothing takes a connection at {address}:1: Connection refused"),
        "posted: the status is 401, not 200: {\"key\": \"",
    ] {
        assert!(
            wrong.stdout.contains(&format!("✗ check {line}")),
            "{line} in\n{}",
            wrong.stdout
        );
    }
    assert!(
        wrong.stderr.contains("10 of 10 checks failed"),
        "{}",
        wrong.stderr
    );
    let said = [right.stdout, right.stderr, wrong.stdout, wrong.stderr].concat();
    assert!(!said.contains(KEY), "{said}");
    assert_eq!(
        host.sh("cat /srv/leaks 2>/dev/null; grep -rl a-key-that /var/lib/hostwright /tmp || true"),
        ""
    );
}

#[test]
fn what_must_be_so_before_is_asked_before_anything_is_changed() {
    let Some(host) = Host::boot() else { return };
    let apply = |left: &str| run(host.command("apply", &guarded(left)).env("KEY", "not to be seen"));
    let first = apply("1K").ok().stdout;
    for words in [
        "✓ check before: disk",
        "✓ check before: memory",
        "✓ check before: asked",
        "✓ check after",
        "Generation 1.",
    ] {
        assert!(first.contains(words), "{words} in\n{first}");
    }
    assert!(!first.contains("The way back"), "{first}");
    // Where nothing is to be changed there is no before.
    let again = apply("1K").ok().stdout;
    assert!(!again.contains("before"), "{again}");
    assert_eq!(host.sh("wc -l </srv/asked"), "1");

    let short = apply("900T");
    assert_eq!(short.status, 1);
    for words in [
        "✗ check before: disk: ",
        "MiB are free for /srv/none/yet, and 943718400 MiB are needed",
        "✗ check before: memory: ",
        "MiB of memory are available, and 943718400 MiB are needed",
        "✓ check before: asked",
    ] {
        assert!(short.stdout.contains(words), "{words} in\n{}", short.stdout);
    }
    assert!(
        short.text().contains("2 of 3 checks before the apply failed"),
        "{}",
        short.stderr
    );
    assert_eq!(host.sh("cat /srv/guarded"), "1K");

    let way_back = format!(
        "The way back: hostwright rollback root@{} --to 1\n",
        host.machine.address()
    );
    let second = apply("2K").ok().stdout;
    assert!(second.contains(&way_back), "{way_back} in\n{second}");
    host.sh("touch /srv/no");
    let third = apply("3K");
    assert!(
        third.stdout.contains("✗ check before: asked: it ended with 1"),
        "{}",
        third.stdout
    );
    assert_eq!(
        host.sh("cat /srv/guarded; ls /var/lib/hostwright/generations/guarded"),
        "2K1\n2"
    );
}
