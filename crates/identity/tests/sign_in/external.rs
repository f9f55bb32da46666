//! Signing in through providers: our true endpoints against independent software that misbehaves when told to.

#[path = "external/apple.rs"]
mod apple;
#[path = "external/browser.rs"]
pub(crate) mod browser;
#[path = "external/detour.rs"]
pub(crate) mod detour;
#[path = "external/house.rs"]
pub(crate) mod house;
#[path = "external/known.rs"]
mod known;
#[path = "external/linking.rs"]
mod linking;
#[path = "external/logout.rs"]
mod logout;
#[path = "external/oauth2.rs"]
pub(crate) mod oauth2;
#[path = "external/oidc.rs"]
pub(crate) mod oidc;
#[path = "external/takeover.rs"]
mod takeover;
