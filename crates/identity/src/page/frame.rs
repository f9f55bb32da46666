//! What pages stand in: one calm column, light or dark as the person likes it, with the switch of the language below it.
//!
//! Invariant: no page may be framed, loads anything from elsewhere or runs a script but its own, which its policy names.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::visitor::Visitor;
use super::{LANGUAGE, SIGN_IN, address};
use crate::browser;
use crate::language::Language;
use crate::service::Identity;

const STYLE: &str = include_str!("style.css");

/// A page.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// What stands below the service's name and the title.
    pub(crate) body: Markup,
    pub(crate) script: Option<&'static str>,
    pub(crate) width: Width,
    /// Where the browser goes on to by itself.
    pub(crate) onward: Option<&'a str>,
}

/// How wide a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// A form.
    Narrow,
    /// Lists.
    Wide,
}

impl<'a> Page<'a> {
    /// A form or a message.
    pub(crate) fn new(title: &'a str, body: Markup) -> Page<'a> {
        Page { status: StatusCode::OK, title, body, script: None, width: Width::Narrow, onward: None }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: StatusCode) -> Page<'a> {
        Page { status, ..self }
    }

    /// The same with a script.
    pub(crate) fn with_script(self, script: &'static str) -> Page<'a> {
        Page { script: Some(script), ..self }
    }
}

impl Visitor {
    /// Shows a page; the browser keeps its cookies.
    pub(crate) async fn show(&self, identity: &Identity, page: Page<'_>) -> Response {
        let text = document(self.language, &brand(identity), &self.here(), &page).into_string();
        let mut response = web::reply::html(text);
        *response.status_mut() = page.status;
        let mut response = browser::under(response, &policy(page.script));
        // without any, browsers would not say from where they send a form
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        self.keep(identity, &mut response).await;
        response
    }

    /// The address of the page, to come back to in another language; of one that was sent a form: where that began.
    fn here(&self) -> String {
        let path = self.head.uri.path_and_query().map_or("/auth/sign-in", |path| path.as_str());
        match self.head.method {
            axum::http::Method::GET => path.to_owned(),
            _ => path.split('?').next().unwrap_or_default().to_owned(),
        }
    }
}

/// A page for somebody of whom nothing is known but the language.
pub(super) fn plain(identity: &Identity, language: Language, page: &Page<'_>) -> String {
    document(language, &brand(identity), SIGN_IN, page).into_string()
}

/// What the service calls itself.
fn brand(identity: &Identity) -> String {
    let site = identity.config().relying_party.as_ref().map(|site| site.name.as_str());
    identity.app_name().or(site).unwrap_or("Ondol").to_owned()
}

/// What a browser may do with a page (`Content-Security-Policy`).
pub(super) fn policy(script: Option<&str>) -> String {
    let hash = |text: &str| BASE64.encode(Sha256::digest(text));
    let script = script.map(|script| format!(" script-src 'sha256-{}'; connect-src 'self';", hash(script)));
    format!(
        "default-src 'none'; style-src 'sha256-{}';{} form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        script.unwrap_or_default()
    )
}

fn document(language: Language, brand: &str, here: &str, page: &Page<'_>) -> Markup {
    let (other, other_name) = match language {
        Language::Korean => (Language::English, "English"),
        Language::English => (Language::Korean, "한국어"),
    };
    let switch = address(LANGUAGE, &[("to", other.code()), ("return_to", here)]);
    html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                @if let Some(onward) = page.onward { meta http-equiv="refresh" content={ "0;url=" (onward) }; }
                title { (page.title) " · " (brand) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main class=[(page.width == Width::Wide).then_some("wide")] {
                    p.brand { (brand) }
                    h1 { (page.title) }
                    (page.body)
                }
                footer { a href=(switch) lang=(other.code()) hreflang=(other.code()) { (other_name) } }
                @if let Some(script) = page.script { script { (PreEscaped(script)) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_speaks_its_language_offers_the_other_and_takes_no_markup() {
        for (language, other) in [(Language::Korean, "English"), (Language::English, "한국어")] {
            let page = Page::new("<i>", html! { p { "<b>" } });
            let text = document(language, "<u>", "/auth/sign-in?a=b&c=\"", &page).into_string();
            assert!(text.contains(&format!("<html lang=\"{}\">", language.code())), "{text}");
            assert!(
                text.contains(other) && text.contains("return_to=%2Fauth%2Fsign-in%3Fa%3Db%26c%3D%22"),
                "{text}"
            );
            assert!(["<i>", "<b>", "<u>", "<script"].iter().all(|markup| !text.contains(markup)), "{text}");
        }
    }

    #[test]
    fn a_script_runs_only_where_the_policy_names_it() {
        assert!(!policy(None).contains("script-src") && policy(None).contains("frame-ancestors 'none'"));
        assert!(policy(Some("x")).contains("script-src 'sha256-") && !policy(Some("x")).contains("unsafe"));
    }
}
