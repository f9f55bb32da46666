//! The mails that an auth collection sends, as a new collection has them. Words in braces are filled in at sending.
//!
//! Nothing tells the language of an account, so each mail says its few sentences in Korean and in English.

use serde_json::{Value, json};

fn mail(subject: &str, korean: &str, english: &str) -> Value {
    let body = format!("{korean}\n<hr>\n{english}\n<p>{{APP_NAME}}</p>");
    json!({ "subject": format!("{{APP_NAME}}: {subject}"), "body": body })
}

/// A sentence, the button that leads to a page of ours, and what to do who has not asked for it.
fn linked(page: &str, lead: &str, label: &str, stranger: &str) -> String {
    let link = format!("{{APP_URL}}/auth/{page}?token={{TOKEN}}");
    format!("<p>{lead}</p>\n<p><a class=\"btn\" href=\"{link}\">{label}</a></p>\n<p>{stranger}</p>")
}

/// To confirm an address after sign-up.
pub(super) fn verification() -> Value {
    mail(
        "주소 확인 · Please confirm your address",
        &linked(
            "confirm-verification",
            "이 주소가 본인의 것인지 확인해 주세요.",
            "주소 확인",
            "가입하신 적이 없다면 이 메일은 그냥 두셔도 됩니다.",
        ),
        &linked(
            "confirm-verification",
            "Please confirm that this address is yours.",
            "Confirm the address",
            "If you have not signed up, nothing needs to be done.",
        ),
    )
}

/// To set a new password.
pub(super) fn password_reset() -> Value {
    mail(
        "새 비밀번호 · A new password",
        &linked(
            "confirm-password-reset",
            "아래에서 비밀번호를 새로 정하실 수 있습니다.",
            "새 비밀번호 정하기",
            "요청하신 적이 없다면 이 메일은 그냥 두셔도 됩니다.",
        ),
        &linked(
            "confirm-password-reset",
            "Here you can set a new password.",
            "Set a new password",
            "If you have not asked for it, nothing needs to be done.",
        ),
    )
}

/// To confirm a new address.
pub(super) fn email_change() -> Value {
    mail(
        "새 주소 확인 · Please confirm your new address",
        &linked(
            "confirm-email-change",
            "새 주소가 본인의 것인지 확인해 주세요.",
            "이 주소 사용",
            "요청하신 적이 없다면 이 메일은 그냥 두셔도 됩니다.",
        ),
        &linked(
            "confirm-email-change",
            "Please confirm your new address.",
            "Use this address",
            "If you have not asked for it, nothing needs to be done.",
        ),
    )
}

/// A code to sign in with.
pub(super) fn code() -> Value {
    mail(
        "로그인 코드 · Your code",
        "<p>로그인 코드는 <strong>{OTP}</strong>입니다. 아무에게도 알려 주지 마세요.</p>",
        "<p>Your code is <strong>{OTP}</strong>. Give it to nobody.</p>\n\
         <p>If you have not asked for it, nothing needs to be done.</p>",
    )
}

/// A sign-in from a place that was not seen before.
pub(super) fn new_place() -> Value {
    mail(
        "새로운 곳에서 로그인 · Signed in from a new place",
        "<p>처음 보는 곳에서 이 계정으로 로그인했습니다.</p>\n<p>{ALERT_INFO}</p>\n\
         <p>본인이 아니라면 지금 비밀번호를 바꾸세요. 모든 곳에서 로그아웃됩니다.</p>",
        "<p>Somebody has signed in to your account from a new place.</p>\n<p>{ALERT_INFO}</p>\n\
         <p>If it was not you, change your password now: that signs everybody out.</p>",
    )
}

/// To the address that an account had: it has another one, and how to get it back.
pub(super) fn email_changed() -> Value {
    mail(
        "주소가 바뀌었습니다 · Your address was changed",
        &linked(
            "confirm-email-undo",
            "이 계정의 주소가 다른 주소로 바뀌었습니다. {ALERT_INFO}",
            "되돌리기 (72시간 안에)",
            "직접 바꾸셨다면 이 메일은 그냥 두셔도 됩니다.",
        ),
        &linked(
            "confirm-email-undo",
            "The address of your account was changed to another one. {ALERT_INFO}",
            "Undo it (within 72 hours)",
            "If you have changed it yourself, nothing needs to be done.",
        ),
    )
}

/// That how an account signs in was changed.
pub(super) fn notice() -> Value {
    mail(
        "로그인 방법이 바뀌었습니다 · How you sign in was changed",
        "<p>이 계정에 로그인하는 방법이 바뀌었습니다.</p>\n<p>{ALERT_INFO}</p>\n\
         <p>본인이 아니라면 지금 비밀번호를 바꾸고, 모르는 패스키와 연결을 지우세요.</p>",
        "<p>How your account signs in was changed.</p>\n<p>{ALERT_INFO}</p>\n\
         <p>If it was not you, change your password now, and delete passkeys and links that you don't know.</p>",
    )
}
