//! File systems that `/etc/fstab` names.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::change::{Change, Id, Verb};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::edit::{Edit, Place};
use crate::facts::{Questions, Remains};
use crate::language::scalar::{Count, Line, Name, optional};
use crate::language::{Declaration, Problem, Render};
use crate::managed::edited::{Edited, announce};
use crate::path::parent;
use crate::shell;

/// A file system: it stands in `/etc/fstab` and is mounted in the same step. It is unmounted when the playbook no
/// longer declares it; what is in it stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// What is mounted: `UUID=…`, `/dev/vdb1`, `tmpfs`, `10.0.0.5:/srv`, or with the option `bind` a directory.
    pub src: Line,
    /// Its type: `ext4`, `tmpfs`, `nfs`; `none` for a bind mount.
    pub fstype: Name,
    /// Options; `defaults` unless given. With `nofail` the host starts without it, too.
    #[serde(default, deserialize_with = "optional")]
    pub opts: Option<Line>,
    /// When it is checked at the start (2: after the root); 0, never, unless given.
    #[serde(default, deserialize_with = "optional")]
    pub passno: Option<Count>,
}

pub(super) const FSTAB: &str = "/etc/fstab";

const LIBRARY: &str = include_str!("mount.sh");

/// A field of fstab's, in which a blank is `\040` (fstab(5)).
pub(super) fn field(text: &str) -> String {
    text.replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
}

impl Mount {
    fn opts(&self) -> &str {
        self.opts.as_ref().map_or("defaults", |opts| &opts.0)
    }

    fn edit(&self, path: &str) -> Edit {
        let passno = self.passno.as_ref().map_or(0, |count| count.0);
        let (src, at) = (field(&self.src.0), field(path));
        Edit::Line {
            line: format!("{src} {at} {} {} 0 {passno}", self.fstype.0, self.opts()),
            regexp: Some(format!("^\\s*[^#\\s]\\S*\\s+{}\\s", regex_lite::escape(&at))),
            place: Place::End,
        }
    }
}

impl Declaration for Mount {
    fn announce(&self, path: &str, cx: &mut Render<'_>) {
        announce(cx, FSTAB, &self.edit(path));
    }

    fn render(&self, path: &str, cx: &mut Render<'_>) -> Result<(), Problem> {
        if self.opts().contains(char::is_whitespace) {
            return Err(Problem::new(
                "`opts` has a blank in it",
                "write a comma between options",
            ));
        }
        if path == "/" || self.fstype.0 == "swap" {
            return Err(Problem::new(
                format!("{path} is not mounted by a playbook"),
                "the root is the host's own; a swap file stands under `swap`",
            ));
        }
        let edited = Edited::new(cx, Id::new("mount", path), FSTAB, self.edit(path))?;
        let helpers = [
            ("nfs", "nfs-common"),
            ("nfs4", "nfs-common"),
            ("cifs", "cifs-utils"),
        ];
        let helper = helpers.iter().find(|(fstype, _)| *fstype == self.fstype.0);
        if let Some((_, package)) = helper {
            cx.needs_package(package, edited.id.as_str());
        }
        cx.push(Mounted {
            path: path.to_owned(),
            src: self.src.0.clone(),
            fstype: self.fstype.0.clone(),
            opts: self.opts().to_owned(),
            helper: helper.map(|(_, package)| (*package).to_owned()),
            edited: Edited {
                create: true,
                ..edited
            },
        });
        Ok(())
    }
}

#[derive(Debug)]
struct Mounted {
    edited: Edited,
    path: String,
    src: String,
    fstype: String,
    opts: String,
    helper: Option<String>,
}

impl Mounted {
    fn setting(&self) -> String {
        format!("mount {}", self.path)
    }
}

impl Resource for Mounted {
    fn id(&self) -> &Id {
        &self.edited.id
    }

    fn provides(&self) -> Vec<Ref> {
        vec![Ref::Path(self.path.clone())]
    }

    fn needs(&self) -> Vec<Ref> {
        let above = parent(&self.path).map(|parent| Ref::Path(parent.to_owned()));
        let bound = self.src.starts_with('/').then(|| Ref::Path(self.src.clone()));
        let helper = self.helper.clone().map(Ref::Package);
        above.into_iter().chain(bound).chain(helper).collect()
    }

    fn edits(&self) -> Option<(&str, &Edit)> {
        self.edited.edits()
    }

