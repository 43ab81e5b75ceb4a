//! A candlestick chart: prices with what is drawn over them, and panels of indicators below.

mod canvas;
mod panels;
mod pixels;
mod scale;
mod svg;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::indicators::{Band, bollinger, ema};
use crate::number::Num;
use crate::time::iso;
use crate::wire::Candle;
use canvas::{Anchor, Canvas, Color};
use scale::{Scale, decimals, price, times};

/// So many candles before the first one drawn settle the indicators.
pub const WARM_UP: usize = 50;
/// Where what is drawn begins on the left, and how wide the axis is that stands right of it, next to the newest candle.
const LEFT: f64 = 16.0;
const AXIS: f64 = 102.0;
/// Where the panels begin, and the room below them for the times.
const TOP: f64 = 66.0;
const TIMES: f64 = 34.0;
/// A panel's height, and the room above it for its name.
const PANEL: f64 = 76.0;
const GAP: f64 = 24.0;

const RISING: Color = Color(38, 166, 154);
const FALLING: Color = Color(239, 83, 80);
const BLUE: Color = Color(66, 102, 196);
const ORANGE: Color = Color(230, 126, 34);
const VIOLET: Color = Color(126, 87, 194);
const LINES: Color = Color(228, 231, 236);
const MARKS: Color = Color(176, 182, 192);
const INK: Color = Color(48, 52, 60);
const FAINT: Color = Color(108, 114, 126);
const WHITE: Color = Color(255, 255, 255);

/// How large a picture is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Size {
    #[default]
    Usual,
    Small,
}

impl Size {
    /// Width and height in pixels: what models are shown without being scaled down, and what a telephone shows.
    fn pixels(self) -> (u32, u32) {
        match self {
            Self::Usual => (1000, 640),
            Self::Small => (480, 400),
        }
    }
}

/// What may be drawn with the candles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Indicator {
    Bollinger,
    Ema20,
    Ema50,
    Volume,
    Rsi,
    Macd,
}

impl Indicator {
    /// What is drawn when nothing is said.
    pub const USUAL: [Self; 3] = [Self::Bollinger, Self::Volume, Self::Rsi];
}

/// What is drawn.
pub struct Chart<'a> {
    /// Stands above it.
    pub title: String,
    /// Who was asked, and whether it is recorded.
    pub source: String,
    /// What prices and volumes are counted in; empty when the pair's name does not tell.
    pub quote: String,
    pub base: String,
    /// How large it is.
    pub size: Size,
    /// What is drawn besides.
    pub indicators: &'a [Indicator],
    /// Oldest first; the first [`WARM_UP`] are not drawn when there are more.
    pub candles: &'a [Candle],
}

/// Values of one indicator, each with the place of its candle.
type Series = Vec<(usize, f64)>;

impl Chart<'_> {
    /// As SVG.
    ///
    /// # Errors
    /// Says what could not be drawn.
    pub fn svg(&self) -> Result<String, String> {
        Ok(svg::written(&self.drawn()?))
    }

    /// As PNG.
    ///
    /// # Errors
    /// Says what could not be drawn.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        pixels::png(&self.drawn()?)
    }

    fn drawn(&self) -> Result<Canvas, String> {
        let skip = if self.candles.len() > WARM_UP { WARM_UP } else { 0 };
        let drawing = Drawing {
            chart: self,
            closes: self.candles.iter().map(|candle| candle.close.float()).collect(),
            candles: &self.candles[skip..],
            skip,
            canvas: Canvas {
                size: self.size.pixels(),
                title: format!("{}, {}", self.title, self.source),
                shapes: Vec::new(),
            },
        };
        drawing.all()
    }
}

/// A chart in the making.
struct Drawing<'a> {
    chart: &'a Chart<'a>,
    /// Of all candles.
    closes: Vec<f64>,
    /// Those that are drawn.
    candles: &'a [Candle],
    skip: usize,
    canvas: Canvas,
}

