//! What a client must be told for it to find this service: its configuration file, or a link that writes it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::tools;

/// The variable in which clients keep their key.
const KEY: &str = "CRYPTO_API_KEY";

/// The clients that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// `.kiro/settings/mcp.json`.
    Kiro,
    /// `.mcp.json` of Claude Code.
    Claude,
    /// `claude_desktop_config.json`, which knows only programs: mcp-remote carries what they say to an address.
    ClaudeDesktop,
    /// `.cursor/mcp.json`.
    Cursor,
    /// `.vscode/mcp.json`.
    VsCode,
    /// ChatGPT has no file; what is entered in its settings, and what OpenAI's interface is sent.
    ChatGpt,
    /// Any client that knows only programs.
    McpRemote,
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nobody asks.
    None,
    /// By an API key, for which there is a place.
    Key,
    /// By a token that it gets itself.
    Token,
}

impl Client {
    /// Every client with its name.
    const ALL: [(&'static str, Self); 7] = [
        ("kiro", Self::Kiro),
        ("claude", Self::Claude),
        ("claude-desktop", Self::ClaudeDesktop),
        ("cursor", Self::Cursor),
        ("vscode", Self::VsCode),
        ("chatgpt", Self::ChatGpt),
        ("mcp-remote", Self::McpRemote),
    ];

    /// The client of this name.
    pub fn named(name: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, client)| client)
    }

    /// Every name.
    pub fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    /// What the client is to be given: the service at this URL, or this program on the same machine when there is none;
    /// nothing for clients that only reach URLs.
    pub fn file(self, url: Option<&str>, proof: Proof) -> Option<String> {
        if self == Self::ChatGpt {
            return url.map(|url| chatgpt(url, proof));
        }
        let server = match url {
            None if self == Self::McpRemote => return None,
            None => self.local(),
            Some(url) => self.remote(url, proof),
        };
        let mut file = match self {
            Self::VsCode => json!({ "servers": { "crypto": server } }),
            _ => json!({ "mcpServers": { "crypto": server } }),
        };
        if self == Self::VsCode && url.is_some() && proof == Proof::Key {
            file["inputs"] = inputs();
        }
        Some(format!("{file:#}\n"))
    }

    /// A link that makes the client offer to use the service at this URL; none where clients know no such links.
    pub fn link(self, url: &str, proof: Proof) -> Option<String> {
        let mut server = self.remote(url, proof);
        match self {
            Self::Cursor => {
                let config = BASE64_STANDARD.encode(server.to_string());
                let config = in_query(&config);
                Some(format!(
                    "cursor://anysphere.cursor-deeplink/mcp/install?name=crypto&config={config}"
                ))
            }
            Self::VsCode => {
                server["name"] = "crypto".into();
                if proof == Proof::Key {
                    server["inputs"] = inputs();
                }
                Some(format!("vscode:mcp/install?{}", in_query(&server.to_string())))
            }
            _ => None,
        }
    }

    fn local(self) -> Value {
        let server = json!({ "command": program(), "args": ["--stdio"] });
        self.approved(match self {
            Self::Claude | Self::VsCode => with(server, "type", "stdio".into()),
            _ => server,
        })
    }

    fn remote(self, url: &str, proof: Proof) -> Value {
        let has_key = proof == Proof::Key;
        let place = match self {
            // With nothing set the header is empty, which a service without keys takes.
            Self::Claude => format!("${{{KEY}:-}}"),
            Self::Cursor => format!("${{env:{KEY}}}"),
            Self::VsCode => "${input:key}".into(),
            _ => format!("${{{KEY}}}"),
        };
        if matches!(self, Self::ClaudeDesktop | Self::McpRemote) {
            let server = json!({ "command": "npx", "args": ["-y", "mcp-remote", url] });
            if !has_key {
                return server;
            }
            // No space behind the colon: some clients take a word with a space apart.
            let arguments = json!(["-y", "mcp-remote", url, "--header", format!("X-API-Key:{place}")]);
            return with(with(server, "args", arguments), "env", json!({ KEY: "YOUR KEY" }));
        }
        let mut server = json!({ "url": url });
        if matches!(self, Self::Claude | Self::VsCode) {
            server = json!({ "type": "http", "url": url });
        }
        if has_key {
            server["headers"] = json!({ "X-API-Key": place });
        }
        self.approved(server)
    }

    /// Every tool only reads, so none needs to be asked about.
    fn approved(self, server: Value) -> Value {
        if self != Self::Kiro {
            return server;
        }
        let names: Vec<_> = tools::all().iter().map(|tool| tool.name).collect();
        with(server, "autoApprove", json!(names))
    }
}

fn with(mut server: Value, name: &str, value: Value) -> Value {
    server[name] = value;
    server
}

/// VS Code asks for the key once and keeps it.
fn inputs() -> Value {
    json!([{ "type": "promptString", "id": "key", "description": "API key", "password": true }])
}

