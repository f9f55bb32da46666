//! The shell of `records` on a true store in a folder of its own.

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
