//! The benchmarks: what a request costs us, against a floor program that does only what cannot be left out, in turn and in one run.
//! `cargo xtask bench` runs it; docs/benches.md says how to read it.
//!
//! One program, so that all parts stand on the same libraries: it is the floors, the server behind the gateway, and the load.

mod alone;
mod browse;
mod cpu;
mod floor;
mod load;
mod parts;
mod postgres;
mod report;
mod revoke;
mod rounds;
mod upstream;

use std::process::ExitCode;

use crate::parts::Fallible;
use crate::rounds::Wanted;

const USAGE: &str = "chancery-bench run CHANCERY RESULTS.json ROUNDS [PATH] | floor-token ADDRESS FOLDER | floor-proxy ADDRESS UPSTREAM KEY FOLDER | upstream ADDRESS";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let ended: Fallible<()> = runtime.block_on(async {
        match words.as_slice() {
            ["run", chancery, results, rounds] => rounds::run(chancery, results, Wanted { only: "", rounds: rounds.parse()? }).await,
            ["run", chancery, results, rounds, only] => rounds::run(chancery, results, Wanted { only, rounds: rounds.parse()? }).await,
            ["floor-token", address, folder] => floor::token::serve(address, folder).await,
            ["floor-proxy", address, upstream, key, folder] => floor::proxy::serve(address, upstream, key, folder).await,
            ["upstream", address] => upstream::serve(address).await,
            _ => Err(USAGE.into()),
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
