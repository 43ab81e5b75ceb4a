//! `analyze_market_factors`: what pushes a pair.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::FUTURES;
use super::inputs::OfAnalysis;
use super::technical::{CANDLES, Technical};
use crate::analysis::patterns::Signal;
use crate::input::Period;
use crate::number::Num;
use crate::tool::{Set, Tool};
use crate::upstream::{Ask, Failure, Source};
use crate::wire::Span;
use crate::wire::futures::{self, LongShort, OpenInterestAt};

/// The tool.
pub struct Definition;

/// What it answers.
#[derive(Serialize, JsonSchema)]
pub struct Factors {
    /// The contract.
    symbol: String,
    /// Its last price.
    price: Num,
    /// Factors upwards less factors downwards.
    balance: i32,
    /// Where they push together.
    direction: Signal,
    /// Each factor.
    factors: Vec<Factor>,
}

/// One factor.
#[derive(Serialize, JsonSchema)]
struct Factor {
    /// Its name.
    name: &'static str,
    /// What its value is.
    meaning: &'static str,
    /// Its value: above 0 is upwards.
    value: Option<Num>,
    /// Where it pushes.
    direction: Signal,
}

impl Factor {
    /// A factor that pushes where `value` points, once it is further from 0 than `threshold`.
    fn signed(name: &'static str, meaning: &'static str, value: f64, threshold: f64) -> Self {
        let direction = if value > threshold {
            Signal::Bullish
        } else if value < -threshold {
            Signal::Bearish
        } else {
            Signal::Neutral
        };
        Self {
            name,
            meaning,
            value: Num::significant(value, 6),
            direction,
        }
    }

    fn weight(&self) -> i32 {
        match self.direction {
            Signal::Bullish => 1,
            Signal::Bearish => -1,
            Signal::Neutral => 0,
        }
    }
}

impl Tool for Definition {
    const NAME: &str = "analyze_market_factors";
    const TITLE: &str = "Market factors";
    const DESCRIPTION: &str = "What pushes a pair up or down now: the day's move, strength and trend of its candles, funding, open interest and how traders are positioned, each with its direction, and their balance.";
    const ROUTE: &str = "/binance/analysis/market-factors";
    const EXAMPLE: &str = "symbol=BTC&interval=1h";
    const SET: Set = Set::Analysis;
    const COMPACT: bool = true;
    type Input = OfAnalysis;
    type Output = Factors;

    async fn run(input: OfAnalysis, ask: &Ask<'_>) -> Result<Factors, Failure> {
        let pair = ask.pair(Source::Futures, &input.symbol);
        let candles = futures::candles(ask, &pair, input.interval, CANDLES, Span::default()).await?;
        let day = futures::day(ask, &pair).await?;
        let premium = futures::premium(ask, &pair).await?;
        let accounts = "/futures/data/globalLongShortAccountRatio";
        let accounts =
            futures::statistic::<LongShort>(ask, accounts, &pair, Period::Hour1, 24, Span::default()).await?;
        let open = "/futures/data/openInterestHist";
        let open = futures::statistic::<OpenInterestAt>(ask, open, &pair, Period::Hour1, 24, Span::default())
            .await?;
        let technical = Technical::new(&day, &candles, input.interval, FUTURES)?;
        let mut factors = vec![
            Factor::signed(
                "day",
                "change over 24 hours, percent",
                day.price_change_percent.float(),
                1.0,
            ),
            Factor::signed(
                "rsi",
                "distance of the RSI from 50",
                technical.rsi.map_or(0.0, |rsi| rsi.float() - 50.0),
                5.0,
            ),
            Factor::signed(
                "macd",
                "MACD above its signal, percent of the price",
                technical.macd_percent(),
                0.05,
            ),
        ];
        if let Some(rate) = premium.last_funding_rate {
            // Who pays for a position crowds it: high funding weighs on the price.
            factors.push(Factor::signed(
                "funding",
                "funding rate, percent, against the crowd",
                -rate.float() * 100.0,
                0.03,
            ));
        }
        if let Some(last) = accounts.last() {
            let crowd = 1.0 - last.long_short_ratio.float();
            factors.push(Factor::signed(
                "positions",
                "shorts over longs among all traders",
                crowd,
                0.5,
            ));
        }
        if let (Some(first), Some(last)) = (open.first(), open.last()) {
            let growth =
                last.sum_open_interest.float() / first.sum_open_interest.float().max(f64::MIN_POSITIVE) - 1.0;
            // New positions confirm the way the price went; closed ones tell of its end.
            let confirmed = growth * 100.0 * day.price_change_percent.float().signum();
            factors.push(Factor::signed(
                "open_interest",
                "growth of open interest along the day's move, percent",
                confirmed,
                1.0,
            ));
        }
        let balance: i32 = factors.iter().map(Factor::weight).sum();
        Ok(Factors {
            symbol: pair.name,
            price: day.last_price,
            balance,
            direction: match balance {
                2.. => Signal::Bullish,
                ..=-2 => Signal::Bearish,
                _ => Signal::Neutral,
            },
            factors,
        })
    }
}
