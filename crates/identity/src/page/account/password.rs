//! `/auth/account/password`: a new password, by whoever has just shown who it is. All sessions end; this browser gets a new one.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use base::error::{Fault, Kind};
use maud::html;
use records::Principal;
use web::Problem;

use super::super::form::{Form, hidden};
use super::super::frame::Page;
use super::super::signed::Signed;
use super::super::turn::Shown;
use super::super::{ACCOUNT, address};
use crate::audit::{self, Entry, Event};
use crate::mailed::check_passwords;
use crate::service::Identity;
use crate::session::Beginning;

const HERE: &str = "/auth/account/password";

/// GET.
pub(crate) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let signed = Signed::fresh(&identity, request.into_parts().0, HERE).await?;
    page(&identity, &signed, None).await
}

/// POST: `password` and `passwordConfirm`.
pub(crate) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let (signed, form) = Signed::fresh_form(&identity, head, body, HERE).await?;
    let visitor = &signed.visitor;
    if !has_password(&signed) {
        return Err(Problem::missing().into());
    }
    let account = match change(&identity, &signed, &form).await {
        Ok(account) => account,
        Err(error) if error.kind() == Kind::Invalid => {
            let is_same = form.text("password") == form.text("passwordConfirm");
            let fault = match is_same {
                false => visitor.say("두 비밀번호가 서로 다릅니다.", "The two passwords differ."),
                true => visitor.say(
                    "이 비밀번호는 쓸 수 없습니다. 8자 이상으로 정해 주세요.",
                    "This password can't be used. Please take 8 characters or more.",
                ),
            };
            return page(&identity, &signed, Some(fault)).await;
        }
        Err(error) => return Err(error.into()),
    };
    let beginning =
        Beginning { ways: vec![crate::mfa::Way::Password], place: visitor.place(), actor: None, via: None };
    let token = identity.begin_session(&account, &beginning).await?;
    let mut response = web::reply::see_other(&address(ACCOUNT, &[("said", "password")]));
    visitor.sign_in(&mut response, &account, &token);
    Ok(response)
}

/// Sets it; with the old one all sessions and mailed words are void.
async fn change(identity: &Identity, signed: &Signed, form: &Form) -> Result<Principal, records::Error> {
    check_passwords(form.text("password"), form.text("passwordConfirm"))?;
    let account = signed.account().clone();
    let hash = identity.records().hash_password(&account.collection, form.text("password")).await?;
    let (inside, from) = (identity.clone(), signed.visitor.place().address);
    let changed = identity.records().store().write(move |tx| {
        Box::pin(async move {
            let row = tx.get(&account.collection.table(), &account.row.id).await?;
            let row = row.ok_or_else(records::Error::missing)?;
            let before = inside.records().values(&account.collection, &row);
            let mut after = before.clone();
            after.0.insert("password".into(), hash.into());
            audit::write(tx, &inside, &Entry::new(Event::PasswordChanged, &*account).from(from)).await?;
            let row = inside.records().update_own(tx, &account.collection, &before, after).await?;
            Ok::<_, records::Error>(Principal { collection: account.collection.clone(), row })
        })
    });
    changed.await
}

fn has_password(signed: &Signed) -> bool {
    signed.account().collection.auth.as_ref().is_some_and(|auth| auth.has_password)
}

async fn page(identity: &Identity, signed: &Signed, fault: Option<&'static str>) -> Shown {
    let (visitor, mark) = (&signed.visitor, signed.visitor.mark(identity)?);
    let values = signed.values(identity);
    let body = html! {
        @if let Some(fault) = fault { p.fault role="alert" { (fault) } }
        p.lead { (visitor.say("다른 곳의 로그인은 모두 끝납니다.", "You will be signed out everywhere else.")) }
        form method="post" action=(HERE) {
            (hidden(&mark, ""))
            input type="text" name="username" value=(values.text("email")) autocomplete="username" hidden;
            (new_passwords(visitor))
            button { (visitor.say("비밀번호 바꾸기", "Change the password")) }
        }
        p.hint { a href=(ACCOUNT) { (visitor.say("내 계정으로", "Back to your account")) } }
    };
    let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Page::new(visitor.say("새 비밀번호", "A new password"), body);
    Ok(visitor.show(identity, page.with_status(status)).await)
}

/// The fields of a new password.
pub(crate) fn new_passwords(visitor: &super::super::visitor::Visitor) -> maud::Markup {
    html! {
        div.field {
            label for="password" { (visitor.say("새 비밀번호 (8자 이상)", "New password (8 characters or more)")) }
            input #password name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="255";
        }
        div.field {
            label for="passwordConfirm" { (visitor.say("한 번 더", "Once more")) }
            input #passwordConfirm name="passwordConfirm" type="password" autocomplete="new-password" required minlength="8" maxlength="255";
        }
    }
}
