//! The first run: a link with a one-time key makes the first superuser in a browser.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base::error::{Fault, Fields, Kind};
use base::secret::Secret;
use identity::{Way, superusers};
use maud::{Markup, html};

use crate::address;
use crate::form::{Form, Outside};
use crate::frame;
use crate::look::Look;
use crate::page::sign_in;
use crate::refusal::Refusal;
use crate::service::{Inner, Shared};
use crate::session::Visitor;

/// `GET /_/first-run?key=…`.
pub(crate) async fn show(State(shared): State<Shared>, visitor: Visitor) -> Result<Response, Refusal> {
    let key = visitor.query.get("key").to_owned();
    if let Some(refused) = closed(&shared, &visitor, &key).await? {
        return Ok(refused);
    }
    Ok(web::reply::html(page(visitor.look, &key, "", &Fields::default()).into_string()))
}

/// `POST /_/first-run`: `key`, `email`, `password`, `passwordConfirm`.
pub(crate) async fn submit(
    State(shared): State<Shared>,
    visitor: Visitor,
    Outside(form): Outside,
) -> Result<Response, Refusal> {
    let key = form.get("key");
    if let Some(refused) = closed(&shared, &visitor, key).await? {
        return Ok(refused);
    }
    let (email, password) = (form.get("email").trim(), form.get("password"));
    let faults = match faults_of_making(&shared, &form).await? {
        None => match sign_in::verified(&shared, &visitor, email, password).await? {
            Some(account) => {
                let ways = vec![Way::Password];
                return sign_in::entered(&shared, &visitor, &account, ways, "/_/collections").await;
            }
            None => return Ok(web::reply::see_other("/_/sign-in")),
        },
        Some(faults) => faults,
    };
    let mut response = web::reply::html(page(visitor.look, key, email, &faults).into_string());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    Ok(response)
}

/// Why the page is closed, if it is: somebody is there already, or the key is wrong.
async fn closed(shared: &Inner, visitor: &Visitor, key: &str) -> Result<Option<Response>, Refusal> {
    let words = visitor.words();
    let (status, title, lead) = if superusers::exist(&shared.records).await? {
        (StatusCode::GONE, words.first_run_done, words.first_run_done_lead)
    } else if !fits(shared, key) {
        (StatusCode::FORBIDDEN, words.first_run_wrong, words.first_run_wrong_lead)
    } else {
        return Ok(None);
    };
    let content = html! {
        h1 { (title) }
        p.lead { (lead) }
        form method="get" action="/_/sign-in" { button type="submit" { (words.sign_in) } }
    };
    let mut response =
        web::reply::html(frame::outside(visitor.look, "/_/sign-in", title, &content).into_string());
    *response.status_mut() = status;
    Ok(Some(response))
}

/// Whether a key is the one of this start, in a time that does not tell how much of it fits.
fn fits(shared: &Inner, key: &str) -> bool {
    let Some(wanted) = &shared.config.first_run_key else { return false };
    let wanted = wanted.reveal().as_bytes(); // to compare it
    let differing = wanted.iter().zip(key.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    wanted.len() == key.len() && differing == 0 && !wanted.is_empty()
}

/// Makes the superuser; what is wrong with the form, if anything.
async fn faults_of_making(shared: &Inner, form: &Form) -> Result<Option<Fields>, Refusal> {
    if form.get("password") != form.get("passwordConfirm") {
        let differ =
            Fields::one("passwordConfirm", "validation_values_mismatch", "The two passwords differ.");
        return Ok(Some(differ));
    }
    let password = Secret::new(form.get("password"));
    match superusers::create(&shared.records, form.get("email").trim(), &password).await {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == Kind::Invalid => Ok(Some(Fields(error.data()))),
        Err(error) => Err(error.into()),
    }
}

fn page(look: Look, key: &str, email: &str, faults: &Fields) -> Markup {
    let words = look.words();
    let content = html! {
        h1 { (words.first_run) }
        p.lead { (words.first_run_lead) }
        form.fields method="post" action="/_/first-run" {
            input type="hidden" name="key" value=(key);
            (sign_in::field("email", words.email, "email", "username", email))
            (fault(look, faults, "email"))
            (sign_in::field("password", words.password, "password", "new-password", ""))
            (fault(look, faults, "password"))
            (sign_in::field("passwordConfirm", words.password_again, "password", "new-password", ""))
            (fault(look, faults, "passwordConfirm"))
            button type="submit" { (words.first_run_make) }
        }
    };
    let here = address::with_query("/_/first-run", &[("key", key)]);
    frame::outside(look, &here, words.first_run, &content)
}

fn fault(look: Look, faults: &Fields, name: &str) -> Markup {
    html! { @if let Some(fault) = faults.0.get(name) { p.fault role="alert" { (look.lang.fault(fault)) } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_first_run_shows_what_is_wrong_beside_its_field() {
        let faults =
            Fields::one("password", "validation_min_text_constraint", "Must be at least 8 character(s).");
        for (page, look) in sample::every("first-run", |look| page(look, "key", sample::HOSTILE, &faults)) {
            assert!(page.contains(&look.lang.fault(&faults.0["password"])) && page.contains("8"));
        }
    }
}
