//! What a playbook says once for several: `for_each` makes entries of one, `when` leaves one out, and variables are
//! put in. It is done before any type reads the playbook, so that no kind knows of it.

use serde_json::{Value, json};

use super::error::PlaybookError;
use super::expanded::{File, UNKNOWN, error};
use super::node::{Entries, Kind, Node, Place};
use super::scope::{Scope, TOLD, expand_in, nearest, whole};
use crate::secret::SHORTEST;

/// Whether a text stands for a value that could not be had.
pub fn is_unknown(text: &str) -> bool {
    text == UNKNOWN
}

/// What any named entry may have beside its own fields, as a JSON schema says it.
pub fn fields() -> [(&'static str, Value); 2] {
    [
        (
            "for_each",
            json!({
                "description": "Makes an entry for each of its keys: in all that the entry says, `${each.key}` is \
                                the key, `${each.value}` or `${each.value.x}` what stands there. The entry's own \
                                name has `${each.key}` in it.",
                "type": "object",
                "additionalProperties": { "title": "Value" },
            }),
        ),
        (
            "when",
            json!({
                "description": "A variable that is `true` or `false`: where it is false, the entry is not there.",
                "type": "string",
                "pattern": r"^\$\{[^{}$]+\}$",
            }),
        ),
    ]
}

/// Which of several an entry is.
struct Each {
    key: String,
    value: Node,
}

/// Unfolds the sections of one file.
pub struct Unfold<'a> {
    /// Vars and secrets of the file.
    pub scope: &'a Scope,
    /// The files of the playbook, for messages.
    pub files: &'a [File],
    /// What is wrong.
    pub errors: Vec<PlaybookError>,
    /// Whether an entry was left out: nobody knows what it would have used.
    pub left_out: bool,
}

impl<'a> Unfold<'a> {
    /// The beginning.
    pub fn new(scope: &'a Scope, files: &'a [File]) -> Self {
        Self {
            scope,
            files,
            errors: Vec::new(),
            left_out: false,
        }
    }

    /// A section with its entries repeated or left out, and all variables put in.
    pub fn section(&mut self, section: Node) -> Node {
        match section.kind {
            Kind::Map(entries, flow) => {
                let mut unfolded = Entries::new();
                for (name, value) in entries {
                    self.entry(name, value, &mut unfolded);
                }
                let kind = Kind::Map(unfolded, flow);
                Node { kind, ..section }
            }
            _ => self.put_in(section, None),
        }
    }

    fn entry(&mut self, name: Node, value: Node, unfolded: &mut Entries) {
        let Kind::Map(mut fields, flow) = value.kind else {
            let name = self.put_in(name, None);
            unfolded.push((name, self.put_in(value, None)));
            return;
        };
        let each = self.take(&mut fields, "for_each");
        let when = self.take(&mut fields, "when");
        let value = Node {
            kind: Kind::Map(fields, flow),
            ..value
        };
        let all = match each.map(|each| self.each(each)) {
            None => vec![None],
            // What is wrong with it has been told.
            Some(None) => return,
            Some(Some(all)) => all.into_iter().map(Some).collect(),
        };
        self.left_out |= all.is_empty();
        let mut names: Vec<String> = Vec::new();
        for each in &all {
            let each = each.as_ref();
            if !self.is_wanted(when.as_ref(), each) {
                self.left_out = true;
                continue;
            }
            let own = self.put_in(name.clone(), each);
            let text = own.scalar().unwrap_or_default().to_owned();
            if text != UNKNOWN && names.contains(&text) {
                let message = format!("`for_each` makes more than one `{text}` of this");
                let written = name.scalar().unwrap_or_default();
                let help = match written.contains("${each.") {
                    false => format!("write `${{each.key}}` into its name: `{written}-${{each.key}}`"),
                    true => "names are identities: write `${each.key}` into it".into(),
                };
                self.wrong(name.place, message, Some(help));
                return;
            }
            names.push(text);
            unfolded.push((own, self.put_in(value.clone(), each)));
        }
    }

    /// Takes a field out of a mapping.
    fn take(&mut self, fields: &mut Entries, name: &str) -> Option<Node> {
        let at = fields.iter().position(|(key, _)| key.scalar() == Some(name))?;
        let (_, value) = fields.remove(at);
        if let Some(at) = fields.iter().position(|(key, _)| key.scalar() == Some(name)) {
            let (key, _) = fields.remove(at);
            self.wrong(key.place, format!("`{name}` stands twice in one mapping"), None);
        }
        Some(value)
    }

    fn each(&mut self, each: Node) -> Option<Vec<Each>> {
        let Kind::Map(entries, _) = each.kind else {
            let help = "write `for_each: { a: { port: 8080 }, b: { port: 8081 } }`";
            let message = "`for_each` is a mapping of keys to what differs";
            self.wrong(each.place, message, Some(help.into()));
            return None;
        };
        let mut all: Vec<Each> = Vec::new();
        for (key, value) in entries {
            let place = key.place;
            let key = self.put_in(key, None);
            let key = match key.is_null() {
                true => String::new(),
                false => key.scalar().unwrap_or_default().to_owned(),
            };
            let value = self.put_in(value, None);
            match key.as_str() {
                UNKNOWN => {}
                "" => self.wrong(place, "a key of `for_each` must not be empty", None),
                _ if all.iter().any(|each| each.key == key) => {
                    self.wrong(place, format!("`{key}` stands twice in one mapping"), None);
                }
                _ => all.push(Each { key, value }),
            }
        }
        Some(all)
    }

