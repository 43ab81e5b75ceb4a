//! The indicators against TA-Lib 0.8.2 (its Python package), which computed the table below from the closing prices of
//! `recorded/spot/klines-BTCUSDT.json`: RSI(14), EMA(50), BBANDS(20, 2, 2) and MACD(12, 26, 9), each of the first N candles.

use mcp_crypto_api::indicators::{bollinger, ema, macd, rsi};

/// Number of candles, then RSI, EMA, upper band, middle, lower band, MACD line, signal.
const TABLE: [(usize, [f64; 7]); 4] = [
    (
        221,
        [
            70.62976906,
            86191.89103905,
            88819.68380154,
            87789.39350000,
            86759.10319846,
            779.39763479,
            789.24745526,
        ],
    ),
    (
        251,
        [
            69.96136434,
            89322.14908183,
            92695.49603243,
            90774.74400000,
            88853.99196757,
            862.30953371,
            777.09235214,
        ],
    ),
    (
        271,
        [
            45.03206859,
            91152.42390837,
            93388.11734827,
            92665.82000000,
            91943.52265173,
            320.91450008,
            527.75490277,
        ],
    ),
    (
        300,
        [
            56.08197532,
            91762.23133257,
            93554.07390692,
            92199.89500000,
            90845.71609308,
            164.03074727,
            185.58647427,
        ],
    ),
];

fn closes() -> Vec<f64> {
    let rows = include_str!("../recorded/spot/klines-BTCUSDT.json");
    let rows: Vec<Vec<serde_json::Value>> = serde_json::from_str(rows).expect("candles");
    let close = |row: &Vec<serde_json::Value>| row[4].as_str().and_then(|text| text.parse().ok());
    rows.iter().map(|row| close(row).expect("a price")).collect()
}

#[test]
fn every_indicator_agrees_with_ta_lib() {
    let closes = closes();
    for (count, wanted) in TABLE {
        let closes = &closes[..count];
        let band = bollinger(closes, 20, 2.0).pop().expect("enough candles");
        let macd = macd(closes, 12, 26, 9).expect("enough candles");
        let computed = [
            rsi(closes, 14).pop().expect("enough candles"),
            ema(closes, 50).pop().expect("enough candles"),
            band.upper,
            band.middle,
            band.lower,
            macd.line,
            macd.signal,
        ];
        for (computed, wanted) in computed.into_iter().zip(wanted) {
            // TA-Lib seeds the short average of MACD later: after 200 candles that is gone from six digits.
            let near = (computed - wanted).abs() <= 1e-4_f64.max(wanted.abs() * 1e-7);
            assert!(near, "after {count} candles: {computed} is not {wanted}");
        }
    }
}
