//! `hostwright trust`: first contact. In with a password once, with a key from then on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::common::{HostArgs, boxed};
use super::prompt::{ask, is_interactive};
use super::{Exit, Failure, person};
use crate::host::ssh::{
    Alias, Connection, KeyPair, Options, Password, SshError, TrustError, authorize, change_password,
};
use crate::operations::apply::{check, plan_when_free, run_and_verify};
use crate::operations::event::Event;
use crate::operations::playbook::prove;
use crate::operations::session::connect;
use crate::playbook::load::Overrides;
use crate::report::View;
use crate::transaction::compile::OnFailure;
use crate::transaction::run::Access;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Read the password to log in with from a file; without it HOSTWRIGHT_SSH_PASSWORD counts, and else it is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password that replaces an expired one from a file; without it HOSTWRIGHT_NEW_SSH_PASSWORD counts
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    /// Switch password login off on the host once the key is proved
    #[arg(long)]
    keys_only: bool,
    /// Write an alias for the host into ~/.ssh/config
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,
}

/// The host wants a new password, and there is none.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the password of {login} has expired, and there is no new one")]
#[diagnostic(help(
    "run it on a terminal, or give the new one in HOSTWRIGHT_NEW_SSH_PASSWORD or with --new-password-file"
))]
struct NoNewPassword {
    login: String,
}

/// The key is in place and does not open.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the key is in ~/.ssh/authorized_keys of {login}, and does not open: {cause}")]
#[diagnostic(help(
    "see what `sshd -T` on the host says of authorizedkeysfile, pubkeyauthentication and pubkeyacceptedalgorithms, and `journalctl -u ssh` of this try"
))]
struct NoProof {
    login: String,
    #[source]
    cause: SshError,
}

/// As much as sshd takes to trust keys alone. The first line of a keyword counts, so that its name comes first.
const KEYS_ONLY: &str = r#"name: keys-only
files:
  /etc/ssh/sshd_config.d/00-keys-only.conf:
    content: "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
checks:
  sshd-takes-no-password: { command: "sshd -T | grep -qx 'passwordauthentication no'" }
"#;

pub(super) async fn run(args: &Args) -> Exit {
    let mut view = View::text(false, false);
    let exit = trust(args, &mut view).await;
    Ok(exit.unwrap_or_else(|error| {
        view.error(error.as_ref());
        ExitCode::FAILURE
    }))
}

