//! What the schema says of sections: which consist of named entries, and which are one thing.

use serde_json::Value;

use crate::language::unfold;

/// What is read before there are entries, and repeats none.
pub(super) const HEAD: [&str; 5] = ["name", "vars", "secrets", "keep", "rehearsal"];

/// Adds what any named entry may have, which is in the language and in no kind.
pub(super) fn complete(schema: &mut Value) {
    let sections = schema["properties"].as_object();
    let sections = sections.into_iter().flatten();
    let sections: Vec<Value> = sections
        .filter(|(name, _)| !HEAD.contains(&name.as_str()))
        .map(|(_, section)| section.clone())
        .collect();
    for section in &sections {
        for choice in choices(section, schema) {
            let Some(path) = path(&choice["additionalProperties"]) else {
                continue;
            };
            let Some(entry) = schema.pointer_mut(&path).and_then(Value::as_object_mut) else {
                continue;
            };
            let fields = entry
                .entry("properties")
                .or_insert_with(|| Value::Object(Default::default()));
            if let Some(fields) = fields.as_object_mut() {
                fields.extend(unfold::fields().map(|(name, field)| (name.to_owned(), field)));
            }
        }
    }
}

/// Whether a section is one thing with fields of its own.
pub(super) fn is_one(section: &str, schema: &Value) -> bool {
    choices(&schema["properties"][section], schema)
        .iter()
        .any(|choice| choice["properties"].is_object())
}

/// What a section may be.
fn choices(section: &Value, schema: &Value) -> Vec<Value> {
    let target = path(section)
        .and_then(|path| schema.pointer(&path))
        .unwrap_or(section);
    let choices = target["anyOf"].as_array().cloned();
    let choices = choices.unwrap_or_else(|| vec![target.clone()]).into_iter();
    let target = |choice: Value| {
        path(&choice)
            .and_then(|path| schema.pointer(&path))
            .cloned()
            .unwrap_or(choice)
    };
    choices.map(target).collect()
}

/// The JSON pointer of what a schema refers to.
fn path(schema: &Value) -> Option<String> {
    schema["$ref"].as_str()?.strip_prefix('#').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_entry_and_nothing_else_may_be_repeated() {
        let schema = crate::playbook::schema().to_value();
        let repeats = |section: &str| {
            choices(&schema["properties"][section], &schema)
                .iter()
                .filter_map(|choice| path(&choice["additionalProperties"]))
                .any(|path| {
                    schema
                        .pointer(&path)
                        .is_some_and(|entry| entry["properties"]["for_each"].is_object())
                })
        };
        for section in [
            "users",
            "files",
            "nginx",
            "systemd",
            "supervisor",
            "absent",
            "checks",
            "include",
        ] {
            assert!(repeats(section) && !is_one(section, &schema), "{section}");
        }
        for section in ["apt", "ufw"] {
            assert!(!repeats(section) && is_one(section, &schema), "{section}");
        }
    }
}
