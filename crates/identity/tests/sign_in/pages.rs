//! The pages as browsers meet them: forms, cookies, and what other sites try.

#[path = "pages/invitations.rs"]
mod invitations;
#[path = "pages/providers.rs"]
mod providers;
#[path = "pages/session.rs"]
mod session;
#[path = "pages/sign_in.rs"]
mod sign_in;
#[path = "pages/tab.rs"]
pub(crate) mod tab;
#[path = "pages/trial.rs"]
mod trial;
