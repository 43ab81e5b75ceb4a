//! Every tool: one file and one line each, in the order in which they are listed.

mod answers;
mod inputs;
mod patterns;
mod technical;

use crate::tool::Described;

macro_rules! tools {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+

        /// Every tool's description.
        pub fn all() -> Vec<Described> {
            vec![$(Described::of::<$module::Definition>()),+]
        }
    };
}

tools! {
    spot_price,
    ticker_24h,
    multiple_tickers,
    klines,
    chart_klines,
    search_symbols,
    top_movers,
    comprehensive,
    kline_patterns,
    market_factors,
    spot_vs_futures,
    futures_price,
    funding_rate,
    realtime_funding_rate,
    extreme_funding_rates,
    futures_ticker_24h,
    futures_klines,
    open_interest,
    open_interest_hist,
    top_long_short_ratio,
    top_long_short_position_ratio,
    global_long_short_ratio,
    taker_ratio,
    mark_price,
    futures_comprehensive,
    futures_kline_patterns,
    coin_price,
    coin_data,
    search_coins,
    trending,
}
