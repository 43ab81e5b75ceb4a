//! The `mcp-crypto-api` program.

use std::process::ExitCode;

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
            print!("{}", client.file(config.url.as_deref()));
            return ExitCode::SUCCESS;
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

fn configured() -> Result<(Mode, Config), SettingError> {
    let (mode, values) = Values::collect(std::env::args().skip(1), |name| std::env::var(name).ok())?;
    Ok((mode, Config::from_values(&values)?))
}
