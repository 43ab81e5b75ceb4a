//! nginx sites: served as the program behind them expects, reloaded and never restarted, put back when
//! nginx refuses them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::host::{Host, base, wait_for};

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

    // `nginx -t` passes a port that another program holds; nginx then keeps its old configuration. A plan does not
    // see what the site includes.
    host.sh("echo 'listen 127.0.0.1:8080;' >/srv/listen.conf");
    host.file(
        "own.hbs",
        "server { listen {{listen}}; include /srv/listen.conf; location / { return 204; } }\n",
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
    host.sh(
        "sed -i s/9090/8080/ /etc/nginx/sites-available/web; rm /var/lib/hostwright/loaded/nginx@nginx.web",
    );
    let plan = host.plan(SITE);
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    assert!(plan.stdout.contains("nginx.web  reload nginx"), "{}", plan.stdout);
    assert!(plan.stdout.contains("1 change: 1 to run."), "{}", plan.stdout);
    host.converge(SITE);
    assert!(get(address, 80, "/").contains("backend"));

    // Why it does not start is told where the site is put in place, as nobody should have to log in for it.
    host.sh("systemctl stop nginx; mkdir -p /run/systemd/system/nginx.service.d; printf '[Service]\\nExecStartPre=/bin/sh -c \"echo not today; exit 1\"\\n' >/run/systemd/system/nginx.service.d/no.conf; systemctl daemon-reload");
    let plain = "name: p\nfiles: { /etc/nginx/conf.d/more.conf: { content: \"# more\\n\" } }\n";
    let failed = host.apply(plain);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(failed.stdout.contains("not today"), "{}", failed.stdout);
    assert!(!failed.stdout.contains("systemctl status"), "{}", failed.stdout);
    host.sh("rm -r /run/systemd/system/nginx.service.d; systemctl daemon-reload; systemctl start nginx");
    host.converge(plain);
}

#[test]
fn a_site_goes_where_nginx_reads_its_sites() {
    let Some(host) = boot() else { return };
    let address = host.machine.address();
    // As nginx.org's package has it.
    host.sh("sed -i '/sites-enabled/d' /etc/nginx/nginx.conf && mv /etc/nginx/sites-enabled/default /etc/nginx/conf.d/default.conf && systemctl reload nginx");
    host.converge(SITE);
    assert!(get(address, 80, "/").contains("backend"));
    assert_eq!(
        host.sh("ls /etc/nginx/conf.d /etc/nginx/sites-enabled"),
        "/etc/nginx/conf.d:\nweb.conf\n\n/etc/nginx/sites-enabled:"
    );
    // The playbook's own main file counts, not the one that it replaces.
    host.sh("sed 's/conf.d/sites-enabled/; s/\\*.conf/*/' /etc/nginx/nginx.conf >/srv/nginx.conf");
    let main = host.sh("cat /srv/nginx.conf");
    host.file("nginx.conf", &(main + "\n"));
    let both = format!("{SITE}files: {{ /etc/nginx/nginx.conf: {{ source: nginx.conf }} }}\n");
    host.converge(&both);
    assert!(get(address, 80, "/").contains("backend"));
    assert_eq!(
        host.sh("ls /etc/nginx/conf.d /etc/nginx/sites-enabled"),
        "/etc/nginx/conf.d:\n\n/etc/nginx/sites-enabled:\nweb"
    );

    host.sh("sed -i '/sites-enabled/d' /etc/nginx/nginx.conf");
    let plan = host.plan(SITE);
    assert_eq!(plan.status, 1, "{}", plan.stdout);
    assert!(
        plan.stderr
            .contains("add `include /etc/nginx/sites-enabled/*;` to `http`"),
        "{}",
        plan.stderr
    );
    let file = "name: x\nfiles: { /etc/nginx/conf.d/own.conf: { content: \"server { listen 81; }\\n\" } }\n";
    let failed = host.apply(file);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    assert!(
        failed
            .stdout
            .contains("nginx does not read /etc/nginx/conf.d/own.conf"),
        "{}",
        failed.stdout
    );
}

