//! Absolute paths on a host, as text: nobody looks whether anything stands there.

/// The directory a path stands in; none for `/`.
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 if path.len() > 1 => Some("/"),
        0 => None,
        at => Some(&path[..at]),
    }
}

/// What the link at `path` with this target points to.
pub fn resolve(path: &str, target: &str) -> String {
    let mut parts = Vec::new();
    let above = if target.starts_with('/') {
        ""
    } else {
        parent(path).unwrap_or_default()
    };
    for part in above.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn where_a_link_leads() {
        for (path, target, wanted) in [
            (
                "/etc/nginx/sites-enabled/a",
                "../sites-available/a",
                "/etc/nginx/sites-available/a",
            ),
            ("/etc/a", "/srv/./b/../c", "/srv/c"),
            ("/a", "../../b", "/b"),
        ] {
            assert_eq!(resolve(path, target), wanted);
        }
    }
}
