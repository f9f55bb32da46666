//! Whom a discovered page names: the provider's endpoint, and the names by which it knows the person (OpenID 2.0, 7.3.1).

use url::Url;

use super::html::Head;
use super::identifier::is_web;
use super::xrds::Service;
use crate::refusal::Refusal;

/// The type of a provider that lets the person choose an identifier.
const SERVER: &str = "http://specs.openid.net/auth/2.0/server";
/// The type of a provider for one claimed identifier.
const SIGNON: &str = "http://specs.openid.net/auth/2.0/signon";
/// What the types of OpenID 1 begin with.
const OLD: &str = "http://openid.net/signon/1.";

/// What discovery found out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Discovered {
    /// Where the provider takes requests, as it stands in the document.
    pub endpoint: String,
    /// Whose sign-in it is; none where the provider lets the person choose.
    pub claimed: Option<Claimed>,
}

/// An identifier that discovery was done on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Claimed {
    /// The claimed identifier: the address where discovery ended, without its fragment.
    pub id: String,
    /// The name by which the provider knows the person; often the same.
    pub local_id: String,
}

/// Chooses among the services of an XRDS document that was found for `claimed`.
pub fn from_xrds(services: &[Service], claimed: &Url) -> Result<Discovered, Refusal> {
    let of_type = |wanted: &'static str| {
        services.iter().filter(move |service| service.types.iter().any(|t| t == wanted))
    };
    if let Some(endpoint) = of_type(SERVER).find_map(|service| service.uris.first()) {
        return Ok(Discovered { endpoint: endpoint_of(endpoint)?, claimed: None });
    }
    if let Some((service, endpoint)) = of_type(SIGNON).find_map(|s| Some((s, s.uris.first()?))) {
        let claimed = claimed_by(claimed, service.local_id.as_deref());
        return Ok(Discovered { endpoint: endpoint_of(endpoint)?, claimed: Some(claimed) });
    }
    let is_old = services.iter().any(|service| service.types.iter().any(|t| t.starts_with(OLD)));
    Err(if is_old { too_old() } else { Refusal::Mismatch("the XRDS document names no OpenID 2.0 provider") })
}

/// Reads the links of a page's head.
pub fn from_html(head: &Head, claimed: &Url) -> Result<Discovered, Refusal> {
    match &head.provider {
        Some(endpoint) => {
            let claimed = claimed_by(claimed, head.local_id.as_deref());
            Ok(Discovered { endpoint: endpoint_of(endpoint)?, claimed: Some(claimed) })
        }
        None if head.old_provider.is_some() => Err(too_old()),
        None => Err(Refusal::Mismatch("the page names no OpenID provider in its head")),
    }
}

fn claimed_by(claimed: &Url, local_id: Option<&str>) -> Claimed {
    let mut id = claimed.clone();
    id.set_fragment(None);
    let local_id = local_id.filter(|local| !local.is_empty()).unwrap_or(id.as_str()).to_owned();
    Claimed { id: id.into(), local_id }
}

fn endpoint_of(text: &str) -> Result<String, Refusal> {
    let url = Url::parse(text).ok().filter(|url| is_web(url) && url.fragment().is_none());
    url.map(|_| text.to_owned()).ok_or(Refusal::Mismatch("the provider's endpoint is no address of the web"))
}

fn too_old() -> Refusal {
    Refusal::Mismatch("the identifier offers OpenID 1 only, which is not spoken here; it needs OpenID 2.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(types: &[&str], uri: &str) -> Service {
        let types = types.iter().map(|t| (*t).to_owned()).collect();
        Service { types, uris: vec![uri.to_owned()], local_id: None }
    }

    fn claimed() -> Url {
        Url::parse("http://alice.example/#me").expect("an address")
    }

    #[test]
    fn a_provider_that_lets_choose_comes_first() {
        let services =
            [service(&[SIGNON], "https://op.example/one"), service(&[SERVER], "https://op.example/any")];
        let wanted = Discovered { endpoint: "https://op.example/any".into(), claimed: None };
        assert_eq!(from_xrds(&services, &claimed()).expect("found"), wanted);
    }

    #[test]
    fn a_claimed_identifier_has_no_fragment_and_perhaps_another_name_at_the_provider() {
        let mut services = [service(&["urn:x", SIGNON], "https://op.example/op")];
        let id = "http://alice.example/".to_owned();
        let found = |services: &[Service]| from_xrds(services, &claimed()).expect("found").claimed;
        assert_eq!(found(&services), Some(Claimed { id: id.clone(), local_id: id.clone() }));
        services[0].local_id = Some("https://op.example/a".into());
        assert_eq!(found(&services), Some(Claimed { id, local_id: "https://op.example/a".into() }));
    }

    #[test]
    fn what_names_no_provider_of_openid_2_is_refused() {
        for services in [
            vec![],
            vec![service(&["http://openid.net/signon/1.1"], "https://op.example/op")],
            vec![service(&[SIGNON], "javascript:alert(1)")],
            vec![service(&[SIGNON], "/op")],
            vec![service(&[SERVER], "https://u:p@op.example/")],
        ] {
            assert!(matches!(from_xrds(&services, &claimed()), Err(Refusal::Mismatch(_))), "{services:?}");
        }
        let old = Head { old_provider: Some("https://op.example/op".into()), ..Head::default() };
        assert!(from_html(&old, &claimed()).is_err_and(|refusal| refusal.to_string().contains("OpenID 1")));
    }
}
