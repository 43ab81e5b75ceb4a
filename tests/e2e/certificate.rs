//! Certificates from a real ACME server: Pebble on this machine, asked by certbot on the host.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::host::{Host, Run, base, run, wait_for};

/// Pebble and its DNS, bound to this machine's end of the link to one host, which trusts it.
pub struct Authority {
    folder: TempDir,
    address: Ipv4Addr,
    port: u16,
    children: Vec<Child>,
}

impl Authority {
    /// An authority for whose DNS every name is at `answer`. It uses four ports from `port` on.
    pub fn start(host: &Host, port: u16, answer: Ipv4Addr) -> Self {
        let mut authority = Self {
            folder: TempDir::new().expect("a folder"),
            address: host.machine.gateway(),
            port,
            children: Vec::new(),
        };
        authority.make_key();
        let (address, api, management) = (authority.address, authority.port, authority.port + 1);
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("{address}:{api}"),
            "managementListenAddress": format!("{address}:{management}"),
            "certificate": authority.path("api.pem"),
            "privateKey": authority.path("api.key"),
            "httpPort": 80,
            "tlsPort": 443,
        }});
        std::fs::write(authority.path("config.json"), config.to_string()).expect("written");
        let dns = format!("{address}:{}", port + 2);
        let mut server = Command::new("pebble-challtestsrv");
        server.args(["-http01", "", "-https01", "", "-tlsalpn01", ""]);
        let control = format!("{address}:{}", port + 3);
        server.args(["-dns01", &dns, "-management", &control, "-defaultIPv6", ""]);
        server.args(["-defaultIPv4", &answer.to_string()]);
        authority.spawn(server, "dns.log");
        let mut pebble = Command::new("pebble");
        pebble
            .args(["-dnsserver", &dns, "-config"])
            .arg(authority.path("config.json"));
        // Its tests of clients: slow answers, refused nonces, remembered authorizations.
        pebble.envs([
            ("PEBBLE_VA_NOSLEEP", "1"),
            ("PEBBLE_WFE_NONCEREJECT", "0"),
            ("PEBBLE_AUTHZREUSE", "0"),
        ]);
        authority.spawn(pebble, "pebble.log");
        let directory = authority.directory();
        wait_for("Pebble answers", || {
            Command::new("curl")
                .args(["-ksf", "-o", "/dev/null", &directory])
                .status()
                .expect("curl")
                .success()
        });
        let key = std::fs::read_to_string(authority.path("api.pem")).expect("read");
        host.sh(&format!(
            "printf %s '{key}' >/usr/local/share/ca-certificates/pebble-{port}.crt && update-ca-certificates 2>&1"
        ));
        authority
    }

    /// The key and certificate that its own API answers with.
    fn make_key(&self) {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=pebble",
        ]);
        openssl.args(["-addext", &format!("subjectAltName=IP:{}", self.address)]);
        openssl
            .arg("-keyout")
            .arg(self.path("api.key"))
            .arg("-out")
            .arg(self.path("api.pem"));
        run(&mut openssl).ok();
    }

    /// How often somebody has placed an order.
    pub fn orders(&self) -> usize {
        let log = std::fs::read_to_string(self.path("pebble.log")).expect("a log");
        log.matches("POST /order-plz").count()
    }

    /// Where the records of its DNS are set.
    pub fn dns(&self) -> String {
        format!("http://{}:{}", self.address, self.port + 3)
    }

    fn spawn(&mut self, mut command: Command, log: &str) {
        let log = File::create(self.path(log)).expect("a log");
        let also = log.try_clone().expect("a log");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(also).spawn();
        self.children.push(child.expect("tests/run installs pebble"));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its ACME directory.
    pub fn directory(&self) -> String {
        format!("https://{}:{}/dir", self.address, self.port)
    }

    /// From now on every name is at `answer`.
    pub fn point_names_at(&self, answer: Ipv4Addr) {
        let url = format!("{}/set-default-ipv4", self.dns());
        let body = serde_json::json!({ "ip": answer }).to_string();
        run(Command::new("curl").args(["-sf", "--data", &body, &url])).ok();
    }

    /// What `https://DOMAIN/` answers to a client that trusts this authority alone.
    pub fn get(&self, host: &Host, domain: &str) -> Run {
        self.ask(host, domain, "-sS")
    }

    /// The same to a client that is given an `option`.
    fn ask(&self, host: &Host, domain: &str, option: &str) -> Run {
        let root = self.path("root.pem");
        let url = format!("https://{}:{}/roots/0", self.address, self.port + 1);
        run(Command::new("curl").args(["-ksf", &url, "-o"]).arg(&root)).ok();
        let resolve = format!("{domain}:443:{}", host.machine.address());
        let mut curl = Command::new("curl");
        curl.args([
            option,
            "--resolve",
            &resolve,
            &format!("https://{domain}/"),
            "--cacert",
        ])
        .arg(root);
        run(&mut curl)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A host where something answers behind nginx.
pub fn host() -> Option<Host> {
    let host = Host::boot()?;
    host.sh("mkdir -p /srv/www && echo hello >/srv/www/index.html");
    host.sh("systemd-run --quiet --unit=backend python3 -m http.server 8080 --bind 127.0.0.1 --directory /srv/www");
    Some(host)
}

pub fn playbook(server: &str, aliases: &str, domain: &str) -> String {
    format!(
        r#"
name: web
nginx:
  web: {{ proxy: "127.0.0.1:8080", replaces_default: true, certificate: main, names: [one.test, two.test] }}
certificates:
  main: {{ domain: {domain}, aliases: {aliases}, server: {server} }}
ufw: {{ allow: [22/tcp, 80/tcp, 443/tcp] }}
"#
    )
}

/// Status and target of what `http://HOST/` answers.
pub fn over_http(host: &Host) -> String {
    let url = format!("http://{}/", host.machine.address());
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{redirect_url}",
        "-H",
        "Host: one.test",
        &url,
    ]);
    run(&mut curl).ok().stdout
}

