//! The pages. One page is one file: its handler, what it reads from its form, its template.

pub(crate) mod api;
pub(crate) mod balancers;
pub(crate) mod collections;
pub(crate) mod continuity;
pub(crate) mod export;
pub(crate) mod fields;
pub(crate) mod first_run;
pub(crate) mod grid;
pub(crate) mod home;
pub(crate) mod indexes;
pub(crate) mod look;
pub(crate) mod mailed;
pub(crate) mod make;
pub(crate) mod pulse;
pub(crate) mod record;
pub(crate) mod remove;
pub(crate) mod rules;
pub(crate) mod settings;
pub(crate) mod sign_in;
