//! A candlestick chart: prices with what is drawn over them, and panels of indicators below.

mod canvas;
mod drawing;
mod panels;
mod pixels;
mod scale;
mod svg;
mod text;

use crate::analysis::indicators::{Band, bollinger, ema};
use crate::time::iso;
use crate::wire::Candle;
use canvas::{Anchor, Canvas, Color};
use drawing::{
    BLUE, Drawing, FAINT, FALLING, GAP, INK, LEFT, LINES, MARKS, ORANGE, PANEL, RISING, Series, TOP, VIOLET,
    WHITE, exact,
};
pub use drawing::{Chart, Indicator, Size, WARM_UP};
use scale::{Scale, decimals, price, times};

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
