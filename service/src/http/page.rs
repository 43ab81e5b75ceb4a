//! The page at `/` for people with a browser: what this is, a chart, how to connect, every route to try. Its links are
//! relative, so that it works under whatever path a proxy gives it.

use crate::client::{Client, Proof};
use crate::tool::{Described, Set};

/// The page's text; what clients are told stands in it.
pub fn page(tools: &[Described], clients: &str) -> String {
    let mut contents = String::from("<a href=\"#clients\">Connect a client</a>");
    let mut routes = String::new();
    for set in Set::ALL {
        let (name, title) = (set.name(), set.title());
        contents.push_str(&format!("\n<a href=\"#{name}\">{title}</a>"));
        routes.push_str(&format!(
            "<h2 id=\"{name}\">{title}</h2>\n<table><tr><th>Tool<th>Try it<th>What it answers\n"
        ));
        for tool in tools.iter().filter(|tool| tool.set == set) {
            let target = escaped(&tool.target());
            routes.push_str(&format!(
                "<tr><td><code>{}</code><td><a href=\"{}\">{target}</a><td>{}\n",
                tool.name,
                target.trim_start_matches('/'),
                escaped(tool.description),
            ));
        }
        routes.push_str("</table>\n");
    }
    let text = include_str!("page.html").replace("{{contents}}", &contents);
    text.replace("{{clients}}", clients)
        .replace("{{routes}}", &routes)
}

/// What clients are told of the service at this address: links that set them up, and texts to copy.
pub fn clients(address: &str, proof: Proof) -> String {
    let url = format!("{address}/mcp");
    let (header, curl) = if proof == Proof::Key {
        (" --header 'X-API-Key: YOUR KEY'", " -H 'X-API-Key: YOUR KEY'")
    } else {
        ("", "")
    };
    let command = format!("claude mcp add --transport http crypto {url}{header}\n");
    let curl = format!(
        "curl {url} -H 'Content-Type: application/json'{curl} \\\n  -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'\n"
    );
    let of = |client: Client| client.file(Some(&url), proof).unwrap_or_default();
    let link = |(name, client): (&str, Client)| {
        let link = client.link(&url, proof)?;
        Some(format!("<a href=\"{}\">Add to {name}</a>\n", escaped(&link)))
    };
    let links = [("Cursor", Client::Cursor), ("VS Code", Client::VsCode)];
    let links: String = links.into_iter().filter_map(link).collect();
    let snippets = [
        ("Claude Code", command),
        (
            "Claude Desktop: claude_desktop_config.json",
            of(Client::ClaudeDesktop),
        ),
        ("ChatGPT", of(Client::ChatGpt)),
        ("Cursor: .cursor/mcp.json", of(Client::Cursor)),
        ("VS Code: .vscode/mcp.json", of(Client::VsCode)),
        ("Kiro: .kiro/settings/mcp.json", of(Client::Kiro)),
        ("curl", curl),
    ];
    let snippet = |(name, text): (&str, String)| {
        format!(
            "<details><summary>{name}</summary><pre>{}</pre></details>\n",
            escaped(&text)
        )
    };
    let snippets: String = snippets.into_iter().map(snippet).collect();
    format!("<p>{links}</p>\n{snippets}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
