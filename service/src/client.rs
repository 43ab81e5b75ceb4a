//! What a client's configuration file must hold for it to find this service.

use serde_json::{Value, json};

use crate::tools;

/// The clients whose files are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// `.kiro/settings/mcp.json`.
    Kiro,
    /// `.mcp.json` of Claude Code.
    Claude,
    /// `.cursor/mcp.json`.
    Cursor,
    /// `.vscode/mcp.json`.
    VsCode,
}

impl Client {
    /// The client of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "kiro" => Self::Kiro,
            "claude" => Self::Claude,
            "cursor" => Self::Cursor,
            "vscode" => Self::VsCode,
            _ => return None,
        })
    }

    /// The file's text: the service at this URL, or this program on the same machine when there is none.
    pub fn file(self, url: Option<&str>) -> String {
        let mut server = match url {
            Some(url) => json!({ "url": url }),
            None => json!({ "command": program(), "args": ["--stdio"] }),
        };
        let kind = if url.is_some() { "http" } else { "stdio" };
        match self {
            // Every tool only reads, so none needs to be asked about.
            Self::Kiro => {
                let names = tools::all().iter().map(|tool| tool.name).collect::<Vec<_>>();
                server["autoApprove"] = json!(names);
            }
            Self::Claude | Self::VsCode => server["type"] = kind.into(),
            Self::Cursor => {}
        }
        let all = if self == Self::VsCode {
            "servers"
        } else {
            "mcpServers"
        };
        let file: Value = json!({ all: { "crypto": server } });
        format!("{file:#}\n")
    }
}

fn program() -> String {
    let path = std::env::current_exe().ok();
    path.map_or_else(|| "mcp-crypto-api".into(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, url: Option<&str>) -> Value {
        let client = Client::named(name).expect("known");
        serde_json::from_str(&client.file(url)).expect("JSON")
    }

    #[test]
    fn each_client_finds_what_it_reads() {
        let url = Some("https://api.example.com/mcp");
        let kiro = file("kiro", url);
        assert_eq!(kiro["mcpServers"]["crypto"]["url"], "https://api.example.com/mcp");
        let approved = kiro["mcpServers"]["crypto"]["autoApprove"]
            .as_array()
            .map(Vec::len);
        assert_eq!(approved, Some(tools::all().len()));
        assert_eq!(file("vscode", url)["servers"]["crypto"]["type"], "http");
        assert_eq!(
            file("claude", None)["mcpServers"]["crypto"]["args"],
            json!(["--stdio"])
        );
        assert!(file("cursor", url)["mcpServers"]["crypto"]["url"].is_string());
        assert_eq!(Client::named("other"), None);
    }
}
