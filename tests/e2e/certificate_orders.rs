//! Orders of certificates that fail, and the authority on which they are tried first.

use crate::certificate::{Authority, host, over_http, playbook};
use crate::host::{Host, Run};

fn said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

#[test]
fn an_order_that_failed_waits_and_all_else_goes_on() {
    let Some(host) = host() else { return };
    let authority = Authority::start(&host, 14000, host.machine.gateway());
    let server = authority.directory();
    let first = playbook(&server, "[]", "one.test");
    let failed = host.apply(&first);
    assert_eq!(failed.status, 1, "{}", said(&failed));
    for words in ["Some challenges have failed", "step certificate.main failed"] {
        assert!(said(&failed).contains(words), "{words} in\n{}", said(&failed));
    }
    assert_eq!((over_http(&host).as_str(), authority.orders()), ("200 ", 1));
    let memory = "/var/lib/hostwright/orders/main";
    let remembered = |key: &str| host.sh(&format!("sed -n 's/^{key}=//p' {memory}"));
    let wait = || {
        let at = |key: &str| remembered(key).parse::<u64>().expect("seconds");
        at("retry") - at("failed")
    };
    assert_eq!(wait(), 300);

    // All else is applied, and that something is left undone is no success.
    let more = format!("{first}files: {{ /etc/motd: {{ content: hello }} }}\n");
    let waits = host.apply(&more);
    assert_eq!(waits.status, 1, "{}", said(&waits));
    for words in [
        "certificate.main  left undone for now: the last order failed 0 min ago: ",
        "it is placed again from ",
        memory,
        "nginx.web  left undone for now: it waits for certificate.main",
        "is not yet as the playbook says: certificate.main, nginx.web",
    ] {
        assert!(said(&waits).contains(words), "{words} in\n{}", said(&waits));
    }
    assert_eq!(host.sh("cat /etc/motd"), "hello");
    assert_eq!((over_http(&host).as_str(), authority.orders()), ("200 ", 1));
    let plan = host.plan(&more);
    assert_eq!(plan.status, 2, "{}", plan.stdout);
    assert!(
        plan.stdout
            .contains("Nothing to change; 2 things left undone for now."),
        "{}",
        plan.stdout
    );

    // Its time comes, and it fails once more; other names are another order.
    host.sh(&format!("sed -i 's/^retry=.*/retry=1/' {memory}"));
    assert_eq!(host.apply(&more).status, 1);
    assert_eq!((wait(), authority.orders()), (600, 2));
    let other = more.replace("aliases: []", "aliases: [two.test]");
    assert_eq!(host.apply(&other).status, 1);
    assert_eq!((wait(), authority.orders()), (300, 3));
    assert_eq!(host.apply(&other).status, 1);
    assert_eq!(authority.orders(), 3);

    authority.point_names_at(host.machine.address());
    host.sh(&format!("rm {memory}"));
    host.converge(&other);
    assert_eq!(authority.get(&host, "two.test").ok().stdout, "hello\n");
    assert_eq!(over_http(&host), "301 https://one.test/");

    // What Let's Encrypt says when too many were ordered (its documentation, "Rate Limits").
    let limit = "too many certificates (5) already issued for this exact set of domains in the last 168h0m0s, \
                 retry after 2099-01-02 12:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/";
    host.sh(&format!(
        "cat >/usr/local/bin/certbot <<'END'\n#!/bin/sh\nprintf '%s\\n' 'An unexpected error occurred:' 'Error creating new order :: {limit}' \
         'Ask for help or search for solutions at https://community.letsencrypt.org.' >&2\nexit 1\nEND\nchmod +x /usr/local/bin/certbot"
    ));
    assert_eq!(host.apply(&more).status, 1);
    let plan = host.plan(&more).stdout;
    for words in [
        "certificate.main/renewal  left undone for now: the last order failed 0 min ago: Error creating new order :: too many",
        "from 2099-01-02 12:00 ",
    ] {
        assert!(plan.contains(words), "{words} in\n{plan}");
    }
    // The site goes on with the certificate that is there.
    assert_eq!(authority.get(&host, "one.test").ok().stdout, "hello\n");
    host.sh(&format!("rm /usr/local/bin/certbot {memory}"));
    host.converge(&more);
    assert_ne!(
        authority.get(&host, "two.test").status,
        0,
        "it was taken out of the certificate"
    );

    // One that was good for years, and has less than ten days left.
    host.sh("cd /tmp && : >index && echo 01 >serial && cat >ca.cnf <<'END'
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = policy
x509_extensions = names
[policy]
commonName = supplied
[names]
subjectAltName = DNS:one.test
END
        openssl req -new -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=one.test -out ca.csr 2>/dev/null
        openssl ca -batch -selfsign -config ca.cnf -keyfile ca.key -in ca.csr -startdate 20200101000000Z \
        -enddate $(date -u -d '+10 days -1 hour' +%Y%m%d%H%M%SZ) -notext -out ca.pem 2>/dev/null
        cat ca.pem >$(readlink -f /etc/letsencrypt/live/main/fullchain.pem)");
    let plan = host.plan(&more).stdout;
    for words in [
        "certificate.main/renewal  the certificate ends in 9 days, and certbot has not renewed it",
        "Nothing to change.",
    ] {
        assert!(plan.contains(words), "{words} in\n{plan}");
    }
}

/// Lets Let's Encrypt's names lead to authorities on this machine: nginx on the host hands requests on to them.
fn stand_in(host: &Host, staging: &Authority, real: &Authority) {
    let mut script = String::from(
        "cd /etc/nginx && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stand-in -keyout stand-in.key \
         -out stand-in.pem -addext subjectAltName=DNS:acme-v02.api.letsencrypt.org,DNS:acme-staging-v02.api.letsencrypt.org 2>/dev/null\n\
         cp stand-in.pem /usr/local/share/ca-certificates/stand-in.crt && update-ca-certificates >/dev/null 2>&1\n",
    );
    for (authority, name) in [(staging, "acme-staging-v02"), (real, "acme-v02")] {
        let directory = authority.directory();
        let base = directory.strip_suffix("/dir").expect("Pebble's");
        script += &format!(
            "echo '127.0.0.1 {name}.api.letsencrypt.org' >>/etc/hosts
cat >conf.d/{name}.conf <<'END'
server {{
  listen 443 ssl;
  server_name {name}.api.letsencrypt.org;
  ssl_certificate stand-in.pem;
  ssl_certificate_key stand-in.key;
  proxy_set_header Host $host;
  location = /directory {{ proxy_pass {directory}; }}
  location / {{ proxy_pass {base}; }}
}}
END\n"
        );
    }
    host.sh(&(script + "systemctl reload-or-restart nginx"));
}

#[test]
fn an_order_of_lets_encrypts_is_tried_at_its_staging_environment_first() {
    let Some(host) = host() else { return };
    let staging = Authority::start(&host, 14000, host.machine.address());
    let real = Authority::start(&host, 15000, host.machine.address());
    stand_in(&host, &staging, &real);
    let playbook = |staging: bool| {
        format!(
            "name: web\nnginx:\n  web: {{ root: /srv/www, certificate: main }}\n\
             certificates:\n  main: {{ domain: one.test, staging: {staging} }}\n"
        )
    };
    host.converge(&playbook(true));
    assert_eq!(staging.get(&host, "one.test").ok().stdout, "hello\n");
    assert_eq!((staging.orders(), real.orders()), (1, 0));

    // What would fail fails there, and is not asked of the real one; nor does it wait.
    staging.point_names_at(host.machine.gateway());
    let failed = host.apply(&playbook(false));
    assert_eq!(failed.status, 1, "{}", said(&failed));
    assert_eq!((staging.orders(), real.orders()), (2, 0), "{}", said(&failed));
    staging.point_names_at(host.machine.address());
    host.converge(&playbook(false));
    assert_eq!((staging.orders(), real.orders()), (3, 1));
    crate::host::wait_for("nginx serves the real one's", || {
        real.get(&host, "one.test").stdout == "hello\n"
    });
    host.sh("certbot renew --force-renewal --no-random-sleep-on-renew 2>&1");
    assert_eq!((staging.orders(), real.orders()), (3, 2));
}
