//! The difference between two versions of a file, for when the host has the older one.
//!
//! A program that is built anew is shifted rather than changed: its code stands elsewhere, and the
//! addresses in it differ by a little. So runs of bytes count as alike when most of them are equal, and
//! travel as what must be added to each byte; nearly all of that is zeros, which compress to nothing.
//! (Colin Percival's bsdiff works so; it sorts all suffixes of the older file to find such runs, where a
//! table of its seeds is a few per cent worse and many times faster.)
//!
//! Layout, numbers in 32 bits, the low byte first: how many runs there are; for each one how many new
//! bytes stand before it, where it begins in the older file and how long it is; what is added to the bytes
//! of all runs; all new bytes, those behind the last run included.

use std::iter::zip;

/// The program that makes the new file on the host: `perl patch.pl OLD <DIFFERENCE >NEW`. Its perl is
/// there on every Debian and Ubuntu (perl-base is essential).
pub const PATCH: &str = include_str!("patch.pl");

/// Files smaller than this travel whole, and larger ones than [`LARGE`]: the host patches in its memory.
pub const SMALL: usize = 64 * 1024;
/// The largest file that travels as a difference.
pub const LARGE: usize = 64 * 1024 * 1024;

/// How many equal bytes make two places candidates for being alike.
const SEED: usize = 16;
/// Every which place of the older file is in the table.
const STEP: usize = 4;
/// Where the bytes that differ outnumber the equal ones by so many, a run has ended.
const PATIENCE: i32 = 32;
/// A run shorter than this costs more than its bytes.
const SHORTEST: usize = 24;

/// A run of the new file that is alike one of the older file.
struct Run {
    old: usize,
    new: usize,
    length: usize,
}

/// The difference, or nothing if it would not spare at least half.
pub fn difference(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let sizes = SMALL..=LARGE;
    if !sizes.contains(&old.len()) || !sizes.contains(&new.len()) {
        return None;
    }
    let runs = runs(old, new);
    let mut places = Vec::with_capacity(runs.len() * 12);
    let (mut added, mut fresh) = (Vec::new(), Vec::new());
    let mut done = 0;
    for run in &runs {
        for number in [run.new - done, run.old, run.length] {
            places.extend(u32::try_from(number).ok()?.to_le_bytes());
        }
        fresh.extend(&new[done..run.new]);
        done = run.new + run.length;
        added.extend(zip(&old[run.old..], &new[run.new..done]).map(|(old, new)| new.wrapping_sub(*old)));
    }
    fresh.extend(&new[done..]);
    let differing = added.iter().filter(|byte| **byte != 0).count();
    if places.len() + differing + fresh.len() > new.len() / 2 {
        return None;
    }
    let count = u32::try_from(runs.len()).ok()?;
    Some([&count.to_le_bytes()[..], &places, &added, &fresh].concat())
}

fn runs(old: &[u8], new: &[u8]) -> Vec<Run> {
    let table = Table::of(old);
    let mut runs = Vec::new();
    let (mut at, mut done) = (0, 0);
    while at + SEED <= new.len() {
        let seed = &new[at..at + SEED];
        let Some(place) = table
            .place(seed)
            .filter(|place| &old[*place..*place + SEED] == seed)
        else {
            at += 1;
            continue;
        };
        let before = alike(zip(old[..place].iter().rev(), new[done..at].iter().rev()));
        let behind = alike(zip(&old[place + SEED..], &new[at + SEED..]));
        let length = before + SEED + behind;
        if length < SHORTEST {
            at += 1;
            continue;
        }
        runs.push(Run {
            old: place - before,
            new: at - before,
            length,
        });
        at += SEED + behind;
        done = at;
    }
    runs
}

/// How far two runs of bytes are alike: to where the equal bytes outnumber the others most.
fn alike<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    let (mut score, mut best, mut length) = (0, 0, 0);
    for (index, (old, new)) in pairs.enumerate() {
        score += if old == new { 1 } else { -1 };
        if score > best {
            (best, length) = (score, index + 1);
        } else if score < best - PATIENCE {
            break;
        }
    }
    length
}

/// Where seeds stand in the older file; of equal ones the first.
struct Table {
    places: Vec<u32>,
    bits: u32,
}

const NOWHERE: u32 = u32::MAX;

impl Table {
    fn of(old: &[u8]) -> Self {
        let bits = (old.len() / STEP).ilog2() + 1;
        let mut table = Self {
            places: vec![NOWHERE; 1 << bits],
            bits,
        };
        for (index, seed) in old.windows(SEED).enumerate().step_by(STEP) {
            let slot = table.slot(seed);
            if table.places[slot] == NOWHERE {
                table.places[slot] = u32::try_from(index).unwrap_or(NOWHERE);
            }
        }
        table
    }

    fn place(&self, seed: &[u8]) -> Option<usize> {
        let place = self.places[self.slot(seed)];
        (place != NOWHERE).then_some(place as usize)
    }

    /// Multiplicative hashing (Knuth): the upper bits of a product with an odd number are well mixed.
    fn slot(&self, seed: &[u8]) -> usize {
        let hash = seed.chunks_exact(8).fold(0_u64, |hash, chunk| {
            let word = chunk
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
            (hash.rotate_left(29) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        });
        (hash >> (64 - self.bits)) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    /// What the host makes of a difference, by this machine's perl.
    fn patched(old: &[u8], difference: &[u8]) -> Vec<u8> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(old).expect("written");
        let mut perl = Command::new("perl");
        let perl = perl.arg("-e").arg(PATCH).arg(file.path());
        let mut perl = perl
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("perl starts");
        let mut stdin = perl.stdin.take().expect("piped");
        stdin.write_all(difference).expect("written");
        drop(stdin);
        perl.wait_with_output().expect("perl ends").stdout
    }

    /// Bytes that look random and are the same each time.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn a_shifted_program_costs_little() {
        let old = noise(1, 300_000);
        let mut new = old.clone();
        // Addresses that differ by a little all over it, and a function that is new.
        for at in (0..new.len()).step_by(40) {
            new[at] = new[at].wrapping_add(200);
        }
        new.splice(100_000..100_000, noise(2, 5000));
        let difference = difference(&old, &new).expect("worth it");
        let zeros = difference.iter().filter(|byte| **byte == 0).count();
        assert!(difference.len() - zeros < 20_000, "{}", difference.len() - zeros);
        assert!(patched(&old, &difference) == new, "perl makes another file of it");
    }

    #[test]
    fn what_is_not_alike_travels_whole() {
        assert_eq!(difference(&noise(1, 100_000), &noise(2, 100_000)), None);
        assert_eq!(difference(&noise(1, SMALL - 1), &noise(1, SMALL - 1)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_host_makes_the_new_file(edits in proptest::collection::vec((0..SMALL, 0_usize..900, any::<u64>(), 0_usize..900), 0..12)) {
            let old = noise(3, SMALL + 5000);
            let mut new = old.clone();
            for (at, gone, seed, come) in edits {
                new.splice(at..(at + gone).min(new.len()), noise(seed, come));
            }
            prop_assume!(new.len() >= SMALL);
            let difference = difference(&old, &new).expect("worth it");
            prop_assert!(patched(&old, &difference) == new);
        }
    }
}
