//! Logging in: with keys, with a password, with both.

use std::sync::{Arc, OnceLock};

use russh::client::{AuthResult, Handle, Handler, KeyboardInteractiveAuthResponse as Interactive};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};

use super::answers::Answers;
use super::config::Resolved;
use super::error::{Named, SshError};
use super::keys::{Holder, Key, Keys};
use super::options::Options;
use super::signers::{NotYet, Signs, Wanted, unlock};

/// sshd ends a connection at its sixth failure, and keeps a ledger of them (sshd_config(5), MaxAuthTries and
/// PerSourcePenalties).
const TRIES: usize = 6;

/// What was tried, when that was nothing.
const NOTHING: &str = "nothing";

/// What a server says to a try.
enum Answer {
    In,
    /// Accepted, and these are wanted besides.
    Besides(MethodSet),
    No(MethodSet),
}

impl From<AuthResult> for Answer {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Answer::In,
            AuthResult::Failure {
                remaining_methods,
                partial_success: true,
            } => Answer::Besides(remaining_methods),
            AuthResult::Failure {
                remaining_methods, ..
            } => Answer::No(remaining_methods),
        }
    }
}

/// A login that is going on.
pub(super) struct Attempt<'a, H: Handler> {
    handle: &'a mut Handle<H>,
    host: Named,
    user: &'a str,
    resolved: &'a Resolved,
    options: &'a Options,
    /// What the host says when it ends the connection by itself.
    goodbye: &'a OnceLock<String>,
    keys: Keys,
    /// What the host takes; nothing is known before the first answer.
    offered: Option<MethodSet>,
    tried: Vec<String>,
    accepted: Vec<String>,
    failures: usize,
    /// Why the host got no answer.
    unanswered: Option<String>,
}

impl<'a, H: Handler> Attempt<'a, H> {
    pub fn new(
        handle: &'a mut Handle<H>,
        host: Named,
        resolved: &'a Resolved,
        options: &'a Options,
        goodbye: &'a OnceLock<String>,
        keys: Keys,
    ) -> Self {
        Self {
            handle,
            host,
            user: &resolved.user,
            resolved,
            options,
            goodbye,
            keys,
            offered: None,
            tried: Vec::new(),
            accepted: Vec::new(),
            failures: 0,
            unanswered: None,
        }
    }

    /// Tries what there is, in the order of the configuration, until the host lets us in.
    pub async fn log_in(mut self) -> Result<(), SshError> {
        let mut left = self.resolved.methods.clone();
        let asked = self.keys.keys.is_empty() || !left.contains(&MethodKind::PublicKey);
        // All hosts say what they take.
        if asked && self.nothing().await? {
            return Ok(());
        }
        while let Some(at) = left.iter().position(|method| self.is_taken(*method)) {
            let method = left[at];
            let accepted = self.accepted.len();
            let is_in = match method {
                MethodKind::PublicKey => self.keys().await?,
                MethodKind::KeyboardInteractive => self.interactive().await?,
                _ => self.password().await?,
            };
            if is_in {
                return Ok(());
            }
            match self.accepted.len() > accepted {
                // The host starts anew with what is wanted besides; keys that were tried are not tried again.
                true => left = self.resolved.methods.clone(),
                false => drop(left.remove(at)),
            }
            if self.handle.is_closed() {
                return Err(self.refused());
            }
        }
        let is_done = asked || !self.accepted.is_empty() || self.failures + 1 >= TRIES;
        match !is_done && self.nothing().await? {
            true => Ok(()),
            false => Err(self.refused()),
        }
    }

    /// Some hosts let everybody in.
    async fn nothing(&mut self) -> Result<bool, SshError> {
        let answer = self.handle.authenticate_none(self.user).await;
        let answer = answer.map_err(|_| self.lost())?;
        self.is_in(answer.into(), NOTHING)
    }

    fn is_taken(&self, method: MethodKind) -> bool {
        let is_offered = self
            .offered
            .as_ref()
            .is_none_or(|offered| offered.contains(&method));
        is_offered && (method != MethodKind::PublicKey || !self.keys.keys.is_empty())
    }

