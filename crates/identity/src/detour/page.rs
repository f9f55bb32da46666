//! The pages of a detour, in Korean and in English. They have no script, and nothing in them comes from elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use crate::language::Language;

/// How they look: a narrow column, light or dark as the person likes it.
pub(crate) const STYLE: &str = "\
    :root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}\
    body{max-width:24rem;margin:15vh auto 0;padding:0 1rem}\
    h1,h2{font-size:1.25rem}\
    label{display:block}\
    input,button{font:inherit;box-sizing:border-box;width:100%;padding:.5rem .75rem;margin:.25rem 0 .75rem}\
    #fault{padding:.5rem .75rem;border-left:.25rem solid #c33}";

/// What a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// It worked.
    Done,
    /// It did not.
    Failed,
    /// The settings do not let the person in.
    Outsider,
    /// The provider does not answer.
    Later,
    /// The text is no address of the web.
    NoAddress,
    /// The address is not on the list.
    NotAllowed,
    /// There is no provider at the address.
    NoProvider,
}

impl Note {
    /// The sentence.
    fn text(self, language: Language) -> &'static str {
        match self {
            Note::Done => language.pick("로그인되었습니다. 이 창을 닫아도 됩니다.", "You are signed in. You may close this window."),
            Note::Failed => language.pick(
                "로그인하지 못했습니다. 이 창을 닫고 처음부터 다시 시작해 주세요.",
                "The sign-in did not work. Please close this window and start again.",
            ),
            Note::Outsider => language.pick(
                "이 서비스는 정해진 조직의 구성원만 이용할 수 있습니다. 그 조직의 계정으로 다시 시작해 주세요.",
                "This service lets in members of certain organisations only. Please start again with your account there.",
            ),
            Note::Later => language.pick(
                "로그인 서비스가 응답하지 않습니다. 이 창을 닫고 잠시 뒤에 다시 시도해 주세요.",
                "The provider does not answer. Please close this window and try again later.",
            ),
            Note::NoAddress => language.pick(
                "OpenID 주소는 http:// 또는 https://로 시작하는 웹 주소입니다. XRI(i-name)는 쓸 수 없습니다.",
                "An OpenID is an address of the web that begins with http:// or https://. XRIs (i-names) are not supported.",
            ),
            Note::NotAllowed => language.pick(
                "이 서비스는 그 주소의 OpenID를 받지 않습니다.",
                "This service does not accept OpenIDs of that address.",
            ),
            Note::NoProvider => language.pick(
                "그 주소에서 OpenID 2.0 제공자를 찾지 못했습니다. 주소를 확인해 주세요.",
                "No provider of OpenID 2.0 was found at that address. Please check it.",
            ),
        }
    }
}

/// What a browser may do with a page (`Content-Security-Policy`): nothing is loaded, and only our own style is applied.
pub(crate) fn policy() -> String {
    let style = BASE64.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'")
}

/// A page that says one thing.
pub(crate) fn note(language: Language, note: Note) -> String {
    let title = language.pick("로그인", "Sign in");
    frame(language, title, &format!("<p>{}</p>", note.text(language)))
}

/// The page that asks for an identifier; it posts to its own address.
pub(crate) fn ask(language: Language, label: &str, typed: &str, fault: Option<Note>) -> String {
    let title = language.pick("OpenID로 로그인", "Sign in with OpenID");
    let fault = fault.map(|note| format!("<p id=\"fault\" role=\"alert\">{}</p>", note.text(language)));
    let described = if fault.is_some() { " aria-invalid=\"true\" aria-describedby=\"fault\"" } else { "" };
    let body = format!(
        "<h1>{}</h1>{}<form method=\"post\"><label for=\"identifier\">{}</label>\n<input id=\"identifier\" \
         name=\"identifier\" type=\"text\" inputmode=\"url\" autocomplete=\"url\" autofocus required maxlength=\"2000\" \
         size=\"40\" value=\"{}\"{described}>\n<button>{}</button></form>",
        escape(label),
        fault.unwrap_or_default(),
        language.pick("OpenID 주소", "The address of your OpenID"),
        escape(typed),
        language.pick("계속", "Continue"),
    );
    frame(language, title, &body)
}

fn frame(language: Language, title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><body>{body}</body></html>",
        language.code()
    )
}

/// A text as it stands in HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_can_not_become_markup() {
        let typed = "\"><script>alert('&')</script>";
        let page = ask(Language::Korean, "<b>", typed, Some(Note::NoAddress));
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(
            page.contains("value=\"&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\""),
            "{page}"
        );
        assert!(page.contains("lang=\"ko\"") && page.contains("role=\"alert\""), "{page}");
    }
}
