//! What a client asks for through the browser: the authorization request, read strictly (OpenID Connect Core, 3.1.2.1).
//!
//! It is read in two steps, since whom a refusal may be told depends on the first: [`addressee`] says which client claims to
//! ask and where the answer is to go; once that is a client's very own address, [`Request::read`] reads the rest, and what is
//! wrong then is told to the client.
//!
//! Invariant: pure. A parameter that comes twice is refused, an empty one is none (RFC 6749, 3.1).

use crate::pairs::Pairs;

use super::denial::Denial;
use super::scope::{Scope, Scopes};

/// Longest nonce, in bytes: it is signed and kept.
const NONCE_BYTES_MAX: usize = 512;
/// Letters of a challenge: 256 bits (RFC 7636, 4.2).
const CHALLENGE_LENGTH: usize = 43;
/// From when on a session must have begun, where the person was sent to sign in anew: our own parameter, in seconds since 1970.
pub(crate) const SINCE: &str = "ondol_since";

/// Whether a client shows that the code which it brings was made for it (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pkce {
    /// It does.
    Required,
    /// It may be too old for that, and has a secret.
    MayLack,
}

/// How the person is to be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// Not at all: what needs a person is refused.
    pub(crate) none: bool,
    /// To sign in, also where somebody has.
    pub(crate) login: bool,
    /// To agree, also where they have.
    pub(crate) consent: bool,
}

/// A request that is right in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Where the answer goes.
    pub(crate) redirect: String,
    /// What is asked for.
    pub(crate) scopes: Scopes,
    /// What the client wants to have back.
    pub(crate) state: Option<String>,
    /// What it wants to read in the ID token.
    pub(crate) nonce: Option<String>,
    /// The hash of the verifier that comes with the code (S256); empty where none comes.
    pub(crate) challenge: String,
    /// How the person is to be asked.
    pub(crate) prompt: Prompt,
    /// The oldest sign-in that will do, in seconds.
    pub(crate) max_age: Option<i64>,
    /// An ID token of ours: whom the client means.
    pub(crate) hint: Option<String>,
    /// What the person may be called.
    pub(crate) login_hint: Option<String>,
    /// From when on a session must have begun, in seconds since 1970.
    pub(crate) since: Option<i64>,
}

/// The value of a parameter; an empty one is none.
fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.get(name).filter(|value| !value.is_empty())
}

/// Which client claims to ask, and where the answer is to go.
pub(crate) fn addressee(pairs: &Pairs) -> Option<(&str, &str)> {
    Some((value(pairs, "client_id")?, value(pairs, "redirect_uri")?))
}

/// What the client wants to have back, whatever is wrong with the rest.
pub(crate) fn state(pairs: &Pairs) -> Option<&str> {
    value(pairs, "state")
}

impl Request {
    /// Reads the rest of a request whose answer may go where it says.
    pub(crate) fn read(pairs: &Pairs, allowed: Scopes, pkce: Pkce) -> Result<Request, Denial> {
        let text = |name: &str| value(pairs, name).map(str::to_owned);
        for (name, error) in [
            ("request", "request_not_supported"),
            ("request_uri", "request_uri_not_supported"),
            ("registration", "registration_not_supported"),
        ] {
            if value(pairs, name).is_some() {
                return Err(Denial::new(error, "Say what is asked for in plain parameters."));
            }
        }
        match value(pairs, "response_type") {
            Some("code") => {}
            Some(_) => {
                return Err(Denial::new("unsupported_response_type", "response_type must be code."));
            }
            None => return Err(Denial::request("response_type is missing; it must be code.")),
        }
        if value(pairs, "response_mode").is_some_and(|mode| mode != "query") {
            return Err(Denial::request("response_mode must be query."));
        }
        let challenge = challenge(pairs, pkce)?;
        let scopes = Scopes::parse(value(pairs, "scope").unwrap_or_default());
        if !scopes.has(Scope::OpenId) {
            return Err(Denial::new("invalid_scope", "scope must hold openid."));
        }
        let nonce = text("nonce");
        if nonce
            .as_ref()
            .is_some_and(|nonce| nonce.len() > NONCE_BYTES_MAX || nonce.contains(char::is_control))
        {
            return Err(Denial::request("nonce is too long, or holds what can't be written."));
        }
        Ok(Request {
            redirect: text("redirect_uri").unwrap_or_default(),
            scopes: scopes.and(allowed),
            state: text("state"),
            nonce,
            challenge,
            prompt: prompt(value(pairs, "prompt").unwrap_or_default())?,
            max_age: seconds(pairs, "max_age")?,
            hint: text("id_token_hint"),
            login_hint: text("login_hint"),
            since: seconds(pairs, SINCE)?,
        })
    }
}

fn challenge(pairs: &Pairs, pkce: Pkce) -> Result<String, Denial> {
    const S256: Denial =
        Denial::request("PKCE is asked for: code_challenge with code_challenge_method=S256.");
    let (challenge, method) = (value(pairs, "code_challenge"), value(pairs, "code_challenge_method"));
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_one = |text: &&str| text.len() == CHALLENGE_LENGTH && text.bytes().all(is_letter);
    match (challenge.filter(is_one), method) {
        (Some(challenge), Some("S256")) => Ok(challenge.to_owned()),
        (None, None) if pkce == Pkce::MayLack && value(pairs, "code_challenge").is_none() => {
            Ok(String::new())
        }
        _ => Err(S256),
    }
}