#[test]
fn a_name_that_another_site_has_is_refused() {
    let Some(host) = boot() else { return };
    host.sh("printf 'server { listen 80; server_name shop.example; return 204; }\\n' >/etc/nginx/sites-enabled/a-shop");
    let site = "name: web\nnginx:\n  web: { proxy: \"127.0.0.1:8080\", names: [shop.example] }\n";
    let failed = host.apply(site);
    assert_eq!(failed.status, 1, "{}", failed.stdout);
    let words = "the name shop.example at 0.0.0.0:80 from one file alone, and /etc/nginx/sites-enabled/a-shop has it too, in line 1";
    assert!(failed.text().contains(words), "{}", failed.stderr);
    assert_eq!(host.sh("ls /etc/nginx/sites-enabled"), "a-shop\ndefault");
    // Neither a name, and the default site has none either.
    let failed = host.apply("name: web\nnginx:\n  web: { proxy: \"127.0.0.1:8080\" }\n");
    assert!(failed.text().contains("replaces_default"), "{}", failed.stderr);
    let plain = |name: &str, text: &str| {
        format!("name: web\nfiles: {{ /etc/nginx/conf.d/{name}.conf: {{ content: \"{text}\\n\" }} }}\n")
    };
    for (text, words) in [
        (
            "server { listen 80; server_name  other.example\\n  shop.example; }",
            "/etc/nginx/sites-enabled/a-shop has it too",
        ),
        (
            "server { listen 80 default_server; }",
            "its default server at 0.0.0.0:80",
        ),
    ] {
        let failed = host.apply(&plain("x", text));
        assert_eq!(failed.status, 1, "{}", failed.stdout);
        assert!(failed.text().contains(words), "{}", failed.stderr);
    }
    let failed = host.apply("name: web\nnginx:\n  a: { proxy: \"127.0.0.1:8080\", names: [a.example] }\n  b: { proxy: \"127.0.0.1:8080\", names: [b.example, a.example] }\n");
    assert!(
        failed.text().contains("(nginx.b of this playbook) has it too"),
        "{}",
        failed.stderr
    );

    // What a plan cannot know: a file that comes with a command of the same playbook.
    let bring = "commands: { bring: { run: mv /srv/late /etc/nginx/sites-enabled/late, creates: /etc/nginx/sites-enabled/late } }\n";
    host.sh("printf 'server { listen 80; server_name late.example; }\\n' >/srv/late");
    let late = site.replace("[shop.example]", "[late.example], after: [command.bring]");
    let failed = host.apply(&(late + bring));
    let words = "the name late.example on 0.0.0.0:80 from one file alone: /etc/nginx/sites-enabled/late and /etc/nginx/sites-enabled/web";
    assert!(
        failed.stdout.contains(words),
        "{}{}",
        failed.stdout,
        failed.stderr
    );
    assert_eq!(host.sh("ls /etc/nginx/sites-enabled"), "a-shop\ndefault\nlate");
    // A site that goes with the same playbook is in nobody's way; one that nginx does not read neither.
    host.sh("rm /etc/nginx/sites-enabled/late; mv /etc/nginx/sites-enabled/a-shop /etc/nginx/sites-enabled/b-shop");
    host.sh("cp /etc/nginx/sites-enabled/b-shop /etc/nginx/conf.d/not-read");
    host.converge(&format!("{site}absent: [/etc/nginx/sites-enabled/b-shop]\n"));
    host.converge("name: web\nabsent: [/etc/nginx/sites-enabled/web, /etc/nginx/conf.d/not-read]\n");
    host.sh("printf 'server { listen 80; server_name shop.example; return 204; }\\n' >/etc/nginx/sites-enabled/a-shop");
    // Two others that quarrel are said, and are not ours.
    host.sh("cp /etc/nginx/sites-enabled/a-shop /etc/nginx/sites-enabled/b-shop");
    let run = host.converge(&plain(
        "x",
        "server { listen 80; server_name third.example; return 205; }",
    ));
    assert!(run.stdout.contains("conflicting server name"), "{}", run.stdout);
    assert_eq!(
        host.sh("curl -so /dev/null -w '%{http_code}' -H 'Host: third.example' http://127.0.0.1/"),
        "205"
    );
    // What is taken away is served no more.
    host.converge("name: web\nabsent: [/etc/nginx/conf.d/x.conf]\n");
    assert_eq!(
        host.sh("curl -so /dev/null -w '%{http_code}' -H 'Host: third.example' http://127.0.0.1/"),
        "200"
    );
}

