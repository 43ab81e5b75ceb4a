//! Revisions of git repositories, checked out by this machine's git: `~/.cache/hostwright/git/KEY/`, KEY being a hash of
//! what names the repository, with a `mirror` of it, the `tree` that is built and cargo's `target`. It may be deleted
//! at any time.

use std::fs::{self, File};
use std::io::IsTerminal;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use crate::change::sha256;
use crate::language::Problem;
use crate::language::program::is_remote;

/// What git's own commands set for what they start (`git rev-parse --local-env-vars`), such as the hook that runs us: it
/// would lead us to another repository.
const LOCAL: [&str; 10] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Where the repository's own HEAD is kept in the mirror.
const HEAD: &str = "refs/hostwright/HEAD";

/// A revision that has been checked out. Nobody else changes it while this is held.
#[derive(Debug)]
pub struct Checkout {
    /// The files.
    pub tree: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
    /// The full hash.
    pub revision: String,
    _lock: File,
}

/// Checks a revision out below the folder `cache`; a path of a repository starts from `directory`.
///
/// # Errors
/// When git is not there, cannot reach the repository, or knows no such revision.
pub fn check_out(
    name: &str,
    (repo, rev): (&str, &str),
    directory: &Path,
    cache: Option<PathBuf>,
) -> Result<Checkout, Problem> {
    if repo.starts_with('-') || rev.starts_with('-') {
        return Err(Problem::new(
            format!("binary.{name}: git would take `-` for the beginning of an option"),
            "write `./-…` for a path, and a revision by its hash",
        ));
    }
    let place = match is_remote(repo) {
        true => repo.to_owned(),
        false => whole(&directory.join(repo))?,
    };
    let folder = cache.ok_or_else(|| {
        Problem::new(
            "there is no folder for what is built here",
            "set HOME or XDG_CACHE_HOME to a whole path",
        )
    })?;
    let folder = folder.join(&sha256(place.as_bytes())[..16]);
    let lock = lock(&folder).map_err(|error| {
        Problem::new(
            format!("{} cannot be used: {error}", folder.display()),
            "make room, or let this user write there",
        )
    })?;
    let repository = Repository {
        name,
        repo,
        place,
        mirror: folder.join("mirror"),
        tree: folder.join("tree"),
    };
    let revision = repository.resolve(rev)?;
    repository.fill(&revision)?;
    Ok(Checkout {
        tree: repository.tree,
        target: folder.join("target"),
        revision,
        _lock: lock,
    })
}

fn whole(path: &Path) -> Result<String, Problem> {
    let found = path.canonicalize().map_err(|error| error.to_string());
    let text = found.and_then(|path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or("its name is not UTF-8".into())
    });
    text.map_err(|error| {
        Problem::new(
            format!("{} is no repository: {error}", path.display()),
            "`repo` is a URL, or a path relative to the playbook",
        )
    })
}

fn lock(folder: &Path) -> std::io::Result<File> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = File::create(folder.join("lock"))?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

struct Repository<'a> {
    name: &'a str,
    /// As the playbook says it.
    repo: &'a str,
    /// As git reaches it from anywhere.
    place: String,
    mirror: PathBuf,
    tree: PathBuf,
}

impl Repository<'_> {
    /// The full hash of a revision. What is a full hash already and is here is not looked for elsewhere.
    fn resolve(&self, rev: &str) -> Result<String, Problem> {
        let is_whole = rev.len() >= 40 && rev.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !self.mirror.is_dir() {
            self.git(
                git().args(["init", "--quiet", "--bare"]).arg(&self.mirror),
                "make a mirror of",
            )?;
        } else if let Some(revision) = self.known(rev).filter(|_| is_whole) {
            return Ok(revision);
        }
        let head = format!("+HEAD:{HEAD}");
        let (asked, refs): (_, &[&str]) = match rev {
            // Elsewhere it may lead to no branch.
            "HEAD" => (HEAD, &[&head]),
            rev => (rev, &["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]),
        };
        self.fetch(refs)?;
        if let Some(revision) = self.known(asked) {
            return Ok(revision);
        }
        // No branch leads to it any more; many servers give it all the same.
        if is_whole
            && self.fetch(&[rev]).is_ok()
            && let Some(revision) = self.known(rev)
        {
            return Ok(revision);
        }
        Err(Problem::new(
            format!("binary.{}: {} has no revision `{rev}`", self.name, self.repo),
            "`rev` is a branch, a tag or a hash; what is only committed on another machine must be pushed first",
        ))
    }

    fn known(&self, rev: &str) -> Option<String> {
        let wanted = format!("{rev}^{{commit}}");
        let mut command = self.in_mirror();
        let output = command
            .args(["rev-parse", "--verify", "--quiet", &wanted])
            .output()
            .ok()?;
        let hash = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| hash.trim().to_owned())
    }

    fn fetch(&self, refs: &[&str]) -> Result<(), Problem> {
        let mut command = self.in_mirror();
        // What a checkout still stands on is not tidied away.
        command.args([
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
            "fetch",
            "--prune",
            "--no-tags",
        ]);
        if !std::io::stderr().is_terminal() {
            command.arg("--quiet");
        }
        self.git(command.arg("--").arg(&self.place).args(refs), "fetch")
    }

    /// Makes the tree that of a revision, and nothing else.
    fn fill(&self, revision: &str) -> Result<(), Problem> {
        if !self.tree.join(".git").is_dir() {
            let mut clone = git();
            clone.args(["clone", "--quiet", "--shared", "--no-checkout", "--"]);
            self.git(clone.arg(&self.mirror).arg(&self.tree), "check out")?;
            // From there submodules are found.
            let mut remote = self.in_tree();
            self.git(
                remote.args(["remote", "set-url", "origin"]).arg(&self.place),
                "check out",
            )?;
        }
        let mut check_out = self.in_tree();
        self.git(
            check_out.args(["checkout", "--quiet", "--force", "--detach", revision]),
            "check out",
        )?;
        self.git(self.in_tree().args(["clean", "-ffdxq"]), "check out")?;
        if self.tree.join(".gitmodules").is_file() {
            let mut modules = self.in_tree();
            modules.args([
                "submodule",
                "--quiet",
                "update",
                "--init",
                "--recursive",
                "--force",
            ]);
            self.git(&mut modules, "check out the submodules of")?;
        }
        Ok(())
    }

    fn in_mirror(&self) -> Command {
        let mut command = git();
        command.arg("--git-dir").arg(&self.mirror);
        command
    }

    fn in_tree(&self) -> Command {
        let mut command = git();
        command.arg("-C").arg(&self.tree);
        command
    }

    fn git(&self, command: &mut Command, what: &str) -> Result<(), Problem> {
        let status = command.status().map_err(|error| {
            Problem::new(
                format!("git did not start: {error}"),
                "install git, which fetches the revisions that are built here",
            )
        })?;
        match status.success() {
            true => Ok(()),
            false => Err(Problem::new(
                format!(
                    "binary.{}: git could not {what} {} (what it said stands above)",
                    self.name, self.repo
                ),
                format!("`git ls-remote {}` shows whether it can be reached", self.repo),
            )),
        }
    }
}

