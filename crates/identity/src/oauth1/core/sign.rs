//! A request's signature and the `Authorization` header that carries it (RFC 5849, 3.4 and 3.5.1).
//!
//! Invariant: time and nonce come in as arguments; a secret goes into the key of the HMAC and nowhere else.

use base::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use url::Url;

/// All but the unreserved characters (RFC 5849, 3.6).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A public name and the secret that proves it: of the consumer (RFC: client), or of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// What is sent.
    pub key: String,
    /// What signs, and is never sent.
    pub secret: Secret,
}

/// Who signs, when, and the word that makes the request unlike any other.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// This application, as the provider knows it.
    pub consumer: &'a Credentials,
    /// A request token or an access token; none while there is none yet.
    pub token: Option<&'a Credentials>,
    /// Seconds since 1970.
    pub timestamp: i64,
    /// Never used before with this timestamp; letters and digits.
    pub nonce: &'a str,
}

/// The request that is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// In capitals.
    pub method: &'a str,
    /// With its query.
    pub url: &'a Url,
    /// The pairs of a form body; empty when the body is no form.
    pub form: &'a [(&'a str, &'a str)],
}

impl Signer<'_> {
    /// The `Authorization` header of a request. `extra` are parameters of the protocol: `oauth_callback`, `oauth_verifier`.
    pub fn authorization(&self, request: &Signed<'_>, extra: &[(&str, &str)]) -> String {
        let timestamp = self.timestamp.to_string();
        let mut protocol = vec![
            ("oauth_consumer_key", self.consumer.key.as_str()),
            ("oauth_nonce", self.nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &timestamp),
            ("oauth_version", "1.0"),
        ];
        protocol.extend(self.token.map(|token| ("oauth_token", token.key.as_str())));
        protocol.extend(extra);
        let signature = self.signature(&base_string(request, &protocol));
        protocol.push(("oauth_signature", &signature));
        let shown: Vec<String> =
            protocol.iter().map(|(name, value)| format!("{}=\"{}\"", encode(name), encode(value))).collect();
        format!("OAuth {}", shown.join(", "))
    }

    fn signature(&self, base_string: &str) -> String {
        // the key of the HMAC is what secrets are for
        let token = self.token.map_or("", |token| token.secret.reveal());
        let key = format!("{}&{}", encode(self.consumer.secret.reveal()), encode(token));
        let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(base_string.as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }
}

/// The signature base string (3.4.1): method, address without query, and all parameters in their order.
fn base_string(request: &Signed<'_>, protocol: &[(&str, &str)]) -> String {
    let mut all: Vec<(String, String)> =
        request.url.query_pairs().map(|(name, value)| (encode(&name), encode(&value))).collect();
    all.extend(protocol.iter().chain(request.form).map(|(name, value)| (encode(name), encode(value))));
    // sorted as they are encoded (3.4.1.3.2), not as they are
    all.sort();
    let parameters: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let parts = [request.method, &base_address(request.url), &parameters.join("&")];
    parts.map(encode).join("&")
}

