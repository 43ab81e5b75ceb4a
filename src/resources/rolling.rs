//! Programs of which two instances take turns, on a host: a new one comes up beside the one that serves, gets the
//! requests when it is ready, and the old one ends when nothing goes on in it any more.
//!
//! An instance is a file, which whoever runs it reads: in the end the one that serves has one, and the other none. So a
//! host that dies in between comes up with the one that served, with the new one, or with both; and as nginx turns to the
//! other where nobody listens (`nginx/program.rs`), it serves. The file names the release by its own path, so that an
//! instance never runs another than it came up with.

use super::instance::{Instance, State};
use super::instances::{self, Instances, TakesTurns};
use super::rolling_restart;
use crate::change::{Action, Change, Detail, Id, Verb, sha256};
use crate::desired::{Context, Ref, Refusal, Resource};
use crate::facts::{Facts, Questions, Remains};
use crate::language::{Problem, Render};
use crate::managed::file::ManagedFile;
use crate::shell;

/// What the host's sh does with instances, whoever runs them.
const LIBRARY: &str = include_str!("rolling.sh");

/// Asks a program whether it is ready.
const ASKER: &str = include_str!("instance_ready.pl");

/// A program of which two instances take turns.
#[derive(Debug)]
pub(super) struct Rolling {
    turns: TakesTurns,
    declared: Instances,
    instances: [Box<dyn Instance>; 2],
    /// The sites that hand requests on to it.
    sites: Vec<String>,
    /// What lets one instance take over from the other between applies.
    restart: ManagedFile,
}

impl Rolling {
    /// Two instances that take turns.
    ///
    /// # Errors
    /// When no site hands requests on to them.
    pub fn new(
        turns: TakesTurns,
        declared: &Instances,
        instances: [Box<dyn Instance>; 2],
        cx: &Render<'_>,
    ) -> Result<Self, Problem> {
        let sites = instances::sites(&turns.program, cx)?;
        let library = library(declared, &*instances[0]);
        Ok(Self {
            restart: rolling_restart::program(&turns, declared, &instances, &library, cx),
            turns,
            declared: declared.clone(),
            instances,
            sites,
        })
    }

    fn port(&self, at: usize) -> u16 {
        self.turns.ports[at]
    }

    fn name(&self) -> &str {
        &self.turns.program
    }

    /// Whether the instance is what it should be, but for running.
    fn is_right(&self, at: usize, cx: &Context<'_>) -> bool {
        let instance = &self.instances[at];
        let put_back = instance.reads().iter().any(|path| cx.replaces(path));
        let loaded = cx.facts.loaded(&instance.stamp()) == Some(self.inputs(cx).as_str());
        instance.file().is_there(cx) && instance.is_kept(cx) && loaded && !put_back
    }

    /// The fingerprint of all that either instance is started from: a restart hands it on from one to the other.
    fn inputs(&self, cx: &Context<'_>) -> String {
        let both = self.instances.each_ref().map(|instance| instance.inputs(cx));
        sha256(both.concat().as_bytes())
    }

    /// Whether there is anything of the instance.
    fn is_there(&self, at: usize, cx: &Context<'_>) -> bool {
        let instance = &self.instances[at];
        let file = cx.facts.path(&instance.file().path).is_some();
        file || instance.state(cx) != State::Unknown || instance.runs_alone(cx)
    }

    /// The sh for both instances.
    fn library(&self) -> String {
        library(&self.declared, &*self.instances[0])
    }

    /// Adds the end of an instance that gets no requests any more. What goes wrong with that makes nothing of the
    /// change undone: the next plan sees it.
    fn end(&self, at: usize, cx: &Context<'_>, mut change: Change, library: &str) -> Change {
        let (instance, port) = (&self.instances[at], self.port(at));
        let file = instance.file();
        change = change.shell(format!("{library}drained {port} {}", self.declared.drain()));
        if cx.facts.path(&file.path).is_some() {
            change = change.action(Action::Remove {
                path: file.path.clone(),
                secret: file.content.secret,
            });
        }
        let meant = instance.meant(cx);
        change.shell(format!(
            "{meant}\nend_instance || echo 'note: the instance at port {port} could not be ended'"
        ))
    }

