//! Wildcards, whose challenge is answered by records of DNS.

use crate::certificate::{Authority, host};
use crate::host::wait_for;

/// What the shell of the host is given in place of a provider's token.
const TOKEN: &str = "token-of-the-provider";

#[test]
fn a_wildcard_is_issued_through_dns_and_served_for_all_its_names() {
    let Some(host) = host() else { return };
    let authority = Authority::start(&host, 14000, host.machine.address());
    let (server, dns) = (authority.directory(), authority.dns());
    let script = |path: &str, record: &str| {
        format!(
            "#!/bin/sh\necho \"$CERTBOT_DOMAIN $CERTBOT_REMAINING_CHALLENGES {{{{token}}}}\" >>/tmp/{path}\n\
             curl -sf -d '{{\"host\": \"_acme-challenge.'\"$CERTBOT_DOMAIN\"'.\"{record}}}' {dns}/{path}\n"
        )
    };
    host.file(
        "add.sh",
        &script("set-txt", ", \"value\": \"'\"$CERTBOT_VALIDATION\"'\""),
    );
    host.file("remove.sh", &script("clear-txt", ""));
    host.file("token", TOKEN);
    let playbook = |aliases: &str| {
        format!(
            "name: web
secrets: {{ token: {{ file: token }} }}
nginx:
  web: {{ root: /srv/www, certificate: all, names: [a.example.test, b.example.test] }}
certificates:
  all:
    domain: \"*.example.test\"
    aliases: {aliases}
    server: {server}
    dns: {{ auth_hook: add.sh, cleanup_hook: remove.sh, with: {{ token: \"${{token}}\" }}, propagation: 1s }}
"
        )
    };
    host.converge(&playbook("[example.test]"));
    for name in ["a.example.test", "b.example.test"] {
        assert_eq!(authority.get(&host, name).ok().stdout, "hello\n", "{name}");
    }
    // The token is root's alone, and nobody wrote it down.
    let hooks = "/usr/local/lib/web/certificates/all";
    assert_eq!(
        host.sh(&format!("cd {hooks} && stat -c '%n %a %U' *; grep -l {TOKEN} *")),
        "auth 700 root\ncleanup 700 root\nauth\ncleanup"
    );
    assert_eq!(
        host.sh(&format!(
            "grep -rl {TOKEN} /var/lib/hostwright /var/log /etc | grep -v /store/ || true"
        )),
        ""
    );
    assert_eq!(
        host.sh("sort -u /tmp/set-txt | wc -l; sort -u /tmp/clear-txt | wc -l"),
        "2\n2"
    );

    // It is renewed in the same way, by what certbot's own file says.
    let conf = "/etc/letsencrypt/renewal/all.conf";
    host.sh(&format!(
        "sed -i -e 's/^authenticator = .*/authenticator = standalone/' -e /^manual_/d -e /^pref_challs/d {conf}"
    ));
    let plan = host.plan(&playbook("[example.test]")).stdout;
    for line in [
        "authenticator: standalone → manual",
        "manual_cleanup_hook: none → /usr/local/lib/web/certificates/all/cleanup",
        "pref_challs: none → dns-01",
        "proved by a dry run",
    ] {
        assert!(plan.contains(line), "{line} in\n{plan}");
    }
    host.converge(&playbook("[example.test]"));
    host.sh("certbot renew --force-renewal --no-random-sleep-on-renew 2>&1");

    // A name less, and one more: the certificate is for exactly those.
    let names = || {
        host.sh(
            "openssl s_client -connect 127.0.0.1:443 -servername a.example.test </dev/null 2>/dev/null |
             openssl x509 -noout -ext subjectAltName | tail -n 1 | tr -d ' '",
        )
    };
    for (aliases, wanted) in [
        ("[]", "DNS:*.example.test"),
        ("[other.test]", "DNS:*.example.test,DNS:other.test"),
    ] {
        host.converge(&playbook(aliases));
        wait_for("nginx serves the new one", || names() == wanted);
    }
}
