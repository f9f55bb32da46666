//! Discovery by each of its ways, and against pages that want to do harm.

use std::time::Duration;

use testbed::SignInPeer;

use crate::fetch::{Error, Fetch, Limits};
use crate::openid2::core::identifier::{Allowed, normalise};
use crate::openid2::core::services::Discovered;
use crate::openid2::discover::discover;
use crate::refusal::Refusal;

fn fetch() -> Fetch {
    let time_max = Duration::from_secs(3);
    Fetch::new(Limits { may_ask_loopback: true, time_max, ..Limits::default() })
}

async fn found(peer: &SignInPeer, path: &str) -> Result<Discovered, Refusal> {
    let allowed = Allowed::parse([peer.base().as_str()]).expect("a list");
    let identifier = normalise(&format!("{}{path}", peer.base())).expect("an identifier");
    discover(&fetch(), &allowed, &identifier).await
}

#[tokio::test]
async fn an_identifier_leads_to_its_provider_by_every_way() {
    let Some(peer) = testbed::sign_in_peer("openid2", &[]) else { return };
    let base = peer.base();
    for (path, claimed, local_id) in [
        ("/id/header/alice", "/id/header/alice", "/id/header/alice"),
        ("/id/meta/alice", "/id/meta/alice", "/id/meta/alice"),
        ("/id/conneg/alice", "/id/conneg/alice", "/id/conneg/alice"),
        ("/id/html/alice", "/id/html/alice", "/id/html/alice"),
        ("/id/delegate/alice", "/id/delegate/alice", "/id/header/alice"),
        ("/id/redirect/alice", "/id/html/alice", "/id/html/alice"),
    ] {
        let found = found(&peer, path).await.expect(path);
        let named = found.claimed.expect("a claimed identifier");
        assert_eq!(found.endpoint, format!("{base}/op"), "{path}");
        assert_eq!(
            (named.id, named.local_id),
            (format!("{base}{claimed}"), format!("{base}{local_id}")),
            "{path}"
        );
    }
    let chosen = found(&peer, "/").await.expect("the provider's own identifier");
    assert_eq!(chosen, Discovered { endpoint: format!("{base}/op"), claimed: None });
    let refusal = found(&peer, "/id/html1/alice").await.expect_err("OpenID 1");
    assert!(refusal.to_string().contains("OpenID 1"), "{refusal}");
}

#[tokio::test]
async fn a_hostile_page_is_given_up_within_the_limits() {
    let Some(peer) = testbed::sign_in_peer("openid2", &[]) else { return };
    for kind in
        ["bomb", "xxe", "loop", "xrdsloop", "tofile", "notxml", "jsuri", "many", "bodylink", "commentlink"]
    {
        let refusal = found(&peer, &format!("/evil/{kind}")).await.expect_err(kind);
        let is_expected = match kind {
            "many" => matches!(refusal, Refusal::Unreached(Error::TooLarge { .. })),
            "bomb" | "xxe" => refusal.to_string().contains("document type"),
            "notxml" => matches!(refusal, Refusal::Unfit { .. }),
            "tofile" => matches!(refusal, Refusal::Status { status: 302, .. }),
            _ => matches!(refusal, Refusal::Mismatch(_)),
        };
        assert!(is_expected, "{kind}: {refusal:?}");
    }
    let asked = |kind: &str| peer.log().matches(&format!("\"path\": \"/evil/{kind}\"")).count();
    assert_eq!(
        (asked("loop"), asked("xrdsloop")),
        (6, 2),
        "redirects are counted, a document points nowhere else"
    );
    let huge = found(&peer, "/evil/huge").await;
    assert!(matches!(huge, Err(Refusal::Unreached(Error::TooLarge { .. }))), "{huge:?}");
    let slow = found(&peer, "/evil/slow").await;
    assert!(matches!(slow, Err(Refusal::Unreached(Error::Slow { .. }))), "{slow:?}");
}

#[tokio::test]
async fn an_address_of_the_neighbourhood_is_never_connected_to() {
    let Some(peer) = testbed::sign_in_peer("openid2", &[]) else { return };
    let identifier = normalise(&format!("{}/evil/tometadata", peer.base())).expect("an identifier");
    let any = Allowed::parse(["*"]).expect("a list");
    let refusal = discover(&fetch(), &any, &identifier).await;
    assert!(matches!(refusal, Err(Refusal::Unreached(Error::Closed { .. }))), "{refusal:?}");
    // with a list, not even the guard is asked
    let refusal = found(&peer, "/evil/tometadata").await;
    assert!(matches!(refusal, Err(Refusal::Mismatch(_))), "{refusal:?}");
}

#[tokio::test]
async fn an_identifier_that_is_not_on_the_list_is_not_asked() {
    let Some(peer) = testbed::sign_in_peer("openid2", &[]) else { return };
    let allowed = Allowed::parse([format!("{}/id", peer.base()).as_str()]).expect("a list");
    let identifier = normalise(&peer.base()).expect("an identifier");
    assert!(matches!(discover(&fetch(), &allowed, &identifier).await, Err(Refusal::Mismatch(_))));
    assert_eq!(peer.log(), "[]");
}
