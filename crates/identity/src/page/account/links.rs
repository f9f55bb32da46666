//! `POST /auth/account/link` sends the browser to a provider, to link it; `POST /auth/account/unlink` takes a link away.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use base::error::{Fault, Kind};
use records::core::change::EXTERNAL_AUTHS;

use super::super::ACCOUNT;
use super::super::goal::Goal;
use super::super::journey::Aim;
use super::super::provider::{away, leave};
use super::super::signed::Signed;
use super::super::turn::Shown;
use super::{done, told};
use crate::service::Identity;

/// POST: `provider`.
pub(crate) async fn link(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let (signed, form) = Signed::fresh_form(&identity, head, body, ACCOUNT).await?;
    let (visitor, account) = (&signed.visitor, signed.account());
    visitor.count(&identity, &account.collection.name, "authWithOAuth2")?;
    let text = String::new;
    let goal = Goal {
        collection: account.collection.clone(),
        return_to: text(),
        who: text(),
        half: text(),
        again: text(),
    };
    match leave(&identity, visitor, &goal, form.text("provider"), Aim::Link(account.row.id.clone())).await? {
        Some(page) => Ok(page),
        None => told(&identity, visitor, away(visitor)).await,
    }
}

/// POST: `id`. The last way in stays.
pub(crate) async fn unlink(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let (signed, form) = Signed::fresh_form(&identity, head, body, ACCOUNT).await?;
    let visitor = &signed.visitor;
    match identity.records().delete(&visitor.own_request("DELETE"), EXTERNAL_AUTHS, form.text("id")).await {
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Forbidden) => {
            let fault = visitor.say(
                "이 계정에 남은 마지막 로그인 방법이라 끊을 수 없습니다.",
                "It is the last way into this account, so it stays.",
            );
            told(&identity, visitor, fault).await
        }
        Err(error) if error.kind() != Kind::NotFound => Err(error.into()),
        _ => Err(done("unlinked")),
    }
}
