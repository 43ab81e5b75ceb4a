//! The algorithms that a connection may use: the library's own choice, or what the SSH configuration names.

use std::borrow::Cow;

use russh::keys::{Algorithm, HashAlg};
use russh::{AlgorithmKind, Preferred, cipher, kex, mac};

use super::glob::glob;

/// What the configuration chose; none where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Algorithms {
    /// `KexAlgorithms`
    pub kex: Option<Vec<String>>,
    /// `Ciphers`
    pub ciphers: Option<Vec<String>>,
    /// `MACs`
    pub macs: Option<Vec<String>>,
    /// `HostKeyAlgorithms`
    pub host_keys: Option<Vec<String>>,
    /// `PubkeyAcceptedAlgorithms`
    pub keys: Option<Vec<String>>,
}

/// What a list of the configuration is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Kex,
    Cipher,
    Mac,
    HostKey,
    Key,
}

/// What only says what the client can do (RFC 8308; OpenSSH's PROTOCOL, 1.10) goes with every choice.
const SIGNALS: [kex::Name; 2] = [
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

const CERTIFICATE: &str = "-cert-v01@openssh.com";

impl Kind {
    /// Every name that can be used, those of the library's own choice first.
    fn all(self) -> Vec<String> {
        let mut names = self.usual();
        let more: Vec<String> = match self {
            Kind::Kex => kex::ALL_KEX_ALGORITHMS.iter().map(text).collect(),
            Kind::Cipher => cipher::ALL_CIPHERS.iter().map(text).collect(),
            Kind::Mac => mac::ALL_MAC_ALGORITHMS.iter().map(text).collect(),
            Kind::HostKey => names.iter().map(|name| certified(name)).collect(),
            Kind::Key => {
                let plain = names.iter().map(|name| certified(name));
                let sk = ["sk-ssh-ed25519", "sk-ecdsa-sha2-nistp256"];
                let sk = sk.map(|name| [format!("{name}@openssh.com"), format!("{name}{CERTIFICATE}")]);
                plain.chain(sk.into_iter().flatten()).collect()
            }
        };
        // Encryption and integrity are not for sale.
        let more = more.into_iter().filter(|name| name != "none" && name != "clear");
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The library's own choice, and after it what OpenSSH offers by itself, too: some hosts have nothing else.
    fn usual(self) -> Vec<String> {
        let usual = Preferred::DEFAULT;
        match self {
            Kind::Kex => {
                let signals = |name: &&kex::Name| {
                    !name.as_ref().starts_with("ext-info-") && !name.as_ref().starts_with("kex-strict-")
                };
                let more = [
                    kex::ECDH_SHA2_NISTP256,
                    kex::ECDH_SHA2_NISTP384,
                    kex::ECDH_SHA2_NISTP521,
                ];
                let names = usual.kex.iter().filter(signals).chain(&more);
                names.map(text).collect()
            }
            Kind::Cipher => usual
                .cipher
                .iter()
                .chain(&[cipher::AES_128_GCM])
                .map(text)
                .collect(),
            Kind::Mac => {
                let more = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];
                usual.mac.iter().chain(&more).map(text).collect()
            }
            Kind::HostKey | Kind::Key => usual.key.iter().map(ToString::to_string).collect(),
        }
    }

    /// The keyword of ssh_config(5).
    pub fn directive(self) -> &'static str {
        match self {
            Kind::Kex => "KexAlgorithms",
            Kind::Cipher => "Ciphers",
            Kind::Mac => "MACs",
            Kind::HostKey => "HostKeyAlgorithms",
            Kind::Key => "PubkeyAcceptedAlgorithms",
        }
    }
}

fn text(name: impl AsRef<str>) -> String {
    name.as_ref().to_owned()
}

fn certified(name: &str) -> String {
    format!("{}{CERTIFICATE}", name.trim_end_matches("@openssh.com"))
}

