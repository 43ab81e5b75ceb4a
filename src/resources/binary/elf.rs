//! What a compiled program needs of the host that shall run it, read from its own headers (elf(5)). Takes any bytes.

use object::elf::{FileHeader32, FileHeader64};
use object::read::StringTable;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};

/// More entries than a program's list of versions has: bytes may claim any number of them.
const MOST: usize = 4096;

/// A version of glibc.
pub type Version = (u32, u32);

/// A Linux program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elf {
    /// The machine it is for, as `uname -m` says it, where it is one that hosts are.
    pub machine: Option<&'static str>,
    /// The oldest glibc with which it starts; none where it is static, or has another libc.
    pub glibc: Option<Version>,
    /// The loader that starts it.
    pub loader: Option<String>,
}

impl Elf {
    /// What the bytes say; none where they are no Linux program.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&elf::ELFMAG) {
            return None;
        }
        let mut read = Self {
            machine: machine(bytes),
            ..Self::default()
        };
        match bytes.get(4) {
            Some(1) => read.needs::<FileHeader32<Endianness>>(bytes),
            Some(2) => read.needs::<FileHeader64<Endianness>>(bytes),
            _ => None,
        };
        Some(read)
    }

    /// Reads what else it needs, as far as it can be read.
    fn needs<H: FileHeader<Endian = Endianness>>(&mut self, bytes: &[u8]) -> Option<()> {
        let header = H::parse(bytes).ok()?;
        let endian = header.endian().ok()?;
        for segment in header.program_headers(endian, bytes).ok()?.iter().take(MOST) {
            if let Ok(Some(loader)) = segment.interpreter(endian, bytes) {
                self.loader = std::str::from_utf8(loader).ok().map(str::to_owned);
            }
        }
        let sections = header.sections(endian, bytes).ok()?;
        let (needed, link) = sections.gnu_verneed(endian, bytes).ok()??;
        let strings: StringTable<'_, &[u8]> = sections.strings(endian, bytes, link).ok()?;
        for (_, versions) in needed.flatten().take(MOST) {
            for version in versions.flatten().take(MOST) {
                let name = version.name(endian, strings).ok();
                self.glibc = self.glibc.max(name.and_then(glibc));
            }
        }
        Some(())
    }

    /// Whether a host that calls itself `host` (`uname -m`) can run it, as far as is known.
    pub fn runs_on(&self, host: &str) -> bool {
        match (self.machine, host) {
            (None, _) => true,
            (Some("i686"), "x86_64" | "i386" | "i586") => true,
            (Some("armv7l"), "aarch64" | "armv6l" | "armv8l") => true,
            (Some(machine), host) => machine == host,
        }
    }
}

/// `GLIBC_2.34` → (2, 34). A third number says nothing that releases of distributions differ in.
fn glibc(name: &[u8]) -> Option<Version> {
    version(std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?)
}

/// `2.36` → (2, 36), whatever comes after it.
pub fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split('.');
    let mut number = || {
        let text = numbers.next()?;
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    Some((number()?, number()?))
}

/// The machine of a header (`e_machine`), whatever else is right in it.
fn machine(bytes: &[u8]) -> Option<&'static str> {
    let (class, order) = (bytes.get(4)?, bytes.get(5)?);
    let two = [*bytes.get(18)?, *bytes.get(19)?];
    let big = *order == 2;
    let number = if big {
        u16::from_be_bytes(two)
    } else {
        u16::from_le_bytes(two)
    };
    match elf::Machine(number) {
        elf::EM_X86_64 => Some("x86_64"),
        elf::EM_386 => Some("i686"),
        elf::EM_AARCH64 => Some("aarch64"),
        elf::EM_ARM => Some("armv7l"),
        elf::EM_RISCV if *class != 1 => Some("riscv64"),
        elf::EM_S390 if big => Some("s390x"),
        elf::EM_PPC64 if !big => Some("ppc64le"),
        _ => None,
    }
}

/// What is no program that a host could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// An archive, or a file that is compressed.
    Archive,
    /// A program for another system.
    System(&'static str),
}

