//! `/auth/account/authenticator`: an authenticator is turned on (a square code to scan, then a first code; the recovery codes are
//! shown once) or off.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use base::error::{Fault, Kind};
use maud::{Markup, PreEscaped, html};
use qrcode::QrCode;
use qrcode::render::svg;

use super::super::ACCOUNT;
use super::super::form::hidden;
use super::super::frame::Page;
use super::super::signed::Signed;
use super::super::turn::{Shown, Turn};
use super::super::visitor::Visitor;
use super::done;
use crate::authenticator::{self, Enrolment};
use crate::service::Identity;

const HERE: &str = "/auth/account/authenticator";

/// GET.
pub(crate) async fn show(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let signed = Signed::fresh(&identity, request.into_parts().0, HERE).await?;
    page(&identity, &signed, None).await
}

/// POST: `step` is `begin`, `prove` or `off`; the last two with `code`.
pub(crate) async fn submit(State(identity): State<Identity>, request: Request<Body>) -> Shown {
    let (head, body) = request.into_parts();
    let (signed, form) = Signed::fresh_form(&identity, head, body, HERE).await?;
    let (visitor, account) = (&signed.visitor, signed.account());
    visitor.count(&identity, &account.collection.name, "totp")?;
    let from = visitor.place().address;
    let tried = match form.text("step") {
        "prove" => match authenticator::confirm(&identity, account, form.text("code"), from).await {
            Ok(codes) => return recovery(&identity, visitor, &codes).await,
            Err(error) => Err(error),
        },
        "off" => match authenticator::disable(&identity, account, form.text("code"), from).await {
            Ok(()) => return Err(done("no-totp")),
            Err(error) => Err(error),
        },
        _ => authenticator::enrol(&identity, account).await.map(drop),
    };
    let fault = match tried {
        Ok(()) => return Err(Turn::Elsewhere(HERE.to_owned())),
        Err(error) if error.kind() == Kind::Busy => visitor.say(
            "너무 여러 번 시도했습니다. 잠시 뒤에 다시 해 주세요.",
            "Too many tries. Please try again later.",
        ),
        Err(error) if error.kind() == Kind::Invalid && form.text("step") == "begin" => visitor.say(
            "먼저 이메일 주소를 확인해 주세요. 메일로 받은 코드로 로그인하면 확인됩니다.",
            "Please verify your address first: sign in once by a mailed code, or follow the link of the verification mail.",
        ),
        Err(error) if error.kind() == Kind::Invalid => {
            visitor.say("코드가 맞지 않거나 이미 쓰였습니다.", "The code is wrong, or was used.")
        }
        Err(error) => return Err(error.into()),
    };
    page(&identity, &signed, Some(fault)).await
}

async fn page(identity: &Identity, signed: &Signed, fault: Option<&'static str>) -> Shown {
    let (visitor, mark) = (&signed.visitor, signed.visitor.mark(identity)?);
    let inside = match authenticator::is_enrolled(identity, signed.account()).await? {
        true => off(visitor, &mark),
        false => match authenticator::pending(identity, signed.account()).await? {
            Some(enrolment) => prove(visitor, &mark, &enrolment),
            None => begin(visitor, &mark),
        },
    };
    let body = html! {
        @if let Some(fault) = fault { p.fault role="alert" { (fault) } }
        (inside)
        p.hint { a href=(ACCOUNT) { (visitor.say("내 계정으로", "Back to your account")) } }
    };
    let status = if fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Page::new(visitor.say("인증 앱", "Authenticator"), body);
    Ok(visitor.show(identity, page.with_status(status)).await)
}

fn begin(visitor: &Visitor, mark: &str) -> Markup {
    html! {
        p.lead { (visitor.say("휴대폰의 인증 앱이 보여 주는 여섯 자리 코드를, 로그인할 때마다 두 번째 단계로 묻습니다.",
            "At each sign-in you are asked for the six digits that an authenticator on your phone shows.")) }
        form method="post" action=(HERE) {
            (hidden(mark, ""))
            button name="step" value="begin" { (visitor.say("시작하기", "Set it up")) }
        }
    }
}

fn prove(visitor: &Visitor, mark: &str, enrolment: &Enrolment) -> Markup {
    html! {
        p.lead { (visitor.say("인증 앱으로 이 네모를 찍은 다음, 앱에 보이는 코드를 넣어 주세요.",
            "Scan this square with your authenticator, then give the code that it shows.")) }
        (square(visitor, &enrolment.uri))
        p.hint { (visitor.say("찍을 수 없으면 이 글자를 넣어 주세요:", "If you can't scan it, type this:")) " "
            code #secret { (enrolment.secret) } }
        form method="post" action=(HERE) {
            (hidden(mark, ""))
            (code(visitor))
            button name="step" value="prove" { (visitor.say("켜기", "Turn it on")) }
        }
    }
}

fn off(visitor: &Visitor, mark: &str) -> Markup {
    html! {
        p.lead { (visitor.say("인증 앱이 켜져 있습니다. 끄려면 코드를 하나 넣어 주세요. 복구 코드도 됩니다.",
            "Your authenticator is on. To turn it off, give a code of it, or a recovery code.")) }
        form method="post" action=(HERE) {
            (hidden(mark, ""))
            (code(visitor))
            button.plain name="step" value="off" { (visitor.say("끄기", "Turn it off")) }
        }
    }
}

fn code(visitor: &Visitor) -> Markup {
    html! {
        div.field {
            label for="code" { (visitor.say("코드", "Code")) }
            input #code name="code" type="text" autocomplete="one-time-code" autocapitalize="none" required maxlength="20";
        }
    }
}

/// A text as a square code; nothing where it is too long for one.
fn square(visitor: &Visitor, text: &str) -> Markup {
    let drawn =
        QrCode::new(text).map(|code| code.render::<svg::Color<'_>>().min_dimensions(208, 208).build());
    let label = visitor.say("인증 앱으로 찍을 네모", "The square for your authenticator");
    html! {
        @if let Ok(drawn) = drawn {
            div.square role="img" aria-label=(label) { (PreEscaped(drawn.split_once("?>").map_or(drawn.as_str(), |(_, svg)| svg))) }
        }
    }
}

/// The recovery codes, this once.
async fn recovery(identity: &Identity, visitor: &Visitor, codes: &[String]) -> Shown {
    let body = html! {
        p.done role="status" { (visitor.say("인증 앱을 켰습니다.", "Your authenticator is on.")) }
        p.lead { (visitor.say("휴대폰을 잃어버렸을 때 쓸 복구 코드입니다. 지금 적어 두거나 인쇄해 주세요. 다시 보여 드리지 않습니다. 하나에 한 번씩 쓸 수 있습니다.",
            "These are recovery codes, for when you have lost your phone. Please write them down or print them now: they are not shown again. Each is good once.")) }
        ul.codes { @for code in codes { li { (code) } } }
        a.button href=(ACCOUNT) { (visitor.say("적어 두었습니다", "I have them")) }
        p.hint { (visitor.say("다른 곳의 로그인은 계정 페이지에서 끝낼 수 있습니다.", "You can sign out everywhere else on the page of your account.")) }
    };
    let page = Page::new(visitor.say("복구 코드", "Recovery codes"), body);
    Ok(visitor.show(identity, page.with_status(StatusCode::OK)).await)
}
