//! The page on which a person agrees to what a client asks for, in Korean and English. It works without scripts.

use maud::{Markup, html};

use super::client::Client;
use super::scope::{Scope, Scopes};
use crate::language::Language;

/// The field that says what a person wants, and its two values.
pub(crate) const ANSWER: &str = "answer";
pub(crate) const YES: &str = "yes";
pub(crate) const NO: &str = "no";
/// The field that holds the request.
pub(crate) const REQUEST: &str = "request";
/// The field that says who was asked.
pub(crate) const ACCOUNT: &str = "account";

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scopes: Scopes,
    /// What was agreed to before.
    pub(crate) agreed: Scopes,
    /// Who is asked, as they know themselves.
    pub(crate) who: &'a str,
    /// The account's id.
    pub(crate) account: &'a str,
    /// The request, as its address had it.
    pub(crate) request: &'a str,
    /// Where the form goes, and by which mark it is known as ours.
    pub(crate) to: &'a str,
    pub(crate) mark: &'a str,
    /// Where one signs in as somebody else.
    pub(crate) elsewhere: &'a str,
}

/// The title.
pub(crate) fn title(language: Language) -> &'static str {
    language.pick("계정으로 계속하기", "Continue with your account")
}

/// The page's body.
pub(crate) fn body(language: Language, asked: &Question<'_>) -> Markup {
    let say = |korean: &'static str, english: &'static str| language.pick(korean, english);
    let (client, is_new) = (asked.client, |scope: Scope| !asked.agreed.has(scope));
    html! {
        p.lead {
            strong { (client.label) }
            (say(
                " 서비스가 이 계정으로 로그인하고 다음 정보를 보려고 합니다.",
                " wants to sign you in with this account, and to know:",
            ))
        }
        p { (asked.who) }
        ul {
            @for scope in asked.scopes.iter() {
                li {
                    (told(language, scope))
                    @if is_new(scope) && asked.agreed != Scopes::default() { " " em { (say("(새로 요청)", "(new)")) } }
                }
            }
        }
        p { (say("이동할 주소: ", "You will be sent to: ")) code { (host(asked)) } }
        form method="post" action=(asked.to) {
            (crate::page::form::hidden(asked.mark, ""))
            input type="hidden" name=(REQUEST) value=(asked.request);
            input type="hidden" name=(ACCOUNT) value=(asked.account);
            button name=(ANSWER) value=(YES) { (say("동의하고 계속", "Agree and continue")) }
            button.quiet name=(ANSWER) value=(NO) { (say("취소", "Cancel")) }
        }
        p { a href=(asked.elsewhere) { (say("다른 계정 사용", "Use another account")) } }
    }
}

/// What a scope is, for people.
fn told(language: Language, scope: Scope) -> &'static str {
    match scope {
        Scope::OpenId => language.pick("계정 번호", "Your account's number"),
        Scope::Profile => language.pick("이름과 사진", "Your name and picture"),
        Scope::Email => language.pick("이메일 주소", "Your email address"),
        Scope::Groups => language.pick("속한 그룹", "Your groups"),
        Scope::Offline => {
            language.pick("로그아웃한 뒤에도 계속 연결됨", "All of this also after you have signed out")
        }
    }
}

/// Whom the answer goes to.
fn host(asked: &Question<'_>) -> String {
    let redirect = asked.client.redirects.iter().find(|redirect| {
        crate::pairs::Pairs::parse(asked.request)
            .is_ok_and(|pairs| pairs.get("redirect_uri") == Some(redirect))
    });
    let url = redirect.and_then(|redirect| url::Url::parse(redirect).ok());
    url.map(|url| url.host_str().map_or_else(|| format!("{}:", url.scheme()), str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base::secret::Secret;

    use super::*;

    #[test]
    fn the_page_speaks_both_languages_says_what_is_new_and_takes_no_markup() {
        let table = "label = '<b>Wiki'\nredirects = ['https://wiki.example/cb']".parse().expect("TOML");
        let client = Client::on_service("wiki", table, Some(Secret::new("a secret of some length")));
        let asked = Question {
            client: &client.expect("right"),
            scopes: Scopes::parse("openid email offline_access"),
            agreed: Scopes::parse("openid"),
            who: "<i>kim@example.com",
            account: "kim",
            request: "redirect_uri=https%3A%2F%2Fwiki.example%2Fcb&state=%22%3E",
            to: "/auth/oidc/consent",
            mark: "m",
            elsewhere: "/auth/sign-in",
        };
        for (language, words) in [
            (Language::Korean, ["동의하고 계속", "(새로 요청)", "이메일 주소"]),
            (Language::English, ["Agree and continue", "(new)", "Your email address"]),
        ] {
            let page = body(language, &asked).into_string();
            assert!(words.iter().all(|word| page.contains(word)), "{page}");
            assert!(
                page.contains("<code>wiki.example</code>") && !page.contains("<b>") && !page.contains("<i>")
            );
            assert_eq!(page.matches("<em>").count(), 2, "{page}");
        }
    }
}
