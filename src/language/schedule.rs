//! Cron's five fields, checked before they reach a host: crontab(5) ignores a line it cannot read.

const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of month", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    (
        "day of week",
        0,
        7,
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

const NICKNAMES: [&str; 8] = [
    "@reboot",
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// How far apart, in seconds, the runs of a schedule are at most, or somewhat more; none where no clock says.
pub(crate) fn gap(schedule: &str) -> Option<u32> {
    let fields: Vec<&str> = schedule.split(' ').collect();
    Some(match fields[..] {
        ["@reboot"] => return None,
        ["@hourly"] => HOUR,
        ["@daily" | "@midnight"] => DAY,
        ["@weekly"] => 7 * DAY,
        [minute, "*", "*", "*", "*"] => MINUTE * step(minute, 60),
        [_, hour, "*", "*", "*"] => HOUR * step(hour, 24),
        [_, _, "*", "*", _] => 7 * DAY,
        // Not every month has such a day.
        [_, _, "29" | "30" | "31", "*", "*"] => 62 * DAY,
        [_, _, _, "*", _] | ["@monthly"] => 31 * DAY,
        _ => 366 * DAY,
    })
}

/// Every how many minutes or hours; `most` where it is not every so many.
fn step(field: &str, most: u32) -> u32 {
    match field.strip_prefix("*/") {
        None if field == "*" => 1,
        None => most,
        Some(step) => step.parse().unwrap_or(most).min(most),
    }
}

/// Checks a schedule and writes its fields one blank apart.
pub(super) fn parse(text: &str) -> Result<String, String> {
    if text.starts_with('@') {
        return match NICKNAMES.contains(&text) {
            true => Ok(text.to_owned()),
            false => Err(format!(
                "`{text}` is not a schedule: cron knows {}",
                NICKNAMES.join(", ")
            )),
        };
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "`{text}` is not a schedule: five fields are needed (minute, hour, day of month, month, day of week)"
        ));
    }
    for (field, (what, low, high, names)) in fields.iter().zip(FIELDS) {
        let valid = field.split(',').all(|part| is_valid(part, low, high, names));
        if !valid {
            return Err(format!(
                "`{field}` is not a {what}: {low} to {high}, `*`, a range, a list or a step"
            ));
        }
    }
    Ok(fields.join(" "))
}

fn is_valid(part: &str, low: u32, high: u32, names: &[&str]) -> bool {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    if step.is_some_and(|step| !matches!(step.parse::<u32>(), Ok(1..))) {
        return false;
    }
    let value = |text: &str| match names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
        Some(index) => Some(low.min(1) + u32::try_from(index).ok()?),
        None if text.chars().all(|c| c.is_ascii_digit()) => {
            text.parse().ok().filter(|number| (low..=high).contains(number))
        }
        None => None,
    };
    match range.split_once('-') {
        Some((from, to)) => matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to),
        // A step needs something to step over: `*/5` or `0-30/5`.
        None => range == "*" || (step.is_none() && value(range).is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::{gap, parse};

    #[test]
    fn how_far_apart_runs_are() {
        for (schedule, minutes) in [
            ("*/5 * * * *", 5),
            ("* * * * *", 1),
            ("10 * * * *", 60),
            ("0 */4 * * *", 4 * 60),
            ("0 2 * * *", 24 * 60),
            ("*/5 8-18 * * *", 24 * 60),
            ("@daily", 24 * 60),
            ("0 2 * * mon", 7 * 24 * 60),
            ("0 2 1 * *", 31 * 24 * 60),
            ("0 2 31 * *", 62 * 24 * 60),
            ("0 2 1 1 *", 366 * 24 * 60),
        ] {
            assert_eq!(gap(schedule), Some(minutes * 60), "{schedule}");
        }
        assert_eq!(gap("@reboot"), None);
    }

    #[test]
    fn what_cron_reads_is_taken() {
        for text in [
            "*/5 * * * *",
            "0 2 * * *",
            "0,30 8-18/2 1 jan-mar mon-fri",
            "@daily",
            "5  4 * * 7",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
        assert_eq!(parse("5  4 * * 7"), Ok("5 4 * * 7".into()));
    }

    #[test]
    fn what_cron_would_ignore_is_refused() {
        for text in [
            "* * * *",
            "60 * * * *",
            "*/0 * * * *",
            "5/10 * * * *",
            "30-10 * * * *",
            "@often",
            "a * * * *",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(
            parse("61 * * * *")
                .expect_err("no minute")
                .contains("not a minute: 0 to 59")
        );
    }
}
