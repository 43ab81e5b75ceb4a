//! Where an axis has its marks, and what they say.

use crate::time::{DAY, civil};

/// Values from a low to a high, over a stretch of pixels from the bottom to the top.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Scale {
    /// How far down a value is.
    pub fn place(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.bottom - share * (self.bottom - self.top)
    }

    /// How far apart round values are that lie at least so many pixels apart.
    pub fn step(&self, apart: f64) -> f64 {
        let wanted = (self.bottom - self.top) / apart;
        round_step((self.high - self.low) / wanted.max(1.0))
    }

    /// Those values.
    pub fn marks(&self, apart: f64) -> Vec<f64> {
        let step = self.step(apart);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|mark| mark as f64 * step).collect()
    }
}

/// The next 1, 2, 2.5 or 5 times a power of ten.
pub fn round_step(least: f64) -> f64 {
    if !least.is_normal() || least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= least * 0.999_999)
        .unwrap_or(power * 10.0)
}

/// So many decimals tell values apart that differ by a step.
pub fn decimals(step: f64) -> usize {
    (0..20)
        .find(|decimals| {
            let scaled = step * 10_f64.powi(*decimals);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1e-9) && scaled >= 0.999
        })
        .unwrap_or(20) as usize
}

/// A price with commas between thousands.
pub fn price(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(whole, fraction)| (whole, Some(fraction)));
    let (minus, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::from(minus);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{grouped}.{fraction}"),
        None => grouped,
    }
}

/// A volume, to three digits: 1.23M, 45.6B, 7T.
pub fn short(number: f64) -> String {
    let units = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    // What would be written as 1000 is one of the next unit.
    let found = units.into_iter().find(|(unit, _)| number.abs() >= unit * 0.9995);
    let (unit, name) = found.unwrap_or((1.0, ""));
    let value = number / unit;
    let decimals = match value.abs() {
        0.0 => 0,
        value if value < 1.0 => (2.0 - value.log10().floor()).min(12.0) as usize,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{name}")
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Longer than any other step: marks at the first of a month, of a quarter, of a year.
const MONTH: i64 = 28 * DAY;
const STEPS: [i64; 20] = [
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    MONTH,
    3 * MONTH,
    6 * MONTH,
    12 * MONTH,
    24 * MONTH,
    60 * MONTH,
];

/// Which stretch of time a moment lies in, of those that a step makes.
fn stretch(time: i64, step: i64) -> i64 {
    if step >= MONTH {
        let (year, month, _) = civil(time);
        return (year * 12 + month - 1).div_euclid(step / MONTH);
    }
    // 1970 began on a Thursday, and weeks begin on Mondays.
    let shift = if step % (7 * DAY) == 0 { 3 * DAY } else { 0 };
    (time + shift).div_euclid(step)
}

/// The candles that begin a round stretch of time, at least so many candles apart, and what to write there.
pub fn times(opened: &[i64], apart: f64) -> Vec<(usize, String)> {
    for step in STEPS {
        let begins = |index: &usize| {
            let before = opened.get(index.wrapping_sub(1)).copied();
            before.is_some_and(|before| stretch(before, step) != stretch(opened[*index], step))
        };
        let places: Vec<usize> = (0..opened.len()).filter(begins).collect();
        if places.windows(2).all(|pair| (pair[1] - pair[0]) as f64 >= apart) {
            return places
                .into_iter()
                .map(|place| (place, label(opened[place], step)))
                .collect();
        }
    }
    Vec::new()
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn label(time: i64, step: i64) -> String {
    let (year, month, day) = civil(time);
    let name = MONTHS[(month - 1).clamp(0, 11) as usize];
    let of_day = time.rem_euclid(DAY);
    if step >= MONTH {
        return if month == 1 {
            year.to_string()
        } else {
            format!("{name} {year}")
        };
    }
    if step >= DAY || of_day < step.min(HOUR) {
        return format!("{name} {day}");
    }
    format!("{:02}:{:02}", of_day / HOUR, of_day / MINUTE % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_short_up_to_trillions() {
        let numbers = [
            0.0,
            0.05,
            12.0,
            999.0,
            999.6,
            1_234_567.0,
            45_600_000_000.0,
            7e12,
            1.234e13,
            0.000_012_3,
        ];
        let written = numbers.map(short);
        assert_eq!(
            written,
            [
                "0",
                "0.05",
                "12",
                "999",
                "1k",
                "1.23M",
                "45.6B",
                "7T",
                "12.3T",
                "0.0000123"
            ]
        );
    }

    #[test]
    fn marks_are_round_and_have_digits_at_every_size() {
        let marks = |low: f64, high: f64| {
            let scale = Scale {
                low,
                high,
                top: 0.0,
                bottom: 300.0,
            };
            let marks = scale.marks(50.0);
            let decimals = decimals(marks[1] - marks[0]);
            marks
                .into_iter()
                .map(|mark| price(mark, decimals))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            marks(91_234.0, 93_321.0),
            ["91,500", "92,000", "92,500", "93,000"]
        );
        assert_eq!(
            marks(0.000_004_21, 0.000_004_44)[..2],
            ["0.00000425", "0.00000430"]
        );
        assert_eq!(
            marks(14_400_000.0, 14_500_000.0)[..2],
            ["14,400,000", "14,420,000"]
        );
    }

    #[test]
    fn times_are_round() {
        let from = |start: i64, step: i64, count: i64| {
            (0..count).map(|index| start + index * step).collect::<Vec<_>>()
        };
        let labels = |opened: &[i64], apart| {
            times(opened, apart)
                .into_iter()
                .map(|(_, label)| label)
                .collect::<Vec<_>>()
        };
        // From 2026-10-06 03:00.
        let hours = from(1_791_255_600_000, HOUR, 48);
        assert_eq!(
            labels(&hours, 6.0),
            [
                "06:00", "12:00", "18:00", "Oct 7", "06:00", "12:00", "18:00", "Oct 8"
            ]
        );
        let days = from(1_791_244_800_000, DAY, 100);
        assert_eq!(labels(&days, 20.0), ["Nov 2026", "Dec 2026", "2027"]);
        assert!(labels(&from(0, HOUR, 1), 6.0).is_empty());
    }
}
