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
