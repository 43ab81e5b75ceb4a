//! What reads bytes from elsewhere takes any: a short run of what `fuzz/` does at length. Each text begins as one that
//! is right (`fuzz/seeds/`) and has pieces taken out, doubled, swapped and overwritten.

use std::fs;
use std::path::Path;

use hostwright::fuzz::TARGETS;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// What formats are made of, and what is likely to be read wrongly.
const WORDS: [&str; 24] = [
    "\n",
    " ",
    "\t",
    "\0",
    "@",
    ":",
    "=",
    "\"",
    "'",
    "${",
    "}",
    "[",
    "]",
    "{",
    "-",
    "#",
    "%",
    "\\",
    "ä",
    "\u{feff}",
    "18446744073709551615",
    "-1",
    "0",
    "99999999999999999999",
];

#[derive(Clone, Debug)]
enum Edit {
    /// Takes a piece out.
    Cut(Index, Index),
    /// Puts a piece of it in elsewhere.
    Copy(Index, Index, Index),
    /// Puts a word in.
    Word(Index, &'static str),
    /// Overwrites a byte.
    Byte(Index, u8),
}

impl Edit {
    fn of(self, bytes: &mut Vec<u8>) {
        let length = bytes.len() + 1;
        let piece = |from: Index, to: Index| {
            let (from, to) = (from.index(length), to.index(length));
            from.min(to)..from.max(to).min(from.min(to) + 200)
        };
        match self {
            Self::Cut(from, to) => drop(bytes.drain(piece(from, to))),
            Self::Copy(from, to, at) => {
                let copy = bytes[piece(from, to)].to_vec();
                let at = at.index(length);
                bytes.splice(at..at, copy);
            }
            Self::Word(at, word) => {
                let at = at.index(length);
                bytes.splice(at..at, word.bytes());
            }
            Self::Byte(at, byte) => {
                if let Some(there) = bytes.get_mut(at.index(length)) {
                    *there = byte;
                }
            }
        }
    }
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let edit = prop_oneof![
        (at(), at()).prop_map(|(from, to)| Edit::Cut(from, to)),
        (at(), at(), at()).prop_map(|(from, to, at)| Edit::Copy(from, to, at)),
        (at(), select(&WORDS[..])).prop_map(|(at, word)| Edit::Word(at, word)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
    ];
    proptest::collection::vec(edit, 0..8)
}

/// The files of a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

fn takes_any_bytes(name: &str, cases: u32) {
    let seeds = files(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/seeds")
            .join(name),
    );
    assert!(!seeds.is_empty(), "{name} has no seed");
    let (_, read) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let texts = (select(seeds), edits()).prop_map(|(mut bytes, edits)| {
        edits.into_iter().for_each(|edit| edit.of(&mut bytes));
        bytes
    });
    let ran = TestRunner::new(config).run(&texts, |bytes| {
        read(&bytes);
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{name}: {error}");
    }
}

/// A test for each target, which run side by side.
macro_rules! targets {
    ($($name:ident: $cases:literal,)*) => {
        $(#[test]
        fn $name() {
            takes_any_bytes(stringify!($name), $cases);
        })*

        #[test]
        fn every_target_is_tested() {
            let mut tested = vec![$(stringify!($name)),*];
            tested.sort();
            let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(tested, known);
            for name in known {
                let target = format!("fuzz/fuzz_targets/{name}.rs");
                let target = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&target)).expect(&target);
                assert!(target.contains(&format!("fuzz::{name}(")), "{target}");
            }
        }
    };
}

targets! {
    answers: 2000,
    archive: 500,
    bundle: 500,
    elf: 2000,
    journal: 2000,
    known_hosts: 1000,
    playbook: 500,
    probe: 500,
    saved: 300,
    ssh_config: 2000,
}
