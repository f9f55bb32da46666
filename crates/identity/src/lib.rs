//! Accounts: who somebody is, how they sign in, and what they get for it.
//!
//! Map, in reading order: `session` (who has signed in: its tokens, keys and records), `token` (pure: mailed tokens), `otp`
//! (pure: mailed codes), `totp` (pure: authenticators' codes), `letter` (pure: mails'
//! templates), `cache` (what was proved a moment ago), `config` and `options` (what the service and a collection say),
//! `service` (the handle: proves tokens for the other rooms, issues new ones), `own` (the collections that are kept for all
//! this), `tally` (how often something was done about an address), `audit` (what is noted of all this), `notice` (who is told of it by mail), `guesses` (how many wrong passwords are let through), `post` (mails that wait), `mailed` (what is asked for by
//! mail, and what mailed words do), `mfa` (two ways after one another), `second` (the same for pages), `authenticator` (the way for which none
//! stands in), `origin` (from where), `sweep` (what expires),
//! `entrance` (what comes of a way that was passed), `endpoint` (one endpoint is one file), `superusers` (those who may do everything, as the command and the first-run page
//! make them).
//!
//! Signing in through others: `provider` (pure: who vouches for people, as data), `verifier` and `callback` (pure: what a client
//! is given and what comes back), `oauth2`, `oidc` and `jose` (the protocols: pure messages and checks, and short drivers),
//! `question` (what is asked about a person), `fetch` (the one guarded way to ask anybody), `refusal` (why somebody does not
//! get in), `linking` (pure: whose account it is), `external` (all of that in order), `flow` (what may be done once), `handing`
//! (the answer to the client that waits). `oauth1` and `openid2` are older protocols, whose providers
//! are reached by a `detour`; `pairs` reads their parameters strictly.
//!
//! Invitations: `invitation`. Pages: `language`, `browser` (what is known of one), `page` (those of sign-in).
//!
//! Passkeys: `passkey` (the ceremonies, pure, and their records).
//!
//! Letting the team's other tools sign people in here: `issuer`.
//!
//! To add a way to sign in: a file under `endpoint/`, its route in `endpoint::router`, its name in `mfa::Way`, and its end in
//! `entrance`, which asks the auth rule and for a second way. To add a provider: see
//! `provider`.
//!
//! Invariant: an unknown address and a wrong password get the same answer after the same work.
//! Invariant: no code and no mailed token lies in the database: they are made of the account's keys when they are sent, and
//! again when they come back.

mod audit;
mod authenticator;
mod browser;
mod cache;
mod callback;
mod config;
mod detour;
mod endpoint;
mod entrance;
mod external;
pub mod fetch;
mod flow;
mod guesses;
mod handing;
mod invitation;
pub mod issuer;
mod jose;
mod language;
mod letter;
mod linking;
mod mailed;
mod mfa;
mod notice;
pub mod oauth1;
mod oauth2;
mod oidc;
pub mod openid2;
mod options;
mod origin;
mod otp;
mod own;
mod page;
pub mod pairs;
mod passkey;
mod post;
pub mod provider;
mod question;
pub mod refusal;
mod second;
mod service;
mod session;
pub mod superusers;
mod sweep;
mod tally;
pub mod token;
mod totp;
mod verifier;

pub use config::Config;
pub use mfa::Way;
pub use origin::Place;
pub use passkey::RelyingParty;
pub use post::Outgoing;
pub use second::Second;
pub use service::{Identity, Listeners};
pub use session::{Actor, Beginning, Proven, Via};
