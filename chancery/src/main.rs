//! The binary; everything is in the library, so that tests start nodes in their own process.

use std::process::ExitCode;

fn main() -> ExitCode {
    chancery::cli::run(std::env::args_os())
}