    /// Whether an entry is there.
    fn is_wanted(&mut self, when: Option<&Node>, each: Option<&Each>) -> bool {
        let Some(when) = when else {
            return true;
        };
        let name = when.scalar().and_then(whole);
        let value = name.map(|name| (name, look_up(self.scope, each, name)));
        let (message, help) = match value {
            Some((_, Ok(Some(text)))) if text == "true" => return true,
            Some((_, Ok(Some(text)))) if text == "false" => return false,
            Some((_, Err(told))) if told == TOLD => return false,
            Some((_, Err(message))) => (message, None),
            Some((name, Ok(value))) => {
                // What is as short, or nearly right, is no secret.
                let is_shown =
                    |text: &str| text.len() < SHORTEST || text.to_lowercase().parse::<bool>().is_ok();
                let what = match value {
                    None => "null".to_owned(),
                    Some(text) if is_shown(&text) => format!("`{text}`"),
                    Some(_) => "something else".to_owned(),
                };
                (
                    format!("`when` wants true or false, and `${{{name}}}` is {what}"),
                    Some(
                        "give the variable `true` or `false`: nothing else says whether an entry is there"
                            .into(),
                    ),
                )
            }
            None => (
                "`when` takes one variable that is true or false, and nothing else".to_owned(),
                Some("declare it (`vars: { flag: true }`) and write `when: \"${flag}\"`".into()),
            ),
        };
        self.wrong(when.place, message, help);
        false
    }

    /// Puts variables in, in keys and values, where nothing is repeated.
    pub fn plain(&mut self, node: Node) -> Node {
        self.put_in(node, None)
    }

    fn put_in(&mut self, node: Node, each: Option<&Each>) -> Node {
        let Node { kind, place } = node;
        let kind = match kind {
            Kind::Scalar(text, _) if text.contains('$') => {
                let scope = self.scope;
                match expand_in(&text, &|name| look_up(scope, each, name)) {
                    Ok(Some(text)) => Kind::Scalar(text, false),
                    Ok(None) => Kind::Scalar("null".into(), true),
                    Err(message) => {
                        if message != TOLD {
                            self.wrong(place, message, None);
                        }
                        Kind::Scalar(UNKNOWN.into(), false)
                    }
                }
            }
            Kind::Scalar(..) => kind,
            Kind::List(items, flow) => {
                let items = items.into_iter().map(|item| self.put_in(item, each));
                Kind::List(items.collect(), flow)
            }
            Kind::Map(entries, flow) => {
                let entries = entries
                    .into_iter()
                    .map(|(key, value)| (self.put_in(key, each), self.put_in(value, each)));
                Kind::Map(entries.collect(), flow)
            }
        };
        Node { kind, place }
    }

    fn wrong(&mut self, place: Place, message: impl Into<String>, help: Option<String>) {
        self.errors
            .push(error(self.files, place, message).with_help(help));
    }
}

/// The value of a variable: one of the file's, or of what is being repeated.
fn look_up(scope: &Scope, each: Option<&Each>, name: &str) -> Result<Option<String>, String> {
    let path: Vec<&str> = name.split('.').collect();
    match (&path[..], each) {
        (["each", ..], None) => Err(format!(
            "`${{{name}}}` means something in an entry that has `for_each`, and nothing here"
        )),
        (["each", "key"], Some(each)) => Ok(Some(each.key.clone())),
        (["each", "value", below @ ..], Some(each)) => each.value(name, below),
        (["each", ..], Some(_)) => Err(format!(
            "`${{{name}}}` is nothing of `for_each`: there are `${{each.key}}` and `${{each.value}}`"
        )),
        _ => Ok(scope.look_up(name)?.map(str::to_owned)),
    }
}

impl Each {
    /// What stands at a path below the key.
    fn value(&self, name: &str, path: &[&str]) -> Result<Option<String>, String> {
        let mut node = &self.value;
        for wanted in path {
            let entries = node.entries().map_or(&[][..], |entries| entries);
            let known = entries.iter().filter_map(|(key, _)| key.scalar());
            let near = nearest(wanted, known);
            let found = entries.iter().find(|(key, _)| key.scalar() == Some(wanted));
            let (_, value) =
                found.ok_or_else(|| format!("`${{{name}}}`: `{}` has no `{wanted}`{near}", self.key))?;
            node = value;
        }
        match node.scalar() {
            _ if node.is_null() => Ok(None),
            Some(UNKNOWN) => Err(TOLD.into()),
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(format!(
                "`${{{name}}}` is no single value for `{}`: write `${{{name}.…}}` to name one of those in it",
                self.key
            )),
        }
    }
}
