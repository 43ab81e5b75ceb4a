//! What a site can say, asked of nginx itself: files, locations, WebSockets, redirects, denials, headers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::host::Host;

/// A program that says what it was asked, and takes every upgrade: from then on it answers each line with itself.
const BACKEND: &str = r#"cat >/srv/backend.py <<'END'
import socketserver
class Backend(socketserver.StreamRequestHandler):
    def handle(self):
        head = {}
        path = self.rfile.readline().split()[1].decode()
        for line in iter(self.rfile.readline, b"\r\n"):
            name, value = line.decode().split(":", 1)
            head[name.lower()] = value.strip()
        upgrade, connection = head.get("upgrade", "none"), head.get("connection", "none")
        if upgrade == "websocket" and connection == "upgrade":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            for line in self.rfile:
                self.wfile.write(b"echo " + line)
        else:
            body = f"{path} {upgrade} {connection}\n".encode()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 9000), Backend).serve_forever()
END
systemd-run --quiet --unit=backend python3 /srv/backend.py
for try in $(seq 600); do curl -so /dev/null http://127.0.0.1:9000/ && break; sleep 0.05; done"#;

const SITE: &str = r#"
name: web
directories: { /srv/site: { source: site } }
nginx:
  web:
    root: /srv/site
    fallback: /index.html
    cache: 1h
    names: [example.com]
    redirect_from: [www.example.com]
    headers: { X-Frame-Options: DENY, X-Said: 'a "b" \c; d' }
    gzip: true
    access_log: false
    replaces_default: true
    locations:
      /ws: { proxy: "127.0.0.1:9000", websocket: true }
      /api/: { proxy: "127.0.0.1:9000" }
      /assets/: { root: /srv/site, cache: 30d }
      /old: { redirect: https://example.org/new }
      /private/: { deny: all }
      /here/: { allow: 127.0.0.1 }
      /away/: { allow: [192.0.2.0/24] }
      /not-me/: { deny: [127.0.0.1] }
"#;

/// What nginx answers to a request of the host itself: head and body.
fn get(host: &Host, name: &str, path: &str) -> String {
    host.sh(&format!(
        "curl -si --max-time 30 -H 'Host: {name}' http://127.0.0.1{path}"
    ))
    .replace('\r', "")
}

fn status(host: &Host, path: &str) -> String {
    let answer = get(host, "example.com", path);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Asks for a WebSocket at `path`, and says a line when it has one; returns all that was answered.
fn upgrade(host: &Host, name: &str, path: &str) -> String {
    let mut stream = TcpStream::connect((host.machine.address(), 80)).expect("connected");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("set");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    let mut said = false;
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if text.contains("echo ") || text.contains("\r\n\r\n") && !text.contains(" 101 ") {
            return text;
        }
        if text.contains("\r\n\r\n") && !said {
            stream.write_all(b"hello\n").expect("said");
            said = true;
        }
        let read = stream.read(&mut bytes).expect("answered");
        assert!(read > 0, "it ended: {text}");
        answer.extend_from_slice(&bytes[..read]);
    }
}

#[test]
fn a_site_serves_what_it_says() {
    let Some(host) = Host::boot() else { return };
    host.sh(BACKEND);
    host.file("site/index.html", "<h1>app</h1>\n");
    host.file("site/assets/a.css", &"body { color: red; }\n".repeat(200));
    for folder in ["private", "here", "away", "not-me"] {
        host.file(&format!("site/{folder}/index.html"), "inside\n");
    }
    host.converge(SITE);

    let home = get(&host, "example.com", "/");
    for words in [
        "200 OK",
        "<h1>app</h1>",
        "Cache-Control: max-age=3600",
        "X-Frame-Options: DENY",
        r#"X-Said: a "b" \c; d"#,
    ] {
        assert!(home.contains(words), "{words} in\n{home}");
    }
    let deep = get(&host, "example.com", "/no/such/page");
    assert!(deep.contains("200 OK") && deep.contains("<h1>app</h1>"), "{deep}");
    assert!(deep.contains("text/html"), "{deep}");
    let asset = get(&host, "example.com", "/assets/a.css");
    assert!(asset.contains("Cache-Control: max-age=2592000"), "{asset}");
    assert!(asset.contains("X-Frame-Options: DENY"), "{asset}");
    // A location with a root of its own has no fallback.
    assert_eq!(status(&host, "/assets/none.css"), "404");
    let packed =
        host.sh("curl -sI -H 'Host: example.com' -H 'Accept-Encoding: gzip' http://127.0.0.1/assets/a.css");
    assert!(packed.contains("Content-Encoding: gzip"), "{packed}");

    let old = get(&host, "example.com", "/old");
    assert!(
        old.contains("301 ") && old.contains("Location: https://example.org/new"),
        "{old}"
    );
    let www = get(&host, "www.example.com", "/a?b=c");
    assert!(
        www.contains("301 ") && www.contains("Location: http://example.com/a?b=c"),
        "{www}"
    );
    // A name that nobody has is the site's, not that of the redirect.
    assert!(get(&host, "other.example", "/").contains("<h1>app</h1>"));

    for (path, wanted) in [
        ("/private/", "403"),
        ("/here/", "200"),
        ("/away/", "403"),
        ("/not-me/", "403"),
    ] {
        assert_eq!(status(&host, path), wanted, "{path}");
    }

    let socket = upgrade(&host, "example.com", "/ws");
    assert!(
        socket.contains("101 Switching") && socket.contains("echo hello"),
        "{socket}"
    );
    let plain = get(&host, "example.com", "/ws");
    assert!(plain.ends_with("/ws none none"), "{plain}");
    // Where it is not said, nothing is upgraded.
    let kept = upgrade(&host, "example.com", "/api/");
    assert!(
        kept.contains("200 OK") && kept.contains("/api/ none none"),
        "{kept}"
    );

    assert_eq!(host.sh("cat /var/log/nginx/access.log"), "");
    host.converge(&SITE.replace("    access_log: false\n", ""));
    get(&host, "example.com", "/");
    assert!(host.sh("cat /var/log/nginx/access.log").contains("GET / "));
}

#[test]
fn groups_sockets_limits_and_passwords() {
    let Some(host) = Host::boot() else { return };
    host.sh(BACKEND);
    // The same program behind a socket, and with TLS under a name whose certificate the host trusts.
    host.sh(
        "sed 's/^socketserver.ThreadingTCPServer(.*/socketserver.ThreadingUnixStreamServer(\"\\/run\\/app.sock\", Backend).serve_forever()/' \
           /srv/backend.py >/srv/by_socket.py
         systemd-run --quiet --unit=socket sh -c 'umask 0; exec python3 /srv/by_socket.py'
         cd /srv && openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=rates.example -addext subjectAltName=DNS:rates.example \
           -keyout key.pem -out cert.pem 2>/dev/null
         echo '127.0.0.1 rates.example wrong.example' >>/etc/hosts
         systemd-run --quiet --unit=tls --working-directory=/srv openssl s_server -accept 9443 -key key.pem -cert cert.pem -WWW
         echo rates >/srv/list
         for try in $(seq 600); do [ -S /run/app.sock ] && exit; sleep 0.05; done; journalctl -u socket; exit 1",
    );
    let playbook = |more: &str| {
        format!(
            r#"
name: web
files: {{ /usr/local/share/ca-certificates/rates.crt: {{ source: cert.pem }} }}
commands:
  trust: {{ run: update-ca-certificates, unless: "test -e /etc/ssl/certs/rates.pem", after: [file./usr/local/share/ca-certificates/rates.crt] }}
nginx:
  web:
    names: ["*.example.com", intranet]
    proxy: app
    after: [command.trust]
    replaces_default: true
    upstreams:
      app: [{{ server: "127.0.0.1:1" }}, {{ server: "unix:/run/app.sock", weight: 2 }}, {{ server: "127.0.0.1:9000", backup: true }}]
    locations:
      /socket/: {{ proxy: "unix:/run/app.sock" }}
      /list: {{ proxy: https://rates.example:9443 }}
      /wrong: {{ proxy: https://wrong.example:9443 }}
      /slow/: {{ limit: {{ rate: 1r/m, burst: 1 }} }}
      /staff/: {{ auth: {{ users: {{ ann: pass, bob: '$6$saltsalt$LDXPTlgBwvos30nDQYE87p0HOcSSLvqM4sFnKbmhnABtBtA32fiC3O10o2AoRuO4wxB/8/wHS5Kpe4CLBip/10' }} }} }}
{more}"#
        )
    };
    let certificate = host.sh("cat /srv/cert.pem");
    host.file("cert.pem", &(certificate + "\n"));
    host.converge(&playbook(""));
    let body = |path: &str| get(&host, "shop.example.com", path);
    let code = |curl: &str| {
        host.sh(&format!(
            "curl -so /dev/null -w '%{{http_code}}' -H 'Host: intranet' {curl}"
        ))
    };
    for path in ["/", "/socket/a", "/b"] {
        let answer = body(path);
        assert!(
            answer.contains("200 OK") && answer.contains(&format!("{path} none none")),
            "{answer}"
        );
    }
    host.sh("systemctl stop socket");
    assert!(body("/after").contains("/after none"), "the backup answers");
    let list = body("/list");
    assert!(
        list.contains("rates"),
        "{list}{}",
        host.sh("tail -n 5 /var/log/nginx/error.log")
    );
    assert_eq!(
        code("http://127.0.0.1/wrong"),
        "502",
        "its certificate is another's"
    );

    let codes = [1, 2, 3].map(|_| code("http://127.0.0.1/slow/"));
    assert_eq!(codes, ["200", "200", "429"]);
    for (user, wanted) in [
        ("", "401"),
        ("-u ann:pass", "200"),
        ("-u ann:wrong", "401"),
        ("-u bob:Hello", "200"),
    ] {
        assert_eq!(code(&format!("{user} http://127.0.0.1/staff/")), wanted, "{user}");
    }
    assert_eq!(
        host.sh("stat -c '%a %U:%G' /etc/nginx/passwords/*"),
        "640 root:www-data"
    );

    // Of the whole site; a location that says who may has its own rules.
    host.converge(&playbook(
        "      /here/: { allow: [127.0.0.1] }\n    deny: [127.0.0.1]\n",
    ));
    assert_eq!(code("http://127.0.0.1/"), "403");
    assert_eq!(code("http://127.0.0.1/here/"), "200");
}

#[test]
fn sites_with_like_names_take_upgrades_beside_each_other() {
    let Some(host) = Host::boot() else { return };
    host.sh(BACKEND);
    host.converge(
        r#"
name: web
nginx:
  a-b: { proxy: "127.0.0.1:9000", websocket: true, names: [a-b.example.com] }
  a_b: { proxy: "127.0.0.1:9000", websocket: true, names: [d.example.com] }
  home:
    redirect: https://example.org$request_uri
    names: [example.com]
    locations: { /in/: { deny: all } }
"#,
    );
    for name in ["a-b.example.com", "d.example.com"] {
        let socket = upgrade(&host, name, "/");
        assert!(socket.contains("echo hello"), "{name}: {socket}");
    }
    let home = get(&host, "example.com", "/a?b");
    assert!(home.contains("Location: https://example.org/a?b"), "{home}");
    assert_eq!(status(&host, "/in/"), "403");
}
