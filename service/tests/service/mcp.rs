//! Every tool over MCP: the newest version, the oldest, and standard input.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::program::{Program, command};

/// What is wrong, the headers and body that have it, and the status and code that say so.
type Refused = (&'static str, Vec<(&'static str, &'static str)>, String, u16, i64);

const PLAIN: [(&str, &str); 1] = [("content-type", "application/json")];

pub async fn listed(program: &Program) -> Vec<Value> {
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let (status, answer) = program.post("/mcp", &PLAIN, list).await;
    assert_eq!(status, 200, "{answer}");
    answer["result"]["tools"].as_array().expect("tools").clone()
}

/// Arguments for a tool: the example of its route.
async fn arguments(program: &Program) -> Vec<(String, Value)> {
    let (_, openapi) = program.get("/openapi.json").await;
    let mut all = Vec::new();
    for example in crate::rest::examples(program).await {
        let (route, query) = example.split_once('?').unwrap_or((&example, ""));
        let name = openapi["paths"][route]["get"]["operationId"]
            .as_str()
            .expect("a name");
        let query = form_urlencoded::parse(query.as_bytes()).into_owned();
        all.push((
            name.to_owned(),
            query.map(|(name, value)| (name, json!(value))).collect(),
        ));
    }
    all
}

/// Whether a value has what a schema requires, with the types it names.
fn matches(schema: &Value, value: &Value) -> Result<(), String> {
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let fits = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    if !types.iter().any(fits) {
        return Err(format!("{value} is none of {types:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if value.is_object() && value.get(name).is_none() {
            return Err(format!("`{name}` is missing"));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let schema = schema["properties"]
            .get(name)
            .or_else(|| {
                schema
                    .get("additionalProperties")
                    .filter(|schema| schema.is_object())
            })
            .ok_or_else(|| format!("`{name}` is not described"))?;
        matches(schema, value).map_err(|cause| format!("{name}: {cause}"))?;
    }
    for value in value.as_array().into_iter().flatten() {
        matches(&schema["items"], value)?;
    }
    Ok(())
}

#[tokio::test]
async fn every_tool_answers_the_newest_version_as_its_schema_says() {
    let program = Program::recorded();
    let tools = listed(&program).await;
    let arguments = arguments(&program).await;
    assert_eq!(tools.len(), arguments.len());
    for (name, arguments) in arguments {
        let tool = tools.iter().find(|tool| tool["name"] == name).expect("listed");
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{name}");
        assert!(
            tool["title"].is_string() && tool["description"].is_string(),
            "{name}"
        );
        assert!(
            !tool.to_string().contains(r#""format":"uint"#),
            "{name} has a format that clients do not know"
        );
        for (property, schema) in tool["inputSchema"]["properties"].as_object().expect("input") {
            assert!(
                schema["description"].is_string(),
                "{name}.{property} has no description"
            );
        }
        let result = program.call(&name, arguments).await;
        assert_eq!(
            (&result["isError"], &result["resultType"]),
            (&json!(false), &json!("complete")),
            "{name}: {result}"
        );
        if name == "chart_klines" {
            assert_eq!(
                (tool.get("outputSchema"), result.get("structuredContent")),
                (None, None)
            );
            continue;
        }
        let content = &result["structuredContent"];
        if name == "get_spot_price" {
            let beside = result["content"][1]["text"].as_str().unwrap_or_default();
            assert!(
                beside.starts_with("source: Binance spot, as of 2026-"),
                "{beside}"
            );
        }
        for (member, kind) in [
            ("source", "string"),
            ("as_of", "string"),
            ("age_seconds", "number"),
        ] {
            let fits = if kind == "string" {
                content[member].is_string()
            } else {
                content[member].is_u64()
            };
            assert!(fits || name == "get_spot_price", "{name}: {member}");
        }
        matches(&tool["outputSchema"], content).unwrap_or_else(|cause| panic!("{name}: {cause}"));
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        assert_eq!(
            &serde_json::from_str::<Value>(text).expect("JSON"),
            content,
            "{name}"
        );
        assert!(text.len() < 25_000, "{name} answers {} bytes", text.len());
    }
}

#[tokio::test]
async fn a_model_is_shown_a_png() {
    let program = Program::recorded();
    let result = program
        .call(
            "chart_klines",
            json!({ "symbol": "ETH", "interval": "4h", "format": "svg" }),
        )
        .await;
    assert_eq!(
        (
            result["content"].as_array().map(Vec::len),
            result.get("structuredContent")
        ),
        (Some(1), None),
        "clients drop a picture with something beside it"
    );
    let image = &result["content"][0];
    assert_eq!(
        (&image["type"], &image["mimeType"]),
        (&json!("image"), &json!("image/png"))
    );
    assert!(
        image["data"]
            .as_str()
            .is_some_and(|data| data.starts_with("iVBORw0KGgo"))
    );
}

#[tokio::test]
async fn every_tool_answers_an_old_client_at_the_bare_address() {
    let program = Program::recorded();
    for (name, arguments) in arguments(&program).await {
        let params = json!({ "name": name, "arguments": arguments });
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
        let (status, answer) = program.post("/", &PLAIN, message.to_string()).await;
        assert_eq!(
            (status, &answer["id"], &answer["result"]["isError"]),
            (200, &json!(7), &json!(false)),
            "{name}"
        );
        assert!(
            answer["result"].get("resultType").is_none(),
            "old clients know no resultType"
        );
    }
}

#[tokio::test]
async fn each_version_is_agreed_to() {
    let program = Program::recorded();
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let params = json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let (_, answer) = program.post("/mcp", &PLAIN, message.to_string()).await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
    }
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": meta } });
    let headers = [
        PLAIN[0],
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "server/discover"),
    ];
    let (_, answer) = program.post("/mcp", &headers, message.to_string()).await;
    assert!(
        answer["result"]["ttlMs"].as_u64().is_some_and(|ttl| ttl > 0),
        "{answer}"
    );
}

/// What the conformance suite needs besides the real tools is there when it is asked for, and leaves no trace else.
#[tokio::test]
async fn fixtures_are_offered_to_the_conformance_suite_alone() {
    let others = [
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "test://static-text" })),
        ("prompts/list", json!({})),
        ("prompts/get", json!({ "name": "test_simple_prompt" })),
        ("logging/setLevel", json!({ "level": "info" })),
        (
            "completion/complete",
            json!({
                "ref": { "type": "ref/prompt", "name": "test_prompt_with_arguments" },
                "argument": { "name": "arg1", "value": "p" },
            }),
        ),
        ("tools/call", json!({ "name": "test_simple_text" })),
    ];
    for fixtures in [false, true] {
        let setting = ("CONFORMANCE_FIXTURES", if fixtures { "yes" } else { "no" });
        let program = Program::start(&[("UPSTREAM", "recorded"), setting]);
        let ask = async |method: &str, params: &Value| {
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            program.post("/mcp", &PLAIN, message.to_string()).await.1
        };
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let agreed = ask("initialize", &params).await;
        let offered = &agreed["result"]["capabilities"];
        assert_eq!(*offered == json!({ "tools": {} }), !fixtures, "{offered}");
        let real = |tool: &Value| tool["annotations"]["readOnlyHint"] == true;
        assert_eq!(listed(&program).await.iter().all(real), !fixtures);
        for (method, params) in &others {
            let answer = ask(method, params).await;
            if let (false, Some((list, _))) = (fixtures, method.split_once("/list")) {
                let list = if list == "resources/templates" {
                    "resourceTemplates"
                } else {
                    list
                };
                assert_eq!(answer["result"][list], json!([]), "{method}: {answer}");
            } else {
                assert_eq!(answer["error"].is_null(), fixtures, "{method}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn standard_input_serves_every_tool() {
    let program = Program::recorded();
    let arguments = arguments(&program).await;
    let mut child = command()
        .args(["--stdio", "--upstream", "recorded"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut say = |message: Value| writeln!(input, "{message}").expect("it listens");
    let mut hear =
        || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    let params = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    say(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }));
    assert_eq!(hear()["result"]["protocolVersion"], "2025-06-18");
    say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    for (name, arguments) in arguments {
        let params = json!({ "name": name, "arguments": arguments });
        say(json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }));
        assert_eq!(hear()["result"]["isError"], false, "{name}");
    }
    drop(input);
    assert!(
        child.wait().expect("it ends").success(),
        "it ends when its client goes"
    );
}

#[tokio::test]
async fn a_failure_is_a_result_that_a_model_can_act_on() {
    let program = Program::recorded();
    let unknown = program.call("get_spot_price", json!({ "symbol": "BTTC" })).await;
    assert_eq!(unknown["isError"], true);
    let text = unknown["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("did you mean BTCUSDT?"), "{text}");
    let wrong = program
        .call("get_klines", json!({ "symbol": "BTC", "limit": 5000 }))
        .await;
    let text = wrong["content"][0]["text"].as_str().unwrap_or_default();
    assert!(
        wrong["isError"] == true && text.contains("`limit`: 5000 is not from 1 to 500"),
        "{text}"
    );
}

#[tokio::test]
async fn refusals_are_json_rpc() {
    let program = Program::recorded();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let call = |params: Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string()
    };
    let modern = ("mcp-protocol-version", "2026-07-28");
    let cases: [Refused; 10] = [
        ("no JSON", vec![], "{bad".into(), 400, -32700),
        (
            "no version",
            vec![],
            r#"{"id":1,"method":"ping"}"#.into(),
            400,
            -32600,
        ),
        ("no object", vec![], "3".into(), 400, -32600),
        ("empty batch", vec![], "[]".into(), 400, -32600),
        (
            "no such tool",
            vec![],
            call(json!({ "name": "nope" })),
            200,
            -32602,
        ),
        (
            "arguments of a wrong shape",
            vec![],
            call(json!({ "name": "get_spot_price", "arguments": 3 })),
            400,
            -32602,
        ),
        (
            "unknown version",
            vec![("mcp-protocol-version", "1999-01-01")],
            ping.clone(),
            400,
            -32022,
        ),
        (
            "modern without metadata",
            vec![modern],
            call(json!({ "name": "get_trending" })),
            400,
            -32020,
        ),
        (
            "a stranger's page",
            vec![("origin", "https://evil.example")],
            ping.clone(),
            403,
            -32600,
        ),
        (
            "no JSON type",
            vec![("content-type", "text/plain")],
            ping.clone(),
            415,
            -32600,
        ),
    ];
    for (what, mut headers, body, status, code) in cases {
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(PLAIN[0]);
        }
        let (got, answer) = program.post("/mcp", &headers, body).await;
        assert_eq!(
            (got, &answer["error"]["code"]),
            (status, &json!(code)),
            "{what}: {answer}"
        );
    }
    let (status, _) = program.get("/mcp").await;
    assert_eq!(status, 405);
    let batch = format!("[{ping},{ping}]");
    let (_, answers) = program.post("/mcp", &PLAIN, batch).await;
    assert_eq!(answers.as_array().map(Vec::len), Some(2));
}