    /// Notes an answer. Whether it lets us in.
    fn is_in(&mut self, answer: Answer, what: &str) -> Result<bool, SshError> {
        match answer {
            Answer::In => return Ok(true),
            Answer::Besides(methods) => {
                self.accepted.push(what.to_owned());
                self.offered = Some(methods);
            }
            Answer::No(methods) => {
                self.failures += 1;
                if what != NOTHING {
                    self.tried.push(what.to_owned());
                }
                if !methods.is_empty() {
                    self.offered = Some(methods);
                } else if self.handle.is_closed() && self.goodbye.get().is_none() {
                    // A connection that broke says nothing.
                    return Err(self.lost());
                }
            }
        }
        Ok(false)
    }

    async fn keys(&mut self) -> Result<bool, SshError> {
        while !self.keys.keys.is_empty() {
            if self.failures >= TRIES || self.handle.is_closed() {
                let rest: Vec<String> = self.keys.keys.drain(..).map(|key| key.label).collect();
                let (rest, tries) = (rest.join(", "), self.failures);
                let note = format!("it takes no more than {tries} tries, so not tried: {rest}");
                self.keys.unused.push(note);
                return Ok(false);
            }
            let key = self.keys.keys.remove(0);
            let Some(answer) = self.key(&key).await? else {
                continue;
            };
            if self.is_in(answer, &key.label)? {
                self.options.memory.worked(&key.public);
                return Ok(true);
            }
            if !self.handle.is_closed() && !self.is_taken(MethodKind::PublicKey) {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// None if it could not be tried.
    async fn key(&mut self, key: &Key) -> Result<Option<Answer>, SshError> {
        let lost = self.lost();
        // Only RSA keys have a choice of hash, and asking for it can take a second.
        let hash = if key.public.algorithm().is_rsa() {
            let known = self.handle.best_supported_rsa_hash().await;
            known.map_err(|_| lost)?.unwrap_or(Some(HashAlg::Sha512))
        } else {
            None
        };
        let private = match &key.holder {
            Holder::File(private) => Arc::clone(private),
            Holder::Locked(file) => {
                // A person is asked only for a key that the host wants.
                let (mut wanted, public) = (Wanted(false), key.public.clone());
                let asked = match &key.certificate {
                    Some(certificate) => {
                        let certificate = certificate.clone();
                        let asked = self.handle.authenticate_certificate_with(
                            self.user,
                            certificate,
                            hash,
                            &mut wanted,
                        );
                        asked.await
                    }
                    None => {
                        let asked =
                            self.handle
                                .authenticate_publickey_with(self.user, public, hash, &mut wanted);
                        asked.await
                    }
                };
                match asked {
                    Ok(answer) => return Ok(Some(answer.into())),
                    Err(NotYet) if !wanted.0 => return Err(self.lost()),
                    Err(NotYet) => {}
                }
                let person = self.options.person.clone();
                let Some(private) = unlock(file, person.as_ref(), self.resolved.prompts, self.options).await
                else {
                    self.keys.unused.push(format!("{} was not unlocked", key.label));
                    return Ok(None);
                };
                private
            }
            Holder::Agent => return self.by_agent(key, hash).await,
        };
        let answer = match &key.certificate {
            Some(certificate) => {
                let (certificate, mut signs) = (certificate.clone(), Signs(private));
                let answer =
                    self.handle
                        .authenticate_certificate_with(self.user, certificate, hash, &mut signs);
                answer.await.ok()
            }
            None => {
                let key = PrivateKeyWithHashAlg::new(private, hash);
                self.handle.authenticate_publickey(self.user, key).await.ok()
            }
        };
        answer
            .map(|answer| Some(answer.into()))
            .ok_or_else(|| self.lost())
    }

    async fn by_agent(&mut self, key: &Key, hash: Option<HashAlg>) -> Result<Option<Answer>, SshError> {
        let Some(agent) = &mut self.keys.agent else {
            return Ok(None);
        };
        let (user, public) = (self.user, key.public.clone());
        let answer = match key.certificate.clone() {
            Some(certificate) => {
                self.handle
                    .authenticate_certificate_with(user, certificate, hash, agent)
                    .await
            }
            None => {
                self.handle
                    .authenticate_publickey_with(user, public, hash, agent)
                    .await
            }
        };
        match answer {
            Ok(answer) => Ok(Some(answer.into())),
            // The agent would not sign, perhaps because a person said no: the next key may do.
            Err(_) if !self.handle.is_closed() => {
                self.keys
                    .unused
                    .push(format!("the agent would not sign with {}", key.label));
                Ok(None)
            }
            Err(_) => Err(self.lost()),
        }
    }

    async fn interactive(&mut self) -> Result<bool, SshError> {
        let mut answers = Answers::new(self.user, self.host.name(), self.resolved, self.options);
        if !answers.can_be() && self.accepted.is_empty() {
            return Ok(false);
        }
        for _ in 0..answers.rounds() {
            let mut was_asked = false;
            let start = self
                .handle
                .authenticate_keyboard_interactive_start(self.user, None::<String>);
            let mut said = start.await.map_err(|_| self.lost())?;
            let answer = loop {
                match said {
                    Interactive::Success => break Answer::In,
                    Interactive::Failure {
                        remaining_methods,
                        partial_success: true,
                    } => break Answer::Besides(remaining_methods),
                    Interactive::Failure {
                        remaining_methods, ..
                    } => break Answer::No(remaining_methods),
                    Interactive::InfoRequest {
                        instructions,
                        prompts,
                        ..
                    } => {
                        was_asked = true;
                        let Some(given) = answers.to(&instructions, &prompts).await else {
                            self.unanswered = answers.unanswered();
                            // The next try of another kind takes this one's place.
                            return Ok(false);
                        };
                        let respond = self.handle.authenticate_keyboard_interactive_respond(given);
                        said = respond.await.map_err(|_| self.lost())?;
                    }
                }
            };
            let is_no = matches!(answer, Answer::No(_));
            // Some servers offer it, and then ask nothing.
            let what = if was_asked { answers.what() } else { NOTHING };
            if self.is_in(answer, what)? {
                if answers.gave_new() {
                    self.options.memory.replaced_password();
                }
                return Ok(true);
            }
            if is_no {
                answers.wrong();
            }
            if !is_no
                || !was_asked
                || self.handle.is_closed()
                || !self.is_taken(MethodKind::KeyboardInteractive)
            {
                return Ok(false);
            }
        }
        Ok(false)
    }

    async fn password(&mut self) -> Result<bool, SshError> {
        let mut answers = Answers::new(self.user, self.host.name(), self.resolved, self.options);
        for _ in 0..answers.rounds() {
            let Some(password) = answers.password().await else {
                self.unanswered = answers.unanswered();
                return Ok(false);
            };
            let answer = self
                .handle
                .authenticate_password(self.user, password.text())
                .await;
            let answer = Answer::from(answer.map_err(|_| self.lost())?);
            let is_no = matches!(answer, Answer::No(_));
            if self.is_in(answer, "the password")? {
                return Ok(true);
            }
            if !is_no {
                return Ok(false);
            }
            answers.wrong();
            if self.handle.is_closed() || !self.is_taken(MethodKind::Password) {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn lost(&self) -> SshError {
        SshError::Lost {
            host: self.host.clone(),
        }
    }

    fn refused(self) -> SshError {
        let Self { host, user, .. } = self;
        let user = user.to_owned();
        let offered = self.offered.as_ref().map(|offered| {
            let names = offered.iter().map(<&str>::from);
            names.collect::<Vec<_>>().join(", ")
        });
        let offered = offered.filter(|names| !names.is_empty());
        let takes_password = offered
            .as_deref()
            .is_some_and(|names| names.contains("password") || names.contains("keyboard"));
        let why = self
            .unanswered
            .map_or(String::new(), |why| format!(", but {why}"));
        let mut tried = match self.tried.is_empty() {
            true => "any key".to_owned(),
            false => self.tried.join(", "),
        };
        if let Some(words) = self.goodbye.get() {
            tried += &format!(", and ended the connection: {words}");
        }
        if !self.keys.unused.is_empty() {
            tried += &format!(" ({})", self.keys.unused.join("; "));
        }
        if !self.accepted.is_empty() {
            let mend = "log in on a terminal, where the code or password can be typed; or let this key in alone, by \
                        AuthenticationMethods of its sshd";
            return SshError::Besides {
                accepted: self.accepted.join(" and "),
                wanted: format!("{} besides{why}", offered.unwrap_or_else(|| "more".to_owned())),
                mend: mend.to_owned(),
                host,
                user,
            };
        }
        let mut mend = format!(
            "name the right key with -i FILE, or add its public half to ~{user}/.ssh/authorized_keys on the host"
        );
        if takes_password {
            mend += &format!(
                ": `hostwright trust {user}@{}` logs in with the password and does so",
                host.name()
            );
        }
        SshError::Auth {
            tried,
            offered: offered.unwrap_or_else(|| "nothing more".to_owned()),
            mend,
            host,
            user,
        }
    }
}