/// What the bytes are, where they are clearly no program for Linux.
pub fn unfit(bytes: &[u8]) -> Option<Unfit> {
    let begins = |magic: &[&[u8]]| magic.iter().any(|magic| bytes.starts_with(magic));
    let packed: [&[u8]; 5] = [
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\xfd7zXZ\0",
        b"\x28\xb5\x2f\xfd",
        b"BZh",
    ];
    let is_tar = bytes.get(257..262) == Some(b"ustar");
    if begins(&packed) || is_tar {
        Some(Unfit::Archive)
    } else if begins(&[b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xce\xfa\xed\xfe"]) {
        Some(Unfit::System("macOS"))
    } else if begins(&[b"MZ"]) {
        Some(Unfit::System("Windows"))
    } else {
        None
    }
}

#[cfg(test)]
#[path = "../../../tests/resources/elf.rs"]
mod made;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_program_says_what_it_needs() {
        let bytes = made::elf(
            0x3e,
            &["GLIBC_2.2.5", "GLIBC_2.38", "GLIBC_2.4", "GLIBC_ABI_DT_RELR"],
            Some("/lib64/ld-linux-x86-64.so.2"),
        );
        let wanted = Elf {
            machine: Some("x86_64"),
            glibc: Some((2, 38)),
            loader: Some("/lib64/ld-linux-x86-64.so.2".into()),
        };
        assert_eq!(Elf::read(&bytes), Some(wanted));
        let fixed = Elf::read(&made::elf(0xb7, &[], None)).expect("a program");
        assert_eq!(
            (fixed.machine, fixed.glibc, fixed.loader),
            (Some("aarch64"), None, None)
        );
        assert_eq!(Elf::read(b"#!/bin/sh\n"), None);
        // A head alone says the machine.
        assert_eq!(
            Elf::read(&bytes[..20]).expect("a program").machine,
            Some("x86_64")
        );
    }

    /// This very program, as the linker made it: what `objdump -T` lists is what is read.
    #[test]
    fn a_real_program_is_read_as_binutils_reads_it() {
        let own = std::env::current_exe().expect("this program");
        let read = Elf::read(&std::fs::read(&own).expect("read")).expect("a program");
        assert_eq!(read.machine, Some(std::env::consts::ARCH));
        let objdump = std::process::Command::new("objdump").arg("-T").arg(&own).output();
        let text = String::from_utf8(objdump.expect("objdump runs").stdout).expect("text");
        let named = text.split(['(', ')']).filter_map(|word| glibc(word.as_bytes()));
        assert_eq!(read.glibc, named.max());
        assert!(read.loader.is_some_and(|loader| loader.contains("/ld-linux")));
    }

    #[test]
    fn machines_run_what_is_theirs() {
        let of = |machine| Elf {
            machine,
            ..Elf::default()
        };
        for (machine, host, runs) in [
            (Some("x86_64"), "x86_64", true),
            (Some("x86_64"), "aarch64", false),
            (Some("i686"), "x86_64", true),
            (Some("armv7l"), "aarch64", true),
            (Some("armv7l"), "x86_64", false),
            (None, "x86_64", true),
        ] {
            assert_eq!(of(machine).runs_on(host), runs, "{machine:?} on {host}");
        }
    }

    #[test]
    fn versions_are_numbers() {
        assert_eq!(version("2.36"), Some((2, 36)));
        assert_eq!(version("2.36.1-beta"), Some((2, 36)));
        assert_eq!(version("1.22-9+deb12u3"), Some((1, 22)));
        assert!(version("2.4") < version("2.38"));
        assert_eq!((version("2"), version(""), version("x.y")), (None, None, None));
    }

    #[test]
    fn what_is_no_program_is_known_by_how_it_begins() {
        assert_eq!(unfit(b"\x1f\x8b\x08"), Some(Unfit::Archive));
        assert_eq!(unfit(b"\xcf\xfa\xed\xfe\x0c"), Some(Unfit::System("macOS")));
        assert_eq!(unfit(b"MZ\x90"), Some(Unfit::System("Windows")));
        assert_eq!(
            (unfit(b"#!/bin/sh"), unfit(b""), unfit(b"\x7fELF")),
            (None, None, None)
        );
    }

    proptest! {
        /// Bytes of a program, some of them any others.
        #[test]
        fn any_bytes_are_read(mut bytes in Just(made::elf(0x3e, &["GLIBC_2.2.5", "GLIBC_2.34"], Some("/lib/ld"))),
                              edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..30),
                              length in 0_usize..1000) {
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(length);
            let _ = Elf::read(&bytes);
        }
    }
}
