//! What a host remembers: generations and runs, and a generation as it can be applied again.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::{ApplyError, check, plan_when_free, run_and_verify};
use super::event::{Event, Observe};
use super::generation::{About, Generation, History, Kept, Run};
use super::playbook::Built;
use super::remembered::library;
use super::session::Session;
use crate::change::{Content, Detail};
use crate::host::ssh::{Person, SshError};
use crate::language::PlaybookErrors;
use crate::layout::{Frame, NoFrame};
use crate::playbook::bundle::{Bundle, Kept as KeptContent, KeptNode};
use crate::playbook::load::reload;
use crate::shell;
use crate::transaction::compile::OnFailure;

/// Why a generation could not be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum HistoryError {
    /// The connection.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The host's answer.
    #[error("{host} did not say what it remembers: its answer ended early, or began with other text")]
    #[diagnostic(help("run it again; a startup file of the login shell that prints text is in the way"))]
    Answer {
        /// The host.
        host: String,
    },
    /// It could not be applied.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Apply(#[from] ApplyError),
    /// The generation's playbook cannot be rendered here and now.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Playbook(#[from] PlaybookErrors),
    /// Nothing was ever applied.
    #[error("{host} remembers no apply")]
    #[diagnostic(help("apply a playbook; from then on there is a way back"))]
    Nothing {
        /// The host.
        host: String,
    },
    /// Nothing of that name was.
    #[error("{host} has no playbook {playbook}; it has {}", playbooks.join(", "))]
    #[diagnostic(help("name one of them with --playbook"))]
    Unknown {
        /// The host.
        host: String,
        /// The name that was asked for.
        playbook: String,
        /// Those that it has.
        playbooks: Vec<String>,
    },
    /// There is nothing to go back to.
    #[error("{host} has no generation of {playbook} before {number}, the only one that it keeps")]
    #[diagnostic(help("a later apply that means something else makes the next; then there is a way back"))]
    Only {
        /// The host.
        host: String,
        /// The playbook.
        playbook: String,
        /// The generation's number.
        number: u32,
    },
    /// It has not been said of which playbook.
    #[error("{host} has several playbooks: {}", playbooks.join(", "))]
    #[diagnostic(help("name one with --playbook"))]
    Several {
        /// The host.
        host: String,
        /// Their names.
        playbooks: Vec<String>,
    },
    /// There is no such run.
    #[error("{host} remembers no run {run}")]
    #[diagnostic(help("`hostwright history` lists those that it remembers"))]
    NoRun {
        /// The host.
        host: String,
        /// The id that was asked for.
        run: String,
    },
    /// There is no such generation.
    #[error("{host} has no generation {number} of {playbook}")]
    #[diagnostic(help("`hostwright history` lists those that it keeps"))]
    Missing {
        /// The host.
        host: String,
        /// The playbook.
        playbook: String,
        /// The number that was asked for.
        number: u32,
    },
}

/// A generation with all that rendering needs.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The playbook's name.
    pub playbook: String,
    /// Its number.
    pub number: u32,
    /// Who made it of what.
    pub generation: Generation,
    /// What the playbook meant.
    pub bundle: Bundle,
    contents: BTreeMap<String, Content>,
    person: Option<Person>,
}