/// git, which asks nobody for a password and knows of no other repository.
fn git() -> Command {
    let mut command = Command::new("git");
    for name in LOCAL {
        command.env_remove(name);
    }
    command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository, and what runs git in it.
    fn repository(folder: &Path) -> impl Fn(&str) -> String {
        let at = folder.to_path_buf();
        move |script: &str| {
            let mut sh = Command::new("sh");
            sh.args(["-euc", script]).current_dir(&at);
            sh.envs([
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_AUTHOR_NAME", "a"),
                ("GIT_AUTHOR_EMAIL", "a@example.com"),
                ("GIT_COMMITTER_NAME", "a"),
                ("GIT_COMMITTER_EMAIL", "a@example.com"),
            ]);
            let output = sh.output().expect("sh");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        }
    }

    #[test]
    fn what_is_checked_out_is_the_revision_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let repo = folder.path().join("repo");
        fs::create_dir(&repo).expect("made");
        let cache = folder.path().join("cache");
        let git = repository(&repo);
        git(
            "git init -q -b main && echo one >file && echo gone >gone && git add . && git commit -qm 1 && git tag v1",
        );
        let first = git("git rev-parse HEAD");
        git("echo two >file && git rm -q gone && git commit -qam 2");
        let second = git("git rev-parse HEAD");
        git("echo dirty >file && echo new >new");
        let get = |rev: &str| check_out("app", ("repo", rev), folder.path(), Some(cache.clone()));
        for (rev, hash, text, gone) in [
            ("main", &second, "two\n", false),
            ("v1", &first, "one\n", true),
            ("HEAD", &second, "two\n", false),
            (&first, &first, "one\n", true),
        ] {
            let checkout = get(rev).expect(rev);
            assert_eq!(checkout.revision, **hash, "{rev}");
            assert_eq!(
                fs::read_to_string(checkout.tree.join("file")).expect("read"),
                text,
                "{rev}"
            );
            let there = ["gone", "new"].map(|name| checkout.tree.join(name).exists());
            assert_eq!(there, [gone, false], "{rev}");
            // What the build of another revision leaves is no part of this one.
            fs::write(checkout.tree.join("left"), "x").expect("written");
        }
        assert!(!get("main").expect("again").tree.join("left").exists());

        // A branch moves on, also to what does not follow from what it was; a hash needs the repository no more.
        git(
            "git checkout -q --force v1 && git branch -f main && echo three >file && git commit -qam 3 && git branch -f main",
        );
        let third = git("git rev-parse main");
        assert_eq!(get("main").expect("moved").revision, third);
        fs::rename(&repo, folder.path().join("away")).expect("moved");
        fs::create_dir(&repo).expect("made");
        assert_eq!(get(&second).expect("here").revision, second);
        for rev in ["main", "v9"] {
            let Err(Problem::Here { message, .. }) = get(rev) else {
                panic!("{rev}");
            };
            assert!(message.contains("git could not fetch repo"), "{message}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = repository(folder.path());
        git("git init -q -b main && git commit -q --allow-empty -m 1");
        let cache = folder.path().join("cache");
        for (repo, rev, said) in [
            (".", "v9", "binary.app: . has no revision `v9`"),
            ("none", "main", "none is no repository"),
            (".", "--help", "beginning of an option"),
            ("-u", "main", "beginning of an option"),
        ] {
            let got = check_out("app", (repo, rev), folder.path(), Some(cache.clone()));
            let Err(Problem::Here { message, .. }) = got else {
                panic!("{repo} {rev}");
            };
            assert!(message.contains(said), "{said} in {message}");
        }
    }
}
