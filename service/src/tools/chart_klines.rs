//! `chart_klines`: candles as a picture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chart::{Chart, Indicator, Size, WARM_UP};
use crate::input::{Count, Interval, Market, Several, Symbol};
use crate::number::Num;
use crate::time::iso;
use crate::tool::{Picture, Set, Tool};
use crate::upstream::{Ask, Audience, Failure};
use crate::wire::{Span, futures, spot};

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The coin or pair: BTC means BTCUSDT.
    symbol: Symbol,
    /// Which market.
    #[serde(default)]
    market: Market,
    /// How long each candle is.
    #[serde(default)]
    interval: Interval,
    /// How many candles.
    #[serde(default)]
    limit: Count<100, 200>,
    /// What is drawn with the candles: bollinger, volume and rsi when nothing is said.
    indicators: Option<Several<Indicator, 6>>,
    /// How large the picture is.
    #[serde(default)]
    size: Size,
    /// What the picture is: models see PNG.
    #[serde(default)]
    format: Format,
}

/// What a picture is.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Format {
    #[default]
    Png,
    Svg,
}

/// What is drawn.
#[derive(Serialize, JsonSchema)]
pub struct Drawn {
    /// The pair.
    symbol: String,
    /// How long each candle is.
    interval: Interval,
    /// How many candles are drawn.
    count: usize,
    /// The last price.
    close: Option<Num>,
    #[serde(skip)]
    picture: Option<Picture>,
}

impl Tool for Definition {
    const NAME: &str = "chart_klines";
    const TITLE: &str = "Candlestick chart";
    const DESCRIPTION: &str = "A picture of a pair's candles on Binance spot or futures, with indicators: Bollinger bands, moving averages, volume, RSI, MACD.";
    const ROUTE: &str = "/binance/klines/chart";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=100&format=svg";
    const SET: Set = Set::Analysis;
    const ROUTE_ONLY: &[&str] = &["format", "size"];
    const MEDIA: &[&str] = &["image/png", "image/svg+xml"];
    type Input = Input;
    type Output = Drawn;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Drawn, Failure> {
        let pair = ask.pair(input.market.source(), &input.symbol);
        let wanted = input.limit.0 + WARM_UP as u32;
        let (interval, span) = (input.interval, Span::default());
        let candles = match input.market {
            Market::Spot => spot::candles(ask, &pair, interval, wanted, span).await?,
            Market::Futures => futures::candles(ask, &pair, interval, wanted, span).await?,
        };
        if candles.is_empty() {
            return Err(Failure::Input(format!("{} has no candles yet", pair.name)));
        }
        let recorded = if ask.is_recorded() { " (recorded)" } else { "" };
        let moment = &iso(ask.as_of())[..16];
        let source = format!("{}, {} UTC{recorded}", ask.sources(), moment.replace('T', " "));
        // Models are shown PNG: their clients fail at anything else.
        let format = match ask.audience {
            Audience::Programs => input.format,
            Audience::Models { .. } => Format::Png,
        };
        let title = format!("{}, {}", pair.name, interval.word());
        let (base, quote) = (pair.base, pair.quote);
        let indicators = input
            .indicators
            .map_or_else(|| Indicator::USUAL.to_vec(), |chosen| chosen.0);
        let (size, drawing) = (input.size, candles.clone());
        // Drawing takes milliseconds, which other requests should not wait for.
        let drawn = tokio::task::spawn_blocking(move || {
            let chart = Chart {
                title,
                source,
                quote,
                base,
                size,
                indicators: &indicators,
                candles: &drawing,
            };
            match format {
                Format::Png => chart.png().map(|bytes| ("image/png", bytes)),
                Format::Svg => chart.svg().map(|text| ("image/svg+xml", text.into_bytes())),
            }
        });
        let broken = |cause: String| Failure::Nonsense {
            source_name: "the chart",
            cause,
        };
        let drawn = drawn.await.map_err(|error| broken(error.to_string()))?;
        let (media, bytes) = drawn.map_err(broken)?;
        let skipped = if candles.len() > WARM_UP { WARM_UP } else { 0 };
        Ok(Drawn {
            symbol: pair.name,
            interval,
            count: candles.len() - skipped,
            close: candles.last().map(|candle| candle.close),
            picture: Some(Picture { media, bytes }),
        })
    }

    fn picture(output: &mut Drawn) -> Option<Picture> {
        output.picture.take()
    }
}