    /// Takes away what is left of an instance that gets no requests.
    fn leftover(&self, at: usize, cx: &Context<'_>) -> Vec<Change> {
        if !self.is_there(at, cx) {
            return Vec::new();
        }
        let summary = format!("end the instance of {} at port {}", self.name(), self.port(at));
        let change = Change::new(&self.turns.id, Verb::Remove, summary)
            .note(format!("port {} has the requests", self.port(1 - at)));
        vec![self.end(at, cx, change, &self.library())]
    }

    /// The sh that sends requests to an instance.
    fn turn(&self, to: usize) -> String {
        let text = match to {
            0 => String::new(),
            _ => self.turns.turned_text(),
        };
        shell::words(["turn", &self.turns.turned(), &text])
    }

    /// Lets an instance take over.
    fn roll(&self, arriving: usize, states: &[State; 2], cx: &Context<'_>) -> Change {
        let leaving = 1 - arriving;
        let (instance, file) = (&self.instances[arriving], self.instances[arriving].file());
        let (port, old_port, name) = (self.port(arriving), self.port(leaving), self.name());
        let leaves = self.is_there(leaving, cx);
        let (verb, summary) = match leaves {
            true => (
                Verb::Update,
                format!("bring {name} up at port {port}, in place of the one at port {old_port}"),
            ),
            false if file.is_there(cx) => (Verb::Run, format!("bring {name} up again at port {port}")),
            false => (Verb::Create, format!("bring {name} up at port {port}")),
        };
        let mut change = Change::new(&self.turns.id, verb, summary);
        change.details.extend(self.difference(arriving, cx));
        let down = states.iter().find_map(|state| match state {
            State::Down(said) => Some(said),
            _ => None,
        });
        match down {
            Some(said) => change = change.note(format!("it is {said} now")),
            None if leaves && self.instances[leaving].file().is_there(cx) => {
                change = change.note("what it runs from is not what it was last started from");
            }
            None => {}
        }
        let asked = match self.declared.ready() {
            "tcp" => format!("when it listens at port {port}"),
            path => format!("when it answers GET {path}"),
        };
        change = change.note(format!(
            "requests go there {asked}, within {} s",
            self.declared.within()
        ));
        if leaves {
            let drain = self.declared.drain();
            change = change.note(format!(
                "the one at port {old_port} serves until then, and ends when nothing goes on in it, after {drain} s at most"
            ));
        }
        let name = instance.stamp();
        let value = self.inputs(cx);
        let arrive = format!("arrive {port} {} {}", self.declared.within(), instance.to_start());
        change = change
            .action(Action::Unloaded { name: name.clone() })
            .action(file.write())
            .shell(format!("{}{}\n{arrive}", self.library(), instance.meant(cx)))
            .action(self.restart.write())
            .action(Action::Loaded { name, value });
        change = change.shell(self.turn(arriving));
        if leaves {
            change = self.end(leaving, cx, change, "");
        }
        change.recover = Some(self.go_back(arriving, cx));
        change
    }

