//! nginx sites: served as the program behind them expects, reloaded and never restarted, put back when
//! nginx refuses them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::host::{Host, wait_for};

const SITE: &str = r#"
name: web
nginx:
  web: { proxy: "127.0.0.1:8080", replaces_default: true, timeout: 30s }
"#;

/// A program that answers with what it was sent, and slowly where it is asked to.
const BACKEND: &str = r#"cat >/srv/backend.py <<'END'
import http.server, os, time
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"backend\n")
        if self.path == "/slow":
            open("/srv/begun", "w").close()
            while not os.path.exists("/srv/go"):
                time.sleep(0.02)
            self.wfile.write(b"to its end\n")
        for name in ["Host", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto"]:
            self.wfile.write(f"{name}={self.headers[name]}\n".encode())
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Echo).serve_forever()
END
systemd-run --quiet --unit=backend python3 /srv/backend.py
until (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 0.05; done"#;

fn boot() -> Option<Host> {
    let host = Host::boot()?;
    host.sh(&format!("bash -c {}", quoted(BACKEND)));
    Some(host)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What the host answers to a request from outside; empty when it does not answer.
fn get(address: Ipv4Addr, port: u16, path: &str) -> String {
    let mut answer = Vec::new();
    if let Ok(mut stream) = TcpStream::connect((address, port)) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        let request =
            format!("GET {path} HTTP/1.0\r\nHost: shop.example\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn master(host: &Host) -> String {
    host.sh("cat /run/nginx.pid")
}

#[test]
fn a_site_serves_and_a_change_is_a_reload() {
    let Some(host) = boot() else { return };
    let (address, from) = (host.machine.address(), host.machine.gateway());
    assert!(!get(address, 80, "/").contains("backend"), "nothing proxies yet");
    host.converge(SITE);
    let answer = get(address, 80, "/");
    for line in [
        "Host=shop.example".to_owned(),
        format!("X-Real-IP={from}"),
        format!("X-Forwarded-For=192.0.2.1, {from}"),
        "X-Forwarded-Proto=http".to_owned(),
    ] {
        assert!(answer.contains(&line), "{line} in\n{answer}");
    }
    assert_eq!(host.sh("ls /etc/nginx/sites-enabled"), "web");

    let before = master(&host);
    let slow = std::thread::spawn(move || get(address, 80, "/slow"));
    wait_for("the slow request is on its way", || {
        host.sh("ls /srv").contains("begun")
    });
    let changed = SITE.replace("30s", "31s");
    let plan = host.plan(&changed);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    assert!(
        plan.stdout.contains("+         proxy_read_timeout 31s;"),
        "{}",
        plan.stdout
    );
    host.converge(&changed);
    assert_eq!(master(&host), before, "nginx was restarted");
    host.sh("touch /srv/go");
    let answer = slow.join().expect("answered");
    assert!(answer.contains("to its end"), "the reload cut it off: {answer}");
}

#[test]
fn a_site_that_nginx_refuses_is_put_back() {
    let Some(host) = boot() else { return };
    let address = host.machine.address();
    host.converge(SITE);
    let before = host.sh("cat /etc/nginx/sites-available/web");
    let own = SITE.replace("timeout: 30s", "template: own.hbs");

    host.file(
        "own.hbs",
        "server { listen {{listen}}; proxi_pass http://{{proxy}}; }\n",
    );
    let refused = host.apply(&own);
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    let said = refused.stdout + &refused.stderr;
    assert!(said.contains("unknown directive \"proxi_pass\""), "{said}");
    assert!(
        said.contains("put back: /etc/nginx/sites-available/web"),
        "{said}"
    );
    assert_eq!(host.sh("cat /etc/nginx/sites-available/web"), before);
    assert!(
        get(address, 80, "/").contains("backend"),
        "the old site is served"
    );

    // `nginx -t` passes a port that another program holds; nginx then keeps its old configuration.
    host.file(
        "own.hbs",
        "server { listen {{listen}}; listen 127.0.0.1:8080; location / { return 204; } }\n",
    );
    let refused = host.apply(&own);
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    let said = refused.stdout + &refused.stderr;
    assert!(said.contains("Address already in use"), "{said}");
    assert_eq!(host.sh("cat /etc/nginx/sites-available/web"), before);
    assert!(
        get(address, 80, "/").contains("backend"),
        "the old site is served"
    );

    host.file(
        "own.hbs",
        "server { listen {{listen}}; location / { proxy_pass http://{{proxy}}; add_header Mended yes; } }\n",
    );
    host.converge(&own);
    let answer = get(address, 80, "/");
    assert!(
        answer.contains("Mended: yes") && answer.contains("backend"),
        "{answer}"
    );
}

#[test]
fn a_site_that_drifted_is_put_right() {
    let Some(host) = boot() else { return };
    let address = host.machine.address();
    host.converge(SITE);

    host.sh("sed -i s/8080/9090/ /etc/nginx/sites-available/web; ln -s ../sites-available/default /etc/nginx/sites-enabled/default");
    let plan = host.plan(SITE);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    for line in [
        "-         proxy_pass http://127.0.0.1:9090;",
        "+         proxy_pass http://127.0.0.1:8080;",
        "removes /etc/nginx/sites-enabled/default",
    ] {
        assert!(plan.stdout.contains(line), "{line} in\n{}", plan.stdout);
    }
    host.converge(SITE);
    assert_eq!(host.sh("ls /etc/nginx/sites-enabled"), "web");

    host.sh("systemctl stop nginx");
    assert_eq!(get(address, 80, "/"), "");
    let plan = host.plan(SITE);
    assert!(plan.stdout.contains("start nginx.service"), "{}", plan.stdout);
    host.converge(SITE);
    assert!(get(address, 80, "/").contains("backend"));

    // A run that died between the file and the reload leaves the file right and no stamp.
    host.sh("sed -i s/8080/9090/ /etc/nginx/sites-available/web; systemctl reload nginx");
    wait_for("the wrong site is served", || {
        get(address, 80, "/").contains("502")
    });
    host.sh("sed -i s/9090/8080/ /etc/nginx/sites-available/web; rm /var/lib/hostwright/loaded/nginx.web");
    let plan = host.plan(SITE);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    assert!(plan.stdout.contains("reload nginx with"), "{}", plan.stdout);
    assert!(plan.stdout.contains("1 change: 1 to run."), "{}", plan.stdout);
    host.converge(SITE);
    assert!(get(address, 80, "/").contains("backend"));
}
