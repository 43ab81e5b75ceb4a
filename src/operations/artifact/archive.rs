//! A member of an archive, and what else is wanted of it. Takes any bytes.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use tar::EntryType;
use zip::ZipArchive;

use super::Had;
use crate::change::Content;
use crate::language::Problem;
use crate::language::tree::{Node, Tree};

/// How much an archive may hold: it is read in memory, and a few bytes may claim to be a whole disk.
const MOST: u64 = 1 << 30;
/// How much memory xz may want, in KiB: `xz -9` needs 64 MiB.
const XZ_MEMORY: u32 = 256 << 10;
/// How many members are named where the wanted one is not among them.
const NAMED: usize = 30;

const HELP: &str = "`member` is the path of the program in the archive";

/// What a member is.
enum Member<'a> {
    Directory,
    /// What it holds, and whether its owner may run it.
    File(&'a mut dyn Read, bool),
    /// Another name for what its text names.
    Link(String),
    /// A second name of the member at this path, which came before (tar's hard links).
    Same(String),
    /// A device, say.
    Odd,
}

/// The program `member` of an archive, and what stands at the paths `beside` in it.
///
/// # Errors
/// When it is no archive that can be read, or lacks something.
pub fn open(bytes: &[u8], member: &str, beside: &[String]) -> Result<Had, Problem> {
    let mut wanted = Wanted {
        member,
        program: None,
        link: None,
        beside: beside.iter().map(|path| (plain(path), Tree::new())).collect(),
        names: Vec::new(),
        left: MOST,
    };
    members(bytes, &mut wanted)?;
    wanted.had(beside)
}

/// A path as members are compared by: `./a/b/` is `a/b`.
fn plain(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

/// What of a path is below `top`; empty where it is that itself.
fn below<'p>(top: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(top)?;
    let is_whole = top.is_empty() || rest.is_empty();
    rest.strip_prefix('/').or(is_whole.then_some(rest))
}

fn members(bytes: &[u8], wanted: &mut Wanted<'_>) -> Result<(), Problem> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    let sort = if begins(b"\x1f\x8b") {
        of_tar(MultiGzDecoder::new(bytes), wanted)
    } else if begins(b"\xfd7zXZ\0") {
        of_tar(XzReader::new_mem_limit(bytes, true, XZ_MEMORY), wanted)
    } else if bytes.get(257..262) == Some(b"ustar") {
        of_tar(bytes, wanted)
    } else if begins(b"PK\x03\x04") {
        of_zip(bytes, wanted)
    } else {
        let what = if begins(b"\x28\xb5\x2f\xfd") {
            "it is compressed by zstd"
        } else if begins(b"BZh") {
            "it is compressed by bzip2"
        } else if begins(b"7z\xbc\xaf\x27\x1c") {
            "it is an archive of 7-Zip's"
        } else {
            "it is no archive"
        };
        return Err(Problem::new(
            format!(
                "`member` names a file of an archive, and {what}: .tar, .tar.gz, .tar.xz and .zip can be read"
            ),
            "take one of those, or unpack it and name the program with `path`",
        ));
    };
    sort.map_err(|error| {
        Problem::new(
            format!("the archive cannot be read: {error}"),
            "see whether tar or unzip reads it; a file that is only compressed is no archive",
        )
    })
}

fn of_tar(reader: impl Read, wanted: &mut Wanted<'_>) -> io::Result<()> {
    let mut archive = tar::Archive::new(Limited(reader, 2 * MOST));
    for entry in archive.entries()? {
        let mut entry = entry?;
        // git's own word of the revision, and no member.
        if entry.header().entry_type().is_pax_global_extensions() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let header = entry.header();
        let is_executable = header.mode().is_ok_and(|mode| mode & 0o100 != 0);
        let sort = header.entry_type();
        let target = entry.link_name_bytes();
        let target = target.map(|target| String::from_utf8_lossy(&target).into_owned());
        let member = match (sort, target) {
            (EntryType::Directory, _) => Member::Directory,
            (EntryType::Symlink, Some(target)) => Member::Link(target),
            (EntryType::Link, Some(target)) => Member::Same(plain(&target)),
            (sort, _) if sort.is_file() || sort.is_gnu_sparse() => Member::File(&mut entry, is_executable),
            _ => Member::Odd,
        };
        wanted.take(&path, member)?;
    }
    Ok(())
}

