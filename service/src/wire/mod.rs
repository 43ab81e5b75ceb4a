//! The exchanges' own shapes, and the questions that get them.

mod candle;
pub mod coingecko;
pub mod futures;
pub mod spot;

pub use candle::Candle;

use crate::upstream::Failure;

/// Adds to an unknown name the known ones that are like it.
fn with_near<'a>(failure: Failure, known: impl Iterator<Item = &'a str>) -> Failure {
    let Failure::Unknown { what, name, .. } = failure else {
        return failure;
    };
    let mut ranked: Vec<(f64, &str)> = known
        .map(|known| (strsim::jaro_winkler(&name, known), known))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    ranked.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.cmp(second)));
    let near = ranked
        .into_iter()
        .take(3)
        .map(|(_, known)| known.to_owned())
        .collect();
    Failure::Unknown { what, name, near }
}
