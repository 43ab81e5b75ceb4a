//! A first playbook, with what it needs beside it: written once, and its owner's from then on.

use crate::language::scalar::{Domain, Name, Port};

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum What {
    /// A site of files, served by nginx
    Site,
    /// A program under systemd, behind nginx
    App,
    /// A host with a firewall, keys alone and updates that install themselves
    Base,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The playbook's name.
    pub name: Name,
    /// What the server is for.
    pub what: What,
    /// Where it is served over HTTPS.
    pub domain: Option<Domain>,
    /// Where the program listens.
    pub port: Port,
    /// The host, as it is typed.
    pub host: Option<String>,
}

/// A file, and what it holds.
pub(super) type File = (String, String);

impl Wanted {
    /// The playbook's file.
    pub fn file(&self) -> String {
        format!("{}.yml", self.name)
    }

    /// The playbook.
    pub fn playbook(&self) -> File {
        let text = match self.what {
            What::Site => SITE,
            What::App => APP,
            What::Base => BASE,
        };
        let what = match self.what {
            What::Site => "a static site, served by nginx",
            What::App => "a program under systemd, behind nginx",
            What::Base => "a host with a firewall, keys alone and updates that install themselves",
        };
        let file = self.file();
        // With a host in hostwright.yml nothing needs to be named.
        let on_host = if self.host.is_some() {
            String::new()
        } else {
            format!(" {file} TARGET")
        };
        let commands = [
            (format!("check {file}"), "is it right?"),
            (
                format!("rehearse {file}"),
                "does it do what it says, on a throwaway host of this machine?",
            ),
            (format!("plan{on_host}"), "what would change on the server?"),
            (format!("apply{on_host}"), "change it"),
        ];
        let width = commands
            .iter()
            .map(|(command, _)| command.len())
            .max()
            .unwrap_or_default();
        let commands = commands.map(|(command, does)| format!("#   hostwright {command:width$}  {does}\n"));
        let head = format!(
            "# {name}: {what}.\n# `hostwright new` wrote this; it is yours.\n#\n{}name: {name}\n",
            commands.concat(),
            name = self.name,
        );
        let domain = self.domain.as_ref().map_or("null", |domain| &domain.0);
        (file, head + &self.filled(text).replace("DOMAIN", domain))
    }

    /// What the playbook names. What of it is there already stays.
    pub fn beside(&self) -> Vec<File> {
        let files: &[(&str, &str)] = match self.what {
            What::Site => &[("public/index.html", INDEX)],
            What::App => &[("app/app.py", PROGRAM)],
            What::Base => &[],
        };
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), self.filled(text)));
        files.collect()
    }

    /// `hostwright.yml` with the host, where one is known.
    pub fn hosts(&self) -> Option<File> {
        let host = self.host.as_ref()?;
        let text = format!(
            "# The hosts of this folder. With one of them, `hostwright plan`, `apply`, `status` and all others need no more words.\n\
             hosts:\n  {name}:\n    target: \"{host}\"\n    playbook: {file}\n",
            name = self.name,
            file = self.file(),
        );
        Some(("hostwright.yml".to_owned(), text))
    }

    fn filled(&self, text: &str) -> String {
        text.replace("NAME", &self.name.0)
            .replace("PORT", &self.port.to_string())
    }
}

const SITE: &str = r#"
vars:
  # With a domain the site is served over HTTPS, with a certificate that renews itself. The name must lead to the server.
  domain: DOMAIN

rehearsal:
  # The host of a rehearsal is not on the internet, where certificates are had.
  vars: { domain: null }

directories:
  # What is in `public/` here is what the site is; what is taken out here goes there, too.
  /srv/NAME: { source: public, delete: true }

nginx:
  NAME:
    root: /srv/NAME
    certificate: main
    cache: 1h
    gzip: true
    # It answers by whatever name the server is called. Take this out when there is a second site.
    replaces_default: true

certificates:
  main: { domain: "${domain}" }

ufw:
  # SSH is let in before the firewall goes on, whatever stands here.
  allow: [22/tcp, 80/tcp, 443/tcp]

# Asked after every apply, and by `hostwright verify`.
checks:
  answers: { http: "http://127.0.0.1/", expect: { contains: "<h1>" } }
"#;

