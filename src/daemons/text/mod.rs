//! What the text of a daemon's file names: accounts, ports, logs, names of servers. A plan knows from it what the host
//! rules out before anything is touched. Only what is sure is told: what a text leaves to other files, or to the
//! moment, is for the daemon to say.

mod columns;
pub mod logrotate;
pub mod nginx;
mod sshd;
pub mod unit;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A user or a group that a text names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// A user, by name.
    User(String),
    /// A group, by name.
    Group(String),
}

/// An address and a TCP port at which something listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket {
    /// The address; an unspecified one stands for all of its family.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

impl Socket {
    /// All addresses of IPv4.
    pub fn any(port: u16) -> Self {
        let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self { address, port }
    }

    /// All addresses of IPv6.
    pub fn any6(port: u16) -> Self {
        let address = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        Self { address, port }
    }

    /// Whether only one of two can be had.
    pub fn meets(&self, other: &Self) -> bool {
        let any = self.address.is_unspecified() || other.address.is_unspecified();
        self.port == other.port
            && self.address.is_ipv4() == other.address.is_ipv4()
            && (any || self.address == other.address)
    }

    /// What `ADDRESS:PORT` stands for, as daemons and `ss` write it: both families where the address is `*`.
    pub fn read(text: &str) -> Vec<Self> {
        let Some((address, port)) = text.rsplit_once(':') else {
            return Vec::new();
        };
        let Ok(port) = port.parse() else { return Vec::new() };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        // An interface stands behind it: `127.0.0.53%lo`.
        let address = address.split('%').next().unwrap_or_default();
        match address {
            "*" | "" => vec![Self::any(port), Self::any6(port)],
            "localhost" => vec![Self {
                address: Ipv4Addr::LOCALHOST.into(),
                port,
            }],
            _ => address
                .parse()
                .ok()
                .map(|address| Self { address, port })
                .into_iter()
                .collect(),
        }
    }
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// Who listens where, because a text says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The daemon's process, named as its package is.
    pub process: &'static str,
    /// Where.
    pub sockets: Vec<Socket>,
}

/// The users and groups that the text of the file at `path` names, where a daemon would not take it without them.
pub fn accounts(path: &str, text: &str) -> Vec<Account> {
    let mut accounts = if logrotate::is_file(path) {
        logrotate::accounts(text)
    } else if unit::is_file(path) {
        unit::accounts(text)
    } else if path == nginx::MAIN {
        nginx::accounts(text)
    } else {
        columns::accounts(path, text)
    };
    let mut seen = std::collections::HashSet::new();
    accounts.retain(|account| seen.insert(account.clone()));
    accounts
}

/// Where the daemon that reads the text of the file at `path` listens.
pub fn listening(path: &str, text: &str) -> Option<Listening> {
    let (process, sockets) = if nginx::is_site(path) || path == nginx::MAIN {
        ("nginx", nginx::sockets(text))
    } else if sshd::is_file(path) {
        ("sshd", sshd::sockets(text))
    } else if unit::is_file(path) && path.contains(".socket") {
        ("systemd", unit::sockets(text))
    } else {
        return None;
    };
    (!sockets.is_empty()).then_some(Listening { process, sockets })
}

/// A name, if it is one that the host itself must know: no default, no number, nothing that is put in later.
fn name(text: &str) -> Option<String> {
    let text = text.trim().trim_matches('"');
    let named = !text.is_empty() && text != "-" && !text.contains(['%', '$']);
    named.then(|| text.to_owned())
}

fn user(text: &str) -> Option<Account> {
    name(text).map(Account::User)
}