/// The serial number of the certificate that nginx answers with.
fn serial(host: &Host) -> String {
    let script = format!(
        "openssl s_client -connect {}:443 -servername one.test </dev/null 2>/dev/null | openssl x509 -noout -serial",
        host.machine.address()
    );
    run(Command::new("sh").args(["-c", &script])).ok().stdout
}

#[test]
fn a_domain_gets_its_certificate_in_one_apply_and_keeps_it_renewed() {
    let Some(host) = host() else { return };
    let authority = Authority::start(&host, 14000, host.machine.address());
    let server = authority.directory();
    host.converge(&playbook(&server, "[]", "one.test"));
    assert_eq!(authority.get(&host, "one.test").ok().stdout, "hello\n");
    assert_eq!(over_http(&host), "301 https://one.test/");
    assert_eq!(
        host.sh("systemctl is-enabled certbot.timer; systemctl is-active certbot.timer"),
        "enabled\nactive"
    );

    // A dry run goes to Let's Encrypt's staging server unless told otherwise.
    host.sh(&format!(
        "certbot renew --dry-run --no-random-sleep-on-renew --server {server} 2>&1"
    ));
    let (pid, first) = (host.sh("cat /run/nginx.pid"), serial(&host));
    host.sh("certbot renew --force-renewal --no-random-sleep-on-renew 2>&1");
    wait_for("nginx serves the renewed certificate", || serial(&host) != first);
    assert_eq!(host.sh("cat /run/nginx.pid"), pid);
    assert!(
        host.plan(&playbook(&server, "[]", "one.test"))
            .ok()
            .stdout
            .contains("Nothing to change.")
    );

    // The site's file stays as it is: the new certificate alone makes nginx load anew.
    assert_ne!(authority.get(&host, "two.test").status, 0);
    host.converge(&playbook(&server, "[two.test]", "one.test"));
    wait_for("nginx serves both names", || {
        authority.get(&host, "two.test").stdout == "hello\n"
    });
    assert_eq!(host.sh("cat /run/nginx.pid"), pid);

    let other = Authority::start(&host, 15000, host.machine.address());
    let plan = host.plan(&playbook(&other.directory(), "[two.test]", "one.test"));
    assert!(
        plan.stdout.contains(&format!("{server} → {}", other.directory())),
        "{}",
        plan.stdout
    );
    host.converge(&playbook(&other.directory(), "[two.test]", "one.test"));
    wait_for("nginx serves the other authority's", || {
        other.get(&host, "one.test").stdout == "hello\n"
    });
}

