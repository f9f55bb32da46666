//! `/auth/oidc/authorize`: a client sends a browser here; it goes back with a code, at once or after the person has signed in and
//! agreed.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use url::form_urlencoded::Serializer;
use web::Problem;

use super::CONSENT;
use super::asked::{self, Asked, Unfit};
use crate::browser;
use crate::issuer::decide::{Next, next};
use crate::issuer::denial::Denial;
use crate::issuer::metadata::AUTHORIZE;
use crate::issuer::page::{self, Question};
use crate::issuer::request::SINCE;
use crate::issuer::scope::Scopes;
use crate::page::frame::Page;
use crate::page::visitor::Visitor;
use crate::page::{SIGN_IN, address};
use crate::service::Identity;
use crate::session::{Check, Proven};

/// How far the clocks of two web servers may be apart, in seconds.
const APART: i64 = 5;

/// GET.
pub(super) async fn show(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    identity.limiter().check(&["*:oidcAuthorize"], web::request::address(&head.extensions))?;
    let query = head.uri.query().unwrap_or_default().to_owned();
    let visitor = Visitor::of(&identity, head, Check::Certain).await?;
    let asked = match asked::read(&identity, &query).await? {
        Ok(asked) => asked,
        Err(Unfit::Nowhere(why)) => return Ok(asked::nowhere(&identity, &visitor, why).await),
        Err(Unfit::Told(to)) => return Ok(asked::send(&identity, &visitor, &to).await),
    };
    let seen = asked::seen(&identity, &asked, &visitor).await?;
    let now = identity.records().clock().now();
    let deny =
        |denial| asked::refusal(&identity, &asked.request.redirect, asked.request.state.as_deref(), denial);
    let to = match (next(&asked.request, seen.as_ref().map(|(_, seen, _)| *seen), now), seen) {
        (Next::Deny(denial), _) => deny(denial)?,
        (Next::Ask, Some((proven, seen, _))) => {
            return ask(&identity, &visitor, &asked, proven, seen.agreed, &query).await;
        }
        (Next::Code, Some((proven, _, grant))) => match may_enter(&identity, proven).await? {
            true => {
                let code = identity.begin_family(&asked.client, &asked.request, proven, grant).await?;
                asked::answer(&identity, &asked, &code)?
            }
            false => deny(SHUT_OUT)?,
        },
        _ => match sign_in(&identity, &visitor, &asked, &query) {
            Some(to) => to,
            None => deny(Denial::request("The request is too long."))?,
        },
    };
    Ok(asked::send(&identity, &visitor, &to).await)
}

/// POST: the same by GET, to which the browser brings its session.
pub(super) async fn forward(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (_, body) = request.into_parts();
    let form = browser::form(&identity, body).await?;
    Ok(web::reply::see_other(&format!("{AUTHORIZE}?{form}")))
}

/// The account is kept out by its collection's auth rule by now.
pub(super) const SHUT_OUT: Denial = Denial::new("access_denied", "The account may not sign in.");

/// Whether the account of a session may still sign in.
pub(super) async fn may_enter(identity: &Identity, proven: &Proven) -> Result<bool, Problem> {
    Ok(identity.records().may_sign_in(&records::Request::default(), &proven.principal).await?)
}

/// Where the person signs in and comes back from; `None` when the way back is too long.
fn sign_in(identity: &Identity, visitor: &Visitor, asked: &Asked, query: &str) -> Option<String> {
    let since = identity.records().clock().now().0.div_euclid(1000) - APART;
    let pairs = crate::pairs::Pairs::parse(query).unwrap_or_default();
    let kept = pairs.iter().filter(|(name, _)| *name != SINCE);
    let query =
        Serializer::new(String::new()).extend_pairs(kept).append_pair(SINCE, &since.to_string()).finish();
    let back = format!("{AUTHORIZE}?{query}");
    let back = web::return_to::ours(&back)?;
    let again = if visitor.session.is_some() { "1" } else { "" };
    Some(address(SIGN_IN, &[("collection", &asked.client.accounts), ("return_to", back), ("again", again)]))
}

async fn ask(
    identity: &Identity,
    visitor: &Visitor,
    asked: &Asked,
    proven: &Proven,
    agreed: Scopes,
    query: &str,
) -> Result<Response, Problem> {
    let account = &proven.principal;
    let values = identity.records().values(&account.collection, &account.row);
    let who = ["email", "username", "name"].map(|field| values.text(field));
    let who = who.into_iter().find(|who| !who.is_empty()).unwrap_or(&account.row.id);
    let back = format!("{AUTHORIZE}?{query}");
    let elsewhere =
        address(SIGN_IN, &[("collection", &asked.client.accounts), ("return_to", &back), ("again", "1")]);
    let body = page::body(
        visitor.language,
        &Question {
            client: &asked.client,
            scopes: asked.request.scopes,
            agreed: if asked.client.is_trusted { Scopes::default() } else { agreed },
            who,
            account: &account.row.id,
            request: query,
            to: CONSENT,
            mark: &visitor.mark(identity)?,
            elsewhere: &elsewhere,
        },
    );
    Ok(visitor.show(identity, Page::new(page::title(visitor.language), body)).await)
}
