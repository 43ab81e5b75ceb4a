//! Which OpenPGP keys a file holds (RFC 9580): enough of it to compute their fingerprints. Signatures are apt's to check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// Public keys, as a file holds them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// Whether they are text (RFC 9580, 6.2) and not bytes.
    pub armored: bool,
    /// The fingerprints of the primary keys, in hex with capital letters.
    pub fingerprints: Vec<String>,
}

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// Packets of these types matter here (RFC 9580, 5).
const SECRET_KEY: u8 = 5;
const PUBLIC_KEY: u8 = 6;

/// Reads what stands in `bytes`.
///
/// # Errors
/// Why that is no public key.
pub(super) fn read(bytes: &[u8]) -> Result<Keys, String> {
    let text = std::str::from_utf8(bytes).ok();
    let blocks = match text {
        Some(text) if text.contains(BEGIN) => Some(unarmored(text)?),
        Some(text) if text.contains("-----BEGIN PGP PRIVATE KEY BLOCK-----") => return Err(SECRET.into()),
        _ => None,
    };
    let armored = blocks.is_some();
    let mut fingerprints = Vec::new();
    let mut rest = blocks.as_deref().unwrap_or(bytes);
    while !rest.is_empty() {
        let (tag, body, after) = packet(rest).ok_or("it is no OpenPGP key, or not a whole one")?;
        match tag {
            PUBLIC_KEY => fingerprints.push(fingerprint(body)?),
            SECRET_KEY => return Err(SECRET.into()),
            _ => {}
        }
        rest = after;
    }
    match fingerprints.is_empty() {
        true => Err("it holds no OpenPGP key".into()),
        false => Ok(Keys {
            armored,
            fingerprints,
        }),
    }
}

const SECRET: &str = "it holds a secret key, which nobody but its owner may have";

/// The bytes of all blocks.
fn unarmored(text: &str) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    for block in text.split(BEGIN).skip(1) {
        let (block, _) = block.split_once(END).ok_or("its text has no end")?;
        // Headers end with an empty line; of what follows a line with `=` at its beginning is a checksum.
        let lines = block.lines().skip(1).map(str::trim_end);
        let lines = lines.skip_while(|line| !line.is_empty());
        let data: String = lines.filter(|line| !line.starts_with('=')).collect();
        let bytes = STANDARD.decode(data).map_err(|_| "its text is damaged")?;
        all.extend(bytes);
    }
    Ok(all)
}

/// The type of the first packet, what it holds, and what follows (RFC 9580, 4.2).
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte))
    };
    let (tag, length, rest) = if first & 0x40 == 0 {
        let octets = match first & 3 {
            3 => return None,
            kind => 1 << kind,
        };
        let (length, rest) = rest.split_at_checked(octets)?;
        ((first >> 2) & 0xf, number(length), rest)
    } else {
        let (&length, after) = rest.split_first()?;
        let (length, rest) = match length {
            0..192 => (usize::from(length), after),
            192..224 => {
                let (&second, after) = after.split_first()?;
                (
                    ((usize::from(length) - 192) << 8) + usize::from(second) + 192,
                    after,
                )
            }
            // Of keys there are none in parts.
            224..255 => return None,
            255 => {
                let (length, after) = after.split_at_checked(4)?;
                (number(length), after)
            }
        };
        (first & 0x3f, length, rest)
    };
    let (body, after) = rest.split_at_checked(length)?;
    Some((tag, body, after))
}

