//! What goes wrong: a problem becomes a page in the visitor's language, once, in the guard.

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use web::Problem;

use crate::frame;
use crate::look::Look;

/// Why a page was not shown. Any fault becomes one by `?`.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Something went wrong.
    Problem(Box<Problem>),
    /// Look there instead.
    Elsewhere(String),
}

/// What the guard turns into a page; it travels with the reply.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    status: u16,
    message: String,
}

impl Refusal {
    /// There is no such page or record.
    pub(crate) fn missing() -> Refusal {
        Refusal::from(Problem::missing())
    }
}

impl<F: Into<Problem>> From<F> for Refusal {
    fn from(fault: F) -> Refusal {
        Refusal::Problem(Box::new(fault.into()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Elsewhere(to) => web::reply::see_other(&to),
            Refusal::Problem(problem) => {
                let told = Told { status: problem.status.as_u16(), message: problem.message.clone() };
                let mut response = problem.into_response();
                response.extensions_mut().insert(told);
                response
            }
        }
    }
}

impl Told {
    /// The page that tells it.
    pub(crate) fn page(&self, look: Look, path: &str) -> Markup {
        let words = look.words();
        let (title, lead) = match self.status {
            404 => (words.missing_title, words.missing_lead),
            403 => (words.wrong_title, words.forbidden_lead),
            413 => (words.wrong_title, words.too_large_lead),
            429 => (words.wrong_title, words.busy),
            503 => (words.wrong_title, words.unavailable_lead),
            500.. => (words.wrong_title, words.internal_lead),
            _ => (words.wrong_title, &*self.message),
        };
        let content = html! {
            h1 { (title) }
            p.lead { (lead) }
            div.ends { a.button.secondary href="/_/collections" { (words.to_collections) } }
        };
        frame::outside(look, path, title, &content)
    }
}