fn group(text: &str) -> Option<Account> {
    name(text).map(Account::Group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_or_both() {
        for (one, other, meet) in [
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "10.0.0.1:80", false),
            ("0.0.0.0:80", "0.0.0.0:81", false),
            ("0.0.0.0:80", "[::]:80", false),
            ("[::]:80", "[::1]:80", true),
            ("*:80", "[::1]:80", true),
            ("*:80", "127.0.0.53%lo:80", true),
        ] {
            let (one, other) = (Socket::read(one), Socket::read(other));
            let met = one.iter().any(|one| other.iter().any(|other| one.meets(other)));
            assert_eq!(met, meet, "{one:?} {other:?}");
        }
        for none in ["unix:/run/x", "somewhere:80", "80", "*:*"] {
            assert_eq!(Socket::read(none), [], "{none}");
        }
    }

    #[test]
    fn who_must_be_there() {
        let names = |path: &str, text: &str| -> Vec<String> {
            let accounts = accounts(path, text).into_iter().map(|account| match account {
                Account::User(name) => name,
                Account::Group(name) => format!(":{name}"),
            });
            accounts.collect()
        };
        for (path, text, wanted) in [
            (
                "/etc/systemd/system/app.service",
                "# User=no\n[Service]\nUser=app\nGroup = web\nSupplementaryGroups=adm docker\nExecStart=/bin/x User=y\n",
                &["app", ":web", ":adm", ":docker"][..],
            ),
            (
                "/etc/systemd/system/app.service.d/a.conf",
                "[Service]\nUser=%i\nUser=\n",
                &[],
            ),
            (
                "/etc/systemd/system/app.service",
                "[Service]\nDynamicUser=yes\nUser=app\n",
                &[],
            ),
            (
                "/etc/systemd/system/app.socket",
                "[Socket]\nSocketUser=app\nSocketGroup=web\n",
                &["app", ":web"],
            ),
            (
                "/etc/logrotate.d/app",
                "/var/log/a/*.log {\n  su app web\n  create 0640 app adm # x\n  postrotate\n    create 1 no no\n  endscript\n}\n",
                &["app", ":web", ":adm"],
            ),
            (
                "/etc/logrotate.d/app",
                "/x {\n create\n create 0600\n create app web\n}\n",
                &["app", ":web"],
            ),
            (
                "/etc/cron.d/app",
                "# no\nMAILTO=root\n*/5 * * * * app echo\n@daily web x\n",
                &["app", "web"],
            ),
            (
                "/etc/tmpfiles.d/app.conf",
                "d /run/app 0755 app web -\nf /x - - -\nd /y\n",
                &["app", ":web"],
            ),
            (
                "/etc/nginx/nginx.conf",
                "user nginx web;\nhttp { user no; }\n",
                &["nginx", ":web"],
            ),
            ("/etc/nginx/conf.d/x.conf", "user nginx;\n", &[]),
            ("/srv/app.service", "[Service]\nUser=app\n", &[]),
        ] {
            assert_eq!(names(path, text), wanted, "{path}: {text}");
        }
    }

    #[test]
    fn who_listens_where() {
        let ports = |path: &str, text: &str| -> String {
            let Some(listening) = listening(path, text) else {
                return String::new();
            };
            let sockets: Vec<String> = listening.sockets.iter().map(ToString::to_string).collect();
            format!("{} {}", listening.process, sockets.join(" "))
        };
        for (path, text, wanted) in [
            (
                "/etc/ssh/sshd_config.d/a.conf",
                "Port 22\nport=2222\nMatch User x\nPort 5\n",
                "sshd 0.0.0.0:22 [::]:22 0.0.0.0:2222 [::]:2222",
            ),
            (
                "/etc/ssh/sshd_config",
                "ListenAddress 10.0.0.1:2200\nPort 22\n",
                "sshd 10.0.0.1:2200",
            ),
            (
                "/etc/systemd/system/a.socket",
                "[Socket]\nListenStream=\nListenStream=127.0.0.1:7001\nListenStream=81\nListenStream=/run/x\n",
                "systemd 127.0.0.1:7001 0.0.0.0:81 [::]:81",
            ),
            (
                "/etc/systemd/system/a.socket.d/b.conf",
                "[Socket]\nListenStream=[::1]:82\n",
                "systemd [::1]:82",
            ),
            (
                "/etc/systemd/system/a.service",
                "[Service]\nListenStream=82\n",
                "",
            ),
            ("/etc/nginx/sites-available/x", "server { listen 82; }", ""),
        ] {
            assert_eq!(ports(path, text), wanted, "{path}: {text}");
        }
    }
}
