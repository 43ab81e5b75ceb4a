//! The order of resources: what is needed comes first; else the order of the kinds, then of the playbook.

use crate::change::Id;
use crate::desired::{Entry, Providers, Ref, needs};

/// Orders `entries`.
///
/// # Errors
/// When they need each other in a circle, or two have one id: says which.
pub fn order(mut entries: Vec<Entry>) -> Result<Vec<Entry>, String> {
    entries.sort_by_key(|entry| entry.kind);
    let mut ids: Vec<&Id> = entries.iter().map(|entry| entry.resource.id()).collect();
    ids.sort();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two resources have the id `{}`", pair[0]));
    }
    let providers = Providers::of(&entries);
    let needs: Vec<Vec<usize>> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| places(index, entry, &entries, &providers))
        .collect();
    let mut placed = vec![false; entries.len()];
    let mut order = Vec::with_capacity(entries.len());
    while order.len() < entries.len() {
        let ready = |index: &usize| !placed[*index] && needs[*index].iter().all(|need| placed[*need]);
        let Some(next) = (0..entries.len()).find(ready) else {
            return Err(circle(&entries, &needs, &placed));
        };
        placed[next] = true;
        order.push(next);
    }
    let mut slots: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    Ok(order
        .into_iter()
        .filter_map(|index| slots[index].take())
        .collect())
}

/// The places of what `entry` needs.
fn places(index: usize, entry: &Entry, entries: &[Entry], providers: &Providers) -> Vec<usize> {
    let explicit = entry.after.iter().cloned().map(Ref::Id);
    let wanted = needs(&*entry.resource, entries).into_iter().chain(explicit);
    let mut found: Vec<usize> = wanted.filter_map(|wanted| providers.find(&wanted)).collect();
    found.retain(|need| *need != index);
    found
}

fn circle(entries: &[Entry], needs: &[Vec<usize>], placed: &[bool]) -> String {
    let waiting = |index: usize| needs[index].iter().copied().find(|need| !placed[*need]);
    let mut path = Vec::new();
    let mut at = placed.iter().position(|done| !done);
    while let Some(index) = at {
        if let Some(start) = path.iter().position(|seen| *seen == index) {
            let names = path[start..].iter().chain([&index]);
            let names: Vec<&str> = names
                .map(|index| entries[*index].resource.id().as_str())
                .collect();
            return format!("these need each other in a circle: {}", names.join(" → "));
        }
        path.push(index);
        at = waiting(index);
    }
    "some resources need each other in a circle".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::desired::{Context, Refusal, Resource};
    use crate::facts::Questions;
    use proptest::prelude::*;

    #[derive(Debug)]
    struct Fake(Id, Vec<Ref>, Vec<Ref>);

    impl Resource for Fake {
        fn id(&self) -> &Id {
            &self.0
        }
        fn provides(&self) -> Vec<Ref> {
            self.1.clone()
        }
        fn needs(&self) -> Vec<Ref> {
            self.2.clone()
        }
        fn ask(&self, _: &mut Questions) {}
        fn diff(&self, _: &Context<'_>) -> Result<Vec<Change>, Refusal> {
            Ok(Vec::new())
        }
    }

    fn entry(kind: usize, name: &str, provides: &[&str], needs: &[&str], after: &[&str]) -> Entry {
        let paths = |texts: &[&str]| texts.iter().map(|text| Ref::Path((*text).into())).collect();
        let resource = Fake(Id::new("k", name), paths(provides), paths(needs));
        let after = after.iter().map(|id| Id::parse(id)).collect();
        Entry {
            resource: Box::new(resource),
            kind,
            after,
        }
    }

    fn names(entries: Vec<Entry>) -> Vec<String> {
        let ordered = order(entries).expect("an order");
        ordered
            .iter()
            .map(|entry| entry.resource.id().as_str().to_owned())
            .collect()
    }

    #[test]
    fn kinds_then_needs_then_the_document() {
        let entries = vec![
            entry(1, "program", &[], &["/opt/app/current/app"], &[]),
            entry(0, "late", &[], &[], &["k.program"]),
            entry(2, "binary", &["/opt/app/current"], &["/opt/app"], &[]),
            entry(3, "directory", &["/opt"], &[], &[]),
        ];
        assert_eq!(names(entries), ["k.directory", "k.binary", "k.program", "k.late"]);
    }

    #[test]
    fn a_circle_is_named() {
        let entries = vec![
            entry(0, "a", &["/a"], &["/b"], &[]),
            entry(0, "b", &["/b"], &["/a"], &[]),
        ];
        let error = order(entries).expect_err("a circle");
        assert_eq!(error, "these need each other in a circle: k.a → k.b → k.a");
    }

    #[test]
    fn one_id_twice_is_refused() {
        let entries = vec![entry(0, "a", &[], &[], &[]), entry(1, "a", &[], &[], &[])];
        assert_eq!(
            order(entries).expect_err("twice"),
            "two resources have the id `k.a`"
        );
    }

    proptest! {
        #[test]
        fn every_need_comes_first(needs in proptest::collection::vec(proptest::collection::vec(0_usize..12, 0..3), 1..12)) {
            // Entry i may need only smaller ones, so there is always an order.
            let entries = needs.iter().enumerate().rev().map(|(index, wanted)| {
                let wanted: Vec<String> = wanted.iter().filter(|need| **need < index).map(|need| format!("/{need}")).collect();
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                entry(index % 3, &index.to_string(), &[&format!("/{index}")], &wanted, &[])
            }).collect();
            let ordered = names(entries);
            prop_assert_eq!(ordered.len(), needs.len());
            let place = |index: usize| ordered.iter().position(|name| *name == format!("k.{index}"));
            for (index, wanted) in needs.iter().enumerate() {
                for need in wanted.iter().filter(|need| **need < index) {
                    prop_assert!(place(*need) < place(index));
                }
            }
        }
    }
}
