//! `/auth/account/passkeys`: a passkey is added, for which a script is needed; `POST …/remove` takes one away.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use base::error::{Fault, Kind};
use maud::html;
use records::core::change::PASSKEYS;
use serde_json::Value;

use super::super::form::hidden;
use super::super::frame::Page;
use super::super::passkey::{SCRIPT, site};
use super::super::signed::Signed;
use super::super::turn::Shown;
use super::super::{ACCOUNT, PASSKEYS as HERE};
use super::{done, told};
use crate::passkey::{NAME_LENGTH_MAX, options, register};
use crate::service::Identity;

/// GET.
pub(crate) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let signed = Signed::fresh(&identity, request.into_parts().0, HERE).await?;
    page(&identity, &signed, None).await
}

/// POST: `credential`, as the browser gave it, and `name`.
pub(crate) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let (signed, form) = Signed::fresh_form(&identity, head, body, HERE).await?;
    let visitor = &signed.visitor;
    visitor.count(&identity, &signed.account().collection.name, "passkeyRegister")?;
    let credential: Value = serde_json::from_str(form.text("credential")).unwrap_or_default();
    let name: String = form.text("name").trim().chars().take(NAME_LENGTH_MAX).collect();
    let (site, place) = (site(&identity, &signed.account().collection)?, visitor.place());
    let registered = register(&identity, site, signed.account(), &credential, &name, &place);
    let fault = match registered.await {
        Ok(Ok(_)) => return Err(done("passkey")),
        Ok(Err(flaw)) => {
            tracing::info!(%flaw, "a passkey was not taken");
            visitor.say(
                "패스키를 추가하지 못했습니다. 다시 해 주세요.",
                "The passkey was not added. Please try again.",
            )
        }
        Err(error) if error.kind() == Kind::Conflict => {
            visitor.say("이 패스키는 이미 등록되어 있습니다.", "This passkey is there already.")
        }
        Err(error) if error.kind() == Kind::Invalid => visitor.say(
            "패스키가 너무 많습니다. 쓰지 않는 것을 먼저 지워 주세요.",
            "There are too many passkeys. Please remove one that you don't use first.",
        ),
        Err(error) => return Err(error.into()),
    };
    page(&identity, &signed, Some(fault)).await
}

/// POST: `id`. The last way in stays.
pub(crate) async fn remove(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let (signed, form) = Signed::fresh_form(&identity, head, body, ACCOUNT).await?;
    let visitor = &signed.visitor;
    match identity.records().delete(&visitor.own_request("DELETE"), PASSKEYS, form.text("id")).await {
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Forbidden) => {
            let fault = visitor.say(
                "이 계정에 남은 마지막 로그인 방법이라 지울 수 없습니다.",
                "It is the last way into this account, so it stays.",
            );
            told(&identity, visitor, fault).await
        }
        Err(error) if error.kind() != Kind::NotFound => Err(error.into()),
        _ => Err(done("no-passkey")),
    }
}

async fn page(identity: &Identity, signed: &Signed, fault: Option<&'static str>) -> Shown {
    let (visitor, mark) = (&signed.visitor, signed.visitor.mark(identity)?);
    let site = site(identity, &signed.account().collection)?;
    let options = options::register(identity, site, signed.account()).await?.to_string();
    let body = html! {
        @if let Some(fault) = fault { p.fault role="alert" { (fault) } }
        p.lead { (visitor.say("이 기기의 지문, 얼굴, PIN으로 다음부터 비밀번호 없이 로그인합니다.",
            "From then on, this device's fingerprint, face or PIN signs you in, without a password.")) }
        noscript { p.note { (visitor.say("패스키를 쓰려면 자바스크립트가 필요합니다. 브라우저 설정에서 켜 주세요.",
            "Passkeys need JavaScript. Please switch it on in your browser's settings.")) } }
        p.note.no-passkey hidden { (visitor.say("이 브라우저나 주소에서는 패스키를 쓸 수 없습니다: ", "Passkeys need a newer browser, and this address: ")) (site.origin) }
        form.passkey method="post" action=(HERE) hidden data-origin=(site.origin) data-options=(options)
            data-refused=(visitor.say("취소되었습니다.", "It was cancelled."))
            data-there=(visitor.say("이 기기에는 이 계정의 패스키가 이미 있습니다.", "This device already has a passkey of this account."))
            data-failed=(visitor.say("되지 않았습니다. 다시 시도해 주세요.", "That did not work. Please try again.")) {
            (hidden(&mark, ""))
            input type="hidden" name="credential";
            p.fault role="alert" hidden {}
            div.field {
                label for="name" { (visitor.say("이름 (예: 내 휴대폰)", "Name (such as: my phone)")) }
                input #name name="name" maxlength="100";
            }
            button { (visitor.say("패스키 추가", "Add a passkey")) }
        }
        p.hint { a href=(ACCOUNT) { (visitor.say("내 계정으로", "Back to your account")) } }
    };
    let page = Page::new(visitor.say("패스키 추가", "Add a passkey"), body).with_script(SCRIPT);
    let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(visitor.show(identity, page.with_status(status)).await)
}
