//! Schemas that the models' own interfaces take: plain types and enumerations, nothing that they do not know.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// A JSON object.
pub type Object = Map<String, Value>;

/// What a tool takes, all of it in one piece.
pub fn input(of: fn(&mut SchemaGenerator) -> Schema) -> Object {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = of(&mut settings.into_generator()).to_value();
    simplify(&mut schema);
    let Value::Object(mut schema) = schema else {
        return Object::new();
    };
    // The type's name and its words for programmers say nothing to who calls a tool.
    schema.remove("title");
    schema.remove("description");
    schema.entry("properties").or_insert_with(|| json!({}));
    schema
}

/// What a tool answers, with what every answer may have besides.
pub fn output(of: fn(&mut SchemaGenerator) -> Schema) -> Object {
    let mut schema = input(of);
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return schema;
    };
    for (name, kind, meaning) in [
        (
            "upstream",
            "string",
            "`recorded` when the answer is recorded, not the market's.",
        ),
        ("source", "string", "Who was asked."),
        (
            "as_of",
            "string",
            "When the oldest part of this was so, in ISO 8601.",
        ),
        ("age_seconds", "integer", "Over MCP: how long ago that was."),
        (
            "stale_seconds",
            "integer",
            "There when the source does not answer: how old this answer is.",
        ),
        ("cut", "string", "There when a list was cut."),
    ] {
        let described = || json!({ "type": kind, "description": meaning });
        properties.entry(name).or_insert_with(described);
    }
    schema
}

/// Brings a schema and all in it into plain forms.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            plain_type(members);
            plain_enumeration(members);
            // Formats such as `uint64` are Rust's own.
            members.shift_remove("format");
            // Google's SDK fails at a plain no; a name that there is not is refused when it comes.
            if members.get("additionalProperties") == Some(&Value::Bool(false)) {
                members.shift_remove("additionalProperties");
            }
            optional(members);
            members.values_mut().for_each(simplify);
            if let Some(Value::Object(items)) = members.get_mut("items") {
                items.shift_remove(NULLABLE);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// What may be missing is left out, never null.
fn plain_type(members: &mut Object) {
    if let Some(Value::Array(types)) = members.get("type") {
        let mut some = types.iter().filter(|name| *name != "null");
        if let (Some(one), None) = (some.next(), some.next()) {
            let one = one.clone();
            members.insert("type".into(), one);
            members.insert(NULLABLE.into(), true.into());
        }
    }
    let Some(Value::Array(choices)) = members.get("anyOf") else {
        return;
    };
    let mut some = choices.iter().filter(|choice| choice["type"] != "null");
    if let (Some(Value::Object(one)), None) = (some.next(), some.next()) {
        let one = one.clone();
        members.shift_remove("anyOf");
        for (name, value) in one {
            members.entry(name).or_insert(value);
        }
        members.insert(NULLABLE.into(), true.into());
    }
}

/// Marks a property while its object is not yet rid of it.
const NULLABLE: &str = "nullable";

/// Takes what may be missing out of what must be there.
fn optional(members: &mut Object) {
    let Some(Value::Object(properties)) = members.get_mut("properties") else {
        return;
    };
    let mut missing = Vec::new();
    for (name, property) in properties {
        if let Value::Object(property) = property {
            plain_type(property);
            if property.shift_remove(NULLABLE).is_some() {
                missing.push(Value::from(name.as_str()));
            }
        }
    }
    if let Some(Value::Array(required)) = members.get_mut("required") {
        required.retain(|name| !missing.contains(name));
    }
}

/// One list of words for a choice between constants.
fn plain_enumeration(members: &mut Object) {
    let Some(Value::Array(choices)) = members.get("oneOf") else {
        return;
    };
    let words: Option<Vec<Value>> = choices
        .iter()
        .map(|choice| choice.get("const").cloned())
        .collect();
    if let Some(words) = words {
        members.shift_remove("oneOf");
        members.insert("type".into(), "string".into());
        members.insert("enum".into(), words.into());
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;

    /// Words with words of their own, as programmers write them.
    #[derive(JsonSchema)]
    #[schemars(inline)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only its schema is made")]
    enum Choice {
        /// The first.
        First,
        /// The second.
        Second,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is made")]
    struct Everything {
        count: u64,
        maybe: Option<f64>,
        choice: Choice,
        inner: Option<Inner>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is made")]
    struct Inner {
        maybe: Option<String>,
        list: Vec<Option<u32>>,
    }

    #[test]
    fn only_plain_forms_are_left() {
        let schema = Value::Object(input(Everything::json_schema));
        let text = schema.to_string();
        for word in ["oneOf", "anyOf", "const", "format", "null", "$schema", "title"] {
            assert!(!text.contains(&format!("\"{word}")), "{word}: {text}");
        }
        assert_eq!(schema["properties"]["choice"]["enum"], json!(["first", "second"]));
        assert_eq!(schema["required"], json!(["count", "choice"]));
        assert_eq!(schema["properties"]["inner"]["required"], json!(["list"]));
    }
}