/// All that the host remembers.
///
/// # Errors
/// When the host does not answer as it should.
pub async fn history(session: &Session) -> Result<History, HistoryError> {
    let frames = ask(session, "history").await?;
    let mut history = History {
        generations: generations(&frames),
        ..History::default()
    };
    let mut ends: BTreeMap<String, About> = BTreeMap::new();
    for Said { kind, name, body } in frames {
        match &*kind {
            "disk" => history.disk = String::from_utf8_lossy(&body).trim().parse().unwrap_or(0),
            "about" => {
                if let Ok(about) = serde_json::from_slice(&body) {
                    ends.insert(name, about);
                }
            }
            "end" => {
                if let Some(about) = ends.remove(&name) {
                    history.runs.push(Run {
                        id: name,
                        end: String::from_utf8_lossy(&body).into_owned(),
                        about,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(history)
}

/// A frame of an answer.
struct Said {
    kind: String,
    name: String,
    body: Vec<u8>,
}

/// What the library's functions say when a line of sh calls them.
async fn ask(session: &Session, call: &str) -> Result<Vec<Said>, HistoryError> {
    let answer = session
        .ask(format!("{}{call}\nsay end '' ''\n", library()))
        .await?;
    let (mut said, mut rest) = (Vec::new(), &answer[..]);
    loop {
        let (frame, after) =
            Frame::read(rest).map_err(|_: NoFrame<'_>| HistoryError::Answer { host: session.name() })?;
        if frame.kind == "end" && frame.name.is_empty() {
            return Ok(said);
        }
        said.push(Said {
            kind: frame.kind.to_owned(),
            name: frame.name.to_owned(),
            body: frame.body.to_vec(),
        });
        rest = after;
    }
}

/// The generations that an answer tells of, those of each playbook together, the oldest first.
fn generations(frames: &[Said]) -> Vec<Kept> {
    let mut all: Vec<Kept> = Vec::new();
    for Said { kind, name, body } in frames {
        match &**kind {
            "generation" => {
                let (playbook, number) = name.rsplit_once('/').unwrap_or_default();
                // What a later version wrote, or a broken disk left, is none of ours.
                if let (Ok(number), Ok(generation)) = (number.parse(), serde_json::from_slice(body)) {
                    all.push(Kept {
                        playbook: playbook.to_owned(),
                        number,
                        run: String::new(),
                        generation,
                    });
                }
            }
            "run" => {
                if let Some(last) = all.last_mut() {
                    last.run = String::from_utf8_lossy(body).trim().to_owned();
                }
            }
            _ => {}
        }
    }
    all.sort_by(|a, b| (&a.playbook, a.number).cmp(&(&b.playbook, b.number)));
    all.dedup_by(|a, b| (&a.playbook, a.number) == (&b.playbook, b.number));
    all
}

/// The generations of a playbook: the host's only one unless named, the oldest first.
fn of<'h>(all: &'h [Kept], playbook: Option<&str>, host: &str) -> Result<Vec<&'h Kept>, HistoryError> {
    let mut names: Vec<&str> = all.iter().map(|kept| kept.playbook.as_str()).collect();
    names.dedup();
    let host = host.to_owned();
    let name = match (playbook, &names[..]) {
        (Some(name), _) if names.contains(&name) => name,
        (None, [name]) => name,
        (_, []) => return Err(HistoryError::Nothing { host }),
        (playbook, _) => {
            let playbooks = names.iter().map(|name| (*name).to_owned()).collect();
            return Err(match playbook.map(str::to_owned) {
                Some(playbook) => HistoryError::Unknown {
                    host,
                    playbook,
                    playbooks,
                },
                None => HistoryError::Several { host, playbooks },
            });
        }
    };
    Ok(all.iter().filter(|kept| kept.playbook == name).collect())
}

/// Which generation is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    Latest,
    /// The one before it.
    Before,
    /// The one of this number.
    Number(u32),
}

/// A generation of a playbook, which is the host's only one unless named.
///
/// # Errors
/// When there is no such generation, or the host does not answer as it should.
pub async fn whole(session: &Session, playbook: Option<&str>, which: Which) -> Result<Whole, HistoryError> {
    let host = session.name();
    // The host says at the same time what it takes to be meant.
    let meant = match which {
        Which::Latest => "0".to_owned(),
        Which::Before => "-1".to_owned(),
        Which::Number(number) => number.to_string(),
    };
    let call = shell::words(["meant", playbook.unwrap_or_default(), &meant]);
    let mut frames = ask(session, &format!("generations\n{call}")).await?;
    let all = generations(&frames);
    let kept = of(&all, playbook, &host)?;
    let last = kept.last().map_or(0, |kept| kept.number);
    let playbook = kept.last().map_or(String::new(), |kept| kept.playbook.clone());
    let number = match which {
        Which::Latest => last,
        Which::Number(number) => number,
        Which::Before => match kept.iter().rev().nth(1) {
            Some(kept) => kept.number,
            None => {
                return Err(HistoryError::Only {
                    host,
                    playbook,
                    number: last,
                });
            }
        },
    };
    let name = format!("{playbook}/{number}");
    let is_it = |said: &Said| said.kind == "bundle" && said.name == name;
    if !frames.iter().any(is_it) {
        let call = shell::words(["one", &playbook, &number.to_string()]);
        frames = ask(session, &call).await?;
    }
    let (mut generation, mut bundle, mut contents) = (None, None, BTreeMap::new());
    for Said { kind, body, .. } in frames
        .iter()
        .filter(|said| said.name == name || said.kind == "content")
    {
        match &**kind {
            "generation" => generation = serde_json::from_slice(body).ok(),
            "bundle" => bundle = serde_json::from_slice(body).ok(),
            "content" => {
                let content = Content::new(body.as_slice(), false);
                contents.insert(content.sha256.clone(), content);
            }
            _ => {}
        }
    }
    match (generation, bundle) {
        (Some(generation), Some(bundle)) => Ok(Whole {
            playbook,
            number,
            generation,
            bundle,
            contents,
            person: session.person(),
        }),
        _ => Err(HistoryError::Missing {
            host,
            playbook,
            number,
        }),
    }
}

impl Whole {
    /// The playbook that it was. Secrets are those of today; binaries stay on the host.
    ///
    /// # Errors
    /// What of it cannot be rendered here and now: a secret that is not set, say.
    pub fn built(&self) -> Result<Built, PlaybookErrors> {
        self.rendered(false)
    }

    /// The same with the values that the playbook has for rehearsals.
    ///
    /// # Errors
    /// As [`Whole::built`].
    pub fn rehearsed(&self) -> Result<Built, PlaybookErrors> {
        self.rendered(true)
    }

    fn rendered(&self, rehearsal: bool) -> Result<Built, PlaybookErrors> {
        let contents = self.bundle.read(&self.contents);
        let loaded = reload(&self.bundle, contents, rehearsal, self.person.as_ref())?;
        Built::new(loaded, self.bundle.artifacts())
    }
}

/// What a run said, line by line.
///
/// # Errors
/// When there is no such run, or the host does not answer.
pub async fn journal(session: &Session, run: &str) -> Result<String, HistoryError> {
    let answer = session
        .ask(format!("{}{}\n", library(), shell::words(["journal", run])))
        .await?;
    match answer.is_empty() {
        false => Ok(String::from_utf8_lossy(&answer).into_owned()),
        true => Err(HistoryError::NoRun {
            host: session.name(),
            run: run.to_owned(),
        }),
    }
}

/// Applies the generation of a playbook that was there before the newest one.
///
/// # Errors
/// When there is none, or it could not be applied.
pub async fn go_back(
    session: &mut Session,
    playbook: &str,
    observe: &mut Observe<'_>,
) -> Result<(), HistoryError> {
    let whole = whole(session, Some(playbook), Which::Before).await?;
    let mut built = whole.built()?;
    // What must be so before an apply does not stand in the way back.
    built.desired.before.clear();
    observe(&Event::Back {
        playbook: &whole.playbook,
        number: whole.number,
        generation: &whole.generation,
        secrets: &built.desired.secrets,
    });
    let plan = plan_when_free(session, &mut built, observe).await?;
    observe(&Event::Plan(&plan));
    run_and_verify(session, &built.desired, &plan, OnFailure::Stop, observe).await?;
    Ok(check(session, &built.desired, observe).await?)
}

/// Asks the checks of a generation.
///
/// # Errors
/// When it cannot be rendered here and now, a check failed, or the host does not answer.
pub async fn verify(session: &Session, whole: &Whole, observe: &mut Observe<'_>) -> Result<(), HistoryError> {
    let desired = whole.built()?.desired;
    observe(&Event::Verifying {
        playbook: &whole.playbook,
        number: whole.number,
        checks: desired.checks.len(),
        secrets: &desired.secrets,
    });
    Ok(check(session, &desired, observe).await?)
}

/// What differs between two generations of a playbook: its text, the values given, what rendering read.
pub fn difference(from: &Whole, to: &Whole) -> Vec<Detail> {
    let mut details = Vec::new();
    let mut differ = |path: String, old: Option<String>, new: Option<String>| {
        if old != new {
            let [old, new] = [old, new].map(Option::unwrap_or_default);
            details.push(Detail::Diff { path, old, new });
        }
    };
    let [one, other] = [from, to].map(|whole| Some(whole.bundle.text.clone()));
    differ(to.bundle.file.clone(), one, other);
    let [one, other] = [from, to].map(|whole| {
        let line = |(name, value): &(String, Option<String>)| {
            format!("{name}={}\n", value.as_deref().unwrap_or("null"))
        };
        Some(whole.bundle.vars.iter().map(line).collect())
    });
    differ("values given".into(), one, other);
    let [one, other] = [from, to].map(Whole::read);
    for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        differ(name.clone(), one.get(name).cloned(), other.get(name).cloned());
    }
    details
}

impl Whole {
    /// What rendering read, as text: by its hash alone where it is none, or stays on the host.
    fn read(&self) -> BTreeMap<String, String> {
        let mut read = self.bundle.included.clone();
        let mut add = |name: String, kept: &KeptContent| {
            let content = self.contents.get(&kept.sha256);
            let text = content.and_then(|content| std::str::from_utf8(&content.bytes).ok());
            let hash = || format!("{} bytes, SHA-256 {}\n", kept.size, kept.sha256);
            read.insert(name, text.map_or_else(hash, str::to_owned));
        };
        for (name, kept) in &self.bundle.files {
            add(name.clone(), kept);
        }
        for (name, kept) in &self.bundle.shipped {
            add(format!("{name} (shipped with hostwright)"), kept);
        }
        for (name, kept) in &self.bundle.artifacts {
            add(format!("the binary {name}"), kept);
        }
        for tree in &self.bundle.trees {
            for (name, node) in &tree.nodes {
                if let KeptNode::File(kept, _) = node {
                    add(format!("{}/{name}", tree.path), kept);
                }
            }
        }
        read
    }
}
