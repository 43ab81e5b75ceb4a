//! What the text of a daemon's file names: accounts, ports, logs, names of servers. A plan knows from it what the host
//! rules out before anything is touched. Only what is sure is told: what a text leaves to other files, or to the
//! moment, is for the daemon to say.

mod account;
mod columns;
pub mod logrotate;
pub mod nginx;
mod socket;
mod sshd;
pub mod unit;

pub use account::Account;
pub use socket::Socket;

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

#[cfg(test)]
mod tests {
    use super::*;

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
