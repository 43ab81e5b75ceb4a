//! What `--json` writes, held against the schema that is published for it.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Map, Value};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    let output = command.args(["schema", "--output"]).output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("JSON")
});

/// Every line of what a command wrote is described, with every field in it.
#[track_caller]
pub fn all(stdout: &str) {
    for line in stdout.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        let mut known = Known::default();
        if let Err(wrong) = fits(&value, &SCHEMA, &mut known).and_then(|()| known.all(&value)) {
            panic!("{wrong}: the schema does not describe {line}");
        }
    }
}

/// The fields of an object that are described.
#[derive(Debug, Default)]
struct Known {
    names: BTreeSet<String>,
    /// It may have any.
    any: bool,
}

impl Known {
    fn all(&self, value: &Value) -> Result<(), String> {
        let unknown = |object: &Map<String, Value>| {
            let mut names = object
                .keys()
                .filter(|name| !self.any && !self.names.contains(*name));
            names.next().map(|name| format!("`{name}` is unknown"))
        };
        value.as_object().and_then(unknown).map_or(Ok(()), Err)
    }
}

/// Whether `value` is what `schema` says: the words of JSON Schema that are used here. `known` gets the fields that it
/// describes.
fn fits(value: &Value, schema: &Value, known: &mut Known) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return Ok(());
    };
    let own = schema.get("properties").and_then(Value::as_object);
    known
        .names
        .extend(own.into_iter().flat_map(|own| own.keys().cloned()));
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let there = SCHEMA.pointer(name.trim_start_matches('#'));
        fits(value, there.ok_or_else(|| format!("{name} is not there"))?, known)?;
    }
    for one in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        fits(value, one, known)?;
    }
    for word in ["anyOf", "oneOf"] {
        let Some(choices) = schema.get(word).and_then(Value::as_array) else {
            continue;
        };
        let mut wrong = Vec::new();
        let fitting = choices.iter().find_map(|choice| {
            let mut own = Known::default();
            let outcome = fits(value, choice, &mut own).and_then(|()| {
                // Of several that fit it is the one that knows all its fields.
                own.names.extend(known.names.iter().cloned());
                own.all(value)
            });
            outcome.map_err(|error| wrong.push(error)).ok().map(|()| own)
        });
        let own = fitting.ok_or_else(|| format!("none of {word} fits ({})", wrong.join(", ")))?;
        known.names.extend(own.names);
        known.any |= own.any;
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let may_be = |kind: &Value| kind == is || kind == "number" && is == "integer";
    match schema.get("type") {
        Some(Value::Array(kinds)) if !kinds.iter().any(may_be) => {
            return Err(format!("{value} is not of {kinds:?}"));
        }
        Some(kind @ Value::String(_)) if !may_be(kind) => return Err(format!("{value} is no {kind}")),
        _ => {}
    }
    let wanted = schema.get("const").is_none_or(|one| one == value)
        && schema
            .get("enum")
            .and_then(Value::as_array)
            .is_none_or(|all| all.contains(value));
    if !wanted {
        return Err(format!("{value} is none of those"));
    }
    let inner = |value: &Value, schema: &Value| {
        let mut known = Known::default();
        fits(value, schema, &mut known)?;
        match known.names.is_empty() {
            // Nothing is said of its fields.
            true => Ok(()),
            false => known.all(value),
        }
    };
    match value {
        Value::Array(all) => {
            let places = schema.get("prefixItems").and_then(Value::as_array);
            for (at, one) in all.iter().enumerate() {
                let own = places.and_then(|places| places.get(at));
                if let Some(schema) = own.or_else(|| schema.get("items")) {
                    inner(one, schema)?;
                }
            }
        }
        Value::Object(fields) => {
            for name in schema
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let name = name.as_str().unwrap_or_default();
                if !fields.contains_key(name) {
                    return Err(format!("`{name}` is missing"));
                }
            }
            for (name, value) in fields {
                match (
                    own.and_then(|own| own.get(name)),
                    schema.get("additionalProperties"),
                ) {
                    (Some(schema), _) => {
                        inner(value, schema).map_err(|wrong| format!("{name}: {wrong}"))?;
                    }
                    (None, Some(schema)) => {
                        known.any = true;
                        inner(value, schema).map_err(|wrong| format!("{name}: {wrong}"))?;
                    }
                    (None, None) => {}
                }
            }
        }
        _ => {}
    }
    Ok(())
}