#[test]
fn other_names_are_sent_on_by_https_and_browsers_are_told_to_stay_there() {
    let Some(host) = host() else { return };
    let authority = Authority::start(&host, 14000, host.machine.address());
    let server = authority.directory();
    host.converge(&format!(
        "name: web
nginx:
  web: {{ root: /srv/www, certificate: main, hsts: 365d, redirect_from: [www.one.test] }}
certificates:
  main: {{ domain: one.test, aliases: [www.one.test], server: {server} }}
"
    ));
    let page = authority
        .ask(&host, "one.test", "-sSi")
        .ok()
        .stdout
        .to_lowercase();
    assert!(
        page.contains("strict-transport-security: max-age=31536000") && page.ends_with("hello\n"),
        "{page}"
    );
    let www = authority
        .ask(&host, "www.one.test", "-sSi")
        .ok()
        .stdout
        .to_lowercase();
    assert!(
        www.contains(" 301") && www.contains("location: https://one.test/"),
        "{www}"
    );
    let plain = host
        .sh("curl -sI -H 'Host: www.one.test' http://127.0.0.1/a")
        .to_lowercase();
    assert!(
        plain.contains("location: https://one.test/a") && !plain.contains("strict-transport"),
        "{plain}"
    );
}

#[test]
fn certificates_that_were_there_before_are_renewed_as_the_playbook_says() {
    let Some(host) = host() else { return };
    let authority = Authority::start(&host, 14000, host.machine.address());
    let server = authority.directory();
    let playbook = playbook(&server, "[]", "one.test");
    let dry_run = format!(
        "certbot renew --dry-run --no-random-sleep-on-renew --server {server} 2>&1 && systemctl is-active nginx"
    );
    let certificate = || host.sh("sha256sum </etc/letsencrypt/live/main/cert.pem");
    let conf = "/etc/letsencrypt/renewal/main.conf";

    host.sh("systemctl stop nginx");
    host.sh(&format!(
        "certbot certonly --non-interactive --agree-tos --register-unsafely-without-email --standalone \
        --cert-name main --domain one.test --server {server} \
        --pre-hook 'systemctl stop nginx' --post-hook 'systemctl start nginx' 2>&1"
    ));
    let (before, asked) = (
        certificate(),
        host.sh(&format!("cat {conf}; stat -c '%a %U' {conf}")),
    );
    let plan = host.plan(&playbook).stdout;
    for line in [
        "~ certificate.main/renewal  change how certbot renews the certificate for one.test",
        "authenticator: standalone → webroot",
        "webroot: none → /var/www/acme",
        "pre_hook: systemctl stop nginx → none",
        "post_hook: systemctl start nginx → none",
    ] {
        assert!(plan.contains(line), "{line} in\n{plan}");
    }
    // What cannot be renewed so stays as it was.
    authority.point_names_at(host.machine.gateway());
    let failed = host.apply(&playbook);
    let said = failed.stdout + &failed.stderr;
    assert_eq!(failed.status, 1, "{said}");
    assert!(
        said.contains("step certificate.main/renewal failed") && said.contains(&format!("put back: {conf}")),
        "{said}"
    );
    assert_eq!(host.sh(&format!("cat {conf}; stat -c '%a %U' {conf}")), asked);
    authority.point_names_at(host.machine.address());
    host.converge(&playbook);
    host.sh(&dry_run);
    assert_eq!(certificate(), before, "another one was asked for");
    assert_eq!(authority.get(&host, "one.test").ok().stdout, "hello\n");

    for (edit, line) in [
        ("/renewalparams/a autorenew = False", "autorenew: False → True"),
        (
            "s/^authenticator = .*/&\\ninstaller = nginx/",
            "installer: nginx → none",
        ),
        (
            "s:^one.test = .*:one.test = /srv/other:",
            "webroot: /srv/other → /var/www/acme",
        ),
        (
            "/renewalparams/a pref_challs = dns-01,",
            "pref_challs: dns-01 → none",
        ),
    ] {
        host.sh(&format!("sed -i '{edit}' {conf}"));
        let plan = host.plan(&playbook).stdout;
        assert!(
            plan.contains(line) && plan.contains("1 to update."),
            "{line} in\n{plan}"
        );
    }
    host.converge(&playbook);
    assert_eq!(certificate(), before, "another one was asked for");
    host.sh("certbot renew --force-renewal --no-random-sleep-on-renew 2>&1");
    assert_ne!(certificate(), before);

    host.sh("mkdir -p /etc/letsencrypt/renewal-hooks/pre; cd /etc/letsencrypt/renewal-hooks/pre; printf '#!/bin/sh\\nsystemctl stop nginx\\n' >own; chmod +x own");
    let refused = host.plan(&playbook);
    let hook = "/etc/letsencrypt/renewal-hooks/pre/own";
    assert!(
        refused.stderr.contains(&format!("{hook} stops nginx")),
        "{refused:?}"
    );
    host.converge(&format!("{playbook}absent: [{hook}]\n"));
    host.sh("echo 'authenticator = standalone' >>/etc/letsencrypt/cli.ini");
    let refused = host.plan(&playbook);
    assert!(
        refused.stderr.contains("says `authenticator = standalone`"),
        "{refused:?}"
    );
}

