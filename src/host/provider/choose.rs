//! What an order asks for, found among what there is, before anything is ordered.

use super::error::ProviderError;
use super::offer::{Image, Plan, Provider, Region};

/// What will be ordered, and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Quote {
    /// The sort of machine, with its price.
    pub plan: Plan,
    /// Where it will stand.
    pub region: Region,
    /// What it begins with.
    pub image: Image,
}

/// Finds what is to be ordered by its names; `plans` are the provider's.
///
/// # Errors
/// When there is no such thing, with the nearest name, or when the region does not have the plan.
pub async fn quote(
    provider: &dyn Provider,
    plans: &[Plan],
    region: &str,
    plan: &str,
    image: Option<&str>,
) -> Result<Quote, ProviderError> {
    let (regions, images) = tokio::try_join!(provider.regions(), provider.images())?;
    let image = match image {
        Some(image) => image.to_owned(),
        None => provider.default_image()?,
    };
    choose(
        provider.title(),
        (plans, plan),
        (regions, region),
        (images, &image),
    )
}

fn choose(
    provider: &'static str,
    (plans, plan): (&[Plan], &str),
    (regions, region): (Vec<Region>, &str),
    (images, image): (Vec<Image>, &str),
) -> Result<Quote, ProviderError> {
    let unknown = |kind, name: &str, known: Vec<&str>| ProviderError::Unknown {
        provider,
        kind,
        name: name.to_owned(),
        near: nearest(name, known),
    };
    let Some(plan) = plans.iter().find(|one| one.id == plan) else {
        return Err(unknown(
            "plan",
            plan,
            plans.iter().map(|one| one.id.as_str()).collect(),
        ));
    };
    let Some(region) = regions.iter().find(|one| one.id == region) else {
        return Err(unknown(
            "region",
            region,
            regions.iter().map(|one| one.id.as_str()).collect(),
        ));
    };
    let is_meant = |one: &&Image| one.id == image || one.short == image || one.name == image;
    let Some(image) = images.iter().find(is_meant) else {
        return Err(unknown(
            "image",
            image,
            images.iter().map(|one| one.short.as_str()).collect(),
        ));
    };
    if !plan.regions.contains(&region.id) {
        return Err(ProviderError::SoldOut {
            provider,
            plan: plan.id.clone(),
            region: region.id.clone(),
            regions: plan.regions.clone(),
        });
    }
    Ok(Quote {
        plan: plan.clone(),
        region: region.clone(),
        image: image.clone(),
    })
}

/// The known name that differs least, if it is near enough to be meant.
pub fn nearest(name: &str, known: Vec<&str>) -> Option<String> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let near = known.into_iter().min_by_key(|known| distance(known))?;
    (distance(near) <= 1 + name.chars().count() / 4).then(|| near.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(plan: &str, region: &str, image: &str) -> Result<Quote, String> {
        let plan_of = |id: &str, regions: &[&str]| Plan {
            id: id.into(),
            cpus: 1,
            memory: 2048,
            disk: 55,
            traffic: 2048,
            monthly: 10.0,
            regions: regions.iter().map(|id| (*id).to_owned()).collect(),
        };
        let plans = vec![
            plan_of("vc2-1c-1gb", &["ams"]),
            plan_of("vc2-1c-2gb", &["ams", "sgp"]),
        ];
        let region_of = |id: &str| Region {
            id: id.into(),
            city: "City".into(),
            country: "NL".into(),
        };
        let image_of = |id: &str, short: &str, name: &str| Image {
            id: id.into(),
            short: short.into(),
            name: name.into(),
        };
        let images = vec![
            image_of("2136", "debian-12", "Debian 12 x64 (bookworm)"),
            image_of("2284", "ubuntu-24.04", "Ubuntu 24.04 LTS x64"),
        ];
        let regions = vec![region_of("ams"), region_of("sgp")];
        choose("Vultr", (&plans, plan), (regions, region), (images, image)).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_found_or_the_nearest_is_told() {
        for image in ["2136", "debian-12", "Debian 12 x64 (bookworm)"] {
            let quote = chosen("vc2-1c-2gb", "sgp", image).unwrap();
            assert_eq!((quote.plan.monthly, quote.image.id.as_str()), (10.0, "2136"));
        }
        let error = |plan, region, image| chosen(plan, region, image).unwrap_err();
        assert_eq!(
            error("vc2-1c-2g", "sgp", "debian-12"),
            "Vultr has no plan `vc2-1c-2g`; is `vc2-1c-2gb` meant?"
        );
        assert_eq!(
            error("vc2-1c-2gb", "paris", "debian-12"),
            "Vultr has no region `paris`"
        );
        assert_eq!(
            error("vc2-1c-2gb", "sgp", "debian12"),
            "Vultr has no image `debian12`; is `debian-12` meant?"
        );
        assert_eq!(
            error("vc2-1c-1gb", "sgp", "debian-12"),
            "Vultr has no vc2-1c-1gb in sgp now"
        );
    }
}
