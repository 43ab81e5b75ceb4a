//! The texts of units' files and drop-ins, made of what a playbook says of a unit (systemd.syntax(7)).

use indexmap::IndexMap;

use crate::language::Problem;
use crate::language::scalar::Text;
use crate::language::unit::{Directive, Settings, UnitSection};

/// Directives by section, as a playbook has them: each is one setting, a list of them, or null for none.
pub type Sections = IndexMap<UnitSection, IndexMap<Directive, Settings>>;

/// Where a directive comes from that stands in no section of the playbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// It is right for most.
    Default,
    /// A field says it.
    Field,
}

/// What will stand in a file.
#[derive(Debug, Default)]
pub(super) struct Directives(IndexMap<String, IndexMap<String, (From, Vec<String>)>>);

impl Directives {
    /// What stands there unless somebody says otherwise.
    pub fn usual(&mut self, section: &str, key: &str, value: &str) {
        self.add(section, key, From::Default, value.to_owned());
    }

    /// What a field says, in place of a default.
    pub fn field(&mut self, section: &str, key: &str, value: impl Into<String>) {
        let keys = self.0.entry(section.to_owned()).or_default();
        if keys.get(key).is_some_and(|(from, _)| *from == From::Default) {
            keys.shift_remove(key);
        }
        self.add(section, key, From::Field, value.into());
    }

    fn add(&mut self, section: &str, key: &str, from: From, value: String) {
        let keys = self.0.entry(section.to_owned()).or_default();
        let (_, values) = keys.entry(key.to_owned()).or_insert((from, Vec::new()));
        values.push(value);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What sections of the playbook say, in place of defaults.
    ///
    /// # Errors
    /// When a field says the same.
    pub fn sections(&mut self, sections: &Sections, where_said: &str) -> Result<(), Problem> {
        for (section, said) in sections {
            let keys = self.0.entry(section.0.clone()).or_default();
            for (key, settings) in said {
                if keys.get(&key.0).is_some_and(|(from, _)| *from == From::Field) {
                    return Err(Problem::new(
                        format!("a field and `{where_said}` both say `{key}`"),
                        format!("take it out of the fields, or out of `{where_said}`"),
                    ));
                }
                let values = settings.0.iter().map(|setting| setting.0.clone()).collect();
                keys.insert(key.0.clone(), (From::Default, values));
            }
        }
        Ok(())
    }

    /// The text of the file: `Unit` first, `Install` last.
    ///
    /// # Errors
    /// When systemd would join a line with the one after it.
    pub fn text(&self, head: &str) -> Result<String, Problem> {
        let mut sections: Vec<_> = self.0.iter().collect();
        sections.sort_by_key(|(name, _)| match name.as_str() {
            "Unit" => 0,
            "Install" => 2,
            _ => 1,
        });
        let mut text = head.to_owned();
        for (name, keys) in sections {
            let lines = keys
                .iter()
                .flat_map(|(key, (_, values))| values.iter().map(move |value| format!("{key}={value}\n")));
            let lines: String = lines.collect();
            if lines.contains("\\\n") {
                return Err(Problem::new(
                    "a command ends with `\\`: systemd would join it with the line after it",
                    "take the `\\` out",
                ));
            }
            if !lines.is_empty() {
                text += &format!("\n[{name}]\n{lines}");
            }
        }
        Ok(text)
    }
}

/// Refuses a name that systemd would pass over in an environment (environ(7)).
pub(super) fn variable(name: &str) -> Result<(), Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(()),
        false => Err(Problem::new(
            format!("`{name}` is not the name of a variable: systemd would pass over it"),
            "write letters, digits and `_`, the first no digit",
        )),
    }
}

/// A text in which `%` means itself, but for `%i` where that is an instance's name (systemd.unit(5), "Specifiers").
pub(super) fn literal(text: &str, has_instances: bool) -> String {
    let text = text.replace('%', "%%");
    match has_instances {
        true => text.replace("%%i", "%i"),
        false => text,
    }
}

/// An assignment for `Environment=`: systemd takes it as it is, but for `%i` where that is an instance's name.
pub(super) fn assignment(name: &str, value: &Text, has_instances: bool) -> String {
    let mut text = String::new();
    for c in literal(&value.0, has_instances).chars() {
        match c {
            '\\' | '"' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if c.is_ascii_control() => text += &format!("\\x{:02x}", u32::from(c)),
            c => text.push(c),
        }
    }
    format!("\"{name}={text}\"")
}

/// A line of a file that `EnvironmentFile=` names: in double quotes four characters mean something (systemd.exec(5)).
pub(super) fn line(name: &str, value: &Text) -> String {
    let mut text = String::new();
    for c in value.0.chars() {
        if matches!(c, '"' | '\\' | '`' | '$') {
            text.push('\\');
        }
        text.push(c);
    }
    format!("{name}=\"{text}\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::unit::Setting;

    fn sections(section: &str, key: &str, values: &[&str]) -> Sections {
        let setting = |value: &&str| value.parse::<Setting>().expect("a setting");
        let settings = Settings(values.iter().map(setting).collect());
        let key = key.parse().expect("a directive");
        let section = section.parse().expect("a section");
        [(section, [(key, settings)].into_iter().collect())]
            .into_iter()
            .collect()
    }

    #[test]
    fn what_is_said_stands_in_place_of_a_default_and_not_beside_a_field() {
        let mut all = Directives::default();
        all.usual("Install", "WantedBy", "multi-user.target");
        all.usual("Service", "Restart", "on-failure");
        all.usual("Service", "Type", "exec");
        all.usual("Unit", "After", "network-online.target");
        all.field("Service", "Type", "notify");
        all.sections(&sections("Service", "Restart", &[]), "unit")
            .expect("null takes away");
        all.sections(&sections("Service", "ExecStart", &["", "/bin/true"]), "unit")
            .expect("a list");
        assert_eq!(
            all.text("# head\n").ok().as_deref(),
            Some(
                "# head\n\n[Unit]\nAfter=network-online.target\n\n[Service]\nType=notify\nExecStart=\nExecStart=/bin/true\n\n\
                 [Install]\nWantedBy=multi-user.target\n"
            )
        );
        assert!(
            all.sections(&sections("Service", "Type", &["exec"]), "unit")
                .is_err()
        );
    }

    #[test]
    fn a_line_is_not_joined_with_the_next() {
        let mut all = Directives::default();
        all.field("Service", "ExecStart", "/bin/echo \\");
        assert!(all.text("").is_err());
        assert!("/bin/echo \\".parse::<Setting>().is_err());
    }

    #[test]
    fn values_mean_themselves() {
        let text = |text: &str| Text(text.into());
        assert_eq!(
            assignment("A", &text("50% \"x\" \\ \n$B"), false),
            r#""A=50%% \"x\" \\ \n$B""#
        );
        assert_eq!(assignment("A", &text("%i%d"), true), r#""A=%i%%d""#);
        assert_eq!(assignment("A", &text("%i"), false), r#""A=%%i""#);
        assert_eq!(literal("/srv/100%off/%i", true), "/srv/100%%off/%i");
        assert_eq!(literal("/srv/%i", false), "/srv/%%i");
        assert_eq!(
            line("A", &text("a\"b\\c`d$e%\nf")),
            "A=\"a\\\"b\\\\c\\`d\\$e%\nf\"\n"
        );
        assert!(variable("A_1").is_ok() && variable("1A").is_err() && variable("A-B").is_err());
    }
}