/// The fingerprint of a primary key (RFC 9580, 5.5.4).
fn fingerprint(body: &[u8]) -> Result<String, String> {
    let (algorithm, mut hashed) = match (body.first(), u16::try_from(body.len()), u32::try_from(body.len())) {
        (Some(4), Ok(length), _) => (
            &SHA1_FOR_LEGACY_USE_ONLY,
            [&[0x99], &length.to_be_bytes()[..]].concat(),
        ),
        (Some(6), _, Ok(length)) => (&SHA256, [&[0x9b], &length.to_be_bytes()[..]].concat()),
        _ => return Err("a key in it is of a version that is not known (4 and 6 are)".into()),
    };
    hashed.extend(body);
    let digest = digest(algorithm, &hashed);
    Ok(digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by gpg 2.2 (`--quick-gen-key own@example.com ed25519 sign never`), which names this fingerprint.
    const KEY: &str = include_str!("own.asc");
    const FINGERPRINT: &str = "C9E062A4F841DD96527ABBF1A7EFC3091DAE5068";

    /// An example of version 6 (RFC 9580, A.3), and its fingerprint there.
    const SIX: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----

xioGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laPCsQYf
GwoAAABCBYJjh3/jAwsJBwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxy
KwwfHifBilZwj2Ul7Ce62azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lw
gyU2kCcUmKfvBXbAf6rhRYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaE
QsiPlR4zxP/TP7mhfVEe7XWPxtnMUMtf15OyA51YBM4qBmOHf+MZAAAAIIaTJINn
+eUBXbki+PSAld2nhJh/LVmFsS+60WyvXkQ1wpsGGBsKAAAALAWCY4d/4wKbDCIh
BssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce62azJAAAAAAQBIKbpGG2dWTX8
j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDEM0g12vYxoWM8Y81W+bHBw805
I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUrk0mXubZvyl4GBg==
-----END PGP PUBLIC KEY BLOCK-----
";

    #[test]
    fn a_key_has_the_fingerprint_that_gpg_names() {
        let keys = read(KEY.as_bytes()).expect("a key");
        assert!(keys.armored);
        assert_eq!(keys.fingerprints, [FINGERPRINT]);
        let bytes = unarmored(KEY).expect("bytes");
        let plain = read(&bytes).expect("a key");
        assert!(!plain.armored);
        assert_eq!(plain.fingerprints, [FINGERPRINT]);
        // Two in one file are two, whether they stand in one block or in two.
        assert_eq!(
            read(format!("{KEY}\n{KEY}").as_bytes())
                .expect("two")
                .fingerprints
                .len(),
            2
        );
        assert_eq!(
            read(&[&bytes[..], &bytes].concat())
                .expect("two")
                .fingerprints
                .len(),
            2
        );
        assert_eq!(
            read(SIX.as_bytes()).expect("a key").fingerprints,
            ["CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9"]
        );
    }

    #[test]
    fn what_is_no_public_key_is_told() {
        let cut = KEY.replace(END, "");
        let other = KEY.replace("PUBLIC", "PRIVATE");
        for (bytes, why) in [
            (&b"<html>not found</html>"[..], "no OpenPGP key"),
            (b"", "holds no OpenPGP key"),
            (cut.as_bytes(), "no end"),
            (other.as_bytes(), "secret key"),
            (&[0x99, 0, 9, 4], "not a whole one"),
            (&[0x98, 1, 3], "version"),
            (&[0x94, 1, 4], "secret key"),
        ] {
            let said = read(bytes).expect_err("none");
            assert!(said.contains(why), "{said}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let text = format!("{BEGIN}\n\n{}\n{END}\n", STANDARD.encode(&bytes));
            prop_assert_eq!(read(text.as_bytes()).ok().map(|keys| keys.fingerprints), read(&bytes).ok().map(|keys| keys.fingerprints));
        }

        /// However its length is written, a key has one fingerprint.
        #[test]
        fn lengths_may_be_written_in_every_way(body in proptest::collection::vec(any::<u8>(), 0..9000)) {
            let body = [&[4], &body[..]].concat();
            let long = (body.len() as u32).to_be_bytes();
            let mut ways = vec![
                [&[0x9a][..], &long, &body].concat(),
                [&[0x99][..], &long[2..], &body].concat(),
                [&[0xc6, 0xff][..], &long, &body].concat(),
            ];
            if (192..8384).contains(&body.len()) {
                let less = body.len() - 192;
                ways.push([&[0xc6, 192 + (less >> 8) as u8, less as u8][..], &body].concat());
            }
            let one = read(&ways[0]).expect("a key").fingerprints;
            for way in ways {
                prop_assert_eq!(&read(&way).expect("a key").fingerprints, &one);
            }
        }
    }
}
