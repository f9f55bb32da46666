//! The mail itself: the collection's template with the words of this hour.

use std::time::Duration;

use mail::Message;
use records::core::collection::AuthOptions;
use records::core::value::Values;
use records::{Error, Principal};
use serde_json::Value;

use super::Outgoing;
use super::invite;
use super::job::{Kind, Taken};
use crate::letter::{self, Place, Words};
use crate::mailed::undo;
use crate::options::{self, Template};
use crate::otp;
use crate::service::Identity;
use crate::token::Purpose;

/// The message of a mail, or why there is no point in sending it any more.
pub(super) async fn message(
    identity: &Identity,
    outgoing: &Outgoing,
    taken: &Taken,
) -> Result<Result<Message, &'static str>, Error> {
    if matches!(taken.job.kind, Kind::Invitation | Kind::SignUp | Kind::AlreadyThere) {
        return invite::message(identity, outgoing, taken).await;
    }
    let (records, job) = (identity.records(), &taken.job);
    let collection = records.catalog().find(&job.collection).filter(|c| c.is_auth()).cloned();
    let Some(collection) = collection else { return Ok(Err("the account's collection is gone")) };
    let Some(row) = records.find(&collection, &job.account).await? else {
        return Ok(Err("the account is gone"));
    };
    let values = records.values(&collection, &row);
    let account = Principal { collection, row };
    let Some(auth) = &account.collection.auth else { return Ok(Err("the account's collection is gone")) };
    let now = records.clock().now();
    if !job.kind.is_elsewhere() && !values.text("email").eq_ignore_ascii_case(&job.to) {
        return Ok(Err("the account has another address by now"));
    }
    if job.kind == Kind::Otp && now >= taken.created.after(options::otp_time(auth)) {
        return Ok(Err("its code expired while it waited"));
    }
    let Some(template) = options::template(auth, of(job.kind)) else {
        return Ok(Err("its template is missing in the collection"));
    };
    let secrets = secrets(identity, &account, auth, taken)?;
    Ok(Ok(filled(outgoing, &account, &values, taken, template, &secrets)))
}

/// A token and a code, as far as the mail has them in it.
struct Secrets {
    token: String,
    otp: String,
}

fn secrets(
    identity: &Identity,
    account: &Principal,
    auth: &AuthOptions,
    taken: &Taken,
) -> Result<Secrets, Error> {
    let job = &taken.job;
    let about = |name: &str| job.about.get(name).and_then(Value::as_str).unwrap_or_default();
    let token = match job.kind.token() {
        Some(purpose) => {
            let life = Duration::from_secs(options::token_seconds(auth, purpose));
            identity.mailed_token(account, purpose, life, about("newEmail"))?
        }
        None if job.kind == Kind::EmailChanged => {
            undo::token(&account.collection, about("undo")).unwrap_or_default()
        }
        None => String::new(),
    };
    let otp = match (job.kind, identity.key(account, Purpose::Otp)) {
        (Kind::Otp, Some(key)) => otp::code(&key, about("otpId"), options::otp_length(auth)),
        _ => String::new(),
    };
    Ok(Secrets { token, otp })
}

fn filled(
    outgoing: &Outgoing,
    account: &Principal,
    values: &Values,
    taken: &Taken,
    template: Template<'_>,
    secrets: &Secrets,
) -> Message {
    let about = |name: &str| taken.job.about.get(name).and_then(Value::as_str).unwrap_or_default();
    let words = Words {
        app_name: &outgoing.app_name,
        app_url: &outgoing.app_url,
        token: &secrets.token,
        otp: &secrets.otp,
        otp_id: about("otpId"),
        alert_info: about("alertInfo"),
        account: (&account.collection, values),
    };
    Message {
        id: taken.id.clone(),
        to: taken.job.to.clone(),
        subject: letter::fill(template.subject, Place::Subject, &words),
        html: letter::fill(template.body, Place::Page, &words),
    }
}

fn of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Verification => &["verificationTemplate"],
        Kind::PasswordReset => &["resetPasswordTemplate"],
        Kind::EmailChange => &["confirmEmailChangeTemplate"],
        Kind::Otp => &["otp", "emailTemplate"],
        Kind::AuthAlert => &["authAlert", "emailTemplate"],
        Kind::Notice | Kind::OldAddress => &["noticeTemplate"],
        Kind::EmailChanged => &["emailChangedTemplate"],
        // these have none
        Kind::Invitation | Kind::SignUp | Kind::AlreadyThere => &[],
    }
}
