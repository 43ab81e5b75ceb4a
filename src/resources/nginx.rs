//! nginx sites: tested before they are live, put back when the test fails, reloaded and never restarted.
//!
//! A site with a certificate that is not there yet is put in place twice: first over HTTP, so that the
//! authority's challenge finds its webroot, then with TLS and the redirect.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::certificate;
use super::directory::Directory;
use super::managed::ManagedFile;
use crate::change::{Action, Change, Id, Verb, sha256};
use crate::desired::{Context, Listen, Ref, Refusal, Resource};
use crate::facts::Questions;
use crate::playbook::render::{Declaration, Problem, Render};
use crate::playbook::scalar::{Address, Domain, Duration, Flag, Line, LocalPath, Name, Port, optional};
use crate::playbook::template::object;

/// A site that hands its requests on to a program.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Where requests go: `127.0.0.1:8080`.
    pub proxy: Address,
    /// The names that it answers to; those of its certificate, or any, unless given. With a certificate,
    /// HTTP redirects to the first.
    #[serde(default)]
    pub names: Vec<Domain>,
    /// The port for HTTP; 80 unless given.
    #[serde(default, deserialize_with = "optional")]
    pub listen: Option<Port>,
    /// Whether it takes the place of the distribution's default site.
    #[serde(default, deserialize_with = "optional")]
    pub replaces_default: Option<Flag>,
    /// The certificate (an entry of `certificates`) for HTTPS. HTTP redirects then.
    #[serde(default, deserialize_with = "optional")]
    pub certificate: Option<Name>,
    /// How long to wait for the program: to connect, to send, to read; 60 s unless given.
    #[serde(default, deserialize_with = "optional")]
    pub timeout: Option<Duration>,
    /// The largest request body: `1m` unless given.
    #[serde(default, deserialize_with = "optional")]
    pub max_body: Option<Line>,
    /// A template in place of the shipped one, relative to the playbook.
    #[serde(default, deserialize_with = "optional")]
    pub template: Option<LocalPath>,
    /// Ids that it comes after.
    #[serde(default)]
    pub after: Vec<Line>,
}

impl Site {
    fn ports(&self) -> Vec<u16> {
        let http = self.listen.as_ref().map_or(80, |port| port.0);
        let tls = self.certificate.is_some().then_some(443);
        match self.template {
            Some(_) => Vec::new(),
            None => std::iter::once(http).chain(tls).collect(),
        }
    }

    fn file(
        &self,
        name: &str,
        certificate: Option<&certificate::Issued>,
        tls: bool,
        cx: &Render<'_>,
    ) -> Result<ManagedFile, Problem> {
        let mut names: Vec<&str> = self.names.iter().map(|name| name.0.as_str()).collect();
        if names.is_empty() {
            names = certificate.map_or(vec!["_"], |issued| {
                issued.domains.iter().map(String::as_str).collect()
            });
        }
        let values = object(json!({
            "name": name,
            "names": names.join(" "),
            "listen": self.listen.as_ref().map_or(80, |port| port.0),
            "default_server": self.replaces_default.as_ref().is_some_and(|flag| flag.0),
            "proxy": self.proxy.0,
            "timeout": self.timeout.as_ref().map_or(60, |time| time.0),
            "max_body": self.max_body.as_ref().map_or("1m", |size| &size.0),
            "webroot": certificate.map(|issued| &issued.webroot),
            "certificate": certificate.filter(|_| tls).map(certificate::Issued::directory),
        }));
        let template = self.template.as_ref().map_or("nginx.conf.hbs", |path| &path.0);
        let content = cx.template(template, values)?;
        Ok(ManagedFile::new(
            format!("/etc/nginx/sites-available/{name}"),
            content,
        ))
    }
}

impl Declaration for Site {
    fn render(&self, name: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        let certificate = match &self.certificate {
            Some(wanted) => certificate::issued(wanted, &cx.loaded.playbook)?,
            None => None,
        };
        let id = Id::new("nginx", name);
        cx.needs_unit("nginx.service", "nginx", id.as_str());
        let site = Served {
            id: id.clone(),
            name: name.to_owned(),
            file: self.file(name, certificate.as_ref(), certificate.is_some(), cx)?,
            replaces_default: self.replaces_default.as_ref().is_some_and(|flag| flag.0),
            certificate: certificate.as_ref().map(|issued| issued.id.clone()),
            ports: self.ports(),
            unless: None,
        };
        if let Some(issued) = &certificate {
            if !cx
                .loaded
                .playbook
                .directories
                .keys()
                .any(|path| path.0 == issued.webroot)
                && !cx.has(&Id::new("directory", &issued.webroot))
            {
                Directory::default().render(&issued.webroot, cx)?;
            }
            cx.push(Served {
                id: certificate::challenge_id(name),
                name: name.to_owned(),
                file: self.file(name, certificate.as_ref(), false, cx)?,
                replaces_default: site.replaces_default,
                certificate: None,
                ports: self.ports(),
                unless: Some(issued.full_chain()),
            });
        }
        cx.push(site);
        Ok(())
    }

