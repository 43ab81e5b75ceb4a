//! What `/` and `/openapi.json` say, made from the tools' descriptions.

use serde_json::{Map, Value, json};

use crate::tool::Described;

/// The document's body at `/`, with every route.
pub fn index(tools: &[Described]) -> Value {
    let mut groups = Map::new();
    for tool in tools {
        let (group, name) = tool
            .route
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or_default();
        let routes = groups.entry(group).or_insert_with(|| json!({}));
        routes[name.replace(['/', '-'], "_")] = format!("GET {}?{}", tool.route, tool.example).into();
    }
    let mut endpoints = json!({
        "health": "GET /health",
        "ready": "GET /ready",
        "metrics": "GET /metrics",
        "openapi": "GET /openapi.json",
        "mcp": "POST /mcp",
    });
    if let Value::Object(endpoints) = &mut endpoints {
        endpoints.extend(groups);
    }
    json!({
        "service": "MCP Crypto API Server",
        "version": env!("CARGO_PKG_VERSION"),
        "endpoints": endpoints,
    })
}

/// OpenAPI 3.1: its schemas are the tools' own.
pub fn openapi(tools: &[Described]) -> Value {
    let mut paths = Map::new();
    for tool in tools {
        let required = |name: &str| {
            let list = tool.input.get("required").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|known| known == name))
        };
        let properties = tool.input.get("properties").and_then(Value::as_object);
        let parameters = properties.into_iter().flatten().map(|(name, schema)| {
            let mut parameter = json!({
                "name": name, "in": "query", "required": required(name), "schema": schema,
                "description": schema["description"],
            });
            if schema["type"] == "array" {
                parameter["style"] = "form".into();
                parameter["explode"] = false.into();
            }
            parameter
        });
        let error = |text: &str| {
            json!({
                "description": text,
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            })
        };
        paths.insert(
            tool.route.to_owned(),
            json!({ "get": {
                "operationId": tool.name,
                "summary": tool.title,
                "description": tool.description,
                "parameters": parameters.collect::<Vec<_>>(),
                "responses": {
                    "200": {
                        "description": "The answer.",
                        "content": content(tool),
                    },
                    "400": error("The question is wrong."),
                    "404": error("The name is unknown."),
                    "429": error("Too many requests; Retry-After says when to ask again."),
                    "503": error("The source does not answer; Retry-After says when to ask again."),
                },
            } }),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MCP Crypto API Server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Crypto-market data, as REST routes and as MCP tools at /mcp.",
        },
        "paths": paths,
        "components": {
            "schemas": { "Error": {
                "type": "object", "required": ["error"],
                "properties": { "error": { "type": "string" }, "retry_after_seconds": { "type": "integer" } },
            } },
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

/// A picture has no schema.
fn content(tool: &Described) -> Value {
    let kinds = tool.media.iter().map(|media| {
        let kind = if *media == "application/json" {
            json!({ "schema": *tool.output })
        } else {
            json!({})
        };
        ((*media).to_owned(), kind)
    });
    Value::Object(kinds.collect())
}

/// The page at `/` for people with a browser: what this is, every route to try, a chart.
pub fn page(tools: &[Described]) -> String {
    let mut rows = String::new();
    for tool in tools {
        let (route, example) = (tool.route, escaped(tool.example));
        rows.push_str(&format!(
            "<tr><td><code>{}</code><td><a href=\"{route}?{example}\">{route}?{example}</a><td>{}\n",
            tool.name,
            escaped(tool.description),
        ));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>MCP Crypto API Server</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <style>body{{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}}\
         table{{border-collapse:collapse}}th{{text-align:left}}td{{border-top:1px solid #ddd}}\
         th,td{{padding:.3rem .6rem;vertical-align:top}}.chart{{overflow-x:auto}}img{{min-width:48rem;max-width:100%;height:auto}}\
         @media(max-width:48rem){{th{{display:none}}td{{display:block;padding:.1rem 0;overflow-wrap:anywhere}}\
         td+td{{border:0}}tr>:last-child{{padding-bottom:.6rem}}}}</style>\n\
         <h1>MCP Crypto API Server</h1>\n\
         <p>Crypto-market data for models and programs. Models connect by MCP at <code>/mcp</code>; programs ask the routes\n\
         below, which <a href=\"/openapi.json\">/openapi.json</a> describes. <a href=\"/health\">/health</a>,\n\
         <a href=\"/ready\">/ready</a> and <a href=\"/metrics\">/metrics</a> are for who runs this.</p>\n\
         <p class=\"chart\"><img src=\"/binance/klines/chart?symbol=BTC&amp;format=svg\" width=\"1000\" height=\"640\" alt=\"The last 100 hours of BTCUSDT\"></p>\n\
         <table><tr><th>Tool<th>Try it<th>What it answers\n{rows}</table>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