    /// What differs between the file of the instance that serves and that of the one to come.
    fn difference(&self, arriving: usize, cx: &Context<'_>) -> Option<Detail> {
        let [new, old] = [arriving, 1 - arriving].map(|at| self.instances[at].file());
        let path = new.path.clone();
        if old.is_there(cx) || new.is_there(cx) {
            return None;
        }
        if new.content.secret {
            let text = format!("{path}: the contents hold a secret and are not shown");
            return Some(Detail::Note(text));
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let before = cx.facts.content(&old.path).or_else(|| cx.facts.content(&path));
        Some(Detail::Diff {
            path,
            old: before.map(text).unwrap_or_default(),
            new: text(&new.content.bytes),
        })
    }

    /// The files are back: the instance that served does so again, and the new one ends.
    fn go_back(&self, arriving: usize, cx: &Context<'_>) -> String {
        let leaving = 1 - arriving;
        let [new, old] = [arriving, leaving].map(|at| &self.instances[at]);
        let taken_back = new
            .reads()
            .iter()
            .chain(new.made_from())
            .filter(|path| cx.changes(&Ref::Path((*path).clone())))
            .map(|path| format!("take_back {}\n", shell::quote(path)));
        let (port, old_port) = (self.port(arriving), self.port(leaving));
        let (within, drain) = (self.declared.within(), self.declared.drain());
        let old_file = shell::quote(&old.file().path);
        // The new one has the requests until the old one is ready again.
        let turn = self.turn(usize::from(cx.facts.path(&self.turns.turned()).is_some()));
        format!(
            "{}{}{}\nif [ -e {old_file} ]; then\n  resume_instance\n  await {old_port} {within}\nfi\n{turn}\n{}\ndrained {port} {drain}\nend_instance",
            self.library(),
            taken_back.collect::<String>(),
            old.meant(cx),
            new.meant(cx),
        )
    }
}

/// The sh for both instances, with what it works on; `instance` is one of them.
fn library(declared: &Instances, instance: &dyn Instance) -> String {
    let [ready, asker] = [declared.ready(), ASKER].map(shell::quote);
    let runner = instance.library();
    format!("ready={ready}\nasker={asker}\n{LIBRARY}{runner}")
}

impl Resource for Rolling {
    fn id(&self) -> &Id {
        &self.turns.id
    }

    /// Its sites come first: until the program is up they have nothing, and those of a program that ran alone are on
    /// the way to its first instance by then.
    fn needs(&self) -> Vec<Ref> {
        let sites = self.sites.iter().map(|site| Ref::Id(Id::new("nginx", site)));
        let own = self.instances.iter().flat_map(|instance| instance.needs());
        sites.chain(own).collect()
    }

    /// A release that an instance names stays, whichever it is.
    fn runs_from(&self, facts: &Facts) -> Vec<String> {
        let programs = self.instances.iter().filter_map(|instance| {
            let text = facts.content(&instance.file().path)?;
            Some(instance.programs(&String::from_utf8_lossy(text)))
        });
        programs.flatten().collect()
    }

    fn remains(&self) -> Remains {
        let mut remains = Remains::default();
        for instance in &self.instances {
            remains.extend(instance.file().remains());
        }
        remains.extend(self.restart.remains());
        remains.paths.insert(self.turns.turned());
        remains
    }

    fn ends(&self, unit: &str, _: &Context<'_>) -> bool {
        self.instances.iter().any(|instance| instance.runs_in(unit))
    }

    fn ask(&self, questions: &mut Questions) {
        questions.path(&self.turns.turned());
        self.restart.ask(questions);
        for instance in &self.instances {
            instance.file().ask(questions);
            instance.ask(questions);
        }
    }

    fn diff(&self, cx: &Context<'_>) -> Result<Vec<Change>, Refusal> {
        for instance in &self.instances {
            instance.refuse(cx)?;
        }
        let asked = usize::from(cx.facts.path(&self.turns.turned()).is_some());
        let states = [0, 1].map(|at| self.instances[at].state(cx));
        let serves = |at: &usize| states[*at] == State::Runs || self.instances[*at].runs_alone(cx);
        let serving = [asked, 1 - asked].into_iter().find(serves);
        if serving == Some(asked) && states[asked] == State::Runs && self.is_right(asked, cx) {
            let mut changes = self.leftover(1 - asked, cx);
            changes.extend(self.restart.diff(cx, &self.turns.id)?);
            return Ok(changes);
        }
        let arriving = serving.map_or(asked, |at| 1 - at);
        Ok(vec![self.roll(arriving, &states, cx)])
    }
}