fn of_zip(bytes: &[u8], wanted: &mut Wanted<'_>) -> io::Result<()> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(io::Error::other)?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(io::Error::other)?;
        let path = file.name().map_err(io::Error::other)?.into_owned();
        let is_executable = file.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
        let member = if file.is_dir() {
            Member::Directory
        } else if file.is_symlink() {
            let mut target = String::new();
            (&mut file).take(4096).read_to_string(&mut target)?;
            Member::Link(target)
        } else {
            Member::File(&mut file, is_executable)
        };
        wanted.take(&path, member)?;
    }
    Ok(())
}

/// A reader that fails where it would give more than so many bytes.
struct Limited<R>(R, u64);

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        let left = self.1.checked_sub(read as u64);
        self.1 = left.ok_or_else(too_large)?;
        Ok(read)
    }
}

fn too_large() -> io::Error {
    io::Error::other("it holds more than 1 GiB")
}

/// What is looked for, and what of it has been found.
struct Wanted<'a> {
    member: &'a str,
    program: Option<Vec<u8>>,
    /// Where the member leads, if it is a link.
    link: Option<String>,
    beside: BTreeMap<String, Tree>,
    /// The names of all files.
    names: Vec<String>,
    left: u64,
}

impl Wanted<'_> {
    fn take(&mut self, path: &str, member: Member<'_>) -> io::Result<()> {
        let path = plain(path);
        let is_program = path == plain(self.member);
        let below: Vec<(String, String)> = self
            .beside
            .keys()
            .filter_map(|top| Some((top.clone(), below(top, &path)?.to_owned())))
            .collect();
        let node = match member {
            Member::Directory => Some(Node::Directory),
            Member::Link(target) => {
                if is_program {
                    self.link = Some(target.clone());
                }
                // It would lead out of the release.
                (!target.starts_with('/')).then_some(Node::Link(target))
            }
            Member::Same(other) => {
                let node = self.known(&other);
                if is_program {
                    self.link = Some(other);
                }
                node
            }
            Member::File(reader, executable) => {
                self.names.push(path.clone());
                if !is_program && below.is_empty() {
                    return Ok(());
                }
                let mut bytes = Vec::new();
                Limited(reader, self.left).read_to_end(&mut bytes)?;
                self.left -= bytes.len() as u64;
                if is_program {
                    self.program = Some(bytes.clone());
                }
                let content = Content::new(bytes, false);
                Some(Node::File { content, executable })
            }
            Member::Odd => None,
        };
        for (top, inner) in below {
            let node = node.clone().ok_or_else(|| odd(&path))?;
            // What stands in the top itself stands for it only where it is a file.
            let is_top = inner.is_empty() && matches!(node, Node::Directory);
            let parts = || inner.split('/');
            if parts().any(|part| part == "..") || inner.contains(|c: char| c.is_control() || c == '\\') {
                return Err(odd(&path));
            }
            if let Some(tree) = self.beside.get_mut(&top).filter(|_| !is_top) {
                for (at, _) in inner.match_indices('/') {
                    tree.entry(inner[..at].to_owned()).or_insert(Node::Directory);
                }
                tree.insert(inner, node);
            }
        }
        Ok(())
    }

    /// The file at a path, where it came out with what is wanted.
    fn known(&self, path: &str) -> Option<Node> {
        let mut all = self.beside.iter();
        let found = all.find_map(|(top, tree)| tree.get(below(top, path)?).cloned());
        found.filter(|node| matches!(node, Node::File { .. }))
    }

    fn had(self, asked: &[String]) -> Result<Had, Problem> {
        let bytes = match (self.program, self.link) {
            (Some(bytes), _) => bytes,
            (None, Some(target)) => {
                return Err(Problem::new(
                    format!("`{}` is a link to {target} in the archive", self.member),
                    "name the file that it leads to",
                ));
            }
            (None, None) => {
                let message = format!(
                    "the archive has no file `{}`; {}",
                    self.member,
                    holds(&self.names, self.member)
                );
                return Err(Problem::new(message, HELP));
            }
        };
        let mut beside = BTreeMap::new();
        for path in asked {
            let tree = self.beside.get(&plain(path)).filter(|tree| !tree.is_empty());
            let Some(tree) = tree else {
                let message = format!(
                    "the archive has nothing at `{path}`; {}",
                    holds(&self.names, path)
                );
                return Err(Problem::new(
                    message,
                    "with `member`, the paths of `assets` are those of the archive",
                ));
            };
            // Nothing stands below what is no directory: a link could lead it anywhere.
            let stands = |(path, _): (&String, &Node)| {
                let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
                above.all(|above| matches!(tree.get(above), Some(Node::Directory)))
            };
            if !tree.iter().all(stands) || (tree.contains_key("") && tree.len() > 1) {
                return Err(Problem::new(
                    format!("in the archive something stands below `{path}` that is no directory"),
                    "unpack it, and name what is wanted with `path`",
                ));
            }
            beside.insert(path.clone(), tree.clone());
        }
        Ok(Had {
            bytes,
            revision: None,
            beside,
        })
    }
}

