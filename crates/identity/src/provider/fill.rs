//! Words in braces, and the functions of `derive`: all the "code" that settings may hold.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the words stand for.
pub(crate) type Words<'a> = [(&'a str, &'a str)];

/// The functions of `derive`, as they are written.
pub(super) const FUNCTIONS: &str = "hmac_sha256_hex(KEY, TEXT) or literal(TEXT)";

/// A text with its words in braces filled in; `Err` names a word that stands for nothing.
pub(crate) fn fill(text: &str, words: &Words<'_>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((word, after)) = after.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(find(word, words)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// What a function of `derive` comes to; `Err` says what is wrong with it.
pub(crate) fn derive(text: &str, words: &Words<'_>) -> Result<String, String> {
    let unknown = || format!("`{text}` is not known; there is {FUNCTIONS}");
    let (name, args) =
        text.trim().strip_suffix(')').and_then(|text| text.split_once('(')).ok_or_else(unknown)?;
    let args: Vec<&str> = args.split(',').map(str::trim).collect();
    match (name.trim(), args.as_slice()) {
        ("hmac_sha256_hex", [key, message]) => {
            let key = find(key, words)?.as_bytes();
            let mut mac: Hmac<Sha256> = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(find(message, words)?.as_bytes());
            Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
        }
        ("literal", [text]) => Ok((*text).to_owned()),
        _ => Err(unknown()),
    }
}

fn find<'a>(word: &str, words: &Words<'a>) -> Result<&'a str, String> {
    let found = words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        format!("`{word}` stands for nothing; there is {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_braces_are_filled_in() {
        let words = [("v", "v26.0"), ("client_id", "a")];
        assert_eq!(fill("https://x/{v}/me?{client_id}", &words), Ok("https://x/v26.0/me?a".to_owned()));
        assert_eq!(fill("no words {", &words), Ok("no words {".to_owned()));
        assert!(fill("{nothing}", &words).is_err_and(|why| why.contains("there is v, client_id")));
    }

    #[test]
    fn a_proof_is_derived_from_the_secret_and_the_token() {
        // RFC 4231, test case 2
        let words = [("client_secret", "Jefe"), ("access_token", "what do ya want for nothing?")];
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(derive("hmac_sha256_hex(client_secret, access_token)", &words).as_deref(), Ok(wanted));
        assert_eq!(derive("literal(yes)", &words).as_deref(), Ok("yes"));
        for text in ["", "eval(x)", "hmac_sha256_hex(client_secret)", "hmac_sha256_hex(a, b)", "literal"] {
            assert!(derive(text, &words).is_err(), "{text}");
        }
    }
}