/// Scheme, host and path (3.4.1.2). `Url` has put scheme and host in lower case and left the scheme's own port out.
fn base_address(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Percent-encoding as this protocol wants it (3.6): capitals, and everything but the unreserved characters.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credentials(key: &str, secret: &str) -> Credentials {
        Credentials { key: key.into(), secret: Secret::new(secret) }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn the_base_string_is_that_of_rfc_5849_section_3_4_1_1() {
        let url = url("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
        let request = Signed { method: "POST", url: &url, form: &[("c2", ""), ("a3", "2 q")] };
        let protocol = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        assert_eq!(
            base_string(&request, &protocol),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%2\
             6c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26\
             oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn the_address_is_that_of_rfc_5849_section_3_4_1_2() {
        for (given, based) in [
            ("http://EXAMPLE.COM:80/r%20v/X?id=123", "http://example.com/r%20v/X"),
            ("https://www.example.net:8080/?q=1", "https://www.example.net:8080/"),
            ("https://user.example:443#x", "https://user.example/"),
        ] {
            assert_eq!(base_address(&url(given)), based);
        }
    }

    /// The three requests of RFC 5849, 1.2, with the parameters and signatures that stand there.
    #[test]
    fn the_signatures_are_those_of_rfc_5849_section_1_2() {
        let consumer = credentials("dpf43f3p2l4k3l03", "kd94hf93k423kf44");
        let signature = |token: Option<&Credentials>, method, at: &str, protocol: &[(&str, &str)]| {
            let url = url(at);
            let text = base_string(&Signed { method, url: &url, form: &[] }, protocol);
            Signer { consumer: &consumer, token, timestamp: 0, nonce: "" }.signature(&text)
        };
        let common = [("oauth_consumer_key", "dpf43f3p2l4k3l03"), ("oauth_signature_method", "HMAC-SHA1")];
        let initiate = [
            ("oauth_timestamp", "137131200"),
            ("oauth_nonce", "wIjqoS"),
            ("oauth_callback", "http://printer.example.com/ready"),
        ];
        assert_eq!(
            signature(
                None,
                "POST",
                "https://photos.example.net/initiate",
                &[&common[..], &initiate].concat()
            ),
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU="
        );
        let exchange = [
            ("oauth_token", "hh5s93j4hdidpola"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "walatlh"),
            ("oauth_verifier", "hfdp7dh39dks9884"),
        ];
        let token = credentials("hh5s93j4hdidpola", "hdhd0244k9j7ao03");
        assert_eq!(
            signature(
                Some(&token),
                "POST",
                "https://photos.example.net/token",
                &[&common[..], &exchange].concat()
            ),
            "gKgrFCywp7rO0OXSjdot/IHF7IU="
        );
        let photos = [
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let token = credentials("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00");
        assert_eq!(
            signature(
                Some(&token),
                "GET",
                "http://photos.example.net/photos?file=vacation.jpg&size=original",
                &[&common[..], &photos].concat()
            ),
            "MdpQcU8iPSUjWoN/UDMsK2sui9I="
        );
    }

    #[test]
    fn the_header_names_everything_but_the_secrets() {
        let (consumer, token) = (credentials("a key", "s1"), credentials("to/ken", "s2"));
        let url = url("https://op.example/token");
        let signer = Signer { consumer: &consumer, token: Some(&token), timestamp: 12, nonce: "n" };
        let header = signer
            .authorization(&Signed { method: "POST", url: &url, form: &[] }, &[("oauth_verifier", "온돌")]);
        expect_test::expect![[r#"OAuth oauth_consumer_key="a%20key", oauth_nonce="n", oauth_signature_method="HMAC-SHA1", oauth_timestamp="12", oauth_version="1.0", oauth_token="to%2Fken", oauth_verifier="%EC%98%A8%EB%8F%8C", oauth_signature="edi36ZWqG%2B0aPwR4cLBAYhWQKTw%3D""#]].assert_eq(&header);
    }

    proptest! {
        #[test]
        fn only_unreserved_characters_stand_in_what_is_signed(name in ".{0,20}", value in ".{0,20}", query in ".{0,30}") {
            let mut url = url("https://op.example/a");
            url.set_query(Some(&query));
            let text = base_string(&Signed { method: "GET", url: &url, form: &[] }, &[(&name, &value)]);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%&".contains(&b)), "{}", text);
            prop_assert_eq!(text.matches('&').count(), 2);
        }

        #[test]
        fn the_order_of_parameters_does_not_matter(mut pairs in prop::collection::vec((".{0,5}", ".{0,5}"), 0..8)) {
            let url = url("https://op.example/a");
            let text = |pairs: &[(String, String)]| {
                let form: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                base_string(&Signed { method: "GET", url: &url, form: &form }, &[])
            };
            let before = text(&pairs);
            pairs.reverse();
            prop_assert_eq!(before, text(&pairs));
        }
    }
}
