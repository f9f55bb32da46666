//! Sign-in as clients meet it: requests through the router, on a store of its own, of the engine of this run.
//!
//! Map: `house` (what the tests stand on), `mailing` (the same with mail), then what they are about.

// what runs beside a service, down to the drivers, is one future of many layers
#![recursion_limit = "256"]

mod accounts;
mod audit;
mod authenticator;
mod codes;
mod external;
mod house;
mod issuer;
mod keys;
mod mailed;
mod mailing;
mod notices;
mod openid2;
mod pages;
mod passkeys;
mod password;
mod sending;
mod sessions;
mod spread;
mod steps;
mod tokens;
mod ways;
