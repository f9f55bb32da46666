//! `POST /auth/sign-in/password`: `who` and `password`.

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use web::Problem;

use super::form::Form;
use super::goal::Goal;
use super::turn::Shown;
use super::visitor::Visitor;
use super::{entry, ways};
use crate::endpoint::password::{LENGTH_MAX, all_fields, known};
use crate::mfa::Way;
use crate::service::Identity;
use crate::session::Check;

pub(super) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let visitor = Visitor::of(&identity, head, Check::Heard).await?;
    let form = Form::read(&identity, &visitor, body).await?;
    let goal = Goal::of_form(&identity, &form)?;
    visitor.count(&identity, &goal.collection.name, "authWithPassword")?;
    let Some(auth) = goal.collection.auth.as_ref().filter(|auth| auth.has_password) else {
        return Err(Problem::missing().into());
    };
    let password = form.text("password");
    let is_read = [password, &goal.who].iter().all(|text| text.chars().count() <= LENGTH_MAX);
    let password = if is_read { password } else { "" };
    match known(&identity, &goal.collection, &all_fields(auth), [&goal.who, password], &visitor.place())
        .await?
    {
        Some(account) => entry::passed(&identity, &visitor, &goal, &account, Way::Password.into()).await,
        None => {
            let fault =
                visitor.say("이메일이나 비밀번호가 맞지 않습니다.", "The email or the password is wrong.");
            let but = (!goal.half.is_empty()).then_some(Way::Otp);
            ways::ask(&identity, &visitor, &goal, ways::Open { but, fault: Some(fault) }).await
        }
    }
}
