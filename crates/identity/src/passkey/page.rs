//! The page of passkeys, in Korean and in English. It needs its script, since browsers give passkeys to scripts only, and
//! says so where there is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::RelyingParty;
use crate::detour::page::{STYLE, escape};
use crate::language::Language;

const SCRIPT: &str = include_str!("page.js");

/// What a browser may do with the page (`Content-Security-Policy`): run our own script, which asks us only.
pub(crate) fn policy() -> String {
    let [style, script] = [STYLE, SCRIPT].map(|text| BASE64.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The page for the accounts of a collection.
pub(crate) fn show(language: Language, site: &RelyingParty, collection: &str) -> String {
    let say = |korean: &'static str, english: &'static str| language.pick(korean, english);
    let (title, site_name) = (say("패스키", "Passkeys"), escape(&site.name));
    let body = format!(
        "<h1>{site_name}</h1>\n<noscript><p>{needs_script}</p></noscript>\n\
         <p id=\"told\" role=\"status\"></p>\n\
         <div id=\"ways\" hidden>\n<button id=\"sign-in\" type=\"button\">{sign_in}</button>\n\
         <form id=\"add\"><h2>{add}</h2>\n<p>{lead}</p>\n\
         <label for=\"identity\">{identity}</label>\n\
         <input id=\"identity\" name=\"identity\" autocomplete=\"username webauthn\" required maxlength=\"255\">\n\
         <label for=\"password\">{password}</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required maxlength=\"255\">\n\
         <div id=\"with-code\" hidden><label for=\"code\">{code}</label>\n\
         <input id=\"code\" name=\"code\" autocomplete=\"one-time-code\" maxlength=\"20\"></div>\n\
         <label for=\"name\">{name}</label>\n<input id=\"name\" name=\"name\" maxlength=\"100\">\n\
         <button>{add}</button></form>\n</div>",
        needs_script = say(
            "패스키를 쓰려면 자바스크립트가 필요합니다. 브라우저 설정에서 켜 주세요.",
            "Passkeys need JavaScript. Please switch it on in your browser's settings.",
        ),
        sign_in = say("패스키로 로그인", "Sign in with a passkey"),
        add = say("패스키 추가", "Add a passkey"),
        lead = say(
            "이 기기의 지문, 얼굴, PIN으로 다음부터 비밀번호 없이 로그인합니다.",
            "From then on, this device's fingerprint, face or PIN signs you in, without a password.",
        ),
        identity = say("이메일", "Email"),
        password = say("비밀번호", "Password"),
        code = say("인증 앱의 코드", "Code of your authenticator"),
        name = say("패스키 이름 (예: 내 휴대폰)", "Name of the passkey (such as: my phone)"),
    );
    let words: String =
        words(language).iter().map(|(name, text)| format!(" data-{name}=\"{}\"", escape(text))).collect();
    format!(
        "<!doctype html><html lang=\"{code}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title} · {site_name}</title><style>{STYLE}</style>\
         <body data-collection=\"{collection}\" data-origin=\"{origin}\"{words}>{body}<script>{SCRIPT}</script></body></html>",
        code = language.code(),
        collection = escape(collection),
        origin = escape(&site.origin),
    )
}

/// What the script says, by the names under which it finds it.
fn words(language: Language) -> [(&'static str, &'static str); 11] {
    let say = |korean: &'static str, english: &'static str| language.pick(korean, english);
    [
        ("added", say("패스키를 추가했습니다.", "The passkey has been added.")),
        ("wrong", say("이메일이나 비밀번호가 맞지 않습니다.", "The email or the password is wrong.")),
        (
            "code",
            say(
                "인증 앱의 코드를 넣고 다시 눌러 주세요.",
                "Please give a code of your authenticator, and press again.",
            ),
        ),
        ("unfit", say("이 서비스가 모르는 패스키입니다.", "This service does not know the passkey.")),
        (
            "often",
            say(
                "너무 여러 번 시도했습니다. 잠시 뒤에 다시 해 주세요.",
                "Too many tries. Please try again later.",
            ),
        ),
        ("signed-in", say("로그인되었습니다.", "You are signed in.")),
        (
            "second",
            say(
                "이 계정은 두 단계로 로그인합니다. 먼저 서비스에서 로그인한 다음 다시 와 주세요.",
                "This account signs in in two steps. Please sign in to the service first, then come back.",
            ),
        ),
        (
            "refused",
            say("취소되었거나 맞는 패스키가 없습니다.", "It was cancelled, or there is no fitting passkey."),
        ),
        (
            "there",
            say(
                "이 기기에는 이 계정의 패스키가 이미 있습니다.",
                "This device already has a passkey of this account.",
            ),
        ),
        ("failed", say("되지 않았습니다. 다시 시도해 주세요.", "That did not work. Please try again.")),
        (
            "old",
            say(
                "이 브라우저는 패스키를 모릅니다. 새 버전으로 바꿔 주세요.",
                "This browser does not know passkeys. Please use a newer one.",
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_speaks_both_languages_and_takes_no_markup() {
        let site =
            RelyingParty { id: "a.example".into(), origin: "https://a.example".into(), name: "<b>\"".into() };
        for (language, word) in
            [(Language::Korean, "패스키로 로그인"), (Language::English, "Sign in with a passkey")]
        {
            let page = show(language, &site, "<i>");
            assert!(page.contains(word) && page.contains("<noscript>"), "{page}");
            assert!(!page.contains("<b>") && !page.contains("<i>"), "{page}");
        }
        assert!(!SCRIPT.contains("</script"));
    }
}
