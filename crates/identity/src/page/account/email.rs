//! `/auth/account/email`: another address; a link is mailed to it, and it counts once that has been opened.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use maud::html;
use web::Problem;

use super::super::ACCOUNT;
use super::super::form::hidden;
use super::super::frame::Page;
use super::super::signed::Signed;
use super::super::turn::Shown;
use super::done;
use crate::endpoint::change_address;
use crate::service::Identity;

const HERE: &str = "/auth/account/email";

/// GET.
pub(crate) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let signed = Signed::fresh(&identity, request.into_parts().0, HERE).await?;
    page(&identity, &signed, None).await
}

/// POST: `email`. An address that is somebody else's gets no mail, and whoever asks is not told.
pub(crate) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let (signed, form) = Signed::fresh_form(&identity, head, body, HERE).await?;
    let visitor = &signed.visitor;
    visitor.count(&identity, &signed.account().collection.name, "requestEmailChange")?;
    if identity.post().is_none() {
        return Err(Problem::missing().into());
    }
    match change_address(&identity, signed.account(), form.text("email").trim()).await {
        Ok(()) => Err(done("email")),
        Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
            let fault = visitor.say(
                "이 주소는 쓸 수 없습니다. 지금과 다른, 올바른 메일 주소를 넣어 주세요.",
                "This address can't be used. Please give a mail address that is not the present one.",
            );
            page(&identity, &signed, Some(fault)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn page(identity: &Identity, signed: &Signed, fault: Option<&'static str>) -> Shown {
    let (visitor, mark) = (&signed.visitor, signed.visitor.mark(identity)?);
    let body = html! {
        @if let Some(fault) = fault { p.fault role="alert" { (fault) } }
        div.who { span { (signed.values(identity).text("email")) } }
        form method="post" action=(HERE) {
            (hidden(&mark, ""))
            div.field {
                label for="email" { (visitor.say("새 이메일", "New email")) }
                input #email name="email" type="email" autocomplete="email" required maxlength="255" autofocus;
            }
            button { (visitor.say("링크 받기", "Mail me the link")) }
        }
        p.hint { a href=(ACCOUNT) { (visitor.say("내 계정으로", "Back to your account")) } }
    };
    let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Page::new(visitor.say("이메일 주소 바꾸기", "Change the address"), body);
    Ok(visitor.show(identity, page.with_status(status)).await)
}
