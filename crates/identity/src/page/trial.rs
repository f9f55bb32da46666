//! `/auth/try/NAME`: a superuser runs a provider's flow dry, and sees each step: what was sent and what came back, what was made of
//! it, and in words what is wrong. No account is touched, and no session arises.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use base::error::{Fault, Kind, chain};
use maud::{Markup, html};
use records::Context;
use records::core::collection::SUPERUSERS;
use serde_json::Map;
use web::Problem;
use web::request::Path;

use super::form::Form;
use super::frame::{Page, Width};
use super::goal::Goal;
use super::journey::{self, Aim, Arrival, Journey};
use super::turn::{Shown, Turn};
use super::visitor::Visitor;
use super::{SIGN_IN, address};
use crate::external::account;
use crate::external::{Arrived, Return};
use crate::fetch::transcript::{Line, note, record};
use crate::linking::Decision;
use crate::provider::{Kind as Protocol, Profile, Provider};
use crate::refusal::Refusal;
use crate::service::Identity;
use crate::session::Check;

/// GET: what is set, and the button.
pub(super) async fn show(
    State(identity): State<Identity>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Shown {
    let visitor = superuser(&identity, request).await?;
    let goal = Goal::of_query(&identity, &visitor)?;
    let body = match identity.loaded(&goal.collection, &name) {
        None => return Err(Problem::missing().into()),
        Some(Err(faults)) => html! {
            p.fault role="alert" { (visitor.say("설정이 틀려서 이 로그인 서비스는 보이지 않습니다.", "It is not offered, since its settings are wrong.")) }
            ul { @for fault in &faults.0 { li { (fault) } } }
        },
        Some(Ok(provider)) => html! {
            p.lead { (visitor.say("로그인하지 않고, 각 단계에서 오간 것만 보여 줍니다.", "Nobody is signed in; you see what goes to and fro.")) }
            (settings(&visitor, &provider))
            form method="post" action=(path(&name)) {
                (goal.fields(&visitor.mark(&identity)?))
                button { (visitor.say("해 보기", "Try it")) }
            }
        },
    };
    Ok(visitor.show(&identity, Page::new(&title(&visitor, &name), body)).await)
}

/// POST: the browser leaves for the provider.
pub(super) async fn submit(
    State(identity): State<Identity>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = superuser(&identity, Request::from_parts(head, Body::empty())).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    let Some(Ok(provider)) = identity.loaded(&goal.collection, &name) else {
        return Err(Turn::Elsewhere(path(&name)));
    };
    let (begun, lines) = record(journey::begin(&identity, &visitor, &goal, &provider, Aim::Try)).await;
    match begun? {
        None => Ok(told(&identity, &visitor, &name, &lines, html! {}).await),
        Some((to, state)) => {
            journey::keep(&identity, &state, "begin", &lines).await?;
            let body = html! { a.button href=(to) { (provider.label) } };
            let page = Page { onward: Some(&to), ..Page::new(&provider.label, body) };
            Ok(visitor.show(&identity, page).await)
        }
    }
}

/// The browser is back.
pub(super) async fn end(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    journey: &Journey,
    arrival: &Arrival,
    state: &str,
) -> Shown {
    if !visitor.session.as_ref().is_some_and(|session| session.principal.is_superuser()) {
        return Err(Problem::forbidden("").into());
    }
    let (proven, lines) = record(prove(identity, goal, journey, arrival)).await;
    let mut all = journey::kept(identity, state).await?;
    all.extend(lines);
    let outcome = match proven? {
        Ok(arrived) => {
            let (request, wanted) = (visitor.request(Context::OAuth2), Map::new());
            let (collection, arrived) = (&goal.collection, &arrived);
            let arrival = account::Arrival { collection, request: &request, arrived, wanted: &wanted };
            let decision = identity.foresee(&arrival).await?;
            html! { (profile(visitor, &arrived.profile)) p.done { (foreseen(visitor, decision)) } }
        }
        Err(refusal) => html! {
            p.fault role="alert" { (advice(visitor, &refusal)) }
            pre { (chain(&refusal)) }
        },
    };
    Ok(told(identity, visitor, &journey.provider, &all, outcome).await)
}

/// Whom the provider vouches for.
async fn prove(
    identity: &Identity,
    goal: &Goal,
    journey: &Journey,
    arrival: &Arrival,
) -> Result<Result<Arrived, Refusal>, records::Error> {
    let Some(Ok(provider)) = identity.loaded(&goal.collection, &journey.provider) else {
        return Ok(Err(Refusal::Mismatch("the provider is offered no longer")));
    };
    if arrival.code.is_empty() {
        note(&format!("the provider sent the browser back with: {}", arrival.error));
        return Ok(Err(Refusal::Refused(arrival.error.clone())));
    }
    let (verifier, redirect_uri) = (&journey.verifier, &journey.redirect_uri);
    let back = Return { provider: &journey.provider, code: &arrival.code, verifier, redirect_uri };
    identity.arrive(&goal.collection, provider, &back).await
}

/// A superuser; everybody else signs in as one first.
async fn superuser(identity: &Identity, request: Request<Body>) -> Result<Visitor, Turn> {
    let visitor = Visitor::of(identity, request.into_parts().0, Check::Anew).await?;
    if visitor.session.as_ref().is_some_and(|session| session.principal.is_superuser()) {
        return Ok(visitor);
    }
    let here = visitor.head.uri.path_and_query().map_or("", |path| path.as_str());
    Err(Turn::Elsewhere(address(SIGN_IN, &[("collection", SUPERUSERS), ("return_to", here)])))
}

/// The page of what happened.
async fn told(
    identity: &Identity,
    visitor: &Visitor,
    name: &str,
    lines: &[Line],
    outcome: Markup,
) -> axum::response::Response {
    let body = html! {
        (outcome)
        section {
            h2 { (visitor.say("오간 것", "What went to and fro")) }
            @if lines.is_empty() { p.hint { (visitor.say("아무에게도 묻지 않았습니다.", "Nobody was asked.")) } }
            @for line in lines {
                @match line {
                    Line::Note(text) => p.note { (text) }
                    Line::Asked { what, sent, came, body } => {
                        div {
                            pre { (what) @if !sent.is_empty() { "\n\n" (sent) } }
                            pre { (came) @if !body.is_empty() { "\n\n" (body) } }
                        }
                    }
                }
            }
        }
        a.button href=(path(name)) { (visitor.say("다시 해 보기", "Try again")) }
    };
    let title = title(visitor, name);
    visitor.show(identity, Page { width: Width::Wide, ..Page::new(&title, body) }).await
}

fn settings(visitor: &Visitor, provider: &Provider) -> Markup {
    let kind = match provider.kind {
        Protocol::Oidc(_) => "OpenID Connect",
        Protocol::OAuth2(_) => "OAuth 2.0",
        Protocol::OAuth1(_) => "OAuth 1.0a",
        Protocol::OpenId2(_) => "OpenID 2.0",
        Protocol::OpenId2Hybrid(_) => "OpenID 2.0 + OAuth 1.0a",
    };
    html! {
        div.who { span { (provider.label) } span { (kind) } }
        p.hint { (visitor.say("돌아올 주소", "It sends people back to")) ": " code { (visitor.origin) "/api/…" } }
    }
}

/// What was read out of the answers.
fn profile(visitor: &Visitor, profile: &Profile) -> Markup {
    let (text, standing) = match &profile.address {
        None => ("", visitor.say("없음", "none")),
        Some(address) if address.is_authoritative => (
            address.text.as_str(),
            visitor.say("확인됨, 그 도메인의 주인", "verified, by the authority for it"),
        ),
        Some(address) if address.is_verified => (address.text.as_str(), visitor.say("확인됨", "verified")),
        Some(address) => (address.text.as_str(), visitor.say("확인되지 않음", "not verified")),
    };
    html! {
        section {
            h2 { (visitor.say("읽어 낸 것", "What was read out of it")) }
            ul {
                @for (name, value) in [("subject", &profile.subject), ("name", &profile.name), ("login", &profile.login), ("picture", &profile.picture)] {
                    li { span.what { (name) } code { (value) } }
                }
                li { span.what { "email" } span { code { (text) } " " (standing) } }
            }
        }
    }
}

/// What a sign-in would come to.
fn foreseen(visitor: &Visitor, decision: Decision) -> &'static str {
    match decision {
        Decision::SignIn => visitor.say(
            "이 사람은 이미 연결된 계정으로 로그인됩니다.",
            "This person would sign in to the account that is linked.",
        ),
        Decision::Create => {
            visitor.say("이 사람에게는 새 계정이 만들어집니다.", "An account would be made for this person.")
        }
        Decision::LinkCaller | Decision::LinkNamesake => visitor.say(
            "같은 주소의 계정에 연결됩니다.",
            "It would be linked to the account with the same address.",
        ),
        Decision::TakeOver => visitor.say(
            "같은 주소의, 확인되지 않은 계정이 이 사람의 것이 됩니다.",
            "The account with the same address, which nobody has verified, would become this person's.",
        ),
        Decision::Refuse(why) => why.sentence(),
    }
}

