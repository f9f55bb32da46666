//! Whoever looks at a page: from where, in which language, and, where a cookie shows a session, as whom.

use axum::http::header::{self, SET_COOKIE};
use axum::http::request::Parts;
use axum::response::Response;
use records::core::change::SESSIONS;
use records::{Context, Moment, Principal, Request};
use web::Problem;

use crate::browser::{self, Browser};
use crate::endpoint::{count, headers, origin, place};
use crate::language::Language;
use crate::origin::Place;
use crate::own;
use crate::service::Identity;
use crate::session::{Check, Cookie, Proven};
use crate::token::Purpose;

/// A visitor of a page.
pub(crate) struct Visitor {
    /// The request.
    pub(crate) head: Parts,
    /// Scheme and host by which the visitor knows us.
    pub(crate) origin: String,
    pub(crate) language: Language,
    pub(crate) browser: Browser,
    /// Whoever has signed in with this browser.
    pub(crate) session: Option<Proven>,
    cookie: Cookie,
}

impl Visitor {
    /// The visitor of a request, as certain as that of whose session it is.
    pub(crate) async fn of(identity: &Identity, head: Parts, check: Check) -> Result<Visitor, Problem> {
        let origin = origin(identity, &head);
        let (browser, cookie) = (Browser::of(&head, &origin), Cookie::of(&origin));
        let moment: Moment = head.extensions.get().copied().unwrap_or_default();
        let session = match cookie.token(&head.headers) {
            Some(token) => identity.prove(token, Purpose::Auth, moment, check).await?,
            None => None,
        };
        Ok(Visitor { language: browser::language(&head), head, origin, browser, session, cookie })
    }

    /// The token that the browser shows, whether or not it is good.
    pub(crate) fn token(&self) -> Option<&str> {
        self.cookie.token(&self.head.headers)
    }

    /// From where, as a session remembers it.
    pub(crate) fn place(&self) -> Place {
        place(&self.head)
    }

    /// The request as rules see it: nobody has signed in, since a page signs somebody in anew.
    pub(crate) fn request(&self, context: Context) -> Request {
        Request {
            context,
            method: "POST".to_owned(),
            headers: headers(&self.head),
            moment: self.moment(),
            from: Some(self.place().address),
            ..Request::default()
        }
    }

    /// The same in the name of whoever has signed in.
    pub(crate) fn own_request(&self, method: &str) -> Request {
        let auth = self.session.as_ref().map(|proven| proven.principal.clone());
        Request { method: method.to_owned(), auth, ..self.request(Context::Default) }
    }

    fn moment(&self) -> Moment {
        self.head.extensions.get().copied().unwrap_or_default()
    }

    /// Counts a request to sign in, as the API counts it.
    pub(crate) fn count(&self, identity: &Identity, collection: &str, tag: &str) -> Result<(), Problem> {
        count(identity, collection, &self.head, &[tag, "auth"])
    }

    /// One of two texts.
    pub(crate) fn say(&self, korean: &'static str, english: &'static str) -> &'static str {
        self.language.pick(korean, english)
    }

    /// Whether the session is of a sign-in that has just been: whoever sits there is the one.
    pub(crate) async fn is_fresh(&self, identity: &Identity) -> Result<bool, records::Error> {
        let Some(proven) = &self.session else { return Ok(false) };
        let (records, sessions) = (identity.records(), own::collection(identity.records(), SESSIONS)?);
        let Some(row) = records.store().reader().await?.get(&sessions.table(), &proven.claims.sid).await?
        else {
            return Ok(false);
        };
        let session = records.values(&sessions, &row);
        let until = own::date(&session, "created").after(identity.config().sign_in_fresh_for.0);
        Ok(session.text("actor").is_empty() && records.clock().now() < until)
    }

    /// A parameter of the address; empty for none.
    pub(crate) fn query(&self, name: &str) -> String {
        let query = web::request::query(self.head.uri.query());
        query.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    }

    /// Where the visitor wants to be sent back to, if that is a path of ours.
    pub(crate) fn return_to(&self) -> Option<String> {
        web::return_to::ours(&self.query("return_to")).map(str::to_owned)
    }

    /// Lets the browser keep what it is known by, and a session that has grown old with a later end: in place, so that any
    /// number of windows may do it at once.
    pub(crate) async fn keep(&self, identity: &Identity, response: &mut Response) {
        self.browser.remember(response);
        let Some(proven) = &self.session else { return };
        let now = identity.records().clock().now().0.div_euclid(1000);
        if !proven.claims.refreshable || now < proven.claims.renew {
            return;
        }
        match identity.refreshed_token(proven).await {
            Ok(token) => self.sign_in(response, &proven.principal, &token),
            Err(error) => tracing::debug!(error = base::error::chain(&error), "a session is renewed later"),
        }
    }

    /// Gives the browser a session of an account.
    pub(crate) fn sign_in(&self, response: &mut Response, account: &Principal, token: &str) {
        let seconds = account.collection.auth.as_ref().map_or(0, |auth| auth.token_seconds);
        let headers = response.headers_mut();
        headers.append(SET_COOKIE, self.cookie.set(token, seconds));
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    }

    /// Takes the session's cookie away from the browser.
    pub(crate) fn sign_out(&self, response: &mut Response) {
        response.headers_mut().append(SET_COOKIE, self.cookie.clear());
    }
}
