//! `/auth/came-back`: the browser is back from a provider: whom that vouches for is let in, or linked to the account that asked.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use base::error::{Fault, Kind, chain};
use records::Context;
use serde_json::Map;
use web::Problem;

use super::goal::{self, Goal};
use super::journey::{self, Aim, Arrival, Journey};
use super::turn::{Shown, Turn};
use super::visitor::Visitor;
use super::{ACCOUNT, address, entry, provider, trial, ways};
use crate::endpoint::auth_collection;
use crate::external::account::{self, Outcome};
use crate::external::{Arrived, Return};
use crate::linking::Why;
use crate::mfa::{Passed, Way};
use crate::refusal::Refusal;
use crate::service::Identity;
use crate::session::Check;

/// GET: `state`.
pub(super) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let visitor = Visitor::of(&identity, request.into_parts().0, Check::Anew).await?;
    let Some((journey, arrival)) = journey::end(&identity, &visitor, &visitor.query("state")).await? else {
        tracing::warn!("a browser came back to a page that had not begun here, or too late");
        let goal = Goal::of_query(&identity, &visitor)?;
        return ways::begin(&identity, &visitor, &goal, Some(start_again(&visitor))).await;
    };
    let collection = auth_collection(&identity, &journey.collection)?;
    let (return_to, half) = (journey.return_to.clone(), journey.half.clone());
    let goal = Goal { collection, return_to, who: String::new(), half, again: String::new() };
    if journey.aim == Aim::Try {
        return trial::end(&identity, &visitor, &goal, &journey, &arrival, &visitor.query("state")).await;
    }
    let arrived = match proven(&identity, &visitor, &goal, &journey, &arrival).await? {
        Ok(arrived) => arrived,
        Err(fault) => return told(&identity, &visitor, &goal, &journey, fault.said(&visitor)).await,
    };
    match &journey.aim {
        Aim::SignIn => enter(&identity, &visitor, &goal, &journey, &arrived).await,
        Aim::Link(account) => link(&identity, &visitor, &goal, &journey, &arrived, account).await,
        Aim::Try => Err(Problem::missing().into()),
    }
}

/// Why nobody is vouched for.
enum Unproven {
    Denied,
    Refused(Refusal),
}

impl Unproven {
    fn said(&self, visitor: &Visitor) -> &'static str {
        match self {
            Unproven::Denied => visitor.say("로그인이 취소되었습니다.", "The sign-in was cancelled."),
            Unproven::Refused(refusal) => match refusal.kind() {
                Kind::Unavailable => provider::away(visitor),
                Kind::Forbidden => visitor.say(
                    "이 서비스는 정해진 조직의 구성원만 이용할 수 있습니다. 그 조직의 계정으로 다시 시작해 주세요.",
                    "This service lets in members of certain organisations only. Please start again with your account there.",
                ),
                _ => start_again(visitor),
            },
        }
    }
}

/// Whom the provider vouches for.
async fn proven(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    journey: &Journey,
    arrival: &Arrival,
) -> Result<Result<Arrived, Unproven>, records::Error> {
    if arrival.code.is_empty() {
        let (provider, error) = (&journey.provider, &arrival.error);
        tracing::info!(provider, error, "a provider sent a browser back without a code");
        return Ok(Err(match error.as_str() {
            "temporarily_unavailable" => {
                Unproven::Refused(Refusal::Status { what: "the provider", status: 503 })
            }
            "access_denied" => Unproven::Denied,
            _ => Unproven::Refused(Refusal::Mismatch("there is no code")),
        }));
    }
    let known = identity.providers(&goal.collection).into_iter().find(|known| known.name == journey.provider);
    let Some(provider) = known else {
        return Ok(Err(Unproven::Refused(Refusal::Mismatch("the provider is offered no longer"))));
    };
    let back = Return {
        provider: &journey.provider,
        code: &arrival.code,
        verifier: &journey.verifier,
        redirect_uri: &journey.redirect_uri,
    };
    let refusal = match identity.arrive(&goal.collection, provider, &back).await? {
        Ok(arrived) => return Ok(Ok(arrived)),
        Err(refusal) => refusal,
    };
    let (collection, provider, cause) = (&goal.collection.name, &journey.provider, chain(&refusal));
    tracing::warn!(collection, provider, cause, "a sign-in through a provider was refused");
    identity.note_refusal(&goal.collection, provider, &refusal, &visitor.place()).await;
    Ok(Err(Unproven::Refused(refusal)))
}