fn odd(path: &str) -> io::Error {
    io::Error::other(format!("`{path}` is nothing that a release could hold"))
}

/// What an archive holds, those first whose name is like the one that was looked for.
fn holds(names: &[String], wanted: &str) -> String {
    if names.is_empty() {
        return "it holds no file".into();
    }
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_by_key(|name| (last(name) != last(wanted), (*name).clone()));
    let told: Vec<&str> = sorted.iter().take(NAMED).map(|name| name.as_str()).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("it holds {}{more}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same four members, packed in all ways.
    const TOOLS: [(&str, &[u8]); 4] = [
        ("tar", include_bytes!("../../../fuzz/seeds/archive/tool.tar")),
        (
            "tar.gz",
            include_bytes!("../../../fuzz/seeds/archive/tool.tar.gz"),
        ),
        (
            "tar.xz",
            include_bytes!("../../../fuzz/seeds/archive/tool.tar.xz"),
        ),
        ("zip", include_bytes!("../../../fuzz/seeds/archive/tool.zip")),
    ];

    fn words(problem: &Problem) -> String {
        match problem {
            Problem::Here { message, help } => format!("{message}\n{}", help.as_deref().unwrap_or_default()),
            other => format!("{other:?}"),
        }
    }

    #[track_caller]
    fn refused(bytes: &[u8], member: &str, beside: &[&str]) -> String {
        let beside: Vec<String> = beside.iter().map(|path| (*path).to_owned()).collect();
        words(&open(bytes, member, &beside).expect_err("refused"))
    }

    #[test]
    fn a_member_and_what_stands_beside_it_come_out_of_every_sort() {
        let file = |text: &[u8], executable| Node::File {
            content: Content::new(text, false),
            executable,
        };
        for (sort, bytes) in TOOLS {
            let had = open(
                bytes,
                "tool/bin/tool",
                &["tool/share".into(), "tool/README".into()],
            )
            .expect(sort);
            assert_eq!(had.bytes, b"#!/bin/sh\necho tool\n", "{sort}");
            let share = [
                ("a", Node::Directory),
                ("a/b", file(b"text\n", false)),
                ("link", Node::Link("a/b".into())),
                ("run", file(b"#!/bin/sh\n", true)),
            ];
            assert_eq!(
                had.beside["tool/share"],
                share.map(|(path, node)| (path.into(), node)).into(),
                "{sort}"
            );
            let readme = [(String::new(), file(b"read me\n", false))];
            assert_eq!(had.beside["tool/README"], readme.into(), "{sort}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_what_is_there() {
        for (sort, bytes) in TOOLS {
            let said = refused(bytes, "bin/tool", &[]);
            let there =
                "has no file `bin/tool`; it holds tool/bin/tool, tool/README, tool/share/a/b, tool/share/run";
            assert!(said.contains(there), "{sort}: {said}");
            assert!(refused(bytes, "tool/bin/tool", &["share"]).contains("has nothing at `share`; it holds"));
            assert!(
                refused(bytes, "tool/bin/alias", &[])
                    .contains("`tool/bin/alias` is a link to tool in the archive")
            );
            assert!(refused(bytes, "tool/share", &[]).contains("has no file `tool/share`"));
        }
        let many: Vec<String> = (0..40).map(|number| format!("file{number}")).collect();
        assert!(holds(&many, "x").ends_with(", and 10 more"));
    }

    #[test]
    fn second_names_are_files_and_what_git_says_is_no_member() {
        let mut builder = tar::Builder::new(Vec::new());
        let comment = b"52 comment=0123456789012345678901234567890123456789\n";
        for (sort, path, target, bytes) in [
            (EntryType::XGlobalHeader, "pax_global_header", "", &comment[..]),
            (EntryType::Regular, "./tool", "", b"tool"),
            (EntryType::Regular, "./zones/Europe/Berlin", "", b"CET"),
            (EntryType::Link, "./zones/Berlin", "./zones/Europe/Berlin", b""),
            (EntryType::Link, "./alias", "./tool", b""),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(sort);
            header.set_size(bytes.len() as u64);
            if sort == EntryType::Link {
                header.set_link_name(target).expect("named");
            }
            builder.append_data(&mut header, path, bytes).expect("added");
        }
        let bytes = builder.into_inner().expect("an archive");
        let had = open(&bytes, "tool", &["zones".into(), ".".into()]).expect("opened");
        assert_eq!((below("zone", "zones/a"), below("a", "a/b")), (None, Some("b")));
        let zones = &had.beside["zones"];
        assert_eq!(zones["Berlin"], zones["Europe/Berlin"]);
        assert_eq!(had.beside["."]["alias"], had.beside["."]["tool"]);
        // Nothing is kept of what is not wanted.
        assert!(refused(&bytes, "tool", &["alias"]).contains("`alias` is nothing that a release could hold"));
        assert!(refused(&bytes, "alias", &[]).contains("`alias` is a link to tool in the archive"));
    }

    #[test]
    fn what_is_no_archive_or_a_broken_one_is_named() {
        for (bytes, said) in [
            (
                &b"#!/bin/sh\n"[..],
                "and it is no archive: .tar, .tar.gz, .tar.xz and .zip can be read",
            ),
            (b"\x28\xb5\x2f\xfd....", "it is compressed by zstd"),
            (b"BZh91AY", "it is compressed by bzip2"),
            (b"\x1f\x8b\x08", "the archive cannot be read"),
            (b"PK\x03\x04", "the archive cannot be read"),
        ] {
            let told = refused(bytes, "tool", &[]);
            assert!(told.contains(said), "{said} in {told}");
        }
        let cut = TOOLS.map(|(sort, bytes)| (sort, &bytes[..bytes.len() / 2]));
        for (sort, bytes) in cut {
            assert!(open(bytes, "tool/README", &[]).is_err(), "{sort}");
        }
    }

    fn tar(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (sort, path, text) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(*sort);
            header.set_mode(0o644);
            // As it stands: the crate itself refuses what leads upwards.
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            let body = if *sort == EntryType::Regular {
                text.as_bytes()
            } else {
                b""
            };
            if *sort == EntryType::Symlink || *sort == EntryType::Link {
                header.set_link_name(text).expect("a target");
            }
            header.set_size(body.len() as u64);
            header.set_cksum();
            builder.append(&header, body).expect("added");
        }
        builder.into_inner().expect("whole")
    }

    #[test]
    fn nothing_of_an_archive_leads_out_of_its_release() {
        let program = (EntryType::Regular, "tool", "x");
        for (entry, another) in [
            ((EntryType::Regular, "share/../../etc/passwd", "x"), None),
            ((EntryType::Link, "share/passwd", "etc/passwd"), None),
            ((EntryType::Fifo, "share/pipe", ""), None),
            (
                (EntryType::Symlink, "share/out", "/etc"),
                Some((EntryType::Regular, "share/out/passwd", "x")),
            ),
            (
                (EntryType::Symlink, "share/out", "../../etc"),
                Some((EntryType::Regular, "share/out/passwd", "x")),
            ),
        ] {
            let entries: Vec<_> = [program, entry].into_iter().chain(another).collect();
            let bytes = tar(&entries);
            assert!(open(&bytes, "tool", &["share".into()]).is_err(), "{entries:?}");
            assert!(open(&bytes, "tool", &[]).is_ok(), "{entries:?}");
        }
    }

    #[test]
    fn few_bytes_do_not_become_a_whole_disk() {
        let mut limited = Limited(io::repeat(0), 100);
        let mut bytes = Vec::new();
        assert!(limited.read_to_end(&mut bytes).is_err());
    }
}
