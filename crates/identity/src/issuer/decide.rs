//! What comes next, of a request that is right: the person signs in, agrees, or the client is answered.
//!
//! Invariant: pure.

use base::time::Timestamp;

use super::denial::Denial;
use super::request::Request;
use super::scope::Scopes;

/// What is known of the browser that brings a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When its session began.
    pub(crate) began: Timestamp,
    /// Whether the account is another one than the client means.
    pub(crate) is_other: bool,
    /// What the person has agreed to; of a client that the team trusts: everything.
    pub(crate) agreed: Scopes,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The person signs in.
    SignIn,
    /// The same, although somebody has.
    SignInAnew,
    /// The person is asked whether they agree.
    Ask,
    /// The client gets a code.
    Code,
    /// The client is told why it gets none.
    Deny(Denial),
}

/// Decides. `None`: nobody has signed in.
pub(crate) fn next(request: &Request, seen: Option<Seen>, now: Timestamp) -> Next {
    let prompt = request.prompt;
    let Some(seen) = seen else {
        return if prompt.none { Next::Deny(LOGIN_REQUIRED) } else { Next::SignIn };
    };
    let began = seen.began.0.div_euclid(1000);
    let is_recent = request.since.is_some_and(|since| began >= since);
    let is_too_old = request.max_age.is_some_and(|age| now.0.div_euclid(1000) - began > age);
    if seen.is_other || (!is_recent && (prompt.login || is_too_old)) {
        return if prompt.none { Next::Deny(LOGIN_REQUIRED) } else { Next::SignInAnew };
    }
    if prompt.consent || !request.scopes.is_within(seen.agreed) {
        return if prompt.none { Next::Deny(CONSENT_REQUIRED) } else { Next::Ask };
    }
    Next::Code
}

const LOGIN_REQUIRED: Denial = Denial::new("login_required", "Nobody has signed in, or not lately enough.");
const CONSENT_REQUIRED: Denial = Denial::new("consent_required", "The person has not agreed to this yet.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::request::Prompt;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn request(prompt: &str) -> Request {
        let has = |word: &str| prompt.split(' ').any(|w| w == word);
        Request {
            redirect: String::new(),
            scopes: Scopes::parse("openid email"),
            state: None,
            nonce: None,
            challenge: String::new(),
            prompt: Prompt { none: has("none"), login: has("login"), consent: has("consent") },
            max_age: None,
            hint: None,
            login_hint: None,
            since: None,
        }
    }

    fn seen(age: i64, agreed: &str) -> Option<Seen> {
        Some(Seen { began: Timestamp(NOW.0 - age * 1000), is_other: false, agreed: Scopes::parse(agreed) })
    }

    #[test]
    fn who_has_not_signed_in_does_so_first() {
        assert_eq!(next(&request(""), None, NOW), Next::SignIn);
        assert_eq!(next(&request("none"), None, NOW), Next::Deny(LOGIN_REQUIRED));
    }

    #[test]
    fn who_has_agreed_is_not_asked_again_but_about_something_new() {
        let agreed = seen(5, "openid email profile");
        assert_eq!(next(&request(""), agreed, NOW), Next::Code);
        assert_eq!(next(&request("none"), agreed, NOW), Next::Code);
        assert_eq!(next(&request("consent"), agreed, NOW), Next::Ask);
        assert_eq!(next(&request(""), seen(5, "openid"), NOW), Next::Ask);
        assert_eq!(next(&request("none"), seen(5, "openid"), NOW), Next::Deny(CONSENT_REQUIRED));
    }

    #[test]
    fn a_sign_in_that_is_too_old_is_made_anew_once() {
        let agreed = |age| seen(age, "openid email");
        assert_eq!(next(&request("login"), agreed(0), NOW), Next::SignInAnew);
        let old = Request { max_age: Some(60), ..request("") };
        assert_eq!(next(&old, agreed(60), NOW), Next::Code);
        assert_eq!(next(&old, agreed(61), NOW), Next::SignInAnew);
        let never = Request { max_age: Some(0), ..request("none") };
        assert_eq!(next(&never, agreed(1), NOW), Next::Deny(LOGIN_REQUIRED));
        let since = |prompt: &str, ago: i64| Request {
            max_age: Some(0),
            since: Some(NOW.0 / 1000 - ago),
            ..request(prompt)
        };
        assert_eq!(
            next(&since("login", 9), agreed(5), NOW),
            Next::Code,
            "they have, since they were sent to"
        );
        assert_eq!(next(&since("login", 3), agreed(5), NOW), Next::SignInAnew);
    }

    #[test]
    fn somebody_else_than_the_client_means_signs_in_anew() {
        let other = seen(5, "openid email").map(|seen| Seen { is_other: true, ..seen });
        assert_eq!(next(&request(""), other, NOW), Next::SignInAnew);
        assert_eq!(next(&request("none"), other, NOW), Next::Deny(LOGIN_REQUIRED));
    }
}
