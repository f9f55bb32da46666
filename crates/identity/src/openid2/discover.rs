//! Discovery: from an identifier to its provider, page by page.
//!
//! Every page is fetched through the guard, every redirect is followed by hand and counts; an identifier, and wherever it
//! redirects to, must be on the list of those that are let in. Where its own page points to for the document, may be anywhere.

use std::time::Duration;

use hyper::header;
use url::Url;

use super::core::identifier::Allowed;
use super::core::page::{self, Next, Page};
use super::core::services::Discovered;
use crate::fetch::{self, Answer, Fetch, Request};
use crate::refusal::Refusal;

/// Redirects of one discovery.
const REDIRECTS_MAX: usize = 5;
/// Longest time of one discovery.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Finds the provider of an identifier.
pub async fn discover(fetch: &Fetch, allowed: &Allowed, identifier: &Url) -> Result<Discovered, Refusal> {
    let mut walk = Walk { fetch, redirects: 0 };
    let found = tokio::time::timeout(TIME_MAX, walk.find(allowed, identifier)).await;
    found.unwrap_or_else(|_| {
        let host = identifier.host_str().unwrap_or_default().to_owned();
        Err(Refusal::Unreached(fetch::Error::Slow { host, most: TIME_MAX }))
    })
}

struct Walk<'a> {
    fetch: &'a Fetch,
    redirects: usize,
}

impl Walk<'_> {
    async fn find(&mut self, allowed: &Allowed, identifier: &Url) -> Result<Discovered, Refusal> {
        let answer = self.page(identifier.clone(), Some(allowed)).await?;
        let text = text(&answer)?;
        match page::read(&seen(&answer, text))? {
            Next::Found(discovered) => Ok(discovered),
            Next::Fetch(document) => {
                let document = self.page(document, None).await?;
                page::document(&seen(&document, self::text(&document)?), &answer.url)
            }
        }
    }

    /// The page to which an address leads in the end.
    async fn page(&mut self, mut url: Url, allowed: Option<&Allowed>) -> Result<Answer, Refusal> {
        loop {
            if allowed.is_some_and(|allowed| !allowed.has(&url)) {
                return Err(Refusal::Mismatch(
                    "the identifier, or where it leads, is not on the list of those let in",
                ));
            }
            let request = Request::get(url).header(header::ACCEPT, page::ACCEPT).also_plain();
            let answer = self.fetch.send(request).await?;
            match answer.status.as_u16() {
                200 => return Ok(answer),
                status @ 300..400 => {
                    let unfit = Refusal::Status { what: "the page of the identifier", status };
                    url = answer.redirect().ok_or(unfit)?;
                }
                status => return Err(Refusal::Status { what: "the page of the identifier", status }),
            }
            self.redirects += 1;
            if self.redirects > REDIRECTS_MAX {
                return Err(Refusal::Mismatch("the page of the identifier redirects too often"));
            }
        }
    }
}

fn text(answer: &Answer) -> Result<&str, Refusal> {
    std::str::from_utf8(&answer.body)
        .map_err(|_| Refusal::Mismatch("the page of the identifier is not UTF-8"))
}

fn seen<'a>(answer: &'a Answer, body: &'a str) -> Page<'a> {
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    Page {
        url: &answer.url,
        content_type: header("content-type").unwrap_or_default(),
        xrds_location: header("x-xrds-location"),
        body,
    }
}
