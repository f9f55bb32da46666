//! What is wrong in settings that can be read and still fit badly.

use std::collections::HashSet;

use base::word::nearest;

use super::{Config, Goal, Place, Route};

/// Routes in one file.
const ROUTES_MAX: usize = 1000;
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

impl Config {
    /// What is wrong in what fits together badly: the setting, and a sentence.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.backends.is_empty() && self.routes.is_empty() {
            faults.push((
                "backends",
                "name the web servers, such as backends = [\"10.0.0.11:8090\"]".to_owned(),
            ));
        }
        faults.extend(places(&self.backends).into_iter().map(|what| ("backends", what)));
        for (name, pool) in &self.pools {
            faults.extend(places(pool).into_iter().map(|what| ("pools", format!("{name}: {what}"))));
            if pool.is_empty() {
                faults.push(("pools", format!("{name}: name its servers, such as [\"10.0.0.21:80\"]")));
            }
            if !is_name(name) {
                faults.push(("pools", format!("`{name}` is no name; write it with a-z, 0-9 and -")));
            }
        }
        for (name, root) in &self.roots {
            if !root.is_absolute() {
                let what =
                    format!("{name}: `{}` is no folder; write its whole path, from / on", root.display());
                faults.push(("roots", what));
            }
            if !is_name(name) {
                faults.push(("roots", format!("`{name}` is no name; write it with a-z, 0-9 and -")));
            }
        }
        let is_plain = self.probe_path.bytes().all(|b| b.is_ascii_graphic());
        if !self.probe_path.starts_with('/') || !is_plain {
            let what = "it begins with /, and what is no plain sign is escaped in it";
            faults.push(("probe_path", format!("`{}` is no path; {what}", self.probe_path)));
        }
        if self.routes.len() > ROUTES_MAX {
            faults.push(("routes", format!("there are more than {ROUTES_MAX}")));
        }
        faults
    }

    /// What is wrong in the routes: which one, its setting, and a sentence.
    pub fn check_routes(&self) -> Vec<(usize, &'static str, String)> {
        let mut faults = Vec::new();
        let mut seen = HashSet::new();
        for (at, route) in self.routes.iter().enumerate() {
            let mut blame = |key, what: String| faults.push((at, key, what));
            self.check_goal(route, &mut blame);
            self.check_means(route, &mut blame);
            if !seen.insert((route.host.to_ascii_lowercase(), &route.path)) {
                blame("path", format!("`{}` of this host has a route already", route.path));
            }
        }
        faults
    }

    fn check_goal(&self, route: &Route, blame: &mut impl FnMut(&'static str, String)) {
        let goals = [route.pool.is_some(), route.files.is_some(), route.redirect.is_some(), route.local];
        if goals.into_iter().filter(|is_named| *is_named).count() > 1 {
            blame(
                "path",
                "it leads to one of `pool`, `files`, `redirect` and `local`, not to several".into(),
            );
        }
        match route.goal() {
            Goal::Pool(name) if !self.pools.contains_key(name) => {
                blame("pool", unknown("pool", name, self.pools.keys()));
            }
            Goal::Files(folder) => {
                let (name, below) = folder.split_once('/').unwrap_or((folder, ""));
                if !self.roots.contains_key(name) {
                    blame("files", unknown("root", name, self.roots.keys()));
                }
                if below.split('/').any(|part| part.starts_with('.')) {
                    blame("files", format!("`{folder}` has a part that begins with a dot"));
                }
            }
            Goal::Redirect(target) => {
                if !is_target(target) {
                    let what = "write https://HOST/PATH or /PATH; a `*` may stand at its end, behind a /";
                    blame("redirect", format!("`{target}` is no address to be sent to; {what}"));
                }
                if !REDIRECTS.contains(&route.status) {
                    blame(
                        "status",
                        format!("{} sends nobody elsewhere; there are {REDIRECTS:?}", route.status),
                    );
                }
            }
            _ => {}
        }
    }

    fn check_means(&self, route: &Route, blame: &mut impl FnMut(&'static str, String)) {
        if !is_host(&route.host) {
            let what = "write a name without a port, such as www.popong.com or *.popong.com";
            blame("host", format!("`{}` is no host; {what}", route.host));
        }
        if !is_path(&route.path) {
            let what = "it begins with / and has no %, //, /., \\ or sign that a path must not have";
            blame("path", format!("`{}` is no beginning of a path; {what}", route.path));
        }
        for name in route.reproxy_roots.iter().filter(|name| !self.roots.contains_key(*name)) {
            blame("reproxy_roots", unknown("root", name, self.roots.keys()));
        }
        for name in route.reproxy_pools.iter().filter(|name| !self.pools.contains_key(*name)) {
            blame("reproxy_pools", unknown("pool", name, self.pools.keys()));
        }
    }
}

fn places(places: &[Place]) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let address = &place.address;
        let port = address.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
        if port.and_then(|port| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
            faults.push(format!(
                "`{address}` is no address of a web server; write host:port, such as 10.0.0.11:8090"
            ));
        }
        if places[..at].iter().any(|other| other.address == *address) {
            faults.push(format!("`{address}` is named twice; give it a weight instead"));
        }
        if place.weight == 0 {
            faults.push(format!("`{address}` has no weight; take it out, and reload, to send nothing there"));
        }
    }
    faults
}

fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let hint = match (nearest(name, &known), known.is_empty()) {
        (Some(word), _) => format!("did you mean `{word}`?"),
        (None, true) => format!("name it in [balancer.{what}s]"),
        (None, false) => format!("there are {}", known.join(", ")),
    };
    format!("there is no {what} `{name}`; {hint}")
}

/// It stands in labels, in the log and in addresses.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'[' | b']');
    // an address of IPv6 stands in brackets
    let is_six = name.starts_with('[') && name.ends_with(']');
    host.is_empty()
        || !name.is_empty()
            && !name.starts_with('.')
            && (is_six || name.bytes().all(is_sign) && !name.contains(['[', ']']))
}

fn is_path(path: &str) -> bool {
    path.starts_with('/')
        && !["//", "/.", "%", "\\", "?", "#"].iter().any(|sign| path.contains(sign))
        && path.bytes().all(|b| (b'!'..=b'~').contains(&b))
}

fn is_target(target: &str) -> bool {
    let is_plain = target.bytes().all(|b| (b'!'..=b'~').contains(&b));
    let (start, stars) = (target.strip_suffix('*').unwrap_or(target), target.matches('*').count());
    let is_behind_a_slash = stars == 0 || stars == 1 && start.ends_with('/');
    let rest = ["https://", "http://"].iter().find_map(|scheme| start.strip_prefix(scheme));
    let is_elsewhere = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let has_path = rest.is_none_or(|rest| rest.contains('/'));
    let is_here = start.starts_with('/') && !start.starts_with("//");
    is_plain && is_behind_a_slash && (is_elsewhere && (stars == 0 || has_path) || is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_an_address_whose_host_nobody_else_can_choose() {
        for target in ["https://a.example", "https://a.example/*", "/new", "/new/*", "http://a:81/b?c"] {
            assert!(is_target(target), "{target}");
        }
        for target in [
            "",
            "new",
            "//a",
            "https://",
            "https:///",
            "https://a.example*",
            "https://*",
            "/*/*",
            "/a b",
            "ftp://a/",
        ] {
            assert!(!is_target(target), "{target}");
        }
    }

    #[test]
    fn hosts_and_paths_are_written_plainly() {
        assert!(["", "a.example", "*.a.example", "[::1]", "localhost"].into_iter().all(is_host));
        assert!(!["a.example:80", "*", "*.", "a b", ".a", "[::1"].into_iter().any(is_host));
        assert!(["/", "/a", "/a/", "/a.b/c"].into_iter().all(is_path));
        assert!(!["", "a", "//", "/a//b", "/.a", "/%20", "/a?b", "/é"].into_iter().any(is_path));
    }
}