/// What to do about a refusal.
fn advice(visitor: &Visitor, refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Status { status: 400 | 401 | 403, .. } => visitor.say(
            "로그인 서비스가 이 서비스를 받아 주지 않았습니다. client_id와 secret, 그리고 등록한 돌아올 주소를 확인해 주세요.",
            "The provider did not take us. Check client_id and secret, and the address to come back to that is registered there.",
        ),
        Refusal::Refused(_) => visitor.say(
            "로그인 서비스가 거절했습니다. 거기서 동의했는지, 요청하는 권한이 허용되어 있는지 확인해 주세요.",
            "The provider said no. Check that you agreed there, and that it allows the scopes that are asked for.",
        ),
        Refusal::Outsider => visitor.say(
            "restrict 설정에 맞지 않는 사람입니다.",
            "The settings (`restrict`) do not let this person in.",
        ),
        refusal if refusal.kind() == Kind::Unavailable => visitor.say(
            "로그인 서비스에 물을 수 없었습니다. 주소와 네트워크를 확인해 주세요.",
            "The provider could not be asked. Check the addresses, and the network.",
        ),
        _ => visitor.say(
            "받은 것이 약속한 것과 다릅니다. 아래 이유와 오간 것을 설정과 비교해 주세요.",
            "What came is not what was agreed on. Compare the reason and the steps below with the settings.",
        ),
    }
}

fn path(name: &str) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/auth/try/{}", escaped.replace('+', "%20"))
}

fn title(visitor: &Visitor, name: &str) -> String {
    format!("{}: {name}", visitor.say("로그인 서비스 시험", "Try a provider"))
}
