//! The tools as models are offered them.

use std::sync::Arc;

use mcp_crypto_protocol::{Called, Calling, Object, Offer as Offering, Tool};
use serde_json::Value;

use crate::config::Offer;
use crate::finished::Finished;
use crate::metrics::Metrics;
use crate::time;
use crate::tool::{Described, Reply};
use crate::upstream::{Audience, Failure, Market};

const INSTRUCTIONS: &str = "Crypto-market data: prices, candles, indicators and funding of Binance spot and \
    USDT futures, coins of CoinGecko. Symbols may be coins (BTC means BTCUSDT). Everything is read-only. An answer \
    says its `source` and its age; one with `upstream: recorded` is not the market's, one with `stale_seconds` is older \
    than it should be. Lists are capped; where one was cut, `cut` says so.";

/// The tools that are offered.
#[derive(Debug)]
pub struct Models {
    tools: Vec<Described>,
    room: Option<usize>,
    market: Arc<Market>,
    metrics: Arc<Metrics>,
    finished: Finished<Reply>,
}

impl Models {
    /// Those of these tools that are wanted, with answers of so many characters at most.
    pub fn new(tools: &[Described], offer: &Offer, market: Arc<Market>, metrics: Arc<Metrics>) -> Self {
        let tools = tools.iter().filter(|tool| offer.wants(tool)).cloned();
        Self {
            tools: tools.collect(),
            room: offer.room,
            market,
            metrics,
            finished: Finished::new(),
        }
    }
}

impl Offering for Models {
    fn instructions(&self) -> &str {
        INSTRUCTIONS
    }

    fn tools(&self) -> Vec<Tool> {
        let listed = |tool: &Described| Tool {
            name: tool.name,
            title: tool.title,
            description: tool.description,
            input: without(&tool.input, tool.route_only),
            output: (!tool.gives_pictures()).then(|| Arc::clone(&tool.output)),
        };
        self.tools.iter().map(listed).collect()
    }

    fn call<'a>(&'a self, name: &'a str, arguments: Object) -> Calling<'a> {
        Box::pin(async move {
            let tool = self.tools.iter().find(|tool| tool.name == name)?;
            let reply = self.replied(tool, arguments).await;
            self.metrics
                .tool(tool.name, if reply.is_ok() { "ok" } else { "error" });
            Some(match reply {
                Ok(reply) => told(reply),
                Err(failure) => Called::Failed(failure.to_string()),
            })
        })
    }
}

impl Models {
    /// What the tool replies; what it has replied to the same arguments is given again while that is good.
    async fn replied(&self, tool: &Described, arguments: Object) -> Result<Reply, Failure> {
        let mut question = tool.name.to_owned();
        question.push_str(&serde_json::to_string(&arguments).unwrap_or_default());
        if let Some((reply, fresh)) = self.finished.get(&question).await {
            self.market.found(fresh.lookups);
            return Ok(reply);
        }
        let audience = Audience::Models { room: self.room };
        let arguments = arguments.into_iter().collect();
        let reply = Box::pin(tool.call(arguments, &self.market, audience)).await?;
        if let Some(fresh) = reply.fresh {
            let picture = reply.picture.as_ref().map_or(0, |picture| picture.bytes.len());
            let length = reply.answer.to_string().len() + picture;
            self.finished
                .keep(question, reply.clone(), length as u64, fresh)
                .await;
        }
        Ok(reply)
    }
}

/// What a tool takes of models.
fn without(input: &Arc<Object>, route_only: &[&str]) -> Arc<Object> {
    let mut input = Arc::clone(input);
    if !route_only.is_empty()
        && let Some(Value::Object(properties)) = Arc::make_mut(&mut input).get_mut("properties")
    {
        properties.retain(|name, _| !route_only.contains(&name.as_str()));
    }
    input
}

/// The picture, or the answer with its age, since a model knows no clock. To the document's own body nothing is added:
/// what is said of it stands beside it.
fn told(reply: Reply) -> Called {
    if let Some(picture) = reply.picture {
        return Called::Picture(picture.media, picture.bytes);
    }
    let age = (time::now() - reply.as_of).max(0) / 1000;
    let mut answer = reply.answer;
    if reply.exact {
        let moment = time::iso(reply.as_of / 1000 * 1000);
        let beside = format!("source: {}, as of {moment}, {age} s ago", reply.source);
        return Called::Answer(answer, Some(beside));
    }
    if let Value::Object(members) = &mut answer {
        members.insert("age_seconds".into(), age.into());
    }
    Called::Answer(answer, None)
}