fn prompt(text: &str) -> Result<Prompt, Denial> {
    let mut prompt = Prompt::default();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            // whoever is to choose among accounts signs in as the one that they want
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err(Denial::request("prompt knows none, login, consent and select_account.")),
        }
    }
    match prompt.none && (prompt.login || prompt.consent) {
        true => Err(Denial::request("prompt=none goes with nothing else.")),
        false => Ok(prompt),
    }
}

fn seconds(pairs: &Pairs, name: &str) -> Result<Option<i64>, Denial> {
    let Some(text) = value(pairs, name) else { return Ok(None) };
    let number = text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    number.map(|number| Some(number.into())).ok_or(Denial::request("max_age is a number of seconds."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// A good request with some of its parameters said otherwise.
    fn with(changes: &str) -> Result<Request, Denial> {
        with_pkce(changes, Pkce::Required)
    }

    fn with_pkce(changes: &str, pkce: Pkce) -> Result<Request, Denial> {
        let said = Pairs::parse(changes).expect("pairs");
        let usual = format!(
            "client_id=a&redirect_uri=https://a.example/cb&response_type=code&scope=openid&code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let usual = Pairs::parse(&usual).expect("pairs");
        let kept = usual.iter().filter(|(name, _)| said.get(name).is_none());
        let all = kept.chain(said.iter()).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        Request::read(&Pairs::from_list(all).expect("each once"), Scopes::all(), pkce)
    }

    #[test]
    fn a_request_is_read_whole() {
        let said =
            "scope=openid+email+phone&state=a+b%26c&nonce=n&prompt=login+consent&max_age=60&login_hint=kim";
        let request = with(said).expect("right");
        assert_eq!(request.scopes.to_string(), "openid email");
        assert_eq!((request.state.as_deref(), request.nonce.as_deref()), (Some("a b&c"), Some("n")));
        assert_eq!(request.prompt, Prompt { none: false, login: true, consent: true });
        assert_eq!((request.max_age, request.since), (Some(60), None));
        assert_eq!(with("state=&prompt=&max_age=").expect("empty is none").state, None);
    }

    #[test]
    fn what_is_not_offered_is_refused_in_the_protocols_words() {
        for (said, error) in [
            ("response_type=token", "unsupported_response_type"),
            ("response_type=code+id_token", "unsupported_response_type"),
            ("response_type=", "invalid_request"),
            ("response_mode=fragment", "invalid_request"),
            ("request=eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
            ("request_uri=https://a.example/r", "request_uri_not_supported"),
            ("registration={}", "registration_not_supported"),
            ("code_challenge=", "invalid_request"),
            ("code_challenge_method=", "invalid_request"),
            ("code_challenge_method=plain", "invalid_request"),
            ("code_challenge=abc", "invalid_request"),
            ("scope=email", "invalid_scope"),
            ("scope=", "invalid_scope"),
            ("prompt=none+login", "invalid_request"),
            ("prompt=create", "invalid_request"),
            ("max_age=-1", "invalid_request"),
            ("max_age=%2B1", "invalid_request"),
            ("max_age=x", "invalid_request"),
        ] {
            assert_eq!(with(said).map_err(|denial| denial.error), Err(error), "{said}");
        }
        assert!(with(&format!("nonce={}", "n".repeat(NONCE_BYTES_MAX + 1))).is_err());
        assert!(with("nonce=%00").is_err());
    }

    #[test]
    fn only_a_client_that_may_lack_it_comes_without_a_challenge_and_none_with_half_of_one() {
        let (none, plain) = ("code_challenge=&code_challenge_method=", "code_challenge_method=plain");
        assert_eq!(with_pkce(none, Pkce::MayLack).expect("right").challenge, "");
        assert_eq!(with_pkce("", Pkce::MayLack).expect("right").challenge, CHALLENGE);
        assert!(with(none).is_err());
        for half in
            [plain, "code_challenge=", "code_challenge_method=", "code_challenge=abc&code_challenge_method="]
        {
            assert!(with_pkce(half, Pkce::MayLack).is_err(), "{half}");
        }
    }

    proptest! {
        #[test]
        fn no_parameters_make_it_panic(text in "(client_id|redirect_uri|scope|prompt|max_age|code_challenge|state|nonce|x)?[=&%+a-z0-9 é]{0,60}") {
            if let Ok(pairs) = Pairs::parse(&text) {
                let _ = (addressee(&pairs), state(&pairs), Request::read(&pairs, Scopes::all(), Pkce::MayLack));
            }
        }

        #[test]
        fn what_is_read_is_what_was_said(state in ".{1,40}", nonce in "[^\\p{Cc}]{1,40}", age in 0u32..) {
            let pairs = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("state", &state).append_pair("nonce", &nonce).append_pair("max_age", &age.to_string()).finish();
            let request = with(&pairs).expect("right");
            prop_assert_eq!(request.state, Some(state));
            prop_assert_eq!(request.nonce, Some(nonce));
            prop_assert_eq!(request.max_age, Some(i64::from(age)));
        }
    }
}
