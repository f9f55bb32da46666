//! What to do with a page that discovery has fetched (Yadis 1.0, 6.2): it names its provider, or points elsewhere.

use url::Url;

use super::services::{self, Discovered};
use super::{html, xrds};
use crate::refusal::Refusal;

/// What we ask for in `Accept`.
pub const ACCEPT: &str = "application/xrds+xml, text/html;q=0.5, application/xhtml+xml;q=0.5";
/// The media type of an XRDS document.
const XRDS: &str = "application/xrds+xml";

/// A page as it was fetched.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Where it was, after all redirects.
    pub url: &'a Url,
    /// `Content-Type`; empty where there is none.
    pub content_type: &'a str,
    /// `X-XRDS-Location`.
    pub xrds_location: Option<&'a str>,
    /// The body.
    pub body: &'a str,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The page names the provider.
    Found(Discovered),
    /// An XRDS document elsewhere does; [`document`] reads it.
    Fetch(Url),
}

/// Reads the page at an identifier.
pub fn read(page: &Page<'_>) -> Result<Next, Refusal> {
    if is_xrds(page.content_type) {
        return document(page, page.url).map(Next::Found);
    }
    if let Some(location) = page.xrds_location {
        return location_of(location).map(Next::Fetch);
    }
    let head = html::head(page.body);
    if let Some(location) = &head.xrds_location {
        return location_of(location).map(Next::Fetch);
    }
    services::from_html(&head, page.url).map(Next::Found)
}

/// Reads an XRDS document that was found for a claimed identifier.
pub fn document(page: &Page<'_>, claimed: &Url) -> Result<Discovered, Refusal> {
    if !is_xrds(page.content_type) {
        return Err(Refusal::Mismatch("what the page of the identifier points to is no XRDS document"));
    }
    let services = xrds::services(page.body)
        .map_err(|fault| Refusal::Unfit { what: "the XRDS document", detail: fault.to_string() })?;
    services::from_xrds(&services, claimed)
}

fn is_xrds(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(XRDS))
}

fn location_of(text: &str) -> Result<Url, Refusal> {
    let url = Url::parse(text).ok().filter(super::identifier::is_web);
    url.ok_or(Refusal::Mismatch(
        "the page of the identifier says that its XRDS document is where no address of the web is",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(content_type: &str, xrds_location: Option<&str>, body: &str) -> Result<Next, Refusal> {
        let url = Url::parse("http://alice.example/").expect("an address");
        read(&Page { url: &url, content_type, xrds_location, body })
    }

    #[test]
    fn a_location_is_followed_before_the_page_is_read() {
        let link = "<link rel=openid2.provider href=https://op.example/>";
        let to = Url::parse("https://op.example/x").expect("an address");
        let points = |next: Result<Next, Refusal>| next.is_ok_and(|next| next == Next::Fetch(to.clone()));
        assert!(points(next("text/html", Some("https://op.example/x"), link)));
        let meta = format!("<meta http-equiv=X-XRDS-Location content=https://op.example/x>{link}");
        assert!(points(next("text/html", None, &meta)));
        assert!(matches!(next("text/html", None, link), Ok(Next::Found(_))));
        assert!(matches!(next("text/html", Some("file:///x"), link), Err(Refusal::Mismatch(_))));
    }

    #[test]
    fn an_xrds_document_is_known_by_its_type() {
        assert!(matches!(
            next("Application/XRDS+xml; charset=utf-8", None, "<x"),
            Err(Refusal::Unfit { .. })
        ));
        let url = Url::parse("http://alice.example/").expect("an address");
        let page = Page { url: &url, content_type: "text/html", xrds_location: None, body: "" };
        assert!(document(&page, &url).is_err());
    }
}
