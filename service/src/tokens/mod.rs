//! Access tokens of the team's own authorization server: JWTs (RFC 9068) that are checked here, by the keys that it
//! publishes, without asking it about each.

mod keys;
mod ring;

pub use keys::is_safe;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use keys::Keys;

/// How far the issuer's clock may be from ours, in seconds.
const SKEW: u64 = 30;

/// Whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The authorization server's identifier, an https URL.
    pub issuer: String,
    /// Whom a token must be made out to: one of these.
    pub audiences: Vec<String>,
    /// What a token must permit: all of these.
    pub scopes: Vec<String>,
    /// Where the issuer's keys are; none to learn it from the issuer.
    pub keys: Option<String>,
}

/// Checks tokens.
#[derive(Debug)]
pub struct Tokens {
    trust: Trust,
    keys: Keys,
}

/// Who bears a token.
#[derive(Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The issuer's name for who it is, or for the program that acts for nobody.
    pub subject: Option<String>,
}

/// Why a token does not let in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// What is wrong with it.
    Invalid(&'static str),
    /// It is good, but not for this.
    Scope,
    /// The issuer does not give its keys; it is asked again in so many seconds.
    Unknown(u64),
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: Value,
    sub: Option<String>,
    client_id: Option<String>,
    /// Words with spaces between (RFC 8693, section 4.2); some issuers write `scp`, as a text or a list.
    scope: Option<Value>,
    scp: Option<Value>,
}

impl Claims {
    fn permits(&self, scope: &str) -> bool {
        let said = [&self.scope, &self.scp].into_iter().flatten();
        said.into_iter().any(|said| match said {
            Value::String(words) => words.split(' ').any(|word| word == scope),
            Value::Array(words) => words.iter().any(|word| word == scope),
            _ => false,
        })
    }
}

impl Tokens {
    /// Takes the tokens of this issuer. It is asked for its keys when the first comes.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(trust: Trust) -> Result<Self, reqwest::Error> {
        ring::install();
        Ok(Self {
            keys: Keys::new(trust.issuer.clone(), trust.keys.clone())?,
            trust,
        })
    }

    /// Who bears this token.
    ///
    /// # Errors
    /// Why it does not let in.
    pub async fn bearer(&self, token: &[u8]) -> Result<Bearer, Refused> {
        let header = decode_header(token).map_err(|_| Refused::Invalid("the token is no JWT"))?;
        let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
        // What an issuer signs for other ends is no access token.
        if kind.is_some_and(|kind| !["jwt", "at+jwt", "application/at+jwt"].contains(&&*kind)) {
            return Err(Refused::Invalid("the token is no access token"));
        }
        if !ring::is_accepted(header.alg) {
            return Err(Refused::Invalid(
                "the token is signed by an algorithm that is not taken",
            ));
        }
        let id = header.kid.as_deref();
        let mut known = self.keys.now().await.map_err(Refused::Unknown)?;
        if known.fitting(id, header.alg).next().is_none() {
            known = self.keys.renewed(Some(&known)).await.map_err(Refused::Unknown)?;
        }
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&self.trust.audiences);
        validation.set_required_spec_claims(&["exp", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = SKEW;
        let mut why = "the token is signed by no key that its issuer publishes";
        for key in known.fitting(id, header.alg) {
            match decode::<Claims>(token, key, &validation) {
                Ok(token) => return self.permitted(token.claims),
                Err(error) => why = cause(error.kind()),
            }
        }
        Err(Refused::Invalid(why))
    }

    fn permitted(&self, claims: Claims) -> Result<Bearer, Refused> {
        // One name, and no list of them.
        if claims.iss != self.trust.issuer.as_str() {
            return Err(Refused::Invalid("the token is of another issuer"));
        }
        if !self.trust.scopes.iter().all(|scope| claims.permits(scope)) {
            return Err(Refused::Scope);
        }
        Ok(Bearer {
            subject: claims.sub.or(claims.client_id),
        })
    }
}

/// What is wrong with a token, for who bears it.
fn cause(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not good yet",
        ErrorKind::InvalidAudience => "the token is made out to another service",
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks exp or aud",
        _ => "the token cannot be read",
    }
}
