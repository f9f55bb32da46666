//! Who is primary, decided: what one keeper knows goes in, what it does next comes out, with its reason in one sentence.
//!
//! Map, in reading order: `name` (hosts, sites, and the numbers that order things), `view` (what a keeper knows in one
//! round), `policy` (what the team asked for), `step` (what can be done), `decide` (the rules in their order), then the
//! rules by what they are about: `doubt` (when a primary must stop), `found` (the first start), `reign` (being
//! primary), `handover` (giving it away), `sync` (who must confirm a commit, and who may take over), `vacancy` (nobody is
//! primary), `follow` (somebody else is). `deadline` is the arithmetic of a lease, `exposure` what a loss would cost.
//! To add a rule: a function from view and policy to `Option<Decision>`, its line in `decide::RULES`, and a test of it.
//!
//! Invariant: time enters as a duration or a fact; the same view and policy always give the same decision.
//! Invariant: where a rule doubts, it ends with no primary, never with two.

pub mod deadline;
pub mod decide;
mod doubt;
pub mod exposure;
mod follow;
mod found;
mod handover;
pub mod name;
pub mod policy;
pub(crate) mod reign;
pub mod step;
mod sync;
mod vacancy;
pub mod view;

#[cfg(test)]
mod tests;