    fn after(&self) -> &[Line] {
        &self.after
    }
}

const DEFAULT: &str = "/etc/nginx/sites-enabled/default";

/// A reload only sends a signal: nginx may still refuse (a port that another program holds passes
/// `nginx -t`) and goes on as before. It has taken the configuration when it has a worker it did not have.
const RELOAD: &str = r#"nginx -t
if ! systemctl is-active --quiet nginx; then
  systemctl start nginx
else
  master=$(cat /run/nginx.pid)
  log=/var/log/nginx/error.log
  said=$(wc -l <"$log" || echo 0)
  workers() { grep -ls "^PPid:[[:space:]]*$master\$" /proc/[0-9]*/status | tr '\n' ' '; }
  before=$(workers)
  taken() {
    for worker in $(workers); do
      case " $before " in *" $worker "*) ;; *) return 0 ;; esac
    done
    return 1
  }
  systemctl reload nginx
  tries=0
  until taken; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || tail -n "+$((said + 1))" "$log" | grep -q 'still could not bind'; then
      echo "nginx did not take the new configuration and goes on with the old one; $log says:"
      tail -n "+$((said + 1))" "$log" | tail -n 20
      exit 1
    fi
    sleep 0.05
  done
fi"#;

#[derive(Debug)]
struct Served {
    id: Id,
    name: String,
    file: ManagedFile,
    replaces_default: bool,
    /// The certificate that must be there first.
    certificate: Option<Id>,
    /// Where it listens, as far as is known: a template of the playbook's own says it itself.
    ports: Vec<u16>,
    /// A path that makes this site needless: the site for the challenge gives way to the one with TLS.
    unless: Option<String>,
}

impl Served {
    fn link(&self) -> String {
        format!("/etc/nginx/sites-enabled/{}", self.name)
    }
}

impl Resource for Served {
    fn id(&self) -> &Id {
        &self.id
    }

    fn provides(&self) -> Vec<Ref> {
        // The site for the challenge does not provide what the final one does.
        if self.unless.is_some() {
            Vec::new()
        } else {
            vec![Ref::Path(self.file.path.clone())]
        }
    }

    fn needs(&self) -> Vec<Ref> {
        let mut needs = vec![Ref::Package("nginx".into()), Ref::Id(Id::new("systemd", "nginx"))];
        needs.extend(self.certificate.clone().map(Ref::Id));
        needs
    }

    fn listens(&self) -> Vec<Listen> {
        let listen = |port: &u16| Listen {
            port: *port,
            process: "nginx",
        };
        self.ports.iter().map(listen).collect()
    }

    fn ask(&self, questions: &mut Questions) {
        self.file.ask(questions);
        questions.path(&self.link());
        questions.path(DEFAULT);
        if let Some(path) = &self.unless {
            questions.path(path);
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        if self
            .unless
            .as_ref()
            .is_some_and(|path| cx.facts.path(path).is_some())
        {
            return Ok(Vec::new());
        }
        let mut change = self.file.change(cx, &self.id);
        let written = self.file.diff_into(cx, &mut change);
        let link = self.link();
        let target = format!("../sites-available/{}", self.name);
        let absolute = self.file.path.as_str();
        let linked = cx
            .facts
            .path(&link)
            .is_some_and(|fact| fact.target == target || fact.target == absolute);
        if !linked {
            change = change.note(format!("{link} → {target}"));
            change.actions.push(Action::Link { path: link, target });
        }
        // nginx brings its default site along when it is installed.
        if self.replaces_default && (cx.facts.path(DEFAULT).is_some() || cx.installs("nginx")) {
            change = change.note(format!("removes {DEFAULT}"));
            change.actions.push(Action::Remove { path: DEFAULT.into() });
        }
        let inputs = sha256(self.file.content.sha256.as_bytes());
        let loaded = cx.facts.loaded(&stamp(&self.id)) == Some(inputs.as_str());
        if change.actions.is_empty() && loaded {
            return Ok(Vec::new());
        }
        if change.actions.is_empty() {
            change = Change::new(
                &self.id,
                Verb::Run,
                format!("reload nginx with {}", self.file.path),
            )
            .note("nginx is not known to have loaded what is on disk");
        } else if !written {
            change.summary = format!("enable the site {}", self.name);
        }
        change = change.note("nginx -t, then reload");
        change.actions.insert(
            0,
            Action::Unloaded {
                name: stamp(&self.id),
            },
        );
        change = change.shell(RELOAD);
        Ok(vec![change.action(Action::Loaded {
            name: stamp(&self.id),
            value: inputs,
        })])
    }
}

/// The name of a stamp is a file's name.
fn stamp(id: &Id) -> String {
    id.as_str().replace('/', "_")
}
