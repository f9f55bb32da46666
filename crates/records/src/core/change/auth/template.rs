//! The mails that an auth collection sends, as a new collection has them. Words in braces are filled in at sending.

use serde_json::{Value, json};

fn mail(subject: &str, text: &str) -> Value {
    json!({ "subject": subject, "body": format!("{text}\n<p>{{APP_NAME}}</p>") })
}

/// A button that leads to a page of the application.
fn button(page: &str, label: &str) -> String {
    format!("<p><a class=\"btn\" href=\"{{APP_URL}}/_/#/auth/{page}/{{TOKEN}}\">{label}</a></p>")
}

/// To confirm an address after sign-up.
pub(super) fn verification() -> Value {
    let button = button("confirm-verification", "Confirm the address");
    let text = format!(
        "<p>Please confirm that this address is yours:</p>\n{button}\n<p>If you have not signed up, nothing needs to be done.</p>"
    );
    mail("{APP_NAME}: please confirm your address", &text)
}

/// To set a new password.
pub(super) fn password_reset() -> Value {
    let button = button("confirm-password-reset", "Set a new password");
    let text = format!(
        "<p>Here you can set a new password:</p>\n{button}\n<p>If you have not asked for it, nothing needs to be done.</p>"
    );
    mail("{APP_NAME}: a new password", &text)
}

/// To confirm a new address.
pub(super) fn email_change() -> Value {
    let button = button("confirm-email-change", "Use this address");
    let text = format!(
        "<p>Please confirm your new address:</p>\n{button}\n<p>If you have not asked for it, nothing needs to be done.</p>"
    );
    mail("{APP_NAME}: please confirm your new address", &text)
}

/// A code to sign in with.
pub(super) fn code() -> Value {
    mail(
        "{APP_NAME}: your code",
        "<p>Your code is <strong>{OTP}</strong>.</p>\n<p>If you have not asked for it, nothing needs to be done.</p>",
    )
}

/// A sign-in from a place that was not seen before.
pub(super) fn new_place() -> Value {
    mail(
        "{APP_NAME}: signed in from a new place",
        "<p>Somebody has signed in to your account from a new place:</p>\n<p>{ALERT_INFO}</p>\n<p>If it was not you, change your password now: that signs everybody out.</p>",
    )
}
