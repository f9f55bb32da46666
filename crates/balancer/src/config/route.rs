//! One route, as the service file has it.

use base::unit::Bytes;
use serde::Deserialize;

/// Which requests, where they go, and what is done for them.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// What it is called in the log, the metrics and `[[web.rates]]`; its host and path when nothing is said.
    pub name: String,
    /// The host that is asked: `www.popong.com`, `*.popong.com` for all below; empty for any.
    pub host: String,
    /// The beginning of the path.
    pub path: String,
    /// Goes to the servers of a pool.
    pub pool: Option<String>,
    /// Goes to the files of a root, or of a folder in it: `"static"`, `"static/css"`.
    pub files: Option<String>,
    /// Is sent elsewhere: `"https://popong.com/*"`, where `*` stands for what follows the route's path.
    pub redirect: Option<String>,
    /// The status of a redirect.
    pub status: u16,
    /// Is answered in this process.
    pub local: bool,
    /// Waits in front when there is a queue.
    pub priority: bool,
    /// Whether texts are compressed; of files they are when nothing is said.
    pub compress: Option<bool>,
    /// How bodies that are too large for memory go on.
    pub uploads: Uploads,
    /// Roots whose files an answer may name to be sent in its stead.
    pub reproxy_roots: Vec<String>,
    /// Pools from which an answer may name something to be sent in its stead.
    pub reproxy_pools: Vec<String>,
    /// Bytes of a body; `[web] body_bytes_max` holds besides.
    pub body_bytes_max: Option<Bytes>,
    /// Requests of this route at once; further ones get a 503. 0 for no limit.
    pub requests_max: usize,
    /// The same of one address; further ones get a 429.
    pub requests_per_address_max: usize,
}

/// How a body that is too large for memory goes on.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Uploads {
    /// As it comes.
    #[default]
    Flow,
    /// When it has come in whole; until then it lies on disk and holds no backend up.
    Whole,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal<'r> {
    /// To `backends`, or into this process where there are none.
    Usual,
    /// Into this process.
    Local,
    /// To a pool.
    Pool(&'r str),
    /// To a root's files, or a folder's in it.
    Files(&'r str),
    /// Elsewhere.
    Redirect(&'r str),
}

impl Default for Route {
    fn default() -> Route {
        Route {
            name: String::new(),
            host: String::new(),
            path: "/".into(),
            pool: None,
            files: None,
            redirect: None,
            status: 302,
            local: false,
            priority: false,
            compress: None,
            uploads: Uploads::Flow,
            reproxy_roots: Vec::new(),
            reproxy_pools: Vec::new(),
            body_bytes_max: None,
            requests_max: 0,
            requests_per_address_max: 0,
        }
    }
}

impl Route {
    /// What it is called.
    pub fn title(&self) -> String {
        match self.name.is_empty() {
            true => format!("{}{}", self.host, self.path),
            false => self.name.clone(),
        }
    }

    /// Where it leads; the first one that is named, where several are.
    pub fn goal(&self) -> Goal<'_> {
        match (&self.pool, &self.files, &self.redirect) {
            (Some(pool), ..) => Goal::Pool(pool),
            (_, Some(files), _) => Goal::Files(files),
            (_, _, Some(target)) => Goal::Redirect(target),
            _ if self.local => Goal::Local,
            _ => Goal::Usual,
        }
    }
}
