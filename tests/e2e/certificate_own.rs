//! Certificates that a playbook brings along.

use std::process::Command;

use crate::certificate::host;
use crate::host::{Host, run, wait_for};

/// A certificate for `shop.test` and its key, beside the playbook.
fn make(host: &Host, days: u32) {
    let (key, chain) = (host.file("shop.key", ""), host.file("shop.pem", ""));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=shop",
    ]);
    openssl.args([
        "-addext",
        "subjectAltName=DNS:shop.test,DNS:*.shop.test",
        "-days",
        &days.to_string(),
    ]);
    run(openssl.arg("-keyout").arg(key).arg("-out").arg(chain)).ok();
}

const PLAYBOOK: &str = "
name: web
secrets: { shop_key: { file: shop.key } }
nginx:
  shop: { root: /srv/www, certificate: shop }
certificates:
  shop:
    domain: shop.test
    aliases: [\"*.shop.test\"]
    own: { source: shop.pem, key: \"${shop_key}\" }
";

#[test]
fn an_own_certificate_is_served_and_its_end_is_told() {
    let Some(host) = host() else { return };
    make(&host, 90);
    let plan = host.converge(PLAYBOOK).stdout;
    assert!(!plan.contains("PRIVATE KEY"), "{plan}");
    let folder = "/etc/nginx/certificates/shop";
    assert_eq!(
        host.sh(&format!("cd {folder} && stat -c '%n %a %U' *; grep -rl 'PRIVATE KEY' /var/lib/hostwright | grep -v /store/ || true")),
        "fullchain.pem 644 root\nprivkey.pem 600 root"
    );
    let served = || {
        host.sh(
            "openssl s_client -connect 127.0.0.1:443 -servername a.shop.test </dev/null 2>/dev/null | openssl x509 -noout -serial",
        )
    };
    let first = served();
    let pid = host.sh("cat /run/nginx.pid");
    let status = run(&mut host.bare("status")).ok().stdout;
    assert!(status.contains("89 days"), "{status}");

    // The next one is loaded without a restart, and that it ends soon is said by every plan.
    make(&host, 10);
    let plan = host.converge(PLAYBOOK).stdout;
    wait_for("nginx serves the next one", || served() != first);
    assert_eq!(host.sh("cat /run/nginx.pid"), pid);
    assert!(
        plan.contains("put the certificate for shop.test, *.shop.test in place"),
        "{plan}"
    );
    let plan = host.plan(PLAYBOOK).stdout;
    assert!(
        plan.contains("certificate.shop  the certificate ends in 9 days, on ")
            && plan.contains("Nothing to change."),
        "{plan}"
    );

    // What does not go together is found before the host is asked.
    let other = std::fs::read_to_string(host.folder.path().join("shop.pem")).expect("read");
    make(&host, 10);
    host.file("shop.pem", &other);
    let refused = host.apply(PLAYBOOK);
    assert!(
        refused.status == 1
            && refused
                .stderr
                .contains("the private key is not that of the certificate"),
        "{refused:?}"
    );
}

/// Before and after the version (1.25.1) from which the word of `listen` is a warning.
#[test]
fn http2_is_spelled_as_the_hosts_nginx_wants_it() {
    let Some(now) = Host::boot() else { return };
    let Some(next) = Host::of_next_release() else {
        return;
    };
    for (host, spelled) in [(now, "listen 443 ssl http2;"), (next, "http2 on;")] {
        make(&host, 90);
        let applied = host.converge(PLAYBOOK).stdout;
        assert!(!applied.contains("deprecated"), "{applied}");
        let site = host.sh("cat /etc/nginx/sites-available/shop; nginx -t 2>&1");
        assert!(
            site.contains(spelled) && !site.contains("[warn]"),
            "{spelled} in\n{site}"
        );
        let mut curl = Command::new("curl");
        curl.args(["-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version}"]);
        let address = host.machine.address();
        curl.arg("--resolve").arg(format!("shop.test:443:{address}"));
        assert_eq!(run(curl.arg("https://shop.test/")).ok().stdout, "2");
    }
}