const APP: &str = r#"
vars:
  # With a domain it is served over HTTPS, with a certificate that renews itself. The name must lead to the server.
  domain: DOMAIN
  # Where the program listens, on the server itself.
  port: PORT
  home: /opt/NAME

rehearsal:
  # The host of a rehearsal is not on the internet, where certificates are had.
  vars: { domain: null }

apt:
  # What the program needs.
  packages: [python3]

users:
  # The program runs as a user of its own.
  NAME: { system: true, home: "${home}" }

directories:
  # What is in `app/` here is what the program is there; what is taken out here goes there, too.
  ${home}: { source: app, delete: true }

systemd:
  # It starts with the server, and again when it ends or `app/` changes. It must come up; when it does not, the change is
  # undone.
  NAME:
    command: /usr/bin/python3 ${home}/app.py ${port}
    user: NAME
    unit: { Service: { ProtectSystem: strict, ProtectHome: yes, PrivateTmp: yes, NoNewPrivileges: yes } }

nginx:
  NAME:
    proxy: "127.0.0.1:${port}"
    certificate: main
    # It answers by whatever name the server is called. Take this out when there is a second site.
    replaces_default: true

certificates:
  main: { domain: "${domain}" }

ufw:
  # SSH is let in before the firewall goes on, whatever stands here.
  allow: [22/tcp, 80/tcp, 443/tcp]

# Asked after every apply, and by `hostwright verify`.
checks:
  answers: { http: "http://127.0.0.1/", expect: { json: { status: ok } } }
"#;

const BASE: &str = r#"
apt:
  packages: [unattended-upgrades]

files:
  # Updates of the distribution install themselves, once a day.
  /etc/apt/apt.conf.d/20auto-upgrades:
    content: |
      APT::Periodic::Update-Package-Lists "1";
      APT::Periodic::Unattended-Upgrade "1";
  # Keys alone open the host. It is undone by itself if a new connection does not get in.
  /etc/ssh/sshd_config.d/00-NAME.conf:
    content: |
      PasswordAuthentication no
      KbdInteractiveAuthentication no

ufw:
  # SSH is let in before the firewall goes on, whatever stands here.
  allow: [22/tcp]

# Asked after every apply, and by `hostwright verify`.
checks:
  keys-alone: { command: "sshd -T | grep -qx 'passwordauthentication no'" }
"#;

const INDEX: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>NAME</title>
<h1>NAME</h1>
<p>Put your pages in place of this one.</p>
</html>
"#;

const PROGRAM: &str = r#""""A program in a few lines, which says that it is well: put yours in its place."""

import http.server
import sys


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"status": "ok"}\n'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::load::{Overrides, load};
    use crate::playbook::render::render;

    #[test]
    fn whatever_is_answered_is_a_playbook_that_is_right() {
        for what in [What::Site, What::App, What::Base] {
            for domain in [None, Some(Domain("www.example.com".into()))] {
                for name in ["shop", "a-2nd-shop"] {
                    let wanted = Wanted {
                        name: Name(name.into()),
                        what,
                        domain: domain.clone(),
                        port: Port(8000),
                        host: Some("root@203.0.113.7".into()),
                    };
                    let folder = tempfile::tempdir().expect("a folder");
                    let (file, _) = wanted.playbook();
                    for (path, text) in std::iter::once(wanted.playbook()).chain(wanted.beside()) {
                        let path = folder.path().join(path);
                        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
                        std::fs::write(path, text).expect("written");
                    }
                    for rehearsal in [false, true] {
                        let overrides = Overrides {
                            rehearsal,
                            ..Overrides::default()
                        };
                        let loaded = load(&folder.path().join(&file), &overrides).expect("read");
                        let desired = render(&loaded, None).expect("rendered").desired;
                        assert!(desired.warnings.is_empty(), "{:?}", desired.warnings);
                        assert!(!desired.checks.is_empty());
                        let ids: Vec<&str> = desired
                            .entries
                            .iter()
                            .map(|entry| entry.resource.id().as_str())
                            .collect();
                        let certified = ids.iter().any(|id| id.starts_with("certificate."));
                        assert_eq!(
                            certified,
                            domain.is_some() && !rehearsal && what != What::Base,
                            "{ids:?}"
                        );
                    }
                }
            }
        }
    }
}
