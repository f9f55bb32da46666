//! What mailed links lead to: an address is confirmed, a new password set, a new address taken.
//!
//! For those who have accounts in the service, not for those who run it; so the service's name stands where the console's does.
//! Looking at such a page uses nothing up (mail filters look at links): what the link is for is done by the button.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base::error::{Fault, Fields, Kind};
use identity::Place;
use identity::token::Purpose;
use maud::{Markup, html};

use crate::form::{Form, Outside};
use crate::frame;
use crate::look::Look;
use crate::page::sign_in::field;
use crate::refusal::Refusal;
use crate::service::{Inner, Shared};
use crate::session::Visitor;

/// A page that a mail leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mailed {
    Verification,
    PasswordReset,
    EmailChange,
    EmailUndo,
}

/// What a page tells.
enum Told<'a> {
    /// What the link is about, and what is wrong with what was sent.
    Asks { token: &'a str, address: &'a str, faults: &'a Fields },
    /// It is done.
    Done,
    /// The link is no good any more.
    Over,
}

impl Mailed {
    /// All of them, for the routes.
    pub(crate) const ALL: [Mailed; 4] =
        [Mailed::Verification, Mailed::PasswordReset, Mailed::EmailChange, Mailed::EmailUndo];

    /// The page's path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Mailed::Verification => "/auth/confirm-verification",
            Mailed::PasswordReset => "/auth/confirm-password-reset",
            Mailed::EmailChange => "/auth/confirm-email-change",
            Mailed::EmailUndo => "/auth/confirm-email-undo",
        }
    }

    /// By what the limiter counts tries: the same as for the API.
    fn labels(self) -> [&'static str; 2] {
        match self {
            Mailed::Verification => ["*:confirmVerification", "*:auth"],
            Mailed::PasswordReset => ["*:confirmPasswordReset", "*:auth"],
            Mailed::EmailChange => ["*:confirmEmailChange", "*:auth"],
            Mailed::EmailUndo => ["*:confirmEmailUndo", "*:auth"],
        }
    }

    fn purpose(self) -> Purpose {
        match self {
            Mailed::Verification => Purpose::Verification,
            Mailed::PasswordReset => Purpose::PasswordReset,
            Mailed::EmailChange => Purpose::EmailChange,
            Mailed::EmailUndo => Purpose::EmailUndo,
        }
    }

    /// `GET …?token=…`.
    pub(crate) async fn show(
        self,
        State(shared): State<Shared>,
        visitor: Visitor,
    ) -> Result<Response, Refusal> {
        let token = visitor.query.get("token").to_owned();
        self.asked(&shared, &visitor, &token, &Fields::default()).await
    }

    /// `POST`: `token`, and what the page asks for.
    pub(crate) async fn submit(
        self,
        State(shared): State<Shared>,
        visitor: Visitor,
        Outside(form): Outside,
    ) -> Result<Response, Refusal> {
        shared.limiter.check(&self.labels(), visitor.address)?;
        match self.do_it(&shared, &form, &visitor.place()).await {
            Ok(()) => Ok(self.answer(&shared, &visitor, StatusCode::OK, &Told::Done)),
            Err(error) if error.kind() == Kind::Invalid => {
                self.asked(&shared, &visitor, form.get("token"), &Fields(error.data())).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn do_it(self, shared: &Inner, form: &Form, place: &Place) -> Result<(), records::Error> {
        let (identity, token, password) = (&shared.identity, form.get("token"), form.get("password"));
        match self {
            Mailed::Verification => identity.confirm_verification(token, None).await,
            Mailed::PasswordReset => {
                let again = form.get("passwordConfirm");
                identity.confirm_password_reset(token, None, password, again, place).await
            }
            Mailed::EmailChange => identity.confirm_email_change(token, None, password, place).await,
            Mailed::EmailUndo => identity.confirm_email_undo(token, None, place).await,
        }
    }

    /// The page of a link, as long as it is good.
    async fn asked(
        self,
        shared: &Inner,
        visitor: &Visitor,
        token: &str,
        faults: &Fields,
    ) -> Result<Response, Refusal> {
        let Some(address) = shared.identity.mailed_address(self.purpose(), token).await? else {
            return Ok(self.answer(shared, visitor, StatusCode::GONE, &Told::Over));
        };
        let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        Ok(self.answer(shared, visitor, status, &Told::Asks { token, address: &address, faults }))
    }

    fn answer(self, shared: &Inner, visitor: &Visitor, status: StatusCode, told: &Told<'_>) -> Response {
        let brand = shared.identity.app_name().unwrap_or(visitor.words().brand);
        let page = self.page(visitor.look, brand, &visitor.path, told);
        let mut response = web::reply::html(page.into_string());
        *response.status_mut() = status;
        response
    }

    fn page(self, look: Look, brand: &str, here: &str, told: &Told<'_>) -> Markup {
        let words = look.words();
        let (title, lead, button, done) = match self {
            Mailed::Verification => (words.verify, words.verify_lead, words.verify_do, words.verify_done),
            Mailed::PasswordReset => (words.reset, words.reset_lead, words.reset_do, words.reset_done),
            Mailed::EmailChange => (words.change, words.change_lead, words.change_do, words.change_done),
            Mailed::EmailUndo => (words.undo, words.undo_lead, words.undo_do, words.undo_done),
        };
        let content = html! {
            @match told {
                Told::Done => {
                    h1 { (done) }
                    div.ends { a.button.secondary href="/" { (words.to_service) } }
                }
                Told::Over => {
                    h1 { (words.link_over) }
                    p.lead { (words.link_over_lead) }
                }
                Told::Asks { token, address, faults } => {
                    h1 { (title) }
                    p.lead { (lead) }
                    p.gap { strong { (address) } }
                    form.fields method="post" action=(self.path()) {
                        input type="hidden" name="token" value=(token);
                        (self.fields(look, faults))
                        button type="submit" { (button) }
                    }
                }
            }
        };
        frame::outside_of(look, brand, here, title, &content)
    }

    /// What the page asks for besides the button.
    fn fields(self, look: Look, faults: &Fields) -> Markup {
        let words = look.words();
        let fault = |name: &str| {
            html! { @if let Some(fault) = faults.0.get(name) { p.fault role="alert" { (look.lang.fault(fault)) } } }
        };
        html! {
            @match self {
                Mailed::Verification => {}
                Mailed::EmailUndo => { (fault("email")) }
                Mailed::PasswordReset => {
                    (field("password", words.password, "password", "new-password", "")) (fault("password"))
                    (field("passwordConfirm", words.password_again, "password", "new-password", ""))
                    (fault("passwordConfirm"))
                }
                Mailed::EmailChange => {
                    (field("password", words.password, "password", "current-password", "")) (fault("password"))
                    (fault("email"))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_mailed_page_shows_whom_it_is_about_and_what_is_wrong() {
        let faults = Fields::one("password", "validation_required", "Cannot be blank.");
        for page in Mailed::ALL {
            let told = Told::Asks { token: "t.o.k", address: sample::HOSTILE, faults: &faults };
            for (text, look) in
                sample::every("mailed", |look| page.page(look, "popong.com", page.path(), &told))
            {
                assert!(text.contains("value=\"t.o.k\"") && text.contains("popong.com"), "{text}");
                let is_told = text.contains(&look.lang.fault(&faults.0["password"]));
                assert_eq!(is_told, matches!(page, Mailed::PasswordReset | Mailed::EmailChange));
            }
        }
    }

    #[test]
    fn a_link_that_is_over_says_how_to_get_another_one() {
        for (text, look) in sample::every("mailed-over", |look| {
            Mailed::PasswordReset.page(look, "popong.com", "/auth/confirm-password-reset", &Told::Over)
        }) {
            assert!(text.contains(look.words().link_over_lead));
        }
    }
}
