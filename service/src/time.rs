//! Moments: milliseconds since 1970, and the same in ISO 8601.

use std::time::{SystemTime, UNIX_EPOCH};

/// A day in milliseconds.
pub const DAY: i64 = 86_400_000;
/// Whole numbers below this are seconds: as milliseconds they would be in the first months of 1970.
const SECONDS_END: i64 = 10_000_000_000;

/// Now.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `2026-10-07T14:00:00Z`, with milliseconds where there are some.
pub fn iso(moment: i64) -> String {
    let (year, month, day) = civil(moment);
    let of_day = moment.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    let mut text = String::with_capacity("2026-10-07T14:00:00.000Z".len());
    for (before, number, digits) in [
        ("", year, 4),
        ("-", month, 2),
        ("-", day, 2),
        ("T", hour, 2),
        (":", minute, 2),
        (":", second, 2),
    ] {
        text.push_str(before);
        push(&mut text, number, digits);
    }
    if of_day % 1000 != 0 {
        text.push('.');
        push(&mut text, of_day % 1000, 3);
    }
    text.push('Z');
    text
}

/// Appends the last digits of a number, digit by digit: every answer says a moment, and many say hundreds.
fn push(text: &mut String, number: i64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + digit.unsigned_abs() as u8));
    }
}

/// The moment that a text means: ISO 8601, in UTC when it names no zone, or seconds or milliseconds since 1970.
pub fn parse(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        let moment = if number < SECONDS_END {
            number.checked_mul(1000)?
        } else {
            number
        };
        return (0..SECONDS_END * 1000).contains(&moment).then_some(moment);
    }
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=2100).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (time, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    };
    let zone = match zone.strip_prefix(['+', '-']) {
        Some(hours) => clock(hours)? * if zone.starts_with('-') { -1 } else { 1 },
        None => 0,
    };
    let moment = days(year, month, day) * DAY + if time.is_empty() { 0 } else { clock(time)? } - zone;
    (moment >= 0).then_some(moment)
}

/// Hours, minutes, seconds and a fraction, in milliseconds.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hour = parts.next()?.parse::<u8>().ok().filter(|hour| *hour < 24)?;
    let minute = parts
        .next()
        .unwrap_or("0")
        .parse::<u8>()
        .ok()
        .filter(|minute| *minute < 60)?;
    let second = parts.next().unwrap_or("0").parse::<f64>().ok()?;
    let milliseconds = (0.0..60.0)
        .contains(&second)
        .then_some((second * 1000.0) as i64)?;
    Some(i64::from(hour) * 3_600_000 + i64::from(minute) * 60_000 + milliseconds)
}

/// Days to a civil date, by Howard Hinnant: <https://howardhinnant.github.io/date_algorithms.html>.
pub fn civil(moment: i64) -> (i64, i64, i64) {
    let shifted = moment.div_euclid(DAY) + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let day = of_year - (153 * part + 2) / 5 + 1;
    let (month, next) = if part < 10 { (part + 3, 0) } else { (part - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// The way back: days since 1970.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let part = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * part + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_iso_8601() {
        assert_eq!(iso(1_791_381_600_000), "2026-10-07T14:00:00Z");
        assert_eq!(iso(1_791_381_599_999), "2026-10-07T13:59:59.999Z");
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn a_moment_is_read_in_every_form_that_people_send() {
        let at = Some(1_791_381_600_000);
        for text in [
            "1791381600000",
            "1791381600",
            "2026-10-07T14:00:00Z",
            "2026-10-07T14:00",
            "2026-10-07 14:00:00.000",
            "2026-10-07T16:00:00+02:00",
            "2026-10-07T09:30-04:30",
        ] {
            assert_eq!(parse(text), at, "{text}");
        }
        assert_eq!(parse("2026-10-07"), Some(1_791_331_200_000));
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-10-07T25:00",
            "-5",
            "99999999999999999",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for day in 0..40_000 {
            let (year, month, date) = civil(day * DAY);
            assert_eq!(days(year, month, date), day);
        }
    }
}