impl Drawing<'_> {
    fn all(mut self) -> Result<Canvas, String> {
        let panels = [Indicator::Volume, Indicator::Rsi, Indicator::Macd];
        let panels: Vec<Indicator> = panels.into_iter().filter(|panel| self.wants(*panel)).collect();
        let price_bottom = self.bottom() - panels.len() as f64 * (PANEL + GAP);
        self.time_marks();
        self.heading()?;
        self.prices(TOP, price_bottom)?;
        for (index, panel) in panels.into_iter().enumerate() {
            let top = price_bottom + GAP + index as f64 * (PANEL + GAP);
            match panel {
                Indicator::Rsi => self.strength(top),
                Indicator::Macd => self.divergence(top)?,
                _ => self.volume(top),
            }
        }
        Ok(self.canvas)
    }

    fn wants(&self, indicator: Indicator) -> bool {
        self.chart.indicators.contains(&indicator)
    }

    fn width(&self) -> f64 {
        f64::from(self.canvas.size.0)
    }

    /// Where the axis begins.
    fn right(&self) -> f64 {
        self.width() - AXIS
    }

    /// Where the last panel ends.
    fn bottom(&self) -> f64 {
        f64::from(self.canvas.size.1) - TIMES
    }

    /// The width that a candle has for itself.
    fn step(&self) -> f64 {
        (self.right() - LEFT) / self.candles.len().max(1) as f64
    }

    /// The middle of a candle.
    fn x(&self, place: usize) -> f64 {
        LEFT + (place as f64 + 0.5) * self.step()
    }

    fn heading(&mut self) -> Result<(), String> {
        let width = self.width();
        let (title, source) = (&self.chart.title, &self.chart.source);
        let (mut large, mut small) = (19.0, 12.0);
        // Long names and small pictures have smaller headings.
        while text::width(title, large)? + text::width(source, small)? > width - 3.0 * LEFT && small > 7.0 {
            (large, small) = (large - 1.0, small - 0.5);
        }
        self.canvas.text((LEFT, 28.0), large, Anchor::Start, INK, title);
        self.canvas
            .text((width - LEFT, 27.0), small, Anchor::End, FAINT, source);
        let mut at = LEFT;
        let mut legend = vec![(RISING, "rising"), (FALLING, "falling")];
        for (indicator, color, name) in [
            (Indicator::Bollinger, BLUE, "Bollinger bands 20, 2"),
            (Indicator::Ema20, ORANGE, "EMA 20"),
            (Indicator::Ema50, VIOLET, "EMA 50"),
        ] {
            if self.wants(indicator) {
                legend.push((color, name));
            }
        }
        for (color, name) in legend {
            self.canvas.rect((at, 44.0), (12.0, 8.0), color, 1.0);
            self.canvas
                .text((at + 17.0, 53.0), 12.0, Anchor::Start, FAINT, name);
            at += 17.0 + text::width(name, 12.0)? + 18.0;
        }
        let ends = self.candles.first().zip(self.candles.last());
        if let Some((first, last)) = ends.filter(|_| self.chart.size == Size::Usual) {
            let day = |candle: &Candle| iso(candle.open_time)[..10].to_owned();
            let span = format!("{} to {}, UTC", day(first), day(last));
            self.canvas
                .text((width - LEFT, 53.0), 12.0, Anchor::End, FAINT, span);
        }
        Ok(())
    }

    fn time_marks(&mut self) {
        let (right, bottom) = (self.right(), self.bottom());
        let opened: Vec<i64> = self.candles.iter().map(|candle| candle.open_time).collect();
        for (place, label) in times(&opened, 78.0 / self.step()) {
            let x = self.x(place);
            self.canvas.rect((x - 0.5, TOP), (1.0, bottom - TOP), LINES, 1.0);
            if (LEFT + 24.0..right - 16.0).contains(&x) {
                self.canvas
                    .text((x, bottom + 20.0), 12.0, Anchor::Middle, FAINT, label);
            }
        }
        self.canvas.rect((LEFT, bottom), (right - LEFT, 1.0), MARKS, 1.0);
    }

    /// The lines over the prices, with their colours.
    fn overlays(&self) -> Vec<(Color, Series)> {
        let mut lines = Vec::new();
        if self.wants(Indicator::Bollinger) {
            let bands = bollinger(&self.closes, 20, 2.0);
            let of: [fn(&Band) -> f64; 3] = [|band| band.upper, |band| band.middle, |band| band.lower];
            for of in of {
                lines.push((BLUE, self.series(bands.iter().map(of), 19)));
            }
        }
        for (indicator, period, color) in [(Indicator::Ema20, 20, ORANGE), (Indicator::Ema50, 50, VIOLET)] {
            if self.wants(indicator) {
                lines.push((
                    color,
                    self.series(ema(&self.closes, period).into_iter(), period - 1),
                ));
            }
        }
        lines
    }

    /// Values whose first is that of the `from`th of all candles, at the places of those that are drawn.
    fn series(&self, values: impl Iterator<Item = f64>, from: usize) -> Series {
        let placed = values.enumerate();
        placed
            .filter_map(|(index, value)| Some(((index + from).checked_sub(self.skip)?, value)))
            .collect()
    }

    fn prices(&mut self, top: f64, bottom: f64) -> Result<(), String> {
        let lines = self.overlays();
        let of_lines = lines
            .iter()
            .flat_map(|(_, line)| line.iter().map(|(_, value)| *value));
        let of_candles = self
            .candles
            .iter()
            .flat_map(|candle| [candle.low.float(), candle.high.float()]);
        let (mut low, mut high) = ends(of_lines.chain(of_candles));
        let room = ((high - low) * 0.04).max(high.abs() * 1e-6);
        (low, high) = (low - room, high + room);
        let scale = Scale {
            low,
            high,
            top,
            bottom,
        };
        let marks = scale.marks(46.0);
        let decimals = decimals(scale.step(46.0));
        let last = self.candles.last().map(|last| scale.place(last.close.float()));
        for mark in marks {
            let y = scale.place(mark);
            // The last price's label stands there.
            let hidden = last.is_some_and(|last| (last - y).abs() < 15.0);
            let label = if hidden {
                String::new()
            } else {
                price(mark, decimals)
            };
            self.mark(y, &label);
        }
        let width = (self.step() * 0.7).clamp(1.0, 16.0);
        for (place, candle) in self.candles.iter().enumerate() {
            let [open, high, low, close] =
                [candle.open, candle.high, candle.low, candle.close].map(|price| scale.place(price.float()));
            let color = if candle.close.0 >= candle.open.0 {
                RISING
            } else {
                FALLING
            };
            let x = self.x(place);
            self.canvas
                .rect((x - 0.5, high), (1.0, (low - high).max(1.0)), color, 1.0);
            let (upper, lower) = (open.min(close), open.max(close));
            self.canvas.rect(
                (x - width / 2.0, upper),
                (width, (lower - upper).max(1.0)),
                color,
                1.0,
            );
        }
        for (color, line) in lines {
            self.curve(&scale, &line, color, 1.3);
        }
        if let Some(last) = self.candles.last() {
            let color = if last.close.0 >= last.open.0 {
                RISING
            } else {
                FALLING
            };
            self.last(scale.place(last.close.float()), &exact(last.close), color)?;
        }
        if !self.chart.quote.is_empty() {
            let (unit, right) = (&self.chart.quote, self.width() - LEFT);
            self.canvas
                .text((right, top + 2.0), 11.0, Anchor::End, FAINT, unit);
        }
        Ok(())
    }

    /// The last price: a line across, and a label on the axis.
    fn last(&mut self, y: f64, label: &str, color: Color) -> Result<(), String> {
        let (width, right) = (self.width(), self.right());
        let dashes = canvas::Shape::Dashes {
            from: (LEFT, y),
            length: right - LEFT,
            color,
        };
        self.canvas.shapes.push(dashes);
        let room = width - right - 4.0;
        let mut size = 12.0;
        while size > 8.0 && text::width(label, size)? > room - 8.0 {
            size -= 0.5;
        }
        self.canvas.rect((right + 2.0, y - 9.0), (room, 18.0), color, 1.0);
        self.canvas
            .text((right + 7.0, y + 4.0), size, Anchor::Start, WHITE, label);
        Ok(())
    }

    /// A level line and what it stands for.
    fn mark(&mut self, y: f64, label: &str) {
        let right = self.right();
        self.canvas.rect((LEFT, y - 0.5), (right - LEFT, 1.0), LINES, 1.0);
        if !label.is_empty() {
            self.canvas
                .text((right + 7.0, y + 4.0), 12.0, Anchor::Start, FAINT, label);
        }
    }

    fn curve(&mut self, scale: &Scale, series: &Series, color: Color, width: f64) {
        let points = series
            .iter()
            .map(|(place, value)| (self.x(*place), scale.place(*value)));
        self.canvas.line(points.collect(), width, color);
    }

    fn name(&mut self, top: f64, name: String) {
        self.canvas
            .text((LEFT, top - 6.0), 12.0, Anchor::Start, FAINT, name);
    }
}

