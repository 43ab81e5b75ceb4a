//! An authorization server on this machine: it publishes keys, signs tokens with them, and misbehaves on demand.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A key that the issuer signs with.
pub enum Key {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl Key {
    pub fn ec() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).expect("a key"))
    }

    pub fn ed() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self::Ed(Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key"))
    }

    pub fn rsa() -> Self {
        let arguments = [
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-outform",
            "DER",
        ];
        let made = Command::new("openssl")
            .args(arguments)
            .output()
            .expect("openssl runs");
        // As PKCS#8 or PKCS#1, by its version.
        let key = RsaKeyPair::from_pkcs8(&made.stdout).or_else(|_| RsaKeyPair::from_der(&made.stdout));
        Self::Rsa(Box::new(key.expect("a key")))
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    /// What the issuer publishes of it.
    pub fn published(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| BASE64.encode(bytes);
        match self {
            Self::Ec(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = (text(&point[1..33]), text(&point[33..]));
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256", "x": x, "y": y })
            }
            Self::Ed(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": text(key.public_key().as_ref()) })
            }
            Self::Rsa(key) => {
                let parts: PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({
                    "kty": "RSA", "kid": id, "alg": "RS256",
                    "n": text(&parts.n), "e": text(&parts.e),
                })
            }
        }
    }

    /// A token with these claims.
    pub fn token(&self, id: &str, claims: &Value) -> String {
        self.signed(
            &json!({ "alg": self.algorithm(), "kid": id, "typ": "at+jwt" }),
            claims,
        )
    }

    /// A token with this header.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let message = [header, claims]
            .map(|part| BASE64.encode(part.to_string()))
            .join(".");
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ec(key) => key
                .sign(&random, message.as_bytes())
                .expect("signed")
                .as_ref()
                .to_vec(),
            Self::Ed(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature);
                signed.expect("signed");
                signature
            }
        };
        format!("{message}.{}", BASE64.encode(signature))
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

/// An authorization server on this machine.
#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    keys: Vec<Value>,
    asked: HashMap<String, usize>,
    is_down: bool,
    /// Whom it says to be, when it lies.
    pretends: Option<String>,
}

impl Issuer {
    /// Listens, with no keys.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            state: Arc::default(),
        };
        let accepting = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let issuer = accepting.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let answer = issuer.answer(&request);
                        async move { answer }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        issuer
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, keys: &[Value]) {
        self.lock().keys = keys.to_vec();
    }

    pub fn breaks(&self) {
        self.lock().is_down = true;
    }

    pub fn recovers(&self) {
        self.lock().is_down = false;
    }

    pub fn pretends_to_be(&self, other: &str) {
        self.lock().pretends = Some(other.to_owned());
    }

    /// How often it was asked for its keys.
    pub fn asked_for_keys(&self) -> usize {
        self.lock().asked.get("/keys").copied().unwrap_or_default()
    }

    /// Claims that let in, for `subject`.
    pub fn claims(&self, subject: &str) -> Value {
        json!({
            "iss": self.url, "aud": "https://api.example.com/mcp", "sub": subject, "client_id": "a-client",
            "exp": now() + 600, "iat": now(), "scope": "openid read:prices",
        })
    }

    fn answer(&self, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let path = request.uri().path().to_owned();
        let mut state = self.lock();
        *state.asked.entry(path.clone()).or_default() += 1;
        if state.is_down {
            return Err(std::io::Error::other("down"));
        }
        let body = match path.as_str() {
            "/.well-known/oauth-authorization-server" => {
                let issuer = state.pretends.clone().unwrap_or_else(|| self.url.clone());
                json!({ "issuer": issuer, "jwks_uri": format!("{}/keys", self.url) })
            }
            "/keys" => json!({ "keys": state.keys }),
            _ => {
                let nothing = Response::builder().status(404).body(Full::default());
                return Ok(nothing.expect("an answer"));
            }
        };
        Ok(Response::new(Full::new(body.to_string().into())))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}
