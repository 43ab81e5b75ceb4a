//! What asks this process to end, where something must be done first.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, and what a service manager sends. From its making on no signal is lost, and none ends the process by
/// itself.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

/// This process could not be interrupted.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("this process cannot listen for signals: {0}")]
#[diagnostic(help("what could not be interrupted is not begun; is the machine out of memory?"))]
pub struct CannotListen(io::Error);

impl Interrupts {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> Result<Self, CannotListen> {
        let listen = |kind| signal(kind).map_err(CannotListen);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits until somebody asks.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}
