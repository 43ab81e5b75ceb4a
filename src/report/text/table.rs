//! Tables, sizes and times for people.

use std::fmt::Write;

use crate::change::counted;

/// Rows under a title, their columns aligned; columns that are empty throughout are left out.
pub(super) fn table(text: &mut String, title: &str, rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let _ = writeln!(text, "\n{title}");
    for row in &rows {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let line = cells.fold(String::new(), |line, (cell, width)| {
            line + &format!("  {cell:<width$}")
        });
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Bytes, by three digits.
pub(super) fn size(bytes: u64) -> String {
    let mut amount = bytes as f64 / 1e6;
    let mut unit = "MB";
    for larger in ["GB", "TB"] {
        if amount >= 1000.0 {
            (amount, unit) = (amount / 1000.0, larger);
        }
    }
    match amount < 10.0 {
        true => format!("{amount:.1} {unit}"),
        false => format!("{amount:.0} {unit}"),
    }
}

/// A time that has passed, in the largest unit of which there are two.
pub(super) fn span(seconds: u64) -> String {
    let units = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")];
    let found = units.into_iter().find(|(length, _)| seconds >= 2 * length);
    let (length, name) = found.unwrap_or((1, "second"));
    counted(usize::try_from(seconds / length).unwrap_or(usize::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        let sizes = [0, 1_500_000, 12_300_000, 1_900_000_000, 25_000_000_000_000].map(size);
        assert_eq!(sizes, ["0.0 MB", "1.5 MB", "12 MB", "1.9 GB", "25 TB"]);
        let spans = [1, 119, 120, 7_200, 172_799, 172_800].map(span);
        assert_eq!(
            spans,
            [
                "1 second",
                "119 seconds",
                "2 minutes",
                "2 hours",
                "47 hours",
                "2 days"
            ]
        );
    }
}
