//! The requests of MCP, answered with what is offered.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
    CustomResult, DiscoverResult, ErrorCode, ErrorData, GetPromptRequestParams, GetPromptResponse,
    Implementation, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, Tool as Listed, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value;

use crate::{Called, Offer, Tool};

/// How long a client may keep the list of tools: it changes with the program alone.
const LIST_IS_GOOD: Duration = Duration::from_secs(3600);

/// Answers MCP's requests.
#[derive(Debug, Clone)]
pub struct Handler {
    offer: Arc<dyn Offer>,
    listed: Arc<[Listed]>,
}

impl Handler {
    /// Offers this.
    pub fn new(offer: Arc<dyn Offer>) -> Self {
        Self {
            listed: offer.tools().into_iter().map(listed).collect(),
            offer,
        }
    }
}

/// An answer as text. Straight into it: by way of a formatter it takes twice as long.
fn written(answer: &Value) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

fn listed(tool: Tool) -> Listed {
    let hints = ToolAnnotations::with_title(tool.title)
        .read_only(true)
        .destructive(false)
        .idempotent(true)
        .open_world(true);
    let listed = Listed::new(tool.name, tool.description, tool.input)
        .with_title(tool.title)
        .with_annotations(hints);
    match tool.output {
        Some(output) => listed.with_raw_output_schema(output),
        None => listed,
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new("mcp-crypto-api", env!("CARGO_PKG_VERSION"))
            .with_title("MCP Crypto API Server");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(self.offer.instructions())
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = ProtocolVersion::KNOWN_VERSIONS.to_vec();
        Ok(DiscoverResult::from_server_info(versions, self.get_info())
            .with_ttl_ms(LIST_IS_GOOD.as_millis() as u64)
            .with_cache_scope(CacheScope::Public))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let message = format!("there is no method {}", request.method);
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None))
    }

    fn get_tool(&self, name: &str) -> Option<Listed> {
        self.listed.iter().find(|tool| tool.name == name).cloned()
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.listed.to_vec())
            .with_ttl_ms(LIST_IS_GOOD.as_millis() as u64)
            .with_cache_scope(CacheScope::Public))
    }

    // Tools are all there is. Some clients ask for the rest whatever is declared, and drop a server that answers with
    // an error.

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(Vec::new())
            .with_ttl_ms(LIST_IS_GOOD.as_millis() as u64)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(Vec::new())
            .with_ttl_ms(LIST_IS_GOOD.as_millis() as u64)
            .with_cache_scope(CacheScope::Public))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(Vec::new())
            .with_ttl_ms(LIST_IS_GOOD.as_millis() as u64)
            .with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let message = format!("there is no resource {}; tools are all there is", request.uri);
        Err(ErrorData::resource_not_found(message, None))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let message = format!("there is no prompt {}; tools are all there is", request.name);
        Err(ErrorData::invalid_params(message, None))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let Some(called) = self.offer.call(&request.name, arguments).await else {
            let message = format!(
                "there is no tool {}; tools/list names what there is",
                request.name
            );
            return Err(ErrorData::invalid_params(message, None));
        };
        let result = match called {
            Called::Answer(answer, beside) => {
                let texts = [Some(written(&answer)), beside].into_iter().flatten();
                let mut result = CallToolResult::success(texts.map(ContentBlock::text).collect());
                result.structured_content = Some(answer);
                result
            }
            // Alone: clients that find something beside a picture drop it.
            Called::Picture(media, bytes) => {
                CallToolResult::success(vec![ContentBlock::image(STANDARD.encode(bytes), media)])
            }
            Called::Failed(cause) => CallToolResult::error(vec![ContentBlock::text(cause)]),
        };
        Ok(result.into())
    }
}
