//! The command `ondol`.
//!
//! mimalloc, because the service makes and drops many small texts on several threads at once.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ondol::cli::main(std::env::args_os())
}
