//! A candlestick chart: prices with Bollinger bands, volume, and relative strength.

use std::sync::OnceLock;

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;

use crate::analysis::indicators::{Band, bollinger, rsi};
use crate::wire::Candle;

/// Width and height in pixels: what models are shown without being scaled down.
const SIZE: (u32, u32) = (1000, 640);
const FONT: &[u8] = include_bytes!("../fonts/DejaVuSans-ascii.ttf");
/// So many candles before the first one drawn settle the indicators.
pub const WARM_UP: usize = 50;

/// Strengths that are marked: below 30 a pair counts as oversold, above 70 as overbought.
const LEVELS: [f64; 4] = [0.0, 30.0, 70.0, 100.0];

const RISING: RGBColor = RGBColor(38, 166, 154);
const FALLING: RGBColor = RGBColor(239, 83, 80);
const BAND: RGBColor = RGBColor(66, 102, 196);
const STRENGTH: RGBColor = RGBColor(126, 87, 194);
const LINES: RGBColor = RGBColor(225, 228, 234);
const INK: RGBColor = RGBColor(60, 64, 72);

/// What is drawn.
pub struct Chart<'a> {
    /// Stands above it.
    pub title: String,
    /// What prices and volumes are counted in, when the pair's name tells.
    pub units: Option<(String, String)>,
    /// Oldest first; the first [`WARM_UP`] are not drawn when there are more.
    pub candles: &'a [Candle],
}

impl Chart<'_> {
    /// As SVG.
    ///
    /// # Errors
    /// Says what could not be drawn.
    pub fn svg(&self) -> Result<String, String> {
        with_font()?;
        let mut text = String::new();
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        self.draw(&area).map_err(|error| error.to_string())?;
        drop(area);
        Ok(text)
    }

    /// As PNG.
    ///
    /// # Errors
    /// Says what could not be drawn.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        with_font()?;
        let mut pixels = vec![255; SIZE.0 as usize * SIZE.1 as usize * 3];
        let area = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        self.draw(&area).map_err(|error| error.to_string())?;
        drop(area);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
        encoder.set_color(png::ColorType::Rgb);
        let written = encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&pixels));
        written.map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let skip = if self.candles.len() > WARM_UP { WARM_UP } else { 0 };
        let drawn = &self.candles[skip..];
        area.fill(&WHITE)?;
        let (upper, rest) = area.split_vertically(385);
        let (middle, lower) = rest.split_vertically(105);
        self.draw_prices(&upper, drawn, skip)?;
        self.draw_volume(&middle, drawn)?;
        self.draw_strength(&lower, drawn, skip)?;
        area.present()
    }

    /// What an axis shows, with its unit.
    fn label(&self, what: &str, unit: impl Fn(&(String, String)) -> &String) -> String {
        match &self.units {
            Some(units) => format!("{what}, {}", unit(units)),
            None => what.to_owned(),
        }
    }

    fn closes(&self) -> Vec<f64> {
        self.candles.iter().map(|candle| candle.close.float()).collect()
    }

    fn draw_prices<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        drawn: &[Candle],
        skip: usize,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let closes = self.closes();
        let bands = bollinger(&closes, 20, 2.0);
        // The first band is the 20th candle's.
        let bands: Vec<(f64, _)> = bands
            .into_iter()
            .enumerate()
            .filter_map(|(index, band)| Some(((index + 19).checked_sub(skip)? as f64, band)))
            .collect();
        let lows = drawn.iter().map(|candle| candle.low.float());
        let highs = drawn.iter().map(|candle| candle.high.float());
        let low = lows
            .chain(bands.iter().map(|(_, band)| band.lower))
            .fold(f64::INFINITY, f64::min);
        let high = highs
            .chain(bands.iter().map(|(_, band)| band.upper))
            .fold(f64::NEG_INFINITY, f64::max);
        let room = ((high - low) * 0.04).max(high.abs() * 1e-6);
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 20).into_font().color(&INK))
            .margin_top(10)
            .margin_left(16)
            .margin_right(16)
            .y_label_area_size(90)
            .build_cartesian_2d(-1.0..drawn.len() as f64, low - room..high + room)?;
        let decimals = decimals(high - low);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .bold_line_style(LINES)
            .light_line_style(WHITE)
            .axis_style(LINES)
            .y_labels(7)
            .y_label_formatter(&|price| format!("{price:.decimals$}"))
            .y_desc(self.label("Price", |(quote, _)| quote))
            .axis_desc_style(("sans-serif", 13).into_font().color(&INK))
            .label_style(("sans-serif", 13).into_font().color(&INK))
            .draw()?;
        for line in [
            |band: &Band| band.upper,
            |band: &Band| band.middle,
            |band: &Band| band.lower,
        ] {
            let points = bands.iter().map(|(at, band)| (*at, line(band)));
            chart.draw_series(LineSeries::new(points, BAND.mix(0.7)))?;
        }
        let width = (720 / drawn.len().max(1)).clamp(1, 14) as u32;
        chart.draw_series(drawn.iter().enumerate().map(|(index, candle)| {
            let prices = [candle.open, candle.high, candle.low, candle.close].map(crate::number::Num::float);
            let [open, high, low, close] = prices;
            CandleStick::new(
                index as f64,
                open,
                high,
                low,
                close,
                RISING.filled(),
                FALLING.filled(),
                width,
            )
        }))?;
        Ok(())
    }

    fn draw_volume<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        drawn: &[Candle],
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let most = drawn
            .iter()
            .map(|candle| candle.volume.float())
            .fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .margin_top(8)
            .margin_left(16)
            .margin_right(16)
            .y_label_area_size(90)
            .build_cartesian_2d(-1.0..drawn.len() as f64, 0.0..most.max(f64::MIN_POSITIVE) * 1.1)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .bold_line_style(LINES)
            .light_line_style(WHITE)
            .axis_style(LINES)
            .y_labels(3)
            .y_label_formatter(&|volume| short(*volume))
            .y_desc(self.label("Volume", |(_, base)| base))
            .axis_desc_style(("sans-serif", 13).into_font().color(&INK))
            .label_style(("sans-serif", 13).into_font().color(&INK))
            .draw()?;
        chart.draw_series(drawn.iter().enumerate().map(|(index, candle)| {
            let rose = candle.close.0 >= candle.open.0;
            let color = if rose { RISING } else { FALLING };
            let at = index as f64;
            let corners = [(at - 0.35, 0.0), (at + 0.35, candle.volume.float())];
            Rectangle::new(corners, color.mix(0.6).filled())
        }))?;
        Ok(())
    }

    fn draw_strength<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        drawn: &[Candle],
        skip: usize,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let mut chart = ChartBuilder::on(area)
            .margin_top(16)
            .margin_left(16)
            .margin_right(16)
            .margin_bottom(4)
            .y_label_area_size(90)
            .x_label_area_size(44)
            .build_cartesian_2d(-1.0..drawn.len() as f64, 0.0..100.0)?;
        let long = drawn
            .windows(2)
            .all(|pair| pair[1].open_time - pair[0].open_time >= DAY);
        let at = |x: &f64| {
            let index = x.round();
            let candle = (index >= 0.0).then(|| drawn.get(index as usize)).flatten();
            let label = candle.map(|candle| {
                if long {
                    date(candle.open_time)
                } else {
                    time(candle.open_time)
                }
            });
            label.unwrap_or_default()
        };
        let ends = drawn.first().zip(drawn.last());
        let span =
            ends.map(|(first, last)| format!("UTC, {} to {}", date(first.open_time), date(last.open_time)));
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(LINES)
            .light_line_style(WHITE)
            .axis_style(LINES)
            .x_labels(8)
            .x_label_formatter(&at)
            .x_desc(span.unwrap_or_default())
            .disable_y_mesh()
            .y_labels(11)
            .y_label_formatter(&|value: &f64| match value.round() {
                level if LEVELS.contains(&level) => format!("{level:.0}"),
                _ => String::new(),
            })
            .y_desc("RSI 14")
            .axis_desc_style(("sans-serif", 13).into_font().color(&INK))
            .label_style(("sans-serif", 13).into_font().color(&INK))
            .draw()?;
        for level in LEVELS {
            let ends = [(-1.0, level), (drawn.len() as f64, level)];
            chart.draw_series(LineSeries::new(ends, LINES))?;
        }
        // The first strength is the 15th candle's.
        let strengths = rsi(&self.closes(), 14).into_iter().enumerate();
        let points =
            strengths.filter_map(|(index, value)| Some(((index + 14).checked_sub(skip)? as f64, value)));
        chart.draw_series(LineSeries::new(points, STRENGTH.stroke_width(2)))?;
        Ok(())
    }
}

