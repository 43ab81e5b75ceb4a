//! What a playbook says of paths, in words that other kinds may read before anything is rendered.

use crate::change::Content;
use crate::language::Render;

/// What shall stand at a path.
#[derive(Clone, Debug)]
pub(crate) struct Stands {
    pub path: String,
    pub what: What,
}

/// A sort of thing.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A file, and what it holds; none where that cannot be read, which its own rendering says.
    File(Option<Content>),
    /// A link to where this leads from its place.
    Link(String),
    Directory,
    /// A file of others, of which a part is said.
    Part,
    Nothing,
}

/// Says that `what` shall stand at `path`.
pub(crate) fn stands(cx: &mut Render<'_>, path: &str, what: What) {
    let path = path.to_owned();
    cx.announce(Stands { path, what });
}

/// What the playbook puts into the file at `path`.
pub(crate) fn content(cx: &Render<'_>, path: &str) -> Option<Content> {
    cx.announced::<Stands>().find_map(|stands| match &stands.what {
        What::File(content) if stands.path == path => content.clone(),
        _ => None,
    })
}

/// Whether the playbook declares a directory at `path`.
pub(crate) fn has_directory(cx: &Render<'_>, path: &str) -> bool {
    let mut said = cx.announced::<Stands>();
    said.any(|stands| matches!(stands.what, What::Directory) && stands.path == path)
}