fn chatgpt(url: &str, proof: Proof) -> String {
    let mut tool = json!({
        "type": "mcp", "server_label": "crypto", "server_url": url, "require_approval": "never",
    });
    match proof {
        Proof::None => {}
        Proof::Key => tool["headers"] = json!({ "X-API-Key": "YOUR KEY" }),
        Proof::Token => tool["authorization"] = "YOUR TOKEN".into(),
    }
    let authentication = match proof {
        Proof::None => "No authentication",
        Proof::Key => {
            "No authentication (it sends no API key: a service that asks for one needs OAUTH_ISSUER)"
        }
        Proof::Token => "OAuth",
    };
    format!(
        "ChatGPT reads no file. In its settings, in developer mode, create a connector:\n\n\
         \x20 Name            crypto\n\
         \x20 MCP server URL  {url}\n\
         \x20 Authentication  {authentication}\n\n\
         A program that asks OpenAI's Responses API names it among its tools:\n\n{tool:#}\n"
    )
}

fn in_query(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // Who reads this knows a space by its number alone.
    encoded.replace('+', "%20")
}

fn program() -> String {
    let path = std::env::current_exe().ok();
    path.map_or_else(|| "mcp-crypto-api".into(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: Option<&str> = Some("https://api.example.com/mcp");

    fn file(name: &str, url: Option<&str>) -> Value {
        let file = Client::named(name).expect("known").file(url, Proof::Key);
        serde_json::from_str(&file.expect("a file")).expect("JSON")
    }

    #[test]
    fn each_client_finds_what_it_reads_and_a_place_for_the_key() {
        let server = |name: &str| file(name, URL)["mcpServers"]["crypto"].clone();
        let kiro = server("kiro");
        assert_eq!(kiro["url"], "https://api.example.com/mcp");
        assert_eq!(
            kiro["autoApprove"].as_array().map(Vec::len),
            Some(tools::all().len())
        );
        assert_eq!(kiro["headers"]["X-API-Key"], "${CRYPTO_API_KEY}");
        let claude = server("claude");
        assert_eq!(
            (&claude["type"], &claude["headers"]["X-API-Key"]),
            (&json!("http"), &json!("${CRYPTO_API_KEY:-}"))
        );
        assert_eq!(server("cursor")["headers"]["X-API-Key"], "${env:CRYPTO_API_KEY}");
        let code = file("vscode", URL);
        let (server, input) = (&code["servers"]["crypto"], &code["inputs"][0]);
        assert_eq!(
            (&server["type"], &server["headers"]["X-API-Key"]),
            (&json!("http"), &json!("${input:key}"))
        );
        assert_eq!((&input["id"], &input["password"]), (&json!("key"), &json!(true)));
        for name in ["claude-desktop", "mcp-remote"] {
            let server = &file(name, URL)["mcpServers"]["crypto"];
            let said = [
                "-y",
                "mcp-remote",
                "https://api.example.com/mcp",
                "--header",
                "X-API-Key:${CRYPTO_API_KEY}",
            ];
            assert_eq!(
                (&server["command"], &server["args"]),
                (&json!("npx"), &json!(said))
            );
            assert!(server["env"]["CRYPTO_API_KEY"].is_string());
        }
        let told = Client::ChatGpt.file(URL, Proof::Key).expect("a text");
        assert!(
            told.contains("MCP server URL  https://api.example.com/mcp") && told.contains("\"X-API-Key\"")
        );
        assert!(
            Client::ChatGpt
                .file(URL, Proof::Token)
                .is_some_and(|told| told.contains("  OAuth\n"))
        );
    }

    #[test]
    fn who_needs_no_key_has_no_place_for_one_and_who_is_here_starts_the_program() {
        for (name, _) in Client::ALL {
            for proof in [Proof::None, Proof::Token] {
                let told = Client::named(name).and_then(|client| client.file(URL, proof));
                assert!(
                    told.is_some_and(|told| !told.contains("KEY") && !told.contains("inputs")),
                    "{name}"
                );
            }
            let here = Client::named(name).and_then(|client| client.file(None, Proof::Key));
            assert_eq!(
                here.is_none(),
                ["chatgpt", "mcp-remote"].contains(&name),
                "{name}"
            );
            assert!(here.is_none_or(|here| here.contains("--stdio")), "{name}");
        }
        assert_eq!(file("vscode", None)["servers"]["crypto"]["type"], "stdio");
        assert_eq!(Client::named("other"), None);
    }

    #[test]
    fn a_link_carries_what_the_file_says() {
        let url = "https://api.example.com/mcp";
        let cursor = Client::Cursor.link(url, Proof::Key).expect("a link");
        let config = cursor
            .strip_prefix("cursor://anysphere.cursor-deeplink/mcp/install?name=crypto&config=")
            .expect("the form that Cursor reads");
        let config = form_urlencoded::parse(format!("c={config}").as_bytes())
            .next()
            .expect("a value")
            .1
            .into_owned();
        let config: Value =
            serde_json::from_slice(&BASE64_STANDARD.decode(config).expect("base64")).expect("JSON");
        assert_eq!(config, file("cursor", Some(url))["mcpServers"]["crypto"]);
        let code = Client::VsCode.link(url, Proof::Key).expect("a link");
        let config = code
            .strip_prefix("vscode:mcp/install?")
            .expect("the form that VS Code reads");
        assert!(!config.contains(['+', ' ', '"']), "{config}");
        let config = form_urlencoded::parse(format!("c={config}").as_bytes())
            .next()
            .expect("a value")
            .1
            .into_owned();
        let config: Value = serde_json::from_str(&config).expect("JSON");
        assert_eq!((&config["name"], &config["url"]), (&json!("crypto"), &json!(url)));
        assert_eq!(config["inputs"][0]["description"], "API key");
        assert_eq!(Client::Kiro.link(url, Proof::Key), None);
    }
}
