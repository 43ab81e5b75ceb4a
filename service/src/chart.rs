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
        let (upper, rest) = area.split_vertically(400);
        let (middle, lower) = rest.split_vertically(100);
        self.draw_prices(&upper, drawn, skip)?;
        draw_volume(&middle, drawn)?;
        self.draw_strength(&lower, drawn, skip)?;
        area.present()
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

    fn draw_strength<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        drawn: &[Candle],
        skip: usize,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let mut chart = ChartBuilder::on(area)
            .margin_top(12)
            .margin_left(16)
            .margin_right(16)
            .margin_bottom(8)
            .y_label_area_size(90)
            .x_label_area_size(28)
            .build_cartesian_2d(-1.0..drawn.len() as f64, 0.0..100.0)?;
        let at = |x: &f64| {
            let index = x.round();
            let candle = (index >= 0.0).then(|| drawn.get(index as usize)).flatten();
            candle.map(|candle| time(candle.open_time)).unwrap_or_default()
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(LINES)
            .light_line_style(WHITE)
            .axis_style(LINES)
            .x_labels(8)
            .x_label_formatter(&at)
            .y_labels(3)
            .y_label_formatter(&|value| format!("{value:.0}"))
            .y_desc("RSI 14")
            .axis_desc_style(("sans-serif", 13).into_font().color(&INK))
            .label_style(("sans-serif", 13).into_font().color(&INK))
            .draw()?;
        for level in [30.0, 70.0] {
            let ends = [(-1.0, level), (drawn.len() as f64, level)];
            chart.draw_series(LineSeries::new(ends, INK.mix(0.4)))?;
        }
        // The first strength is the 15th candle's.
        let strengths = rsi(&self.closes(), 14).into_iter().enumerate();
        let points =
            strengths.filter_map(|(index, value)| Some(((index + 14).checked_sub(skip)? as f64, value)));
        chart.draw_series(LineSeries::new(points, STRENGTH.stroke_width(2)))?;
        Ok(())
    }
}

fn draw_volume<B: DrawingBackend>(
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
        .y_desc("Volume")
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
    for (unit, name) in [(1e9, "B"), (1e6, "M"), (1e3, "k")] {
        if number >= unit {
            return format!("{:.1}{name}", number / unit);
        }
    }
    format!("{number:.1}")
}

/// Month, day, hour and minute in UTC, of milliseconds since 1970.
fn time(milliseconds: i64) -> String {
    let minutes = milliseconds.div_euclid(60_000);
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    // Days to a civil date, by Howard Hinnant: <https://howardhinnant.github.io/date_algorithms.html>.
    let shifted = days + 719_468;
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * part + 2) / 5 + 1;
    let month = if part < 10 { part + 3 } else { part - 9 };
    format!("{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_right() {
        assert_eq!(time(1_791_381_600_000), "10-07 14:00");
        assert_eq!(time(0), "01-01 00:00");
        assert_eq!((short(1_234_567.0), short(12.0)), ("1.2M".into(), "12.0".into()));
        assert_eq!((decimals(5000.0), decimals(0.004)), (0, 5));
    }
}
