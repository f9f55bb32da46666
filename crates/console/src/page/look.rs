//! The switches of language and theme.

use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::address;
use crate::cookie::{self, Life};
use crate::form::Outside;
use crate::look::{LANG_COOKIE, THEME_COOKIE, Theme};
use crate::session::Visitor;
use crate::words::Lang;

/// `POST /_/look`: `lang` or `theme`, and `back`, the page to come back to.
pub(crate) async fn submit(visitor: Visitor, Outside(form): Outside) -> Response {
    let mut response = web::reply::see_other(address::ours(form.get("back")));
    if let Some(lang) = Lang::from_code(form.get("lang")) {
        let value = cookie::set(LANG_COOKIE, lang.code(), Life::Year, visitor.is_https);
        response.headers_mut().append(SET_COOKIE, value);
    }
    if let Some(theme) = Theme::from_code(form.get("theme")) {
        let value = cookie::set(THEME_COOKIE, theme.code(), Life::Year, visitor.is_https);
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}
