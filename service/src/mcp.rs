//! The tools as MCP offers them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
    CustomResult, DiscoverResult, ErrorCode, ErrorData, Implementation, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool as Listed,
    ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};

use crate::metrics::Metrics;
use crate::tool::Described;
use crate::upstream::Market;

/// How long a client may keep the list of tools: it changes with the program alone.
const LIST_IS_GOOD: Duration = Duration::from_secs(3600);

const INSTRUCTIONS: &str = "Crypto-market data: prices, candles, indicators and funding of Binance spot and \
    USDT futures, coins of CoinGecko. Symbols may be coins (BTC means BTCUSDT). Everything is read-only. An answer \
    with `upstream: recorded` is not the market's, one with `stale_seconds` is that old. Lists are capped; where \
    one was cut, `cut` says so.";

/// Answers MCP's requests.
#[derive(Debug, Clone)]
pub struct Handler(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tools: Arc<[Described]>,
    listed: Vec<Listed>,
    market: Arc<Market>,
    metrics: Arc<Metrics>,
}

impl Handler {
    /// Offers these tools.
    pub fn new(tools: Arc<[Described]>, market: Arc<Market>, metrics: Arc<Metrics>) -> Self {
        let listed = tools.iter().map(listed).collect();
        Self(Arc::new(Shared {
            tools,
            listed,
            market,
            metrics,
        }))
    }
}

fn listed(tool: &Described) -> Listed {
    let hints = ToolAnnotations::with_title(tool.title)
        .read_only(true)
        .destructive(false)
        .idempotent(true)
        .open_world(true);
    Listed::new(tool.name, tool.description, Arc::clone(&tool.input))
        .with_title(tool.title)
        .with_raw_output_schema(Arc::clone(&tool.output))
        .with_annotations(hints)
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new("mcp-crypto-api", env!("CARGO_PKG_VERSION"))
            .with_title("MCP Crypto API Server");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(INSTRUCTIONS)
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
        self.0.listed.iter().find(|tool| tool.name == name).cloned()
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.listed.clone())
            .with_ttl_ms(LIST_IS_GOOD.as_millis() as u64)
            .with_cache_scope(CacheScope::Public))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.0.tools.iter().find(|tool| tool.name == request.name) else {
            let message = format!(
                "there is no tool {}; tools/list names what there is",
                request.name
            );
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = request.arguments.unwrap_or_default().into_iter().collect();
        let reply = tool.call(arguments, &self.0.market).await;
        let result = match reply {
            Ok(reply) => {
                self.0.metrics.tool(tool.name, "ok");
                let mut result = CallToolResult::success(vec![ContentBlock::text(reply.answer.to_string())]);
                result.structured_content = Some(reply.answer);
                if let Some(picture) = reply.picture {
                    let data = STANDARD.encode(picture.bytes);
                    result.content.push(ContentBlock::image(data, picture.media));
                }
                result
            }
            Err(failure) => {
                self.0.metrics.tool(tool.name, "error");
                CallToolResult::error(vec![ContentBlock::text(failure.to_string())])
            }
        };
        Ok(result.into())
    }
}
