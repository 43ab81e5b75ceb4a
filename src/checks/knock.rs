//! Knocking at ports from this machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinSet;

use super::exposed::Knock;

/// How many knocks are on their way at once.
const AT_ONCE: usize = 64;

/// How long a port may be silent until it counts as closed.
const SILENT: Duration = Duration::from_secs(3);

/// Knocks at all of these.
pub async fn knock(doors: Vec<(IpAddr, u16)>) -> BTreeMap<(IpAddr, u16), Knock> {
    let mut doors = doors.into_iter();
    let mut knocking = JoinSet::new();
    let mut ended = BTreeMap::new();
    loop {
        while knocking.len() < AT_ONCE
            && let Some(door) = doors.next()
        {
            knocking.spawn(async move { (door, at(SocketAddr::from(door)).await) });
        }
        match knocking.join_next().await {
            None => return ended,
            Some(Ok((door, end))) => drop(ended.insert(door, end)),
            Some(Err(_)) => {}
        }
    }
}

async fn at(address: SocketAddr) -> Knock {
    use std::io::ErrorKind::{AddrNotAvailable, NetworkUnreachable, Unsupported};
    match tokio::time::timeout(SILENT, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => Knock::Open,
        Ok(Err(error)) if [NetworkUnreachable, AddrNotAvailable, Unsupported].contains(&error.kind()) => {
            Knock::NoWay
        }
        Ok(Err(_)) | Err(_) => Knock::Closed,
    }
}
