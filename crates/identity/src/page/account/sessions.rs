//! `POST /auth/account/sessions`: one session of the account ends (`id`), or all but the one that asks (`others`).

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use base::error::{Fault, Kind};
use records::core::change::SESSIONS;

use super::super::form::Form;
use super::super::signed::Signed;
use super::super::turn::Shown;
use super::done;
use crate::service::Identity;

pub(crate) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let signed = Signed::of(&identity, head).await?;
    let form = Form::read(&identity, &signed.visitor, body).await?;
    if !form.text("others").is_empty() {
        identity.end_other_sessions(&signed.proven, &signed.visitor.place()).await?;
        return Err(done("ended"));
    }
    let request = signed.visitor.own_request("DELETE");
    match identity.records().delete(&request, SESSIONS, form.text("id")).await {
        Err(error) if error.kind() != Kind::NotFound => Err(error.into()),
        _ => Err(done("ended")),
    }
}