async fn enter(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    journey: &Journey,
    arrived: &Arrived,
) -> Shown {
    let (request, wanted) = (visitor.request(Context::OAuth2), Map::new());
    let arrival =
        account::Arrival { collection: &goal.collection, request: &request, arrived, wanted: &wanted };
    match identity.admit(&arrival).await {
        Ok(Outcome::Account { account, .. }) => {
            let passed = Passed { way: Way::OAuth2, via: Some(arrived.via.clone()) };
            entry::passed(identity, visitor, goal, &account, passed).await
        }
        Ok(Outcome::Refused(why)) => {
            tracing::info!(provider = arrived.provider.name, why = why.code(), "a sign-in was not let in");
            identity.note_kept_out(&goal.collection, &arrived.provider.name, why, &visitor.place()).await;
            told(identity, visitor, goal, journey, of(why, visitor)).await
        }
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Forbidden) => {
            tracing::info!(provider = arrived.provider.name, error = chain(&error), "no account was made");
            let fault = visitor.say(
                "이 로그인으로는 새 계정을 만들 수 없습니다. 다른 방법으로 가입한 뒤 연결해 주세요.",
                "No account can be made by this sign-in. Please sign up another way, then link it.",
            );
            told(identity, visitor, goal, journey, fault).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Links the identity to the account that asked for it, if that sits there still, and has just shown who it is.
async fn link(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    journey: &Journey,
    arrived: &Arrived,
    account: &str,
) -> Shown {
    let is_its = visitor.session.as_ref().is_some_and(|session| {
        session.principal.row.id == account && session.principal.collection.id == goal.collection.id
    });
    if !is_its || !visitor.is_fresh(identity).await? {
        return Err(Turn::Elsewhere(goal::again(visitor, ACCOUNT)));
    }
    let (request, wanted) = (visitor.own_request("POST"), Map::new());
    let arrival =
        account::Arrival { collection: &goal.collection, request: &request, arrived, wanted: &wanted };
    match identity.admit(&arrival).await? {
        Outcome::Account { .. } => Err(Turn::Elsewhere(address(ACCOUNT, &[("said", "linked")]))),
        Outcome::Refused(why) => told(identity, visitor, goal, journey, of(why, visitor)).await,
    }
}

/// The person is told why it did not work, where it began.
async fn told(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    journey: &Journey,
    fault: &'static str,
) -> Shown {
    match journey.aim {
        Aim::SignIn | Aim::Try => {
            let goal = Goal { half: String::new(), ..goal.clone() };
            ways::begin(identity, visitor, &goal, Some(fault)).await
        }
        Aim::Link(_) => super::account::told(identity, visitor, fault).await,
    }
}

fn start_again(visitor: &Visitor) -> &'static str {
    visitor.say(
        "로그인하지 못했습니다. 처음부터 다시 해 주세요.",
        "The sign-in did not work. Please start again.",
    )
}

fn of(why: Why, visitor: &Visitor) -> &'static str {
    let korean = match why {
        Why::Taken => "이 로그인은 이미 다른 계정에 연결되어 있습니다. 그 계정에서 먼저 연결을 끊어 주세요.",
        Why::LinkFirst => {
            "이 메일 주소의 계정이 이미 있습니다. 먼저 그 계정으로 로그인한 다음, 계정 페이지에서 이 로그인을 연결해 주세요."
        }
        Why::Unverified => {
            "이 메일 주소의 계정이 이미 있고, 이 주소가 본인 것인지 로그인 서비스가 확인해 주지 않았습니다. 먼저 그 계정으로 \
             로그인한 다음, 계정 페이지에서 연결해 주세요."
        }
        Why::Moved => {
            "이 로그인을 연결한 뒤에 설정이 다른 서비스를 가리키게 되었습니다. 서비스를 운영하는 분께 옛 연결을 지워 달라고 해 주세요."
        }
    };
    visitor.say(korean, why.sentence())
}
