//! What every part of a chart is drawn with: its measures, its colours, its marks and lines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::canvas::{Anchor, Canvas, Color};
use super::scale::{Scale, price};
use crate::number::Num;
use crate::wire::Candle;

/// So many candles before the first one drawn settle the indicators.
pub const WARM_UP: usize = 50;
/// Where what is drawn begins on the left, and how wide the axis is that stands right of it, next to the newest candle.
pub(super) const LEFT: f64 = 16.0;
pub(super) const AXIS: f64 = 102.0;
/// Where the panels begin, and the room below them for the times.
pub(super) const TOP: f64 = 66.0;
pub(super) const TIMES: f64 = 34.0;
/// A panel's height, and the room above it for its name.
pub(super) const PANEL: f64 = 76.0;
pub(super) const GAP: f64 = 24.0;

pub(super) const RISING: Color = Color(38, 166, 154);
pub(super) const FALLING: Color = Color(239, 83, 80);
pub(super) const BLUE: Color = Color(66, 102, 196);
pub(super) const ORANGE: Color = Color(230, 126, 34);
pub(super) const VIOLET: Color = Color(126, 87, 194);
pub(super) const LINES: Color = Color(228, 231, 236);
pub(super) const MARKS: Color = Color(176, 182, 192);
pub(super) const INK: Color = Color(48, 52, 60);
pub(super) const FAINT: Color = Color(108, 114, 126);
pub(super) const WHITE: Color = Color(255, 255, 255);

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
    pub(super) fn pixels(self) -> (u32, u32) {
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
pub(super) type Series = Vec<(usize, f64)>;

/// A chart in the making.
pub(super) struct Drawing<'a> {
    pub(super) chart: &'a Chart<'a>,
    /// Of all candles.
    pub(super) closes: Vec<f64>,
    /// Those that are drawn.
    pub(super) candles: &'a [Candle],
    pub(super) skip: usize,
    pub(super) canvas: Canvas,
}

impl Drawing<'_> {
    pub(super) fn wants(&self, indicator: Indicator) -> bool {
        self.chart.indicators.contains(&indicator)
    }

    pub(super) fn width(&self) -> f64 {
        f64::from(self.canvas.size.0)
    }

    /// Where the axis begins.
    pub(super) fn right(&self) -> f64 {
        self.width() - AXIS
    }

    /// Where the last panel ends.
    pub(super) fn bottom(&self) -> f64 {
        f64::from(self.canvas.size.1) - TIMES
    }

    /// The width that a candle has for itself.
    pub(super) fn step(&self) -> f64 {
        (self.right() - LEFT) / self.candles.len().max(1) as f64
    }

    /// The middle of a candle.
    pub(super) fn x(&self, place: usize) -> f64 {
        LEFT + (place as f64 + 0.5) * self.step()
    }

    /// Values whose first is that of the `from`th of all candles, at the places of those that are drawn.
    pub(super) fn series(&self, values: impl Iterator<Item = f64>, from: usize) -> Series {
        let placed = values.enumerate();
        placed
            .filter_map(|(index, value)| Some(((index + from).checked_sub(self.skip)?, value)))
            .collect()
    }

    /// A level line and what it stands for.
    pub(super) fn mark(&mut self, y: f64, label: &str) {
        let right = self.right();
        self.canvas.rect((LEFT, y - 0.5), (right - LEFT, 1.0), LINES, 1.0);
        if !label.is_empty() {
            self.canvas
                .text((right + 7.0, y + 4.0), 12.0, Anchor::Start, FAINT, label);
        }
    }

    pub(super) fn curve(&mut self, scale: &Scale, series: &Series, color: Color, width: f64) {
        let points = series
            .iter()
            .map(|(place, value)| (self.x(*place), scale.place(*value)));
        self.canvas.line(points.collect(), width, color);
    }

    pub(super) fn name(&mut self, top: f64, name: String) {
        self.canvas
            .text((LEFT, top - 6.0), 12.0, Anchor::Start, FAINT, name);
    }
}

/// A number with all its digits.
pub(super) fn exact(number: Num) -> String {
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
