//! Accounts: who somebody is, how they sign in, and what they get for it.
//!
//! Map, in reading order: `token` (pure: the tokens' form and signature), `cache` (tokens proved a moment ago), `config`,
//! `service` (the handle: proves tokens for the other rooms, issues new ones), `endpoint` (one endpoint is one file),
//! `superusers` (those who may do everything, as the command and the first-run page make them).
//!
//! Signing in through others: `provider` (pure: who vouches for people, as data), `verifier` and `callback` (pure: what a client
//! is given and what comes back), `oauth2`, `oidc` and `jose` (the protocols: pure messages and checks, and short drivers),
//! `question` (what is asked about a person), `fetch` (the one guarded way to ask anybody), `refusal` (why somebody does not get in), `linking` (pure: whose account it
//! is), `external` (all of that in order), `flow` (what may be done once), `handing` (the answer to the client that waits),
//! `words` (of settings). `oauth1` and `openid2` are older protocols, whose providers are reached by a `detour`; `pairs` reads
//! their parameters strictly.
//!
//! To add a way to sign in: a file under `endpoint/`, its route in `endpoint::router`, and its end in
//! `endpoint::answer::signed_in`, which asks the auth rule and renders the reply. To add a provider: see `provider`.
//!
//! Invariant: an unknown address and a wrong password get the same answer after the same work.

mod cache;
mod callback;
mod config;
mod detour;
mod endpoint;
mod external;
pub mod fetch;
mod flow;
mod handing;
mod jose;
mod linking;
pub mod oauth1;
mod oauth2;
mod oidc;
pub mod openid2;
pub mod pairs;
pub mod provider;
mod question;
pub mod refusal;
mod service;
pub mod superusers;
pub mod token;
mod verifier;
mod words;

pub use config::Config;
pub use service::{Identity, Listeners};
