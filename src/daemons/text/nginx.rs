//! nginx's files: where its servers listen, and under which names (its documentation, "Server names", `listen`).

use super::account::{Account, group, user};
use super::socket::Socket;

/// Its main file.
pub const MAIN: &str = "/etc/nginx/nginx.conf";

/// Prints the sites that nginx reads: `@PATH` and `=` with what stands behind it, then its lines without comments,
/// their numbers before them. What its main file includes comes first, under `@`.
pub const ASK: &str = r#"main=/etc/nginx/nginx.conf
echo @
sed -n 's/^[[:space:]]*include[[:space:]]/include /p' $main
for file in $main /etc/nginx/conf.d/*.conf /etc/nginx/sites-enabled/*; do
  [ -f "$file" ] || continue
  [ "$file" != $main ] || grep -q '^[^#]*server[[:space:]]*{' $main || continue
  printf '@%s\n=%s\n' "$file" "$(readlink -f "$file")"
  head -c 65536 "$file" | awk '!/^[ \t]*(#|$)/ { print FNR " " $0 }'
done"#;

/// Whether `path` is where nginx finds its sites, as it is packaged by Debian or nginx.org.
pub fn is_site(path: &str) -> bool {
    let below = |folder| {
        path.strip_prefix(folder)
            .is_some_and(|name: &str| !name.contains('/'))
    };
    below("/etc/nginx/sites-enabled/") || below("/etc/nginx/conf.d/") && path.ends_with(".conf")
}

/// Whether a main file with this text (or these lines of it) includes the folder of the site at `path`.
pub fn includes(main: &str, path: &str) -> bool {
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    main.lines().any(|line| {
        let pattern = line.trim().strip_prefix("include").unwrap_or_default();
        pattern.contains(&format!("{folder}/"))
    })
}

/// What one server alone may have at a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The socket, as the server names it.
    pub socket: Socket,
    /// The name; `None` for being the one that answers to names that nobody has.
    pub name: Option<String>,
    /// The line that says so.
    pub line: usize,
}

/// Where the servers of a text listen.
pub(super) fn sockets(text: &str) -> Vec<Socket> {
    let servers = servers(&tokens(text));
    let mut sockets: Vec<Socket> = Vec::new();
    for listen in servers.into_iter().flat_map(|server| server.listens) {
        if !sockets.contains(&listen.socket) {
            sockets.push(listen.socket);
        }
    }
    sockets
}

/// What the servers of a text claim.
pub fn claims(text: &str) -> Vec<Claim> {
    claims_of(&tokens(text))
}

/// The same of lines that bear their numbers, as [`ASK`] prints them.
pub fn claims_of_numbered(text: &str) -> Vec<Claim> {
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some((number, line)) = line.split_once(' ')
            && let Ok(number) = number.parse()
        {
            tokens_of_line(line, number, &mut found);
        }
    }
    claims_of(&found)
}

fn claims_of(tokens: &[Token]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for server in servers(tokens).into_iter().filter(|server| !server.is_stream) {
        for listen in &server.listens {
            let claim = |name: Option<&str>, line| Claim {
                socket: listen.socket,
                name: name.map(str::to_ascii_lowercase),
                line,
            };
            claims.extend(listen.is_default.then(|| claim(None, listen.line)));
            // Patterns are tried in their order, so several may fit.
            let names = server.names.iter().filter(|(name, _)| !name.starts_with('~'));
            claims.extend(names.map(|(name, line)| claim(Some(name), *line)));
            if server.names.is_empty() {
                claims.push(claim(Some(""), server.line));
            }
        }
    }
    claims
}

/// The user whom its workers run as.
pub(super) fn accounts(text: &str) -> Vec<Account> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    each(&tokens, |directive, blocks, _| {
        if let (true, ["user", owner @ ..]) = (blocks.is_empty(), directive) {
            found.extend(owner.first().and_then(|name| user(name)));
            found.extend(owner.get(1).and_then(|name| group(name)));
        }
    });
    found
}

#[derive(Debug)]
struct Listen {
    socket: Socket,
    is_default: bool,
    line: usize,
}

#[derive(Debug, Default)]
struct Server {
    line: usize,
    is_stream: bool,
    /// Whether it says nothing of where it listens.
    is_silent: bool,
    listens: Vec<Listen>,
    names: Vec<(String, usize)>,
}

fn servers(tokens: &[Token]) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    each(tokens, |directive, blocks, line| {
        if *directive == ["server", "{"] {
            servers.push(Server {
                line,
                is_stream: blocks.contains(&"stream"),
                is_silent: true,
                ..Server::default()
            });
        }
        let (Some(server), Some(&"server")) = (servers.last_mut(), blocks.last()) else {
            return;
        };
        server.is_silent &= directive.first() != Some(&"listen");
        match directive {
            ["listen", place, options @ ..] if !options.iter().any(|word| ["udp", "quic"].contains(word)) => {
                let is_default = options
                    .iter()
                    .any(|word| ["default_server", "default"].contains(word));
                let both = options.contains(&"ipv6only=off");
                server
                    .listens
                    .extend(places(place, both).into_iter().map(|socket| Listen {
                        socket,
                        is_default,
                        line,
                    }));
            }
            ["listen", ..] => {}
            ["server_name", names @ ..] => {
                server
                    .names
                    .extend(names.iter().map(|name| ((*name).to_owned(), line)));
            }
            _ => {}
        }
    });
    for server in servers
        .iter_mut()
        .filter(|server| server.is_silent && !server.is_stream)
    {
        server.listens.push(Listen {
            socket: Socket::any(80),
            is_default: false,
            line: server.line,
        });
    }
    servers
}

/// What the first word of a `listen` stands for: `80`, `*:80`, `10.0.0.1`, `[::]:8000-8010`.
fn places(text: &str, both: bool) -> Vec<Socket> {
    let is_port =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let (address, ports) = match text.rsplit_once(':') {
        _ if is_port(text) => ("0.0.0.0", text),
        Some((address, port)) if is_port(port) => (address, port),
        _ => (text, "80"),
    };
    let address = if address == "*" { "0.0.0.0" } else { address };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
        return Vec::new();
    };
    let mut sockets = Vec::new();
    for port in first..=last {
        sockets.extend(Socket::read(&format!("{address}:{port}")));
        if both && address == "[::]" {
            sockets.push(Socket::any(port));
        }
    }
    sockets
}

#[derive(Debug)]
struct Token {
    text: String,
    /// Whether it stood in quotes: then it is a word, whatever it looks like.
    quoted: bool,
    line: usize,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        tokens_of_line(line, index + 1, &mut found);
    }
    found
}

fn tokens_of_line(text: &str, line: usize, found: &mut Vec<Token>) {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let mut word = String::new();
        let quoted = matches!(c, '"' | '\'');
        match c {
            c if c.is_whitespace() => continue,
            '#' => return,
            '{' | '}' | ';' => word.push(c),
            '"' | '\'' => word.extend(rest.by_ref().take_while(|next| *next != c)),
            c => {
                word.push(c);
                while let Some(next) = rest.next_if(|next| !next.is_whitespace() && !"{};".contains(*next)) {
                    word.push(next);
                    // `${name}` is one word.
                    if next == '$' && rest.peek() == Some(&'{') {
                        word.extend(rest.by_ref().take_while(|next| *next != '}'));
                        word.push('}');
                    }
                }
            }
        }
        found.push(Token {
            text: word,
            quoted,
            line,
        });
    }
}

/// Goes through the directives with the blocks in which each stands and its line. One that opens a block ends with `{`.
fn each<'a>(tokens: &'a [Token], mut visit: impl FnMut(&[&'a str], &[&'a str], usize)) {
    let mut blocks: Vec<&str> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let mut line = 0;
    for token in tokens {
        if words.is_empty() {
            line = token.line;
        }
        match token.text.as_str() {
            ";" if !token.quoted => {
                visit(&words, &blocks, line);
                words.clear();
            }
            "{" if !token.quoted => {
                words.push("{");
                visit(&words, &blocks, line);
                blocks.push(words[0]);
                words.clear();
            }
            "}" if !token.quoted => {
                blocks.pop();
                words.clear();
            }
            word => words.push(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let claims = claims(text).into_iter();
        let words = claims.map(|claim| {
            let name = claim.name.unwrap_or_else(|| "default".into());
            format!("{} {name} {}", claim.socket, claim.line)
        });
        words.collect()
    }

    #[test]
    fn names_belong_to_sockets() {
        let text = "# server { listen 1; }
server {
    listen 80; listen [::]:80 default_server;
    server_name Shop.example
        \"www.shop.example\";
    location ~ ^/a{1} { return 200 \"listen 5; {\"; }
    if ($x = '}') { return 204; }
}
server { server_name ~^(?<a>.+)$ ; listen 127.0.0.1:8080 ssl; }
server { listen unix:/run/x; listen 443 quic; listen 443 ssl; }
";
        assert_eq!(
            said(text),
            [
                "0.0.0.0:80 shop.example 4",
                "0.0.0.0:80 www.shop.example 4",
                "[::]:80 default 3",
                "[::]:80 shop.example 4",
                "[::]:80 www.shop.example 4",
                "0.0.0.0:443  10",
            ]
        );
        assert_eq!(said("server { return 204; }"), ["0.0.0.0:80  1"]);
        assert_eq!(said("upstream a { server 127.0.0.1:9; }"), [""; 0]);
        assert_eq!(said("stream { server { listen 9; } }"), [""; 0]);
    }

    #[test]
    fn sockets_of_servers() {
        let at = |text: &str| -> Vec<String> { sockets(text).iter().map(ToString::to_string).collect() };
        assert_eq!(
            at(
                "server { listen 8080; listen *:81; listen localhost:82; listen [::]:83 ipv6only=off; listen 90-91; }"
            ),
            [
                "0.0.0.0:8080",
                "0.0.0.0:81",
                "127.0.0.1:82",
                "[::]:83",
                "0.0.0.0:83",
                "0.0.0.0:90",
                "0.0.0.0:91"
            ]
        );
        assert_eq!(
            at("stream { server { listen 5353 udp; listen 54; } }"),
            ["0.0.0.0:54"]
        );
        assert_eq!(
            at("server { listen 10.0.0.1; listen [::1]; listen unix:/run/x; }"),
            ["10.0.0.1:80", "[::1]:80"]
        );
    }

    #[test]
    fn which_sites_count() {
        let main = "  include /etc/nginx/conf.d/*.conf;\n# include sites-enabled/*;\n";
        assert!(includes(main, "/etc/nginx/conf.d/a.conf"));
        assert!(!includes(main, "/etc/nginx/sites-enabled/a"));
        assert!(is_site("/etc/nginx/sites-enabled/a.old") && is_site("/etc/nginx/conf.d/a.conf"));
        assert!(!is_site("/etc/nginx/conf.d/a") && !is_site("/etc/nginx/sites-available/a"));
    }
}
