//! `chart_klines`: candles as a picture.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chart::{Chart, WARM_UP};
use crate::input::{Count, Interval, Pair};
use crate::number::Num;
use crate::tool::{Picture, Tool};
use crate::upstream::{Ask, Failure};
use crate::wire::spot;

/// The tool.
pub struct Definition;

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The coin or pair: BTC means BTCUSDT.
    symbol: Pair,
    /// How long each candle is.
    #[serde(default)]
    interval: Interval,
    /// How many candles.
    #[serde(default)]
    limit: Count<100, 200>,
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

/// What it answers besides the picture.
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
    /// What is drawn.
    shows: &'static str,
    #[serde(skip)]
    picture: Option<Picture>,
}

impl Tool for Definition {
    const NAME: &str = "chart_klines";
    const TITLE: &str = "Candlestick chart";
    const DESCRIPTION: &str =
        "A picture of a pair's candles on Binance spot, with volume, Bollinger bands and RSI.";
    const ROUTE: &str = "/binance/klines/chart";
    const EXAMPLE: &str = "symbol=BTC&interval=1h&limit=100&format=svg";
    const MEDIA: &[&str] = &["image/png", "image/svg+xml"];
    type Input = Input;
    type Output = Drawn;

    async fn run(input: Input, ask: &Ask<'_>) -> Result<Drawn, Failure> {
        let wanted = input.limit.0 + WARM_UP as u32;
        let candles = spot::candles(ask, &input.symbol, input.interval, wanted).await?;
        if candles.is_empty() {
            return Err(Failure::Input(format!("{} has no candles yet", input.symbol.0)));
        }
        let recorded = if ask.is_recorded() { " (recorded)" } else { "" };
        let title = format!(
            "{}, {} candles with Bollinger bands 20, 2{recorded}",
            input.symbol.0,
            input.interval.word()
        );
        let units = input.symbol.currencies();
        let units = units.map(|(base, quote)| (quote.to_owned(), base.to_owned()));
        let (format, drawing) = (input.format, candles.clone());
        // Drawing takes milliseconds, which other requests should not wait for.
        let drawn = tokio::task::spawn_blocking(move || {
            let chart = Chart {
                title,
                units,
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
            symbol: input.symbol.0,
            interval: input.interval,
            count: candles.len() - skipped,
            close: candles.last().map(|candle| candle.close),
            shows: "candles with Bollinger bands (20, 2), volume, RSI (14)",
            picture: Some(Picture { media, bytes }),
        })
    }

    fn picture(output: &mut Drawn) -> Option<Picture> {
        output.picture.take()
    }
}
