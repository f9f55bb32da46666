//! `POST auth-with-totp`: an authenticator's code, or a recovery code, as the second way of a half sign-in.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use web::Problem;

use super::answer::admit;
use super::given::Given;
use super::mailing;
use crate::authenticator::{self, Found};
use crate::entrance::Ways;
use crate::mfa::Way;
use crate::service::Identity;

pub(super) async fn sign_in(
    State(identity): State<Identity>,
    Path(collection): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let ask = mailing::read(&identity, &collection, request, "authWithTOTP").await?;
    let mut given = Given::of(&ask.request.body);
    let code = given.text("code");
    given.done()?;
    match authenticator::complete(&identity, &ask.collection, &ask.half, &code, ask.place.address).await? {
        Found::Account(account, first) => {
            let ways = Ways { passed: vec![first.way, Way::Totp], via: first.via };
            admit(&identity, ask, account.into(), ways, None).await
        }
        Found::Wrong => Err(Problem::invalid("Invalid or expired MFA session or code.")),
        Found::TooOften(used_up) => Err(Problem::too_often(used_up.seconds)),
    }
}
