//! The API as its clients see it: the router in process, on a true store in a folder of its own.

mod batch;
mod collections;
mod docs;
mod files;
mod hostile;
mod house;
mod mutants;
mod once;
mod outage;
mod realtime;
mod records;