/// A number with all its digits.
fn exact(number: Num) -> String {
    let number = number.0.normalize();
    let (whole, fraction) = (number.trunc(), number.scale() as usize);
    let text = number.to_string();
    match text.split_once('.') {
        Some((_, fraction)) if whole.is_zero() => {
            format!("{}0.{fraction}", if number.is_sign_negative() { "-" } else { "" })
        }
        _ => price(Num(number).float(), fraction),
    }
}

/// The least and the largest.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(prices: &[&str], title: &str, indicators: &[Indicator]) -> String {
        let row = |(index, price): (usize, &&str)| {
            let time = 1_791_255_600_000 + index as i64 * 3_600_000;
            format!(
                "[{time},\"{price}\",\"{price}\",\"{price}\",\"{price}\",\"1.5e12\",{time},\"1\",1,\"0\",\"0\",\"0\"]"
            )
        };
        let rows: Vec<String> = prices.iter().enumerate().map(row).collect();
        let candles: Vec<Candle> = serde_json::from_str(&format!("[{}]", rows.join(","))).expect("candles");
        let chart = Chart {
            title: title.into(),
            source: "Binance spot".into(),
            quote: "USDT".into(),
            base: "BTC".into(),
            size: Size::Usual,
            indicators,
            candles: &candles,
        };
        assert!(chart.png().expect("a picture").starts_with(b"\x89PNG"));
        chart.svg().expect("a picture")
    }

    #[test]
    fn a_chart_says_its_last_price_its_colours_and_round_times() {
        let prices: Vec<&str> = (0..60)
            .map(|index| {
                if index % 2 == 0 {
                    "0.00000437"
                } else {
                    "0.00000441"
                }
            })
            .collect();
        let svg = svg(&prices, "币安人生USDT, 1h", &Indicator::USUAL);
        for text in [
            ">0.00000441<",
            ">Bollinger bands 20, 2<",
            ">币安人生USDT, 1h<",
            "Volume, BTC: 1.5T",
            "RSI 14: ",
            "stroke-dasharray",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(
            svg.contains(">0.00000440<") && !svg.contains("EMA"),
            "marks have digits"
        );
    }

    #[test]
    fn what_is_chosen_is_drawn_and_a_still_market_can_be() {
        let svg = svg(
            &["5"; 120],
            "A",
            &[Indicator::Ema20, Indicator::Ema50, Indicator::Macd],
        );
        for text in [
            ">EMA 20<",
            ">EMA 50<",
            ">MACD 12, 26, 9: 0<",
            ">12:00<",
            ">Oct 9<",
        ] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(!svg.contains("RSI") && !svg.contains("Volume"));
    }
}
