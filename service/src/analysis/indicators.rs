//! Indicators, by their authors' definitions. Each is checked against TA-Lib's values in `tests/indicators.rs`.

/// Averages over `period`, weighted by recency, from the simple average of the first `period` values on.
pub fn ema(values: &[f64], period: usize) -> Vec<f64> {
    if period == 0 || values.len() < period {
        return Vec::new();
    }
    let mut average = values[..period].iter().sum::<f64>() / period as f64;
    let weight = 2.0 / (period as f64 + 1.0);
    let mut averages = vec![average];
    for value in &values[period..] {
        average += weight * (value - average);
        averages.push(average);
    }
    averages
}

/// Wilder's relative strength index for each value from the one after `period` on.
pub fn rsi(closes: &[f64], period: usize) -> Vec<f64> {
    if period == 0 || closes.len() <= period {
        return Vec::new();
    }
    let changes: Vec<f64> = closes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let length = period as f64;
    let mut gain = changes[..period]
        .iter()
        .map(|change| change.max(0.0))
        .sum::<f64>()
        / length;
    let mut loss = changes[..period]
        .iter()
        .map(|change| (-change).max(0.0))
        .sum::<f64>()
        / length;
    let mut strengths = vec![strength(gain, loss)];
    for change in &changes[period..] {
        gain = (gain * (length - 1.0) + change.max(0.0)) / length;
        loss = (loss * (length - 1.0) + (-change).max(0.0)) / length;
        strengths.push(strength(gain, loss));
    }
    strengths
}

fn strength(gain: f64, loss: f64) -> f64 {
    if gain + loss == 0.0 {
        50.0
    } else {
        100.0 * gain / (gain + loss)
    }
}

/// The last values of moving average convergence and divergence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Macd {
    /// The short average less the long one.
    pub line: f64,
    /// The line's own average.
    pub signal: f64,
    /// The line less the signal.
    pub histogram: f64,
}

/// MACD of the last value: usually 12, 26 and 9.
pub fn macd(closes: &[f64], short: usize, long: usize, signal: usize) -> Option<Macd> {
    let short_averages = ema(closes, short);
    let long_averages = ema(closes, long);
    let skip = short_averages.len().checked_sub(long_averages.len())?;
    let lines: Vec<f64> = short_averages[skip..]
        .iter()
        .zip(&long_averages)
        .map(|(short, long)| short - long)
        .collect();
    let signal = *ema(&lines, signal).last()?;
    let line = *lines.last()?;
    Some(Macd {
        line,
        signal,
        histogram: line - signal,
    })
}

/// A band around the average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The average plus `width` deviations.
    pub upper: f64,
    /// The average.
    pub middle: f64,
    /// The average less `width` deviations.
    pub lower: f64,
}

/// Bollinger bands, with the population's deviation, for each value from the `period`th on.
pub fn bollinger(closes: &[f64], period: usize, width: f64) -> Vec<Band> {
    if period == 0 {
        return Vec::new();
    }
    let band = |window: &[f64]| {
        let middle = window.iter().sum::<f64>() / period as f64;
        let variance = window.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / period as f64;
        let reach = width * variance.sqrt();
        Band {
            upper: middle + reach,
            middle,
            lower: middle - reach,
        }
    };
    closes.windows(period).map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_values_are_no_indicator() {
        assert!(ema(&[1.0], 2).is_empty());
        assert!(rsi(&[1.0, 2.0], 2).is_empty());
        assert!(macd(&[1.0; 30], 12, 26, 9).is_none());
        assert!(bollinger(&[1.0], 20, 2.0).is_empty());
    }

    #[test]
    fn a_flat_market_is_neutral() {
        assert_eq!(rsi(&[5.0; 20], 14).last(), Some(&50.0));
        assert_eq!(macd(&[5.0; 40], 12, 26, 9).map(|macd| macd.histogram), Some(0.0));
    }
}
