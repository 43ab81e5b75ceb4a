//! What a host measures: room on its disks, and memory.

use crate::shell;

const LIBRARY: &str = include_str!("measure.sh");

/// Whether so many bytes are free where `path` stands, or will stand.
pub(super) fn disk(path: &str, bytes: u64) -> String {
    call(&["disk", &(bytes / 1024).to_string(), path])
}

/// Whether so many bytes of memory are available.
pub(super) fn memory(bytes: u64) -> String {
    call(&["memory", &(bytes / 1024).to_string()])
}

fn call(words: &[&str]) -> String {
    format!("{LIBRARY}{}\n", shell::words(words.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(script: &str) -> (Option<i32>, String) {
        let output = std::process::Command::new("sh").args(["-c", script]).output();
        let output = output.expect("sh runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    #[test]
    fn what_is_short_is_named() {
        for enough in [disk("/nowhere/to be", 1024), memory(1024)] {
            assert_eq!(said(&enough), (Some(0), String::new()));
        }
        const MUCH: u64 = 1 << 60;
        for (script, what) in [
            (disk("/tmp/none", MUCH), "MiB are free for /tmp/none"),
            (memory(MUCH), "MiB of memory are available"),
        ] {
            let (status, said) = said(&script);
            assert_eq!(status, Some(1));
            let needed = MUCH >> 20;
            assert!(
                said.ends_with(&format!(" {what}, and {needed} MiB are needed\n")),
                "{said}"
            );
        }
    }
}
