//! What comes back from the provider through the browser (RFC 5849, 2.2): for which request token, and the verifier.
//!
//! Invariant: the token must be the one that this flow was begun with; otherwise somebody could make a person sign in to
//! an account that is not theirs.

use crate::pairs::Pairs;
use crate::refusal::Refusal;

/// Longest verifier, in bytes.
const VERIFIER_BYTES_MAX: usize = 4096;

/// The verifier, if the callback belongs to the request token `begun`. Some providers say in the parameter `denied`, by that
/// token, that the person has declined; others have no word for it.
pub fn verifier(query: &str, begun: &str, denied: &str) -> Result<String, Refusal> {
    let pairs = Pairs::parse(query)
        .map_err(|_| Refusal::Mismatch("the callback's query has a parameter twice or can't be read"))?;
    if let Some(denied) = pairs.get(denied) {
        let is_ours = denied == begun && pairs.get("oauth_verifier").is_none();
        return Err(if is_ours { Refusal::Refused("access_denied".into()) } else { foreign() });
    }
    if pairs.get("oauth_token") != Some(begun) {
        return Err(foreign());
    }
    let verifier = pairs.get("oauth_verifier").filter(|text| (1..=VERIFIER_BYTES_MAX).contains(&text.len()));
    verifier.map(str::to_owned).ok_or(Refusal::Mismatch("the callback has no `oauth_verifier`"))
}

fn foreign() -> Refusal {
    Refusal::Mismatch("the callback is about another request token")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_verifier_of_the_own_token_is_taken() {
        assert_eq!(
            verifier("state=x&oauth_token=t&oauth_verifier=v", "t", "denied").expect("a verifier"),
            "v"
        );
    }

    #[test]
    fn a_callback_about_anything_else_is_refused() {
        for query in [
            "",
            "oauth_token=t",
            "oauth_token=t&oauth_verifier=",
            "oauth_verifier=v",
            "oauth_token=other&oauth_verifier=v",
            "oauth_token=other&oauth_token=t&oauth_verifier=v",
            "oauth_token=t&oauth_verifier=v&oauth_verifier=w",
            "denied=other",
            "denied=t&oauth_token=t&oauth_verifier=v",
        ] {
            assert!(matches!(verifier(query, "t", "denied"), Err(Refusal::Mismatch(_))), "{query}");
        }
    }

    #[test]
    fn a_refusal_of_the_person_is_no_mismatch() {
        assert!(matches!(verifier("denied=t", "t", "denied"), Err(Refusal::Refused(_))));
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(query in ".{0,60}", begun in ".{0,10}") {
            let _ = verifier(&query, &begun, "denied");
        }
    }
}
