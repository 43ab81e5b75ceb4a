//! Errors as text: with the source line where there is a file, else one line of cause and one of mend.

use anstyle::{AnsiColor, Style};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

const RED: Style = AnsiColor::Red.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// The error as a person reads it.
pub fn text(error: &dyn Diagnostic, colours: bool) -> String {
    if let Some(several) = error.related() {
        let texts: Vec<String> = several.map(|error| self::text(error, colours)).collect();
        return match texts.len() {
            1 => texts.concat(),
            _ => format!("{}\n{RED}error:{RED:#} {error}\n", texts.join("\n")),
        };
    }
    let mut text = String::new();
    if error.source_code().is_some() {
        let theme = if colours {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_links(false);
        if handler.render_report(&mut text, error).is_ok() {
            return format!("{}\n", text.trim_end());
        }
    }
    let mut text = format!("{RED}error:{RED:#} {error}\n");
    if let Some(help) = error.help() {
        text += &format!("{CYAN}help:{CYAN:#} {help}\n");
    }
    text
}
