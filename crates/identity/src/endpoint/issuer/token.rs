//! `POST /auth/oidc/token`: a code, or a refresh token, for tokens.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use base::time::Timestamp;
use web::Problem;

use super::caller::{asked, for_client, told};
use crate::issuer::denial::Denial;
use crate::issuer::mint::Occasion;
use crate::issuer::scope::Scopes;
use crate::issuer::{Brought, Client, Renewal};
use crate::pairs::Pairs;
use crate::service::Identity;

pub(super) async fn make(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let arrived = identity.records().clock().now();
    let (head, body) = request.into_parts();
    identity.limiter().check(&["*:oidcToken"], web::request::address(&head.extensions))?;
    let (client, form) = match asked(&identity, &head, body).await? {
        Ok(asked) => asked,
        Err(denial) => return Ok(told(denial)),
    };
    answer(&identity, &client, &form, arrived).await
}

async fn answer(
    identity: &Identity,
    client: &Client,
    form: &Pairs,
    arrived: Timestamp,
) -> Result<Response, Problem> {
    const UNSUPPORTED: Denial =
        Denial::new("unsupported_grant_type", "grant_type is authorization_code or refresh_token.");
    let text = |name: &str| form.get(name).unwrap_or_default().to_owned();
    let (served, scopes, occasion) = match form.get("grant_type").unwrap_or_default() {
        "authorization_code" => {
            let brought = Brought {
                code: text("code"),
                redirect: text("redirect_uri"),
                verifier: text("code_verifier"),
            };
            (identity.first_tokens(client, brought).await?, None, Occasion::Code)
        }
        "refresh_token" => {
            let scopes = form.get("scope").filter(|text| !text.is_empty()).map(Scopes::parse);
            let renewal = Renewal { token: text("refresh_token"), scopes, arrived };
            (identity.further_tokens(client, renewal).await?, scopes, Occasion::Renewal)
        }
        "" => return Ok(told(Denial::request("grant_type is missing."))),
        _ => return Ok(told(UNSUPPORTED)),
    };
    let (family, account) = match served {
        Ok(served) => served,
        Err(denial) => return Ok(told(denial)),
    };
    if !identity.records().may_sign_in(&records::Request::default(), &account).await? {
        return Ok(told(Denial::grant("The account may not sign in.")));
    }
    let scopes = scopes.unwrap_or(family.scopes);
    Ok(for_client(&identity.mint(client, &family, &account, scopes, occasion).await?))
}
