//! The `mcp-crypto-api` program.

use std::process::ExitCode;

use mcp_crypto_api::client::Proof;
use mcp_crypto_api::config::Config;
use mcp_crypto_api::serve;
use mcp_crypto_api::settings::{Mode, SettingError, Values, help};

fn main() -> ExitCode {
    let (mode, config) = match configured() {
        Ok((Mode::Help, _)) => {
            print!("{}", help());
            return ExitCode::SUCCESS;
        }
        Ok((Mode::Version, _)) => {
            println!("mcp-crypto-api {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Ok((Mode::ClientFile(client), config)) => {
            return told(client.file(config.url.as_deref(), elsewhere(&config)));
        }
        Ok((Mode::ClientLink(client), config)) => {
            let link = |url| client.link(url, elsewhere(&config));
            return told(config.url.as_deref().and_then(link).map(|link| link + "\n"));
        }
        Ok(configured) => configured,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    // Only an earlier installation makes this an error, and then there is a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the program could not start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let served = runtime.block_on(async {
        match mode {
            Mode::Stdio => serve::stdio(&config).await,
            _ => serve::http(&config).await,
        }
    });
    // Standard input may still be read by a thread that nothing can wake.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How clients prove who they are to a service whose keys may not be known here: there is a place for one.
fn elsewhere(config: &Config) -> Proof {
    match config.proof() {
        Proof::None => Proof::Key,
        known => known,
    }
}

/// Prints what a client is to be given.
fn told(text: Option<String>) -> ExitCode {
    let Some(text) = text else {
        eprintln!(
            "error: this needs --public-url https://…/mcp: there is nothing to give to this client for a program on the \
             same machine; and only cursor and vscode know links"
        );
        return ExitCode::from(2);
    };
    print!("{text}");
    ExitCode::SUCCESS
}

fn configured() -> Result<(Mode, Config), SettingError> {
    let (mode, values) = Values::collect(std::env::args().skip(1), |name| std::env::var(name).ok())?;
    Ok((mode, Config::from_values(&values)?))
}
