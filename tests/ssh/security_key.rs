//! A security key: an ssh-agent that signs as a FIDO token does (OpenSSH's PROTOCOL.u2f; draft-ietf-sshm-ssh-agent).

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hostwright::host::ssh::{Connection, Options};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::soon;
use crate::sshd::Sshd;

const NAME: &str = "sk-ssh-ed25519@openssh.com";
const APPLICATION: &str = "ssh:";
/// A person has touched it.
const FLAGS: u8 = 1;
const COUNTER: [u8; 4] = [0, 0, 0, 7];

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

struct Token(Ed25519KeyPair);

impl Token {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn public(&self) -> Vec<u8> {
        let parts = [
            NAME.as_bytes(),
            self.0.public_key().as_ref(),
            APPLICATION.as_bytes(),
        ];
        parts.map(string).concat()
    }

    fn sign(&self, data: &[u8]) -> Vec<u8> {
        let application = digest(&SHA256, APPLICATION.as_bytes());
        let data = digest(&SHA256, data);
        let signed = [application.as_ref(), &[FLAGS], &COUNTER, data.as_ref()].concat();
        let signature = self.0.sign(&signed);
        [
            string(NAME.as_bytes()),
            string(signature.as_ref()),
            vec![FLAGS],
            COUNTER.to_vec(),
        ]
        .concat()
    }

    /// Answers one who asks, until they go.
    fn serve(&self, mut stream: UnixStream) -> Option<()> {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length).ok()?;
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request).ok()?;
            let answer = match request.first()? {
                // Which keys there are.
                11 => [vec![12, 0, 0, 0, 1], string(&self.public()), string(b"a token")].concat(),
                // Sign: key, data, flags.
                13 => {
                    let rest = &request[1 + string(&self.public()).len()..];
                    let (length, rest) = rest.split_at(4);
                    let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
                    [vec![14], string(&self.sign(&rest[..length]))].concat()
                }
                _ => vec![5],
            };
            stream.write_all(&string(&answer)).ok()?;
        }
    }

    fn start(self, socket: PathBuf) {
        let listener = UnixListener::bind(socket).unwrap();
        thread::spawn(move || {
            listener.incoming().flatten().for_each(|stream| {
                self.serve(stream);
            })
        });
    }
}

//~ Key | a security key (`sk-ssh-ed25519`) in the agent | logs in
#[tokio::test(flavor = "multi_thread")]
async fn a_security_key_logs_in_through_the_agent() {
    let sshd = sshd_or_skip!();
    let token = Token::new();
    sshd.authorize(&format!("{NAME} {}\n", BASE64_STANDARD.encode(token.public())));
    let socket = sshd.path("token");
    token.start(socket.clone());
    let options = Options {
        identity: None,
        agent: Some(socket),
        ..sshd.options()
    };
    soon(Connection::open(&sshd.target(), &options))
        .await
        .unwrap()
        .close()
        .await;
}