#[test]
fn what_certbot_cannot_renew_is_got_anew() {
    let Some(host) = host() else { return };
    let authority = Authority::start(&host, 14000, host.machine.address());
    let server = authority.directory();
    let playbook = playbook(&server, "[]", "one.test");
    // A certificate that somebody put there, before anything else.
    host.sh(
        "mkdir -p /etc/letsencrypt/live/main; cd /etc/letsencrypt/live/main
        openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=one.test -addext subjectAltName=DNS:one.test \
        -keyout privkey.pem -out fullchain.pem 2>/dev/null; cp fullchain.pem cert.pem; cp fullchain.pem chain.pem",
    );
    let plan = host.plan(&playbook).stdout;
    for line in [
        "~ certificate.main/renewal  replace the certificate for one.test",
        "/etc/letsencrypt/live/main/cert.pem is not a link into certbot's archive",
    ] {
        assert!(plan.contains(line), "{line} in\n{plan}");
    }
    let dry_run = format!("certbot renew --dry-run --no-random-sleep-on-renew --server {server} 2>&1");
    let good = |case: &str| {
        host.converge(&playbook);
        assert_eq!(host.sh("ls /etc/letsencrypt/renewal"), "main.conf", "{case}");
        host.sh(&dry_run);
        wait_for("nginx serves the authority's", || {
            authority.get(&host, "one.test").stdout == "hello\n"
        });
    };
    good("put there by hand");
    for (case, does) in [
        ("its account is gone", "rm -r /etc/letsencrypt/accounts/*"),
        ("certbot's file is gone", "rm /etc/letsencrypt/renewal/main.conf"),
        ("the archive is gone", "rm -r /etc/letsencrypt/archive/main"),
        ("the links are gone", "rm -r /etc/letsencrypt/live/main"),
    ] {
        host.sh(does);
        assert_eq!(host.plan(&playbook).status, 2, "{case}");
        good(case);
    }
    // With two accounts certbot would ask which.
    host.sh(&format!(
        "cd /etc/letsencrypt; mv accounts one; certbot register --non-interactive --agree-tos \
        --register-unsafely-without-email --server {server} 2>&1; cp -r one/* accounts; rm -r one live/main"
    ));
    host.converge(&playbook);
    host.sh("sed -i 's/^authenticator = .*/authenticator = standalone/' /etc/letsencrypt/renewal/main.conf");
    host.converge(&playbook);
    host.sh("certbot renew --force-renewal --no-random-sleep-on-renew 2>&1");
}

#[test]
fn without_a_domain_there_is_nothing_of_certbot() {
    let Some(image) = base() else { return };
    let plan = Host::of(&image).plan(&playbook("null", "[]", "null"));
    assert_eq!(plan.status, 2, "{}", plan.stderr);
    assert!(plan.stdout.contains("nginx.web"), "{}", plan.stdout);
    assert!(
        !plan.stdout.contains("certbot") && !plan.stdout.contains("certificate"),
        "{}",
        plan.stdout
    );
}

#[test]
fn a_second_certbot_is_not_brought() {
    let Some(host) = Host::boot() else { return };
    let playbook = playbook("null", "[]", "one.test");
    assert_eq!(host.plan(&playbook).status, 2);
    // As snap lays it out, on a host that has no certificate yet.
    host.sh("rm -rf /etc/letsencrypt; mkdir -p /snap/bin && ln -s /usr/bin/true /snap/bin/certbot");
    let refused = host.plan(&playbook);
    assert_eq!(refused.status, 1, "{}", refused.stdout);
    for words in ["/snap/bin/certbot", "snap remove certbot"] {
        assert!(refused.stderr.contains(words), "{words} in\n{}", refused.stderr);
    }
}