    fn remains(&self) -> Remains {
        Remains {
            settings: [(self.setting(), String::new())].into(),
            ..self.edited.remains()
        }
    }

    fn makes(&self, cx: &Context<'_>) -> Remains {
        let mut remains = self.edited.makes(cx);
        let known = cx.facts.made().settings.contains_key(&self.setting());
        if known || !cx.facts.is_mount_point(&self.path) {
            remains.settings.insert(self.setting(), String::new());
        }
        remains
    }

    fn ask(&self, questions: &mut Questions) {
        self.edited.ask(questions);
        questions.place(&self.path);
        questions.listing(&self.path);
        let words = shell::words([&self.path, &self.src, &self.fstype, &self.opts]);
        questions.script(self.edited.id.as_str(), format!("{LIBRARY}mounted {words}"));
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let Self {
            path, src, edited, ..
        } = self;
        let mut change = Change::new(&edited.id, Verb::Update, format!("mount {src} at {path}"));
        let there = cx.facts.path(path);
        if there.is_some_and(|fact| fact.directory().is_none()) {
            return Err(Refusal {
                id: edited.id.clone(),
                cause: format!("{path} is no directory, and {src} shall be mounted there"),
                mend: "move it away".into(),
            });
        }
        let listed = edited.diff_into(cx, &mut change)?;
        let said = cx.facts.output(edited.id.as_str());
        let other = said.strip_prefix("other ");
        if let Some(other) = other
            && cx.known(&edited.id, FSTAB).is_none()
        {
            return Err(Refusal {
                id: edited.id.clone(),
                cause: format!("{other} is mounted at {path}"),
                mend: format!("`umount {path}` on the host, if nothing needs it"),
            });
        }
        let quoted = shell::quote(path);
        let (act, back) = match (said, other, listed) {
            ("same", None, false) => return Ok(Vec::new()),
            ("same", None, true) => (format!("mount_again {quoted}"), format!("mount_again {quoted}")),
            (_, Some(_), _) => {
                change = change.note(format!(
                    "what is mounted there now, {}, is unmounted",
                    other.unwrap_or_default()
                ));
                (
                    format!("umount -- {quoted}\nmount_now {quoted}"),
                    format!("umount -- {quoted} || true\nmount_now {quoted}"),
                )
            }
            _ => {
                change.verb = Verb::Create;
                if !cx.facts.listing(path).is_empty() {
                    change = change.note(format!(
                        "what is in {path} now is hidden as long as it is mounted"
                    ));
                }
                (
                    format!("mount_now {quoted}"),
                    format!("! mountpoint -q {quoted} || umount -- {quoted}\nsystemctl daemon-reload"),
                )
            }
        };
        // As it is made beneath what is mounted, it goes after that.
        let makes = there.is_none() && !cx.provided_before(path, &edited.id);
        let (make, unmake) = match makes {
            true => (
                format!("mkdir -p -- {quoted}\n"),
                format!("\n[ ! -d {quoted} ] || rmdir -- {quoted}"),
            ),
            false => (String::new(), String::new()),
        };
        if makes {
            change = change.note(format!("{path} is made: 0755 root:root"));
        }
        change = change.shell(format!("{LIBRARY}{make}{act}"));
        change.recover = Some(format!("{LIBRARY}{back}{unmake}"));
        Ok(vec![change])
    }
}

/// Unmounts what no playbook declares any more.
pub(super) fn restore(gone: &Remains, cx: &mut Render<'_>) {
    for path in gone
        .settings
        .keys()
        .filter_map(|name| name.strip_prefix("mount "))
    {
        cx.push(Unmounted {
            id: Id::new("pruned", &format!("mount.{path}")),
            path: path.to_owned(),
        });
    }
}

#[derive(Debug)]
struct Unmounted {
    id: Id,
    path: String,
}

impl Resource for Unmounted {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ask(&self, questions: &mut Questions) {
        questions.place(&self.path);
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        let path = shell::quote(&self.path);
        if !cx.facts.is_mount_point(&self.path) {
            return Ok(Vec::new());
        }
        let change = Change::new(&self.id, Verb::Remove, format!("unmount {}", self.path));
        let mut change = change
            .note("what is in it stays")
            .shell(format!("umount -- {path}"));
        change.recover = Some(format!("mountpoint -q {path} || mount -- {path}"));
        Ok(vec![change])
    }
}
