//! The relying party against a provider that others wrote, and against each way in which it misbehaves.

mod discovery;