/// What of a list can be used, in its order; none if nothing can. `+`, `-` and `^` add to, take from and go ahead
/// of the library's own choice (ssh_config(5), Ciphers).
pub(super) fn usable(kind: Kind, list: &str) -> Option<Vec<String>> {
    let (all, usual) = (kind.all(), kind.usual());
    let (mark, names) = match list.split_at_checked(1) {
        Some((mark @ ("+" | "-" | "^"), names)) => (mark, names),
        _ => ("", list),
    };
    let named: Vec<&str> = names.split(',').collect();
    let is_named = |name: &str| {
        named
            .iter()
            .any(|pattern| glob(pattern.as_bytes(), name.as_bytes()))
    };
    let mut chosen: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !chosen.iter().any(|known| known == name) {
            chosen.push(name.to_owned());
        }
    };
    let picked = |pattern: &&str| {
        let is_match = |name: &&String| glob(pattern.as_bytes(), name.as_bytes());
        all.iter().filter(is_match).cloned().collect::<Vec<_>>()
    };
    match mark {
        "+" => {
            usual.iter().for_each(|name| add(name));
            named.iter().flat_map(picked).for_each(|name| add(&name));
        }
        "-" => usual
            .iter()
            .filter(|name| !is_named(name))
            .for_each(|name| add(name)),
        "^" => {
            named.iter().flat_map(picked).for_each(|name| add(&name));
            usual.iter().for_each(|name| add(name));
        }
        _ => named.iter().flat_map(picked).for_each(|name| add(&name)),
    }
    (!chosen.is_empty()).then_some(chosen)
}

impl Algorithms {
    /// What is offered to a host. `known` are the algorithms of its known keys, which come first so that it shows
    /// one that can be checked; `certified` says that an authority is trusted for it.
    pub fn preferred(&self, known: &[Algorithm], certified: bool) -> Preferred {
        let usual = Preferred::DEFAULT;
        let mut preferred = Preferred { ..usual };
        let chosen = |names: &Option<Vec<String>>, kind: Kind| names.clone().unwrap_or_else(|| kind.usual());
        let names = chosen(&self.kex, Kind::Kex);
        let names = names
            .iter()
            .filter_map(|name| kex::Name::try_from(name.as_str()).ok());
        preferred.kex = Cow::Owned(names.chain(SIGNALS).collect());
        let names = chosen(&self.ciphers, Kind::Cipher);
        let names = names
            .iter()
            .filter_map(|name| cipher::Name::try_from(name.as_str()).ok());
        preferred.cipher = Cow::Owned(names.collect());
        let names = chosen(&self.macs, Kind::Mac);
        let names = names
            .iter()
            .filter_map(|name| mac::Name::try_from(name.as_str()).ok());
        preferred.mac = Cow::Owned(names.collect());
        let mut keys = preferred.key.into_owned();
        let mut certificates = keys.clone();
        match &self.host_keys {
            // As ssh does: a choice of the configuration stands in its own order.
            Some(names) => {
                keys = names
                    .iter()
                    .filter_map(|name| name.parse().ok())
                    .filter(is_usable)
                    .collect();
                certificates = names.iter().filter_map(|name| of_certificate(name)).collect();
            }
            // A stable sort: the library's own order stays within both groups. An RSA key signs under several
            // names.
            None => keys.sort_by_key(|algorithm| !known.iter().any(|known| is_same_key(known, algorithm))),
        }
        if certified {
            // SHA-1 vouches for nobody.
            certificates.retain(|algorithm| *algorithm != Algorithm::Rsa { hash: None });
            preferred.host_key_certificates = Cow::Owned(certificates);
        }
        preferred.key = Cow::Owned(keys);
        preferred
    }

    /// Whether a key of ours may be used, by the name of its algorithm or of its certificate's.
    pub fn accept(&self, algorithm: &Algorithm, is_certificate: bool) -> bool {
        let Some(names) = &self.keys else { return true };
        let hashes = match algorithm {
            Algorithm::Rsa { .. } => vec![
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha512),
                },
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha256),
                },
                Algorithm::Rsa { hash: None },
            ],
            other => vec![other.clone()],
        };
        let name = |algorithm: &Algorithm| match is_certificate {
            true => certified(algorithm.as_ref()),
            false => algorithm.to_string(),
        };
        hashes.iter().any(|algorithm| names.contains(&name(algorithm)))
    }
}

fn is_usable(algorithm: &Algorithm) -> bool {
    Preferred::DEFAULT.key.contains(algorithm)
}

