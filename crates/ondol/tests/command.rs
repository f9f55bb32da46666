//! The command as people meet it: the true program, started in a folder of its own on a free port.

#[path = "command/running.rs"]
mod running;

#[path = "command/database.rs"]
mod database;
#[path = "command/https.rs"]
mod https;
#[path = "command/observe.rs"]
mod observe;
#[path = "command/serve.rs"]
mod serve;
#[path = "command/superuser.rs"]
mod superuser;
#[path = "command/transfer.rs"]
mod transfer;
#[path = "command/usage.rs"]
mod usage;
