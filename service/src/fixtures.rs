//! The tools that the official conformance suite calls, offered when `CONFORMANCE_FIXTURES=yes`; never otherwise.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock, ErrorCode, ErrorData, JsonObject, ResourceContents, Tool};
use serde_json::json;

/// A PNG of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// A WAV of no samples.
const SILENCE: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

const NAMES: [&str; 7] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_missing_capability",
];

/// The fixtures as tools.
pub fn listed() -> impl Iterator<Item = Tool> {
    let mut input = JsonObject::new();
    input.insert("type".into(), json!("object"));
    let input = Arc::new(input);
    NAMES
        .into_iter()
        .map(move |name| Tool::new(name, "A fixture of the conformance suite.", Arc::clone(&input)))
}

/// What a fixture answers; none when there is no such fixture.
pub fn call(name: &str) -> Option<Result<CallToolResult, ErrorData>> {
    let resource = |uri: &str, text: &str| ContentBlock::resource(ResourceContents::text(text, uri));
    let image = || ContentBlock::image(PIXEL, "image/png");
    let content = match name {
        "test_simple_text" => vec![ContentBlock::text("This is a simple text response for testing.")],
        "test_image_content" => vec![image()],
        "test_audio_content" => vec![ContentBlock::audio(SILENCE, "audio/wav")],
        "test_embedded_resource" => {
            vec![resource(
                "test://embedded-resource",
                "This is an embedded resource content.",
            )]
        }
        "test_multiple_content_types" => vec![
            ContentBlock::text("Multiple content types test:"),
            image(),
            resource("test://mixed-content-resource", r#"{"test":"data","value":123}"#),
        ],
        "test_error_handling" => {
            let cause = "This tool intentionally returns an error for testing";
            return Some(Ok(CallToolResult::error(vec![ContentBlock::text(cause)])));
        }
        "test_missing_capability" => {
            let code = ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY;
            let needed = json!({ "requiredCapabilities": { "sampling": {} } });
            let message = "this tool needs the client to offer sampling";
            return Some(Err(ErrorData::new(code, message, Some(needed))));
        }
        _ => return None,
    };
    Some(Ok(CallToolResult::success(content)))
}