#[test]
fn a_host_without_ipv6_serves_over_ipv4() {
    let Some(base) = base() else { return };
    let host = Host::of(&base);
    host.sh("mkdir -p /etc/systemd/system/nginx.service.d && printf '[Service]\\nRestrictAddressFamilies=~AF_INET6\\n' >/etc/systemd/system/nginx.service.d/ipv4.conf && systemctl daemon-reload");
    let serves = "name: web\nnginx:\n  web: { proxy: \"127.0.0.1:8080\", names: [shop.example] }\n";
    host.converge(serves);
    // The site, without a program behind it, and the default one.
    assert!(get(host.machine.address(), 80, "/").contains("502"));
    assert!(
        host.sh("cat /etc/nginx/sites-enabled/default")
            .contains("# listen [::]:80")
    );
    host.converge(SITE);
    // As soon as there is IPv6, it is used.
    host.sh(
        "rm -r /etc/systemd/system/nginx.service.d && systemctl daemon-reload && systemctl restart nginx",
    );
    let plan = host.plan(SITE);
    assert!(plan.stdout.contains("+     listen [::]:80"), "{}", plan.stdout);
    host.converge(SITE);
    host.sh("ss -tln | grep -F '[::]:80'");
}

#[test]
fn a_host_whose_kernel_gives_no_ipv6_addresses_serves_over_ipv4() {
    let Some(base) = base() else { return };
    let host = Host::of(&base);
    host.sh("mount -o remount,rw /proc/sys; for at in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$at/disable_ipv6; done; [ -z \"$(cat /proc/net/if_inet6)\" ]");
    host.converge(SITE);
    assert!(get(host.machine.address(), 80, "/").contains("502"));
}

#[test]
fn what_stands_behind_a_link_is_loaded_too() {
    let Some(host) = boot() else { return };
    let site = |text: &str| {
        format!(
            "name: web\nfiles: {{ /srv/site.conf: {{ content: \"{text}\\n\" }} }}\nlinks: {{ /etc/nginx/conf.d/own.conf: {{ to: ../../../srv/site.conf }} }}\n"
        )
    };
    let status = || host.sh("curl -so /dev/null -w '%{http_code}' http://127.0.0.1:81/");
    host.converge(&site("server { listen 81; return 204; }"));
    assert_eq!(status(), "204");
    host.converge(&site("server { listen 81; return 205; }"));
    assert_eq!(status(), "205");
    let failed = host.apply(&site("server { listen 81; retrun 206; }"));
    assert!(
        failed.stdout.contains("unknown directive \"retrun\""),
        "{}",
        failed.stdout
    );
    assert!(host.sh("cat /srv/site.conf").contains("205"));
    host.sh("nginx -t");
    host.converge(&site("server { listen 81; return 206; }"));
    assert_eq!(status(), "206");
}

#[test]
fn a_run_that_is_cut_off_before_the_reload_is_made_good() {
    let Some(host) = boot() else { return };
    let file = "name: web\nfiles: { /etc/nginx/conf.d/own.conf: { content: \"server { listen 81; return 204; }\\n\" } }\n";
    // The reload that never comes: it ends the run.
    host.sh(
        "printf '#!/bin/bash\\nkill -9 -- -$(cat /var/lib/hostwright/runs/*/pid)\\ntouch /srv/dead\\n' >/srv/die && chmod +x /srv/die
         mkdir -p /etc/systemd/system/nginx.service.d
         printf '[Service]\\nExecReload=\\nExecReload=/srv/die\\n' >/etc/systemd/system/nginx.service.d/die.conf && systemctl daemon-reload",
    );
    let mut apply = host.command("apply", file).spawn().expect("the program starts");
    wait_for("the run is dead", || host.sh("ls /srv").contains("dead"));
    let _ = apply.kill();
    let _ = apply.wait();
    host.sh("rm -r /etc/systemd/system/nginx.service.d && systemctl daemon-reload");
    assert_eq!(
        host.sh("curl -so /dev/null http://127.0.0.1:81/ || echo no"),
        "no"
    );
    let plan = host.plan(file);
    assert!(plan.stdout.contains("reload nginx"), "{}", plan.stdout);
    // The playbook may say something else by then.
    let run = host.converge("name: web\n");
    assert!(
        run.stdout.contains("daemon.nginx  reload nginx"),
        "{}",
        run.stdout
    );
    host.converge(file);
    assert_eq!(
        host.sh("curl -so /dev/null -w '%{http_code}' http://127.0.0.1:81/"),
        "204"
    );
}
