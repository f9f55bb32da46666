//! `POST /auth/oidc/consent`: the person's answer to what a client asks for.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use web::Problem;

use super::asked::{self, Asked, Unfit};
use super::authorize::{SHUT_OUT, may_enter};
use crate::issuer::decide::{Next, Seen, next};
use crate::issuer::denial::Denial;
use crate::issuer::grant;
use crate::issuer::metadata::AUTHORIZE;
use crate::issuer::page::{ACCOUNT, ANSWER, REQUEST, YES};
use crate::issuer::scope::Scopes;
use crate::page::form::Form;
use crate::page::visitor::Visitor;
use crate::service::Identity;
use crate::session::{Check, Proven};

const REFUSED: Denial = Denial::new("access_denied", "The person does not agree.");

pub(super) async fn submit(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Certain).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let mut asked = match asked::read(&identity, form.text(REQUEST)).await? {
        Ok(asked) => asked,
        Err(Unfit::Nowhere(why)) => return Ok(asked::nowhere(&identity, &visitor, why).await),
        Err(Unfit::Told(to)) => return Ok(asked::send_on(&identity, &visitor, &to).await),
    };
    if form.text(ANSWER) != YES {
        return deny(&identity, &visitor, &asked, REFUSED).await;
    }
    // what has changed since the question was shown is asked again
    asked.request.prompt.consent = false;
    let Some(proven) = still(&identity, &asked, &visitor, form.text(ACCOUNT)).await? else {
        let again = format!("{AUTHORIZE}?{}", form.text(REQUEST));
        return Ok(asked::send(&identity, &visitor, &again).await);
    };
    if !may_enter(&identity, proven).await? {
        return deny(&identity, &visitor, &asked, SHUT_OUT).await;
    }
    if !asked.client.is_trusted {
        grant::agree(&identity, &proven.principal, &asked.client, asked.request.scopes).await?;
    }
    let mut conn = identity.records().store().reader().await.map_err(records::Error::from)?;
    let grant = grant::of(&mut conn, &identity, &proven.principal, &asked.client).await?;
    let code = identity.begin_family(&asked.client, &asked.request, proven, grant).await?;
    let to = asked::answer(&identity, &asked, &code)?;
    Ok(asked::send_on(&identity, &visitor, &to).await)
}

/// Whoever was asked, if they have still signed in as the client wants it.
async fn still<'a>(
    identity: &Identity,
    asked: &Asked,
    visitor: &'a Visitor,
    account: &str,
) -> Result<Option<&'a Proven>, Problem> {
    let now = identity.records().clock().now();
    let Some((proven, seen, _)) = asked::seen(identity, asked, visitor).await? else { return Ok(None) };
    let seen = Seen { agreed: Scopes::all(), ..seen };
    let is_still = proven.principal.row.id == account && next(&asked.request, Some(seen), now) == Next::Code;
    Ok(is_still.then_some(proven))
}

async fn deny(
    identity: &Identity,
    visitor: &Visitor,
    asked: &Asked,
    denial: Denial,
) -> Result<Response, Problem> {
    let request = &asked.request;
    let to = asked::refusal(identity, &request.redirect, request.state.as_deref(), denial)?;
    Ok(asked::send_on(identity, visitor, &to).await)
}
