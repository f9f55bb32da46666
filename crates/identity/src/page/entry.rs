//! Whoever has passed a way to sign in is let in, or asked for the second one.

use std::sync::Arc;

use axum::http::StatusCode;
use records::{Context, Principal};
use web::Problem;

use super::goal::Goal;
use super::turn::{Shown, Turn};
use super::visitor::Visitor;
use super::{second, ways};
use crate::entrance::{Entrance, Passage, Ways};
use crate::mfa::{Passed, Way};
use crate::service::Identity;

/// Whoever has passed one way.
pub(super) async fn passed(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    account: &Arc<Principal>,
    passed: Passed,
) -> Shown {
    let (request, place) = (visitor.request(context(passed.way)), visitor.place());
    let passage = Passage { request: &request, place: &place, half: &goal.half };
    let way = passed.way;
    match identity.enter(passage, account, passed).await {
        Ok(Entrance::In(token)) => entered(identity, visitor, goal, account, &token).await,
        Ok(Entrance::Half { half, is_authenticator: true }) => {
            let goal = Goal { half, ..goal.clone() };
            second::ask(identity, visitor, &goal, None).await
        }
        Ok(Entrance::Half { half, is_authenticator: false }) => {
            let who = identity.records().values(&account.collection, &account.row).text("email").to_owned();
            let goal = Goal { half, who, ..goal.clone() };
            let open = ways::Open { but: Some(way), fault: None };
            ways::ask(identity, visitor, &goal, open).await
        }
        Err(problem) => refused(identity, visitor, goal, problem).await,
    }
}

/// Whoever has passed all ways.
pub(super) async fn passed_all(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    account: &Arc<Principal>,
    ways: Ways,
) -> Shown {
    let (request, place) = (visitor.request(Context::Default), visitor.place());
    let passage = Passage { request: &request, place: &place, half: &goal.half };
    match identity.let_in(passage, account, ways).await {
        Ok(token) => entered(identity, visitor, goal, account, &token).await,
        Err(problem) => refused(identity, visitor, goal, problem).await,
    }
}

/// A session has begun: the browser gets it in place of the one that it had, which ends.
pub(super) async fn entered(
    identity: &Identity,
    visitor: &Visitor,
    goal: &Goal,
    account: &Principal,
    token: &str,
) -> Shown {
    if let Some(before) = &visitor.session {
        identity.end_session(before, &visitor.place()).await?;
    }
    let mut response = web::reply::see_other(goal.end());
    visitor.sign_in(&mut response, account, token);
    Ok(response)
}

/// Who may not come in is told so; everything else that is wrong begins anew.
async fn refused(identity: &Identity, visitor: &Visitor, goal: &Goal, problem: Problem) -> Shown {
    let fault = match problem.status {
        StatusCode::FORBIDDEN => visitor.say(
            "이 계정은 지금 로그인할 수 없습니다. 서비스를 운영하는 분께 문의해 주세요.",
            "This account may not sign in now. Please ask whoever runs the service.",
        ),
        StatusCode::BAD_REQUEST => visitor.say(
            "시간이 지났거나 맞지 않습니다. 처음부터 다시 해 주세요.",
            "It took too long, or did not fit. Please start again.",
        ),
        _ => return Err(Turn::from(problem)),
    };
    let goal = Goal { half: String::new(), ..goal.clone() };
    ways::begin(identity, visitor, &goal, Some(fault)).await
}

fn context(way: Way) -> Context {
    match way {
        Way::Password => Context::Password,
        Way::Otp => Context::Otp,
        Way::OAuth2 => Context::OAuth2,
        Way::Totp | Way::Passkey => Context::Default,
    }
}
