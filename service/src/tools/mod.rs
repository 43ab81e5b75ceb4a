//! Every tool: one file and one line each, in the order in which they are listed.

mod answers;
mod chart_klines;
mod coin_categories;
mod coin_data;
mod coin_history;
mod coin_markets;
mod coin_price;
mod comprehensive;
mod extreme_funding_rates;
mod funding_rate;
mod futures_comprehensive;
mod futures_kline_patterns;
mod futures_klines;
mod futures_price;
mod futures_ticker_24h;
mod global_long_short_ratio;
mod global_market;
mod inputs;
mod kline_patterns;
mod klines;
mod mark_price;
mod market_factors;
mod multiple_tickers;
mod open_interest;
mod open_interest_hist;
mod order_book;
mod patterns;
mod realtime_funding_rate;
mod recent_trades;
mod search_coins;
mod search_symbols;
mod spot_price;
mod spot_vs_futures;
mod taker_ratio;
mod technical;
mod ticker_24h;
mod top_long_short_position_ratio;
mod top_long_short_ratio;
mod top_movers;
mod trading_rules;
mod trending;

use crate::tool::Described;

/// Every tool's description, in the order in which they are listed.
pub fn all() -> Vec<Described> {
    vec![
        Described::of::<spot_price::Definition>(),
        Described::of::<ticker_24h::Definition>(),
        Described::of::<multiple_tickers::Definition>(),
        Described::of::<klines::Definition>(),
        Described::of::<chart_klines::Definition>(),
        Described::of::<search_symbols::Definition>(),
        Described::of::<top_movers::Definition>(),
        Described::of::<order_book::Definition>(),
        Described::of::<recent_trades::Definition>(),
        Described::of::<trading_rules::Definition>(),
        Described::of::<comprehensive::Definition>(),
        Described::of::<kline_patterns::Definition>(),
        Described::of::<market_factors::Definition>(),
        Described::of::<spot_vs_futures::Definition>(),
        Described::of::<futures_price::Definition>(),
        Described::of::<funding_rate::Definition>(),
        Described::of::<realtime_funding_rate::Definition>(),
        Described::of::<extreme_funding_rates::Definition>(),
        Described::of::<futures_ticker_24h::Definition>(),
        Described::of::<futures_klines::Definition>(),
        Described::of::<open_interest::Definition>(),
        Described::of::<open_interest_hist::Definition>(),
        Described::of::<top_long_short_ratio::Definition>(),
        Described::of::<top_long_short_position_ratio::Definition>(),
        Described::of::<global_long_short_ratio::Definition>(),
        Described::of::<taker_ratio::Definition>(),
        Described::of::<mark_price::Definition>(),
        Described::of::<futures_comprehensive::Definition>(),
        Described::of::<futures_kline_patterns::Definition>(),
        Described::of::<coin_price::Definition>(),
        Described::of::<coin_data::Definition>(),
        Described::of::<search_coins::Definition>(),
        Described::of::<trending::Definition>(),
        Described::of::<coin_history::Definition>(),
        Described::of::<coin_markets::Definition>(),
        Described::of::<coin_categories::Definition>(),
        Described::of::<global_market::Definition>(),
    ]
}
