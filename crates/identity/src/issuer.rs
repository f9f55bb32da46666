//! Ondol as an OpenID Connect provider: the team's other tools, its *clients*, let people sign in here.
//!
//! Map, in reading order: `scope` and `client` (pure: what may be asked for, and by whom), `registry` (which client it is, and
//! whether it can show it), `request` (pure: what is asked for through the browser), `decide` (pure: what comes next), `grant`
//! (what a person agreed to), `page` (where they do), `word` and `turn` (pure: codes and refresh tokens, and how often they are
//! good), `family` (what came of one sign-in), `issue` (a family takes its turns), `jws` (pure: tokens that we sign), `about`
//! (pure: what is told of a person), `mint` (the tokens), `assertion` (who asks, for applications behind a proxy), `logout`
//! (clients are told that a session has ended), `metadata` (pure: what we say of ourselves), `denial` (why a client gets nothing).
//! The endpoints are in `endpoint::issuer`.
//!
//! To add a scope: its line in `scope`, what it tells in `about`, its words on the page.
//!
//! Invariant: a code goes to an address that was written down for its client, to the letter; it is good once, for whoever can
//! show the verifier. PKCE is no choice.
//! Invariant: nothing that a client brings back lies in the database.

pub(crate) mod about;
mod assertion;
pub(crate) mod client;
pub(crate) mod decide;
pub(crate) mod denial;
mod family;
pub(crate) mod grant;
mod issue;
pub(crate) mod jws;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod mint;
pub(crate) mod page;
mod registry;
pub(crate) mod request;
pub(crate) mod scope;
mod turn;
mod word;

pub use assertion::{ASSERTION_TIME, Audience};
pub use client::{Client, Written};
pub(crate) use issue::{Brought, Renewal};
pub(crate) use registry::Registry;
