//! Accounts: who somebody is, how they sign in, and what they get for it.
//!
//! Map, in reading order: `token` (pure: the tokens' form and signature), `otp` (pure: mailed codes), `letter` (pure: mails'
//! templates), `cache` (tokens proved a moment ago), `config` and `options` (what the service and a collection say),
//! `service` (the handle: proves tokens for the other rooms, issues new ones), `own` (the collections that are kept for all
//! this), `tally` (how often something was done about an address), `post` (mails that wait), `mailed` (what is asked for by
//! mail, and what mailed words do), `mfa` (two ways after one another), `origin` (from where), `sweep` (what expires),
//! `endpoint` (one endpoint is one file), `superusers` (those who may do everything, as the command and the first-run page
//! make them). Of sign-in by others: `fetch` (the one way in which they are asked), `jose` (what they sign), `provider` (who
//! they are: data), `oauth2`, `oidc`, `oauth1`, `openid2` (the protocols), `pairs`, `question` and `words` (parameters, read
//! strictly), `refusal` (why not), `flow` (what is kept between two steps), `callback`, `detour` and `handing` (the browser's
//! way there and back), `verifier`, `external` (a sign-in from its beginning to its end), `linking` (pure: whose it is).
//!
//! To add a way to sign in: a file under `endpoint/`, its route in `endpoint::router`, its name in `mfa::Way`, and its end in
//! `endpoint::answer::enter`, which asks the auth rule and for a second way, and renders the reply.
//!
//! Invariant: an unknown address and a wrong password get the same answer after the same work.
//! Invariant: no code and no mailed token lies in the database: they are made of the account's keys when they are sent, and
//! again when they come back.

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
mod letter;
mod linking;
mod mailed;
mod mfa;
pub mod oauth1;
mod oauth2;
mod oidc;
pub mod openid2;
mod options;
mod origin;
mod otp;
mod own;
pub mod pairs;
mod post;
pub mod provider;
mod question;
pub mod refusal;
mod service;
pub mod superusers;
mod sweep;
mod tally;
pub mod token;
mod verifier;
mod words;

pub use config::Config;
pub use post::Outgoing;
pub use service::{Identity, Listeners};
