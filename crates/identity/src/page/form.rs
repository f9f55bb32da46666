//! What a page of ours has sent: a form, which bears the mark of the browser that it was shown to.
//!
//! Invariant: a form counts only where the browser says that our own page sent it, and where it bears this browser's mark: so
//! no other site can have somebody do something here, not even sign in as somebody else.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use maud::{Markup, html};
use sha2::Sha256;
use web::Problem;

use super::visitor::Visitor;
use crate::browser;
use crate::pairs::Pairs;
use crate::service::Identity;

/// The field of the mark.
pub(crate) const MARK: &str = "mark";
/// Forms come in this way only: a page of another site can send others without being asked (`text/plain`).
const KIND: &str = "application/x-www-form-urlencoded";

/// A form that our own page has sent.
#[derive(Debug)]
pub(crate) struct Form(Pairs);

impl Form {
    /// Reads a form; refuses one that was not sent from our own page, which was shown to this very browser.
    pub(crate) async fn read(identity: &Identity, visitor: &Visitor, body: Body) -> Result<Form, Problem> {
        let headers = &visitor.head.headers;
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !web::own_page::has_sent(headers) || kind.split(';').next().map(str::trim) != Some(KIND) {
            return Err(foreign());
        }
        let text = browser::form(identity, body).await?;
        let form = Form(Pairs::parse(&text).map_err(|_| Problem::invalid("The form can't be read."))?);
        let key = key(identity)?;
        match is_mark(&key, visitor.browser.cookie(), form.text(MARK)) {
            true => Ok(form),
            false => Err(foreign()),
        }
    }

    /// The value of a field; empty for none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// Where the visitor wants to be sent back to, if that is a path of ours.
    pub(crate) fn return_to(&self) -> Option<&str> {
        web::return_to::ours(self.text("return_to"))
    }
}

impl Visitor {
    /// The mark of this browser's forms.
    pub(crate) fn mark(&self, identity: &Identity) -> Result<String, records::Error> {
        Ok(mark(&key(identity)?, self.browser.cookie()))
    }
}

/// The fields of every form of ours: the mark of the browser, and where it is sent back to.
pub(crate) fn hidden(mark: &str, return_to: &str) -> Markup {
    html! {
        input type="hidden" name=(MARK) value=(mark);
        @if !return_to.is_empty() { input type="hidden" name="return_to" value=(return_to); }
    }
}

fn foreign() -> Problem {
    Problem::forbidden("The form was not sent from a page of this service that was shown to this browser.")
}

fn key(identity: &Identity) -> Result<[u8; 32], records::Error> {
    identity.house_key(b"ondol/form")
}

fn mark(key: &[u8; 32], browser: &str) -> String {
    BASE64.encode(keyed(key, browser).finalize().into_bytes())
}

fn is_mark(key: &[u8; 32], browser: &str, given: &str) -> bool {
    BASE64.decode(given).is_ok_and(|given| keyed(key, browser).verify_slice(&given).is_ok())
}

fn keyed(key: &[u8; 32], browser: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(browser.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_good_for_the_browser_that_it_was_made_for() {
        let own = mark(&[1; 32], "__Host-ondol-browser=a");
        assert!(is_mark(&[1; 32], "__Host-ondol-browser=a", &own));
        assert!(!is_mark(&[1; 32], "__Host-ondol-browser=b", &own));
        assert!(!is_mark(&[2; 32], "__Host-ondol-browser=a", &own));
        for given in ["", "온돌", "====", &own[1..]] {
            assert!(!is_mark(&[1; 32], "__Host-ondol-browser=a", given));
        }
    }
}
