//! The panels of indicators below the prices.

use super::canvas::Anchor;
use super::drawing::{BLUE, Drawing, FALLING, LEFT, ORANGE, PANEL, RISING, Series, VIOLET, exact};
use super::scale::{Scale, short};
use super::text;
use crate::analysis::indicators::{ema, rsi};
use crate::number::Num;

impl Drawing<'_> {
    pub(super) fn volume(&mut self, top: f64) {
        let volumes: Vec<f64> = self.candles.iter().map(|candle| candle.volume.float()).collect();
        let most = volumes.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let scale = Scale {
            low: 0.0,
            high: most * 1.05,
            top,
            bottom: top + PANEL,
        };
        let unit = if self.chart.base.is_empty() {
            String::new()
        } else {
            format!(", {}", self.chart.base)
        };
        let last = volumes.last().copied().unwrap_or_default();
        self.name(top, format!("Volume{unit}: {}", short(last)));
        for mark in scale.marks(32.0) {
            self.mark(scale.place(mark), &short(mark));
        }
        let width = (self.step() * 0.7).clamp(1.0, 16.0);
        for (place, candle) in self.candles.iter().enumerate() {
            let color = if candle.close.0 >= candle.open.0 {
                RISING
            } else {
                FALLING
            };
            let y = scale.place(volumes[place]);
            self.canvas.rect(
                (self.x(place) - width / 2.0, y),
                (width, scale.bottom - y),
                color,
                0.6,
            );
        }
    }

    pub(super) fn strength(&mut self, top: f64) {
        let right = self.right();
        let scale = Scale {
            low: 0.0,
            high: 100.0,
            top,
            bottom: top + PANEL,
        };
        // The first strength is the 15th candle's.
        let series = self.series(rsi(&self.closes, 14).into_iter(), 14);
        let last = series
            .last()
            .map_or(String::new(), |(_, value)| format!(": {value:.1}"));
        self.name(top, format!("RSI 14{last}"));
        // Below 30 a pair counts as oversold, above 70 as overbought.
        let (upper, lower) = (scale.place(70.0), scale.place(30.0));
        self.canvas
            .rect((LEFT, upper), (right - LEFT, lower - upper), VIOLET, 0.06);
        for level in [30.0, 70.0] {
            self.mark(scale.place(level), &format!("{level:.0}"));
        }
        self.curve(&scale, &series, VIOLET, 1.6);
    }

    pub(super) fn divergence(&mut self, top: f64) -> Result<(), String> {
        let (fast, slow) = (ema(&self.closes, 12), ema(&self.closes, 26));
        let fast = fast.get(14..).unwrap_or_default();
        let lines: Vec<f64> = fast.iter().zip(&slow).map(|(fast, slow)| fast - slow).collect();
        let signals = ema(&lines, 9);
        let bars = lines.get(8..).unwrap_or_default().iter().zip(&signals);
        let bars = self.series(bars.map(|(line, signal)| line - signal), 33);
        let line = self.series(lines.iter().copied(), 25);
        let signal = self.series(signals.iter().copied(), 33);
        let all = [&bars, &line, &signal]
            .into_iter()
            .flatten()
            .map(|(_, value)| value.abs());
        let most = all.fold(f64::MIN_POSITIVE, f64::max) * 1.1;
        let scale = Scale {
            low: -most,
            high: most,
            top,
            bottom: top + PANEL,
        };
        let written = |series: &Series| {
            let last = series.last().and_then(|(_, value)| Num::significant(*value, 3));
            last.map_or_else(String::new, exact)
        };
        let name = format!("MACD 12, 26, 9: {}", written(&line));
        let width = text::width(&name, 12.0)?;
        self.name(top, name);
        let name = format!("signal: {}", written(&signal));
        self.canvas.text(
            (LEFT + width + 18.0, top - 6.0),
            12.0,
            Anchor::Start,
            ORANGE,
            name,
        );
        self.mark(scale.place(0.0), "0");
        let width = (self.step() * 0.7).clamp(1.0, 16.0);
        let zero = scale.place(0.0);
        for (place, value) in &bars {
            let y = scale.place(*value);
            let color = if *value >= 0.0 { RISING } else { FALLING };
            self.canvas.rect(
                (self.x(*place) - width / 2.0, y.min(zero)),
                (width, (y - zero).abs()),
                color,
                0.5,
            );
        }
        self.curve(&scale, &line, BLUE, 1.4);
        self.curve(&scale, &signal, ORANGE, 1.4);
        Ok(())
    }
}
