//! The shell of `records` on a true store in a folder of its own.
#![expect(clippy::unwrap_used, reason = "in a test a fault is to be seen where it happens")]

#[path = "shell/collections.rs"]
mod collections;
#[path = "shell/crud.rs"]
mod crud;
#[path = "shell/files.rs"]
mod files;
#[path = "shell/house.rs"]
mod house;
#[path = "shell/relations.rs"]
mod relations;
#[path = "shell/rules.rs"]
mod rules;
