//! The page at `/` for people with a browser: what this is, a chart, how to connect, every route to try. Its links are
//! relative, so that it works under whatever path a proxy gives it.

use crate::client::Client;
use crate::tool::{Described, Set};

/// The page's text; clients are told that the service is at this address.
pub fn page(tools: &[Described], address: &str) -> String {
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
    text.replace("{{clients}}", &clients(address))
        .replace("{{routes}}", &routes)
}

fn clients(address: &str) -> String {
    let url = format!("{}/mcp", address.trim_end_matches('/').trim_end_matches("/mcp"));
    let command = format!("claude mcp add --transport http crypto {url}\n");
    let curl = format!(
        "curl {url} -H 'Content-Type: application/json' \\\n  -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'\n"
    );
    let snippets = [
        ("Claude Code", command),
        ("Cursor: .cursor/mcp.json", Client::Cursor.file(Some(&url))),
        ("VS Code: .vscode/mcp.json", Client::VsCode.file(Some(&url))),
        ("Kiro: .kiro/settings/mcp.json", Client::Kiro.file(Some(&url))),
        ("curl", curl),
    ];
    let snippet = |(name, text): (&str, String)| {
        format!(
            "<details><summary>{name}</summary><pre>{}</pre></details>\n",
            escaped(&text)
        )
    };
    snippets.into_iter().map(snippet).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
