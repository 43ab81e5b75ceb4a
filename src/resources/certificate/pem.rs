//! What a certificate in PEM says, and whether its key and its names are those that are wanted: known before anything
//! travels.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use crate::change::Id;
use crate::desired::Refusal;
use crate::language::Problem;
use crate::resources::certbot::covers;

const DAY: u64 = 24 * 60 * 60;

/// From how many days before its end on a person is told, who has to get the next one.
const SOON: u64 = 21;

/// When a certificate holds.
#[derive(Debug)]
pub(super) struct Life {
    /// From when on, and until when, in seconds since 1970.
    pub times: [u64; 2],
    /// Its first and its last moment, for people.
    begins: String,
    pub ends: String,
}

/// Reads a chain and its key.
///
/// # Errors
/// Why the key is not the certificate's, or which of `names` the certificate is not for.
pub(super) fn read(chain: &[u8], key: &[u8], names: &[String]) -> Result<Life, Problem> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error.to_string()))?;
    let Some(first) = chain.first() else {
        return Err(wrong("there is no `-----BEGIN CERTIFICATE-----` in it"));
    };
    let certificate = x509_cert::Certificate::from_der(first).map_err(|error| wrong(&error.to_string()))?;
    let said = certificate.tbs_certificate();
    let alternative = said.get_extension::<SubjectAltName>();
    let alternative = alternative.map_err(|error| wrong(&error.to_string()))?;
    let own: Vec<String> = alternative
        .iter()
        .flat_map(|(_, names)| &names.0)
        .filter_map(dns_name)
        .collect();
    if own.is_empty() {
        return Err(Problem::new(
            "the first certificate is for no domain: it names none as a subject alternative name, which browsers go by",
            "an authority's own one has none: the certificate of the site comes first, then those that lead to the authority's",
        ));
    }
    let missing = |name: &&String| !own.iter().any(|own| own == *name || covers(own, name));
    if let Some(name) = names.iter().find(missing) {
        return Err(Problem::new(
            format!("the certificate is not for `{name}` but for {}", own.join(", ")),
            "name in `domain` and `aliases` what it is for, or give another certificate",
        ));
    }
    let validity = said.validity();
    let life = Life {
        times: [&validity.not_before, &validity.not_after].map(seconds),
        begins: day(&validity.not_before),
        ends: day(&validity.not_after),
    };
    matches(chain, key)?;
    Ok(life)
}

/// Whether a text has a private key in it, in whichever form.
pub(super) fn holds_key(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.any(|line| line.starts_with(b"-----BEGIN ") && line.trim_ascii_end().ends_with(b"PRIVATE KEY-----"))
}

fn wrong(why: &str) -> Problem {
    Problem::new(
        format!("the certificate cannot be read: {why}"),
        "it is a text that begins with `-----BEGIN CERTIFICATE-----`: the certificate first, then those that lead to the authority's",
    )
}

/// Of the key itself nothing is told.
fn matches(chain: Vec<CertificateDer<'static>>, key: &[u8]) -> Result<(), Problem> {
    let unreadable = |_| {
        Problem::new(
            "the private key cannot be read",
            "it is a text that begins with `-----BEGIN PRIVATE KEY-----` (or `RSA` or `EC` in that line); `openssl pkey -in KEY` takes its password off. RSA of 2048 to 4096 bits, P-256, P-384 and Ed25519 can be read",
        )
    };
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| unreadable(()))?;
    let key = default_provider()
        .key_provider
        .load_private_key(key)
        .map_err(|_| unreadable(()))?;
    match CertifiedKey::new(chain, key).keys_match() {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(Problem::new(
            "the private key is not that of the certificate",
            "give the key with which it was asked for; in the file of the certificate, it stands before those that lead to the authority's",
        )),
        Err(error) => Err(wrong(&error.to_string())),
        Ok(()) => Ok(()),
    }
}

fn dns_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        _ => None,
    }
}

fn seconds(time: &Time) -> u64 {
    time.to_unix_duration().as_secs()
}

fn day(time: &Time) -> String {
    let text = time.to_date_time().to_string();
    text.split('T').next().unwrap_or(&text).to_owned()
}

impl Life {
    /// Asks the host's clock.
    pub fn question(&self) -> String {
        let [begins, ends] = self.times;
        format!(
            "now=$(date +%s)\nif [ \"$now\" -lt {begins} ]; then echo early; fi\n\
             if [ \"$now\" -ge {ends} ]; then echo expired; elif [ $((({ends} - now) / {DAY})) -lt {SOON} ]; then \
             echo \"soon=$((({ends} - now) / {DAY}))\"; fi"
        )
    }

    /// What a person must know who has to get the next one.
    pub fn remark(&self, said: &str) -> Option<String> {
        if said.contains("expired") {
            return Some(format!(
                "the certificate has ended on {}: give `own` the next one",
                self.ends
            ));
        }
        let days = said.lines().find_map(|line| line.strip_prefix("soon="))?;
        Some(format!(
            "the certificate ends in {days} days, on {}: give `own` the next one",
            self.ends
        ))
    }

    /// Refuses to put in place what no browser takes.
    pub fn refuse(&self, id: &Id, said: &str) -> Result<(), Refusal> {
        let cause = match said {
            said if said.contains("expired") => format!("the certificate has ended on {}", self.ends),
            said if said.contains("early") => format!("the certificate holds from {} on alone", self.begins),
            _ => return Ok(()),
        };
        Err(Refusal {
            id: id.clone(),
            cause: format!("{cause}, by the host's clock"),
            mend: "give `own` one that holds now".into(),
        })
    }
}
