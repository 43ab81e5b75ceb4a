//! Handlebars, strict: a variable that is not there is an error with its place, in `{{#if}}` too.

use handlebars::template::{Parameter, TemplateElement};
use handlebars::{Handlebars, Path, PathSeg, Template, no_escape};
use serde_json::{Map, Value};

use super::error::PlaybookError;
use super::scope::nearest;

/// The templates that ship inside the program.
const SHIPPED: &[(&str, &str)] = &[
    ("backup.sh.hbs", include_str!("../../templates/backup.sh.hbs")),
    ("cron.hbs", include_str!("../../templates/cron.hbs")),
    (
        "logrotate.conf.hbs",
        include_str!("../../templates/logrotate.conf.hbs"),
    ),
    ("monitor.sh.hbs", include_str!("../../templates/monitor.sh.hbs")),
    ("nginx.conf.hbs", include_str!("../../templates/nginx.conf.hbs")),
    (
        "reload-nginx.sh.hbs",
        include_str!("../../templates/reload-nginx.sh.hbs"),
    ),
    (
        "supervisor.conf.hbs",
        include_str!("../../templates/supervisor.conf.hbs"),
    ),
];

/// Variables of shipped templates that may be missing, and are nothing then.
const OPTIONAL: &[(&str, &[&str])] = &[("monitor.sh.hbs", &["webhook", "mail_to"])];

/// The variables of the shipped template `name` that may be missing.
pub fn optional(name: &str) -> &'static [&'static str] {
    let of = OPTIONAL.iter().find(|(known, _)| *known == name);
    of.map_or(&[], |(_, names)| names)
}

/// The text of a template that ships with the program.
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// The shipped templates' names.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// Whether a shipped template holds `text`.
pub fn shipped_hold(text: &str) -> bool {
    SHIPPED.iter().any(|(_, template)| template.contains(text))
}

/// The entries of a JSON object, as values for a template.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(values) => values,
        _ => Map::new(),
    }
}

/// A rendered template and the variables it used.
#[derive(Debug)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Names of the variables that stand in the template.
    pub used: Vec<String>,
}

/// Renders `source`, which came from `file`, with `values`.
///
/// # Errors
/// A syntax error or a missing variable, with line and column in the template.
pub fn render(file: &str, source: &str, values: &Map<String, Value>) -> Result<Rendered, PlaybookError> {
    let template = Template::compile(source).map_err(|error| {
        let (line, column) = error.pos().unwrap_or((1, 1));
        let reason = error.reason().to_string();
        let reason = match reason.lines().next() {
            // The parser lists what its grammar would take, which helps nobody.
            Some(reason) if !reason.starts_with("invalid handlebars syntax") => reason,
            _ => "this is not Handlebars, or a `{{#…}}` above is without its `{{/…}}`",
        };
        PlaybookError::at(file, source, line, column, reason)
    })?;
    let mut names = Names::default();
    names.template(&template, false);
    // `{{log}}` calls handlebars' own helper of that name, which prints nothing into the text.
    if let Some((name, line, column)) = names.found.iter().find(|(name, ..)| name == "log") {
        let message = format!("`{name}` cannot be a variable: it is a helper of Handlebars");
        return Err(PlaybookError::at(file, source, *line, *column, message)
            .with_help(Some("call it otherwise".into())));
    }
    let missing = names.found.iter().filter(|(name, ..)| !values.contains_key(name));
    let missing = missing.map(|(name, line, column)| {
        let near = nearest(name, values.keys().map(String::as_str));
        let known = values.keys().cloned().collect::<Vec<_>>().join(", ");
        let message = format!("there is no variable `{name}`{near}");
        PlaybookError::at(file, source, *line, *column, message)
            .with_help(Some(format!("known here: {known}")))
    });
    if let Some(error) = PlaybookError::all(missing.collect()) {
        return Err(error);
    }
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(no_escape);
    engine.register_template("it", template);
    let text = engine.render("it", values).map_err(|error| {
        let (line, column) = (error.line_no.unwrap_or(1), error.column_no.unwrap_or(1));
        PlaybookError::at(file, source, line, column, error.reason().to_string())
    })?;
    Ok(Rendered {
        text,
        used: names.found.into_iter().map(|(name, ..)| name).collect(),
    })
}

/// Names of the outermost context that a template reads. Inside `each` and `with` the context is
/// another, and strict mode alone watches there.
#[derive(Default)]
struct Names {
    found: Vec<(String, usize, usize)>,
}

impl Names {
    fn template(&mut self, template: &Template, inner: bool) {
        for (element, place) in template.elements.iter().zip(&template.mapping) {
            self.element(element, (place.0, place.1), inner);
        }
    }

    fn element(&mut self, element: &TemplateElement, place: (usize, usize), inner: bool) {
        let (TemplateElement::Expression(helper)
        | TemplateElement::HtmlExpression(helper)
        | TemplateElement::HelperBlock(helper)) = element
        else {
            return;
        };
        let rebinds = matches!(helper.name.as_name(), Some("each" | "with"));
        if !helper.block && helper.params.is_empty() {
            self.parameter(&helper.name, place, inner);
        }
        for parameter in helper.params.iter().chain(helper.hash.values()) {
            self.parameter(parameter, place, inner);
        }
        if let Some(body) = &helper.template {
            self.template(body, inner || rebinds);
        }
        if let Some(body) = &helper.inverse {
            self.template(body, inner);
        }
    }

    fn parameter(&mut self, parameter: &Parameter, place: (usize, usize), inner: bool) {
        match parameter {
            Parameter::Path(Path::Relative((segments, _))) if !inner => {
                if let Some(PathSeg::Named(name)) = segments.first() {
                    self.found.push((name.clone(), place.0, place.1));
                }
            }
            Parameter::Name(name) if !inner => self.found.push((name.clone(), place.0, place.1)),
            Parameter::Subexpression(inside) => self.element(&inside.element, place, inner),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(source: &str, values: Value) -> Result<String, PlaybookError> {
        let Value::Object(values) = values else {
            unreachable!("an object")
        };
        render("t.hbs", source, &values).map(|rendered| rendered.text)
    }

    #[test]
    fn text_is_never_html_escaped() {
        assert_eq!(
            with("a={{a}}", json!({"a": "<&\">"})).expect("renders"),
            "a=<&\">"
        );
    }

    #[test]
    fn a_missing_variable_has_a_place_even_in_if() {
        for source in [
            "x\n{{#if missing}}a{{/if}}",
            "x\n{{missing}}",
            "x\n{{#each missing}}{{this}}{{/each}}",
        ] {
            let error = with(source, json!({"mising": 1})).expect_err(source);
            assert_eq!(
                error.message,
                "there is no variable `missing` (did you mean `mising`?)"
            );
            assert_eq!(error.span().map(|span| span.offset()), Some(2), "{source}");
        }
    }

    #[test]
    fn an_inner_context_is_watched_by_strict_mode() {
        assert!(with("{{#each a}}{{b}}{{/each}}", json!({"a": [{"b": 1}]})).is_ok());
        assert!(with("{{#each a}}{{c}}{{/each}}", json!({"a": [{"b": 1}]})).is_err());
    }

    #[test]
    fn a_variable_that_a_helper_would_swallow_is_refused() {
        let error = with("{{log}}", json!({"log": "/var/log/x"})).expect_err("swallowed");
        assert!(error.message.contains("a helper of Handlebars"), "{error}");
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let error = with("a\nb {{#if x}}\n", json!({"x": 1})).expect_err("open block");
        assert!(error.span().is_some(), "{error}");
    }
}