/// The algorithm of the key in a certificate of this name.
fn of_certificate(name: &str) -> Option<Algorithm> {
    let plain = name.strip_suffix(CERTIFICATE)?;
    plain.parse().ok().filter(is_usable)
}

fn is_same_key(one: &Algorithm, other: &Algorithm) -> bool {
    let is_rsa = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { .. });
    one == other || (is_rsa(one) && is_rsa(other))
}

/// What an algorithm is for.
pub(super) fn name(kind: &AlgorithmKind) -> &'static str {
    match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host key",
        AlgorithmKind::Cipher => "encryption",
        AlgorithmKind::Mac => "integrity",
        AlgorithmKind::Compression => "compression",
    }
}

/// What to do when the two sides have nothing in common.
pub(super) fn mend(host: &str, kind: &AlgorithmKind, theirs: &[String]) -> String {
    let kind = match kind {
        AlgorithmKind::Kex => Kind::Kex,
        AlgorithmKind::Cipher => Kind::Cipher,
        AlgorithmKind::Mac => Kind::Mac,
        AlgorithmKind::Key => Kind::HostKey,
        AlgorithmKind::Compression => return "switch compression off in its sshd_config".to_owned(),
    };
    let all = kind.all();
    match theirs.iter().find(|name| all.contains(name)) {
        Some(name) => format!(
            "it is old: renew it, or allow it that one with `printf 'Host {host}\\n  {} +{name}\\n' >> ~/.ssh/config`",
            kind.directive()
        ),
        None => format!(
            "let its sshd offer one of ours too, by `{}` in its sshd_config",
            kind.directive()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_followed_as_far_as_it_can_be() {
        let usable = |list| usable(Kind::Cipher, list);
        assert_eq!(
            usable("aes128-cbc,unheard-of,aes128-gcm@openssh.com"),
            Some(vec!["aes128-cbc".into(), "aes128-gcm@openssh.com".into()])
        );
        assert_eq!(usable("unheard-of,none,clear"), None);
        let added = usable("+aes128-cbc").expect("usual ones");
        assert_eq!(added.last().map(String::as_str), Some("aes128-cbc"));
        assert!(added.len() > 1);
        let taken = usable("-aes*").expect("one is left");
        assert_eq!(taken, ["chacha20-poly1305@openssh.com"]);
        let ahead = usable("^aes128-ctr").expect("all");
        assert_eq!(ahead[0], "aes128-ctr");
        assert!(ahead.len() == Kind::Cipher.usual().len());
    }

    #[test]
    fn known_keys_come_first_unless_the_configuration_has_an_order() {
        let rsa: Algorithm = "ssh-rsa".parse().expect("rsa");
        let first = |algorithms: &Algorithms| {
            let preferred = algorithms.preferred(std::slice::from_ref(&rsa), true);
            (
                preferred.key[0].to_string(),
                preferred.host_key_certificates.len(),
            )
        };
        assert_eq!(first(&Algorithms::default()), ("rsa-sha2-512".into(), 6));
        let list = "ssh-ed25519,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-512";
        let own = Algorithms {
            host_keys: usable(Kind::HostKey, list),
            ..Algorithms::default()
        };
        assert_eq!(first(&own), ("ssh-ed25519".into(), 1));
    }

    #[test]
    fn the_signals_of_a_client_go_with_every_choice() {
        let own = Algorithms {
            kex: usable(Kind::Kex, "curve25519-sha256"),
            ..Algorithms::default()
        };
        let names: Vec<String> = own.preferred(&[], false).kex.iter().map(text).collect();
        assert_eq!(
            names,
            ["curve25519-sha256", "ext-info-c", "kex-strict-c-v00@openssh.com"]
        );
    }

    #[test]
    fn the_mend_names_what_both_can_do() {
        let theirs = ["diffie-hellman-group14-sha1".to_owned()];
        assert!(
            mend("old", &AlgorithmKind::Kex, &theirs)
                .contains("Host old\\n  KexAlgorithms +diffie-hellman-group14-sha1")
        );
        let theirs = ["sntrup761x25519-sha512@openssh.com".to_owned()];
        assert!(mend("new", &AlgorithmKind::Kex, &theirs).contains("`KexAlgorithms` in its sshd_config"));
    }
}
