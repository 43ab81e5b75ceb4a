//! What `/` and `/openapi.json` say, made from the tools' descriptions.

use serde_json::{Map, Value, json};

use crate::client::Proof;
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
        routes[name.replace(['/', '-'], "_")] = format!("GET {}", tool.target()).into();
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

/// OpenAPI 3.1: its schemas are the tools' own. The routes are under this server, and clients prove to it who they are.
pub fn openapi(tools: &[Described], server: &str, proof: Proof) -> Value {
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
                        "headers": {
                            "Cache-Control": header("string", "How long it may be kept."),
                            "Age": header("integer", "Seconds since it was so."),
                            "X-Source": header("string", "Who was asked."),
                        },
                        "content": content(tool),
                    },
                    "400": error("The question is wrong.", None),
                    "401": error("No key or token that is known.", Some(("WWW-Authenticate", "string"))),
                    "403": error("The token does not permit it.", Some(("WWW-Authenticate", "string"))),
                    "404": error("The name is unknown.", None),
                    "429": error("Too many requests.", Some(("Retry-After", "integer"))),
                    "502": error("The source answers nonsense.", None),
                    "503": error("The source does not answer.", Some(("Retry-After", "integer"))),
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
        "servers": [{ "url": server }],
        "security": match proof {
            // None is asked for; who has one may send it.
            Proof::None => json!([{}, { "key": [] }, { "bearer": [] }]),
            Proof::Key => json!([{ "key": [] }, { "bearer": [] }]),
            Proof::Token => json!([{ "bearer": [] }]),
        },
        "paths": paths,
        "components": {
            "schemas": { "Error": {
                "type": "object", "required": ["error"],
                "properties": { "error": { "type": "string" }, "retry_after_seconds": { "type": "integer" } },
            } },
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "An API key, or an access token of the service's authorization server.",
                },
            },
        },
    })
}

/// An error, and the header that says more of it.
fn error(meaning: &str, said: Option<(&str, &str)>) -> Value {
    let mut error = json!({
        "description": meaning,
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    });
    if let Some((name, kind)) = said {
        error["headers"][name] = json!({ "schema": { "type": kind } });
    }
    error
}

fn header(kind: &str, meaning: &str) -> Value {
    json!({ "description": meaning, "schema": { "type": kind } })
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
