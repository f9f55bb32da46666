//! Signing in with a provider that has to be asked something before the browser can be sent to it: OAuth 1.0a (a request
//! token) and OpenID 2.0 (who the provider is). The browser begins at a page of ours and comes back to a page of ours; what
//! the provider vouches for is checked there, and the client is handed a code for it.
//!
//! Map: `begin` (pure: what the client begins with), `page` (pure: the pages), `leave` (the browser is sent away), `come_back`
//! (and comes back), `redeem` (the client's code becomes a profile).
//!
//! What is known between two steps lies among the flows, under a text that only the next step brings along: whatever web
//! server it comes to, it is done once.
//!
//! Invariant: a browser that did not begin does not come back, and a code is good for the client that began only.

pub(crate) mod begin;
pub(crate) mod come_back;
pub(crate) mod leave;
pub(crate) mod page;
mod redeem;

use serde::{Deserialize, Serialize};

use crate::openid2::round::Round;

/// Where browsers begin: with the collection's id and the provider's name behind it.
pub(crate) const BEGIN: &str = "/api/oauth2-begin";
/// Where providers send them back to, in the same way.
pub(crate) const RETURN: &str = "/api/oauth2-return";
/// How long a person may be away, and a code lie unredeemed, in milliseconds.
const TIME_MAX_MS: i64 = 600_000;
/// What browsers that are away are called among the flows.
const AWAY: &str = "away";
/// What codes are called among the flows.
const CODE: &str = "vouched";

/// A browser that is away at a provider. It has no `Debug`: there may be a secret in it.
#[derive(Serialize, Deserialize)]
struct Away {
    /// Which browser, as a hash of its cookie.
    browser: String,
    /// Under which state the client waits.
    state: String,
    /// The challenge of the client's verifier.
    challenge: String,
    /// Scheme and host by which the browser knows us.
    origin: String,
    /// What has to be known to believe the provider.
    begun: Begun,
}

/// What has to be known to believe a provider.
#[derive(Serialize, Deserialize)]
enum Begun {
    /// The request token and its secret.
    OAuth1 { key: String, secret: String },
    /// The round.
    OpenId2(Box<Round>),
}
