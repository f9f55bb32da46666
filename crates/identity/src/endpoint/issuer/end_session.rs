//! `/auth/oidc/end-session`: a client sends somebody here to sign out (OpenID Connect RP-Initiated Logout 1.0). Who comes with an
//! ID token of this very session is signed out at once; anybody else is asked first, so that no link signs anybody out.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use maud::html;
use web::Problem;

use super::SIGNED_OUT;
use super::asked::{self, meant};
use crate::browser;
use crate::issuer::metadata::END_SESSION;
use crate::issuer::mint::sid;
use crate::issuer::page::REQUEST;
use crate::page::SIGN_IN;
use crate::page::form::{Form, hidden};
use crate::page::frame::Page;
use crate::page::visitor::Visitor;
use crate::pairs::Pairs;
use crate::service::Identity;
use crate::session::Check;

/// What a client wants.
#[derive(Default)]
struct Wish {
    /// Where the person goes afterwards.
    back: Option<String>,
    /// What the session to be ended is called for the client, where it shows an ID token of it.
    session: Option<(String, String)>,
}

/// GET.
pub(super) async fn show(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let wish = read(&identity, &query).await?;
    let Some(proven) = &visitor.session else { return done(&identity, &visitor, wish.back.as_deref()).await };
    let is_meant = |(client, session): &(String, String)| *session == sid(client, &proven.claims.sid);
    if wish.session.as_ref().is_some_and(is_meant) {
        identity.end_session(proven, &visitor.place()).await?;
        return done(&identity, &visitor, wish.back.as_deref()).await;
    }
    let say = |korean: &'static str, english: &'static str| visitor.language.pick(korean, english);
    let body = html! {
        p.lead { (say("이 브라우저에서 로그아웃합니다.", "You will be signed out of this browser.")) }
        form method="post" action=(SIGNED_OUT) {
            (hidden(&visitor.mark(&identity)?, ""))
            input type="hidden" name=(REQUEST) value=(query);
            button { (say("로그아웃", "Sign out")) }
        }
    };
    Ok(visitor.show(&identity, Page::new(say("로그아웃", "Sign out"), body)).await)
}

/// POST: the same by GET, to which the browser brings its session.
pub(super) async fn forward(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (_, body) = request.into_parts();
    let form = browser::form(&identity, body).await?;
    Ok(web::reply::see_other(&format!("{END_SESSION}?{form}")))
}

/// The person wants it.
pub(super) async fn submit(
    State(identity): State<Identity>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let wish = read(&identity, form.text(REQUEST)).await?;
    if let Some(proven) = &visitor.session {
        identity.end_session(proven, &visitor.place()).await?;
    }
    done(&identity, &visitor, wish.back.as_deref()).await
}

/// What a request says, as far as it is to be believed.
async fn read(identity: &Identity, query: &str) -> Result<Wish, Problem> {
    let Ok(pairs) = Pairs::parse(query) else { return Ok(Wish::default()) };
    let text = |name: &str| pairs.get(name).filter(|text| !text.is_empty());
    let hint = match text("id_token_hint") {
        Some(hint) => meant(identity, hint).await?,
        None => None,
    };
    let id = text("client_id").or(hint.as_ref().map(|hint| hint.aud.as_str()));
    let client = match id {
        Some(id) if hint.as_ref().is_none_or(|hint| hint.aud == id) => identity.client(id).await?,
        _ => None,
    };
    let Some(client) = client else { return Ok(Wish::default()) };
    let back = text("post_logout_redirect_uri");
    let back = back.filter(|back| client.after_logout.iter().any(|known| known == back));
    Ok(Wish {
        back: back.map(|back| asked::with(back, &[], text("state"))),
        session: hint.map(|hint| (client.id, hint.sid)),
    })
}

/// Nobody has signed in any more.
async fn done(identity: &Identity, visitor: &Visitor, back: Option<&str>) -> Result<Response, Problem> {
    let say = |korean: &'static str, english: &'static str| visitor.language.pick(korean, english);
    let body = html! {
        p.lead { (say("로그아웃되었습니다.", "You are signed out.")) }
        @match back {
            Some(back) => a.button href=(back) { (say("계속", "Continue")) },
            None => a.button href=(SIGN_IN) { (say("로그인", "Sign in")) },
        }
    };
    let page = Page { onward: back, ..Page::new(say("로그아웃", "Sign out"), body) };
    let mut response = visitor.show(identity, page).await;
    visitor.sign_out(&mut response);
    Ok(response)
}