async fn trust(args: &Args, view: &mut View) -> Exit {
    let Access { target, mut options } = args.host.access().await?;
    if let Some(file) = &args.password_file {
        options.password = person::password(Some(file), "").map_err(boxed)?;
    }
    options.new_password =
        person::password(args.new_password_file.as_deref(), "HOSTWRIGHT_NEW_SSH_PASSWORD").map_err(boxed)?;
    let path = KeyPair::place(&target, &options).await.map_err(boxed)?;
    options.identity = path.exists().then(|| path.clone());
    options.without_keys = !path.exists();
    // By the key, if the host knows it already, else by the password.
    let connection = Connection::open(&target, &options).await.map_err(boxed)?;
    if options.memory.has_new_password() {
        options.password = options.new_password.take();
    }
    let key = KeyPair::read_or_make(&path).map_err(boxed)?;
    if key.is_new {
        let path = key.path.display();
        anstream::println!("Made the key {path} ({}).", key.fingerprint);
        anstream::println!("It has no passphrase; `ssh-keygen -p -f {path}` gives it one.");
    }
    options.identity = Some(key.path.clone());
    options.without_keys = false;
    let login = format!("{}@{}", connection.user(), connection.named());
    let placed = match authorize(&connection, &key).await {
        Err(TrustError::Ssh(SshError::Expired { .. })) => {
            renew(&connection, &mut options).await?;
            let connection = Connection::open(&target, &options).await.map_err(boxed)?;
            let placed = authorize(&connection, &key).await.map_err(boxed)?;
            connection.close().await;
            placed
        }
        placed => placed.map_err(boxed)?,
    };
    connection.close().await;
    placed
        .notes
        .iter()
        .for_each(|note| anstream::println!("On the host: {note}."));
    // Nothing but the key opens from here on.
    let alone = Options {
        keys_only: true,
        password: None,
        // Who logs in with a password of their own becomes root with it, too.
        root_password: options.root_password.clone().or_else(|| options.password.clone()),
        ..options.clone()
    };
    let proved = Connection::open(&target, &alone).await;
    let proved = proved.map_err(|cause| {
        let login = login.clone();
        boxed(NoProof { login, cause })
    })?;
    let (user, reached) = (proved.user().to_owned(), proved.reached().clone());
    proved.close().await;
    let done = if placed.is_new { "now lets" } else { "lets" };
    anstream::println!(
        "{login} {done} {} in; a second connection with it alone proved it.",
        key.path.display()
    );

    if args.keys_only
        || (is_interactive()
            && ask("\nSwitch password login off on the host? It is undone by itself if the key then fails."))
    {
        let access = Access {
            target: target.clone(),
            options: alone.clone(),
        };
        keys_only(access, view).await?;
    }
    let name = match &args.alias {
        None if is_interactive() => line("\nAn alias for it in ~/.ssh/config (empty for none):"),
        name => name.clone(),
    };
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        let alias = Alias {
            name,
            host_name: target.host.clone(),
            port: target.port.filter(|port| *port != 22),
            user,
            key: std::path::absolute(&key.path).unwrap_or(key.path),
        };
        let file = alias.write(&options).map_err(boxed)?;
        let name = &alias.name;
        anstream::println!(
            "Wrote the alias {name} ({user}@{reached}) into {}: `ssh {name}`.",
            file.display(),
            user = alias.user
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Replaces an expired password.
async fn renew(connection: &Connection, options: &mut Options) -> Result<(), Failure> {
    let login = format!("{}@{}", connection.user(), connection.named());
    anstream::println!("The password of {login} has expired.");
    let new = match options.new_password.clone().or_else(new_password) {
        Some(new) => new,
        None => return Err(boxed(NoNewPassword { login })),
    };
    let old = options.password.clone();
    change_password(connection, old.as_ref(), &new)
        .await
        .map_err(boxed)?;
    anstream::println!("It is replaced by the new one.");
    options.password = Some(new);
    Ok(())
}

/// A new password, typed twice alike.
fn new_password() -> Option<Password> {
    if !is_interactive() {
        return None;
    }
    loop {
        let one = rpassword::prompt_password("New password: ")
            .ok()
            .filter(|one| !one.is_empty())?;
        let two = rpassword::prompt_password("The same again: ").ok()?;
        if one == two {
            return Some(Password::new(one));
        }
        anstream::println!("They differ.");
    }
}

fn line(question: &str) -> Option<String> {
    anstream::print!("{question} ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(answer.trim().to_owned())
}

/// Switches password login off by a run like any other: it is undone when the key does not open any more.
async fn keys_only(access: Access, view: &mut View) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(unwritten)?;
    let playbook = folder.path().join("keys-only.yml");
    std::fs::write(&playbook, KEYS_ONLY).map_err(unwritten)?;
    let mut observe = |event: &Event<'_>| view.event(event);
    let proved = prove(Path::new(&playbook), &Overrides::default(), &mut observe).map_err(boxed)?;
    let (mut built, mut session) = connect(proved, access, &mut observe).await.map_err(boxed)?;
    // No playbook of the person's: it makes no generation.
    built.desired.meaning = None;
    let plan = plan_when_free(&session, &mut built, &mut observe)
        .await
        .map_err(boxed)?;
    match plan.changes.is_empty() {
        true => anstream::println!("Password login is off there already."),
        false => run_and_verify(&mut session, &built.desired, &plan, OnFailure::Stop, &mut observe)
            .await
            .map_err(boxed)?,
    }
    check(&session, &built.desired, &mut observe)
        .await
        .map_err(boxed)?;
    session.close().await;
    Ok(())
}

/// This machine has no room for a small file.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot write a temporary file: {0}")]
#[diagnostic(help("make room in the folder for temporary files ($TMPDIR)"))]
struct Unwritten(std::io::Error);

fn unwritten(error: std::io::Error) -> Failure {
    boxed(Unwritten(error))
}
