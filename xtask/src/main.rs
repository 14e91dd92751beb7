//! The project's own commands: `cargo xtask test` runs all that CI runs, `tidy` checks the house, `rows` ties protocol rows to checks and tests.

mod bench;
mod conformance;
mod keycloak;
mod links;
mod rows;
mod run;
mod test;
mod tidy;
mod tools;
mod upstreams;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [--quick]   everything CI runs (--quick: without the installs and the supply-chain checks)
cargo xtask tools            install what the tests need
cargo xtask tidy             the house: arrows, crates with one home, file lengths and names, links in docs
cargo xtask rows [--check]   tie rows, checks and tests; write docs/conformance.md (--check: only compare)
cargo xtask conformance [--check] [--binary PATH]
                             run the MCP conformance suite through the gateway and at the issuer; write specs/conformance.json and
                             docs/conformance.md (--check: only compare; --binary: this chancery, instead of building one)
cargo xtask bench [--binary PATH] [--only PATH] [--rounds N]
                             measure against the floor programs, both as releases; write bench.json into the target folder";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = workspace::root();
    let outcome = match words.as_slice() {
        ["test"] => test::everything(&root, test::Extent::All),
        ["test", "--quick"] => test::everything(&root, test::Extent::Quick),
        ["tools"] => tools::install(&root),
        ["tidy"] => report("tidy", tidy::problems(&root)),
        ["rows"] => rows::write(&root).and_then(|()| report("rows", rows::problems(&root))),
        ["rows", "--check"] => report("rows", rows::problems(&root)),
        ["bench", words @ ..] => bench::command(&root, words),
        ["conformance", words @ ..] => conformance::command(&root, words),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn report(check: &str, problems: Vec<String>) -> Result<(), String> {
    if problems.is_empty() {
        println!("{check}: nothing to say");
        return Ok(());
    }
    Err(format!("{check} found {} problems:\n  {}", problems.len(), problems.join("\n  ")))
}
