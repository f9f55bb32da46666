//! Who is signed in: a superuser's token in a cookie that scripts can't read and other sites can't send.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use identity::{Place, Proven};
use maud::Markup;
use records::core::collection::Collection;
use records::{Moment, Principal};
use serde_json::{Map, Value};

use crate::address;
use crate::cookie::{self, Life};
use crate::form::Form;
use crate::frame::{Frame, Said, SideLink};
use crate::look::Look;
use crate::refusal::Refusal;
use crate::service::Shared;
use crate::words::Words;

/// The cookie that holds the token.
pub(crate) const COOKIE: &str = "ondol_console";

/// Whoever looks at a page, signed in or not.
pub(crate) struct Visitor {
    /// Language and theme.
    pub(crate) look: Look,
    /// The path and query of the page.
    pub(crate) path: String,
    /// The query.
    pub(crate) query: Form,
    /// Where the request came from.
    pub(crate) address: IpAddr,
    /// What the browser calls itself.
    pub(crate) browser: String,
    /// Scheme and host by which the visitor came: `https://ondol.example`.
    pub(crate) origin: String,
    /// The connection is secure, as far as the request says.
    pub(crate) is_https: bool,
}

/// A superuser who looks at a page.
pub(crate) struct Session {
    /// As of everybody.
    pub(crate) visitor: Visitor,
    /// The superuser.
    pub(crate) who: Arc<Principal>,
    proven: Proven,
    shared: Shared,
}

impl Visitor {
    fn of(parts: &Parts) -> Visitor {
        let path = parts.uri.path_and_query().map_or("/_/", |p| p.as_str());
        let header = |name: &str| parts.headers.get(name).and_then(|h| h.to_str().ok());
        let is_https = web::request::is_secure(&parts.extensions)
            || header("x-forwarded-proto") == Some("https")
            || header("origin").is_some_and(|origin| origin.starts_with("https://"));
        let scheme = if is_https { "https" } else { "http" };
        Visitor {
            look: Look::of(&parts.headers),
            path: path.to_owned(),
            query: Form::of_query(parts.uri.query()),
            address: web::request::address(&parts.extensions),
            browser: header("user-agent").unwrap_or_default().to_owned(),
            origin: format!("{scheme}://{}", header("host").unwrap_or("127.0.0.1:8090")),
            is_https,
        }
    }

    /// The texts.
    pub(crate) fn words(&self) -> &'static Words {
        self.look.words()
    }

    /// From where, as a session remembers it.
    pub(crate) fn place(&self) -> Place {
        Place { address: self.address, browser: self.browser.clone() }
    }
}

impl FromRequestParts<Shared> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Visitor, Self::Rejection> {
        Ok(Visitor::of(parts))
    }
}

impl FromRequestParts<Shared> for Session {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Session, Refusal> {
        let visitor = Visitor::of(parts);
        if let Some(token) = cookie::read(&parts.headers, COOKIE)
            && let Some(proven) = shared.identity.session(token, moment(parts)).await?
            && proven.principal().is_superuser()
        {
            let who = proven.principal().clone();
            return Ok(Session { visitor, who, proven, shared: shared.clone() });
        }
        let to = if parts.method == axum::http::Method::GET { &*visitor.path } else { "" };
        Err(Refusal::Elsewhere(address::with_query("/_/sign-in", &[("to", to)])))
    }
}

/// When the request began, if that was asked of the log.
fn moment(parts: &Parts) -> Moment {
    parts.extensions.get().copied().unwrap_or_default()
}

impl Session {
    /// Language and theme.
    pub(crate) fn look(&self) -> Look {
        self.visitor.look
    }

    /// The texts.
    pub(crate) fn words(&self) -> &'static Words {
        self.visitor.words()
    }

    /// The console's shared parts.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A request on records in this superuser's name.
    pub(crate) fn asks(&self, method: &str, body: Map<String, Value>) -> records::Request {
        records::Request {
            method: method.to_owned(),
            body,
            auth: Some(self.who.clone()),
            from: Some(self.visitor.address),
            ..Default::default()
        }
    }

    /// A collection by name.
    pub(crate) fn collection(&self, name: &str) -> Result<Arc<Collection>, Refusal> {
        self.shared.records.catalog().find(name).cloned().ok_or_else(Refusal::missing)
    }

    /// A token for pictures of protected files, short-lived.
    pub(crate) fn file_token(&self) -> Result<String, Refusal> {
        Ok(self.shared.identity.file_token(&self.proven)?)
    }

    /// The frame of the page that is being answered.
    pub(crate) fn frame(&self) -> Frame {
        let collections = self.shared.records.catalog();
        let mut links: Vec<SideLink> = collections.all().iter().map(|c| SideLink::of(c)).collect();
        links.sort_by_cached_key(|link| link.name.to_lowercase());
        let values = self.shared.records.values(&self.who.collection, &self.who.row);
        let email = values.0.get("email").and_then(Value::as_str).unwrap_or_default().to_owned();
        let said = self.visitor.query.find("said").and_then(Said::from_code);
        let (has_balancers, has_hosts) = (self.shared.balancers.is_some(), self.shared.watch.is_some());
        let path = self.visitor.path.clone();
        Frame { look: self.look(), email, links, has_balancers, has_hosts, path, said }
    }

    /// A whole page in the frame. It renews the token, so that whoever is at work is not put out in the middle of it.
    pub(crate) fn page(&self, title: &str, here: Option<&str>, content: &Markup) -> axum::response::Response {
        let page = crate::frame::page(&self.frame(), title, here, content);
        let mut response = web::reply::html(page.into_string());
        if let Ok(token) = self.shared.identity.renewed_token(&self.proven) {
            let value = cookie::set(COOKIE, &token, Life::Session, self.visitor.is_https);
            response.headers_mut().append(SET_COOKIE, value);
        }
        response
    }
}