/// Text cannot be measured without a font, and servers have none.
fn with_font() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| register_font("sans-serif", FontStyle::Normal, FONT).is_ok());
    if *registered {
        Ok(())
    } else {
        Err("the bundled font cannot be read".into())
    }
}

/// So many decimals tell prices in this range apart.
fn decimals(range: f64) -> usize {
    if range > 0.0 {
        (2.0 - range.log10().floor()).clamp(0.0, 8.0) as usize
    } else {
        2
    }
}

fn short(number: f64) -> String {
    let units = [(1e9, "B"), (1e6, "M"), (1e3, "k")];
    let (unit, name) = units
        .into_iter()
        .find(|(unit, _)| number >= *unit)
        .unwrap_or((1.0, ""));
    let text = format!("{:.2}", number / unit);
    format!("{}{name}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// Month, day, hour and minute in UTC, of milliseconds since 1970.
fn time(milliseconds: i64) -> String {
    let minute = milliseconds.rem_euclid(DAY) / 60_000;
    let (_, month, day) = civil(milliseconds);
    format!("{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

/// Year, month and day in UTC.
fn date(milliseconds: i64) -> String {
    let (year, month, day) = civil(milliseconds);
    format!("{year}-{month:02}-{day:02}")
}

/// Days to a civil date, by Howard Hinnant: <https://howardhinnant.github.io/date_algorithms.html>.
fn civil(milliseconds: i64) -> (i64, i64, i64) {
    let shifted = milliseconds.div_euclid(DAY) + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * part + 2) / 5 + 1;
    let (month, next) = if part < 10 { (part + 3, 0) } else { (part - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_right() {
        assert_eq!(time(1_791_381_600_000), "10-07 14:00");
        assert_eq!(time(0), "01-01 00:00");
        assert_eq!(
            (date(1_791_381_600_000), date(0)),
            ("2026-10-07".into(), "1970-01-01".into())
        );
        assert_eq!(date(951_782_400_000), "2000-02-29");
        let numbers = [1_234_567.0, 12.0, 0.05, 0.0].map(short);
        assert_eq!(numbers, ["1.23M", "12", "0.05", "0"]);
        assert_eq!((decimals(5000.0), decimals(0.004)), (0, 5));
    }
}
