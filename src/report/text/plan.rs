//! A plan as text: one paragraph a change, with the exact difference.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::change::{Change, Detail, Verb, counted};
use crate::plan::{Plan, Remark};
use crate::secret::Secrets;

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// A new file longer than this is shown by its beginning unless all is asked for.
const SHOWN: usize = 40;

/// The whole plan. It bears colours; whoever prints it takes them out where they do not belong.
pub fn text(plan: &Plan, secrets: &Secrets, verbose: bool) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        write_change(&mut text, change, verbose);
    }
    for remark in &plan.remarks {
        write_remark(&mut text, remark);
    }
    let _ = writeln!(text, "{}", summary(plan));
    secrets.redact(&text)
}

/// How many changes of which sort, in one line.
pub fn summary(plan: &Plan) -> String {
    match plan.waiting().count() {
        0 => format!("{}.", changes(plan)),
        waiting => format!(
            "{}; {} left undone for now.",
            changes(plan),
            counted(waiting, "thing")
        ),
    }
}

fn changes(plan: &Plan) -> String {
    if plan.changes.is_empty() {
        return "Nothing to change".into();
    }
    let count = |verb| plan.changes.iter().filter(|change| change.verb == verb).count();
    let parts = [
        (count(Verb::Create), "to create"),
        (count(Verb::Update), "to update"),
        (count(Verb::Remove), "to remove"),
        (count(Verb::Run), "to run"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let changes = counted(plan.changes.len(), "change");
    format!("{changes}: {}", parts.join(", "))
}

fn write_remark(text: &mut String, remark: &Remark) {
    let mut lines = remark.text.lines();
    let (sign, what) = if remark.waits {
        ('…', "left undone for now: ")
    } else {
        ('i', "")
    };
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(
        text,
        "{CYAN}{sign} {}{CYAN:#}  {what}{}",
        remark.id,
        visible(first)
    );
    for line in lines {
        let _ = writeln!(text, "      {}", visible(line));
    }
    text.push('\n');
}

/// A change's sign and its colour.
pub fn sign(verb: Verb) -> (char, Style) {
    match verb {
        Verb::Create => ('+', GREEN),
        Verb::Update => ('~', YELLOW),
        Verb::Remove => ('-', RED),
        Verb::Run => ('!', CYAN),
    }
}

fn write_change(text: &mut String, change: &Change, verbose: bool) {
    let (sign, style) = sign(change.verb);
    let _ = writeln!(
        text,
        "{style}{sign} {}{style:#}  {BOLD}{}{BOLD:#}",
        change.id, change.summary
    );
    for detail in &change.details {
        write_detail(text, detail, verbose);
    }
    text.push('\n');
}

/// One detail, indented.
pub(super) fn write_detail(text: &mut String, detail: &Detail, verbose: bool) {
    match detail {
        Detail::Note(note) => {
            let _ = writeln!(text, "      {note}");
        }
        Detail::Field { name, from, to } => {
            let _ = writeln!(text, "      {name}: {RED}{from}{RED:#} → {GREEN}{to}{GREEN:#}");
        }
        Detail::Diff { path, old, new } => write_diff(text, path, old, new, verbose),
    }
}

fn write_diff(text: &mut String, path: &str, old: &str, new: &str, verbose: bool) {
    let diff = TextDiff::from_lines(old, new);
    let _ = writeln!(text, "      {DIM}{path}{DIM:#}");
    let mut lines = 0;
    let total = new.lines().count();
    let hunks = diff.grouped_ops(3);
    for (index, hunk) in hunks.iter().enumerate() {
        if index > 0 {
            let _ = writeln!(text, "        {DIM}⋮{DIM:#}");
        }
        for change in hunk.iter().flat_map(|op| diff.iter_changes(op)) {
            lines += 1;
            // Every changed line of a file that is there is shown; only new files may be cut.
            if old.is_empty() && lines > SHOWN && !verbose {
                let _ = writeln!(
                    text,
                    "        {DIM}… {}; -v shows all{DIM:#}",
                    counted(total - SHOWN, "more line")
                );
                return;
            }
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', RED),
                ChangeTag::Insert => ('+', GREEN),
                ChangeTag::Equal => (' ', DIM),
            };
            let line = visible(change.value());
            let _ = writeln!(text, "        {style}{sign} {line}{style:#}");
            if change.missing_newline() {
                let _ = writeln!(text, "        {DIM}(no newline at the end){DIM:#}");
            }
        }
    }
}

/// A line without its end; control characters shown instead of sent to the terminal.
fn visible(line: &str) -> String {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.chars()
        .map(|c| match c {
            '\t' => "\t".to_owned(),
            c if c.is_control() => c.escape_default().to_string(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Id;

    fn plain(plan: &Plan) -> String {
        let mut secrets = Secrets::default();
        secrets.add("hunter22");
        anstream::adapter::strip_str(&text(plan, &secrets, false)).to_string()
    }

    #[test]
    fn a_plan_shows_the_exact_difference() {
        let file = Id::new("file", "/etc/app.conf");
        let diff = |old: &str, new: &str| Detail::Diff {
            path: "/etc/app.conf".into(),
            old: old.into(),
            new: new.into(),
        };
        let long: String = (0..50).map(|line| format!("line {line}\n")).collect();
        let plan = Plan {
            changes: vec![
                Change::new(&file, Verb::Update, "update /etc/app.conf")
                    .detail(diff(
                        "a\nb\nc\nd\ne\nf\ng\nh\nold\n",
                        "a\nb\nC\u{1b}[31m\nd\ne\nf\ng\nh\nold",
                    ))
                    .detail(Detail::Field {
                        name: "mode",
                        from: "0600".into(),
                        to: "0640".into(),
                    }),
                Change::new(&Id::new("file", "/new"), Verb::Create, "write /new").detail(diff("", &long)),
                Change::new(&Id::new("absent", "/x"), Verb::Remove, "remove /x").note("password hunter22"),
                Change::new(&Id::new("command", "c"), Verb::Run, "run c"),
            ],
            ..Plan::default()
        };
        insta::assert_snapshot!(plain(&plan));
    }

    #[test]
    fn what_waits_is_said_and_counted() {
        let remark = |waits, text: &str| Remark {
            id: Id::new("certificate", "main"),
            waits,
            text: text.into(),
        };
        let plan = Plan {
            remarks: vec![
                remark(true, "it failed: hunter22\u{1b}[31m\nlater"),
                remark(false, "it ends"),
            ],
            ..Plan::default()
        };
        assert_eq!(
            plain(&plan),
            "… certificate.main  left undone for now: it failed: (secret)\\u{1b}[31m\n      later\n\n\
             i certificate.main  it ends\n\nNothing to change; 1 thing left undone for now.\n"
        );
        assert!(!plan.is_fulfilled());
    }

    #[test]
    fn an_empty_plan_says_so() {
        assert_eq!(plain(&Plan::default()), "Nothing to change.\n");
    }
}
