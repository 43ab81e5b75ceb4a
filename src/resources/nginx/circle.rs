//! Redirects that lead back to where they came from.

use super::location::Location;

/// nginx's variables that are the path that was asked for.
const ASKED: [&str; 3] = ["$request_uri", "$uri", "$document_uri"];

/// A site, as redirects see it.
pub(super) struct Circles<'a> {
    /// What is served below each path.
    pub locations: &'a [(String, Location)],
    /// The names that lead to it.
    pub names: Vec<&'a str>,
    /// Whether it is served over HTTPS, to which HTTP redirects then.
    pub tls: bool,
    /// Its port for HTTP.
    pub listen: u16,
}

impl Circles<'_> {
    /// The redirect of the location at `start`, where whoever follows it comes by there again.
    pub fn from(&self, start: usize) -> Option<&str> {
        let mut at = start;
        for _ in self.locations {
            at = self.takes(&self.next(at)?)?;
            if at == start {
                return self.redirect(start);
            }
        }
        None
    }

    fn redirect(&self, at: usize) -> Option<&str> {
        self.locations[at].1.redirect.as_ref().map(|url| url.0.as_str())
    }

    /// The path in this site that the location at `at` redirects to; of one with variables, what stands before them.
    fn next(&self, at: usize) -> Option<String> {
        let url = self.redirect(at)?;
        let path = match url.split_once("://") {
            None => url,
            Some((scheme, rest)) => {
                let end = rest.find(['/', '$', '?', '#']).unwrap_or(rest.len());
                let (server, path) = rest.split_at(end);
                let (name, port) = match server.split_once(':') {
                    Some((name, port)) => (name, port.parse().ok()?),
                    None if scheme == "https" => (server, 443),
                    None => (server, 80),
                };
                let is_own = match scheme {
                    "https" => self.tls && port == 443,
                    _ => port == self.listen,
                };
                if !is_own || !self.names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                    return None;
                }
                path
            }
        };
        let is_asked = |rest: &str| ASKED.iter().any(|name| rest.starts_with(name));
        if is_asked(path) {
            return Some(self.locations[at].0.trim_start_matches("= ").to_owned());
        }
        let end = path.find(['$', '?', '#']).unwrap_or(path.len());
        let (told, rest) = path.split_at(end);
        Some(match rest {
            // It begins with a slash.
            rest if is_asked(rest) => format!("{}/", told.trim_end_matches('/')),
            rest if rest.starts_with('$') && self.is_above(told) => return None,
            _ if told.is_empty() => "/".to_owned(),
            _ => told.to_owned(),
        })
    }

    /// Whether a location has a path that goes on from this one.
    fn is_above(&self, path: &str) -> bool {
        let mut all = self.locations.iter().map(|(own, _)| own.trim_start_matches("= "));
        all.any(|own| own.len() > path.len() && own.starts_with(path))
    }

    /// The location that answers for a path: the one of that path alone, else the longest that it begins with
    /// (`location` in nginx's ngx_http_core_module).
    fn takes(&self, path: &str) -> Option<usize> {
        let all = || self.locations.iter().enumerate();
        let alone = all().find(|(_, (own, _))| own.strip_prefix("= ") == Some(path));
        let below = all().filter(|(_, (own, _))| path.starts_with(own.as_str()));
        let longest = below.max_by_key(|(_, (own, _))| own.len());
        alone.or(longest).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths whose redirect leads back to them.
    fn circles(tls: bool, redirects: &[(&str, &str)]) -> Vec<String> {
        let location = |(path, url): &(&str, &str)| {
            let redirect = (!url.is_empty()).then(|| url.parse().expect("a URL"));
            let location = Location {
                redirect,
                ..Location::default()
            };
            ((*path).to_owned(), location)
        };
        let locations: Vec<_> = redirects.iter().map(location).collect();
        let circles = Circles {
            locations: &locations,
            names: vec!["a.example", "www.a.example"],
            tls,
            listen: 80,
        };
        let all = locations.iter().enumerate();
        all.filter(|(at, _)| circles.from(*at).is_some())
            .map(|(_, (path, _))| path.clone())
            .collect()
    }

    #[test]
    fn a_redirect_that_comes_back_is_seen() {
        let none: [&str; 0] = [];
        assert_eq!(circles(false, &[("/feed", "/feed.xml")]), ["/feed"]);
        assert_eq!(circles(false, &[("= /feed", "/feed.xml"), ("/", "")]), none);
        assert_eq!(
            circles(false, &[("/feed", "/feed.xml"), ("= /feed.xml", "")]),
            none
        );
        assert_eq!(circles(false, &[("/feed", "/feed.xml"), ("/feed.x", "")]), none);
        assert_eq!(circles(false, &[("/", "/new$request_uri")]), ["/"]);
        assert_eq!(circles(false, &[("/", "/new$request_uri"), ("/new/", "")]), none);
        assert_eq!(circles(false, &[("/", "/new/$uri"), ("/new/", "")]), none);
        assert_eq!(
            circles(false, &[("/", "/new$request_uri"), ("/newer", "")]),
            ["/"]
        );
        // The variable may be `en`.
        assert_eq!(circles(false, &[("/", "/$lang$request_uri"), ("/en/", "")]), none);
        assert_eq!(circles(false, &[("/", "/$lang$request_uri")]), ["/"]);
        assert_eq!(
            circles(false, &[("/a", "/b"), ("/b", "/a?x"), ("/c", "/a")]),
            ["/a", "/b"]
        );
        let own = "http://A.example$request_uri";
        assert_eq!(circles(false, &[("/", own)]), ["/"]);
        assert_eq!(circles(true, &[("/", own)]), ["/"]);
        assert_eq!(circles(true, &[("/", "https://www.a.example")]), ["/"]);
        // Somebody else may answer there.
        assert_eq!(circles(false, &[("/", "https://a.example$request_uri")]), none);
        assert_eq!(circles(false, &[("/", "http://a.example:8080/")]), none);
        assert_eq!(circles(false, &[("/", "https://b.example$request_uri")]), none);
    }
}
