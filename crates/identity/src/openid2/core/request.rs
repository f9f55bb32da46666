//! Where the browser is sent so that the provider asks the person (OpenID 2.0, 9).

use url::Url;

use super::message::parameter;
use super::services::Discovered;
use super::{IDENTIFIER_SELECT, NAMESPACE};
use crate::refusal::Refusal;

/// A question that a provider is to answer.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whom to ask, and about which identifier.
    pub discovered: &'a Discovered,
    /// With which key the answer is to be signed; without one the provider is asked about it afterwards.
    pub handle: Option<&'a str>,
    /// Where the answer is to be sent.
    pub return_to: &'a str,
    /// What the person is told they sign in to; `return_to` lies below it.
    pub realm: &'a str,
    /// Parameters of extensions, without `openid.`.
    pub extensions: &'a [(String, String)],
}

/// The address at the provider.
pub fn address(question: &Question<'_>) -> Result<Url, Refusal> {
    let mut url = Url::parse(&question.discovered.endpoint)
        .map_err(|_| Refusal::Mismatch("the provider's endpoint is no address"))?;
    let (id, local_id) = match &question.discovered.claimed {
        Some(claimed) => (claimed.id.as_str(), claimed.local_id.as_str()),
        None => (IDENTIFIER_SELECT, IDENTIFIER_SELECT),
    };
    let own = [
        ("ns", NAMESPACE),
        ("mode", "checkid_setup"),
        ("claimed_id", id),
        ("identity", local_id),
        ("return_to", question.return_to),
        ("realm", question.realm),
    ];
    let handle = question.handle.map(|handle| ("assoc_handle", handle));
    let extensions = question.extensions.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let all = own.into_iter().chain(handle).chain(extensions).map(|(key, value)| parameter(key, value));
    url.query_pairs_mut().extend_pairs(all);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openid2::core::services::Claimed;

    #[test]
    fn the_endpoints_own_query_stays() {
        let claimed = Claimed { id: "http://a.example/".into(), local_id: "http://op.example/a".into() };
        let discovered = Discovered { endpoint: "http://op.example/op?x=1".into(), claimed: Some(claimed) };
        let question = Question {
            discovered: &discovered,
            handle: Some("h"),
            return_to: "https://us.example/back?state=s",
            realm: "https://us.example/",
            extensions: &[("ns.e".into(), "urn:e".into())],
        };
        expect_test::expect![[r#"http://op.example/op?x=1&openid.ns=http%3A%2F%2Fspecs.openid.net%2Fauth%2F2.0&openid.mode=checkid_setup&openid.claimed_id=http%3A%2F%2Fa.example%2F&openid.identity=http%3A%2F%2Fop.example%2Fa&openid.return_to=https%3A%2F%2Fus.example%2Fback%3Fstate%3Ds&openid.realm=https%3A%2F%2Fus.example%2F&openid.assoc_handle=h&openid.ns.e=urn%3Ae"#]]
            .assert_eq(address(&question).expect("an address").as_str());
        let any = Discovered { claimed: None, ..discovered.clone() };
        let address = address(&Question { discovered: &any, handle: None, ..question }).expect("an address");
        assert_eq!(address.query_pairs().filter(|(_, value)| value == IDENTIFIER_SELECT).count(), 2);
    }
}
