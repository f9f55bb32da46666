//! The mails that no collection has a template for, since they go to people without an account: in Korean and in English.

use mail::Message;
use maud::{Markup, html};
use records::Error;

use super::Outgoing;
use super::job::{Kind, Taken};
use crate::service::Identity;

/// What stands in such a mail.
struct Letter {
    korean: &'static str,
    english: &'static str,
    button: &'static str,
    subject: &'static str,
}

impl Letter {
    fn of(kind: Kind) -> Letter {
        match kind {
            Kind::Invitation => Letter {
                subject: "초대장 / Invitation",
                korean: "초대를 받았습니다. 아래 링크를 열어 계정을 만들어 주세요. 모르는 초대라면 이 메일은 지우셔도 됩니다.",
                english: "You have been invited. Follow the link to make your account. If you know nothing of it, delete this mail.",
                button: "초대 받기 / Accept",
            },
            Kind::AlreadyThere => Letter {
                subject: "이미 계정이 있습니다 / You have an account",
                korean: "이 주소로 가입하려는 요청이 있었는데, 이미 계정이 있습니다. 아래에서 로그인하거나 비밀번호를 다시 정할 수 있습니다.",
                english: "Somebody wanted to sign up with this address, which has an account already. You can sign in or set a new password.",
                button: "로그인 / Sign in",
            },
            _ => Letter {
                subject: "가입 / Sign up",
                korean: "아래 링크를 열어 가입을 마쳐 주세요. 가입하려 한 적이 없다면 이 메일은 지우셔도 됩니다.",
                english: "Follow the link to finish signing up. If you did not want to, delete this mail.",
                button: "가입 마치기 / Finish",
            },
        }
    }

    fn page(&self, outgoing: &Outgoing, link: &str) -> Markup {
        html! {
            p { (self.korean) }
            p lang="en" { (self.english) }
            p { a href=(link) { (self.button) } }
            p { (outgoing.app_name) }
        }
    }
}

/// The message of such a mail, or why there is no point in sending it any more.
pub(super) async fn message(
    identity: &Identity,
    outgoing: &Outgoing,
    taken: &Taken,
) -> Result<Result<Message, &'static str>, Error> {
    let job = &taken.job;
    let url = &outgoing.app_url;
    let link = match job.kind {
        Kind::AlreadyThere => {
            let name = identity.records().catalog().find(&job.collection).map(|found| found.name.clone());
            format!("{url}/auth/sign-in?collection={}", name.unwrap_or_default())
        }
        _ => match identity.invitation_of(&job.account).await? {
            Some(_) => format!("{url}/auth/invitation?token={}", identity.invitation_token(&job.account)?),
            None => return Ok(Err("the invitation was withdrawn, or has expired")),
        },
    };
    let letter = Letter::of(job.kind);
    let subject: String =
        outgoing.app_name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>()
            + ": "
            + letter.subject;
    let html = letter.page(outgoing, &link).into_string();
    Ok(Ok(Message { id: taken.id.clone(), to: job.to.clone(), subject, html }))
}
