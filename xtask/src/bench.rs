//! `cargo xtask bench`: builds what is measured and what measures it as releases, and runs the rounds (bench/src/rounds.rs).

use std::path::Path;

use crate::run::run;
use crate::test;

pub fn command(root: &Path, words: &[&str]) -> Result<(), String> {
    const USAGE: &str = "cargo xtask bench [--binary PATH] [--only PATH] [--rounds N]";
    let (mut binary, mut only, mut rounds) = (None, "", "3");
    for pair in words.chunks(2) {
        match pair {
            ["--binary", path] => binary = Some(*path),
            ["--only", path] => only = path,
            ["--rounds", many] if many.parse::<usize>().is_ok_and(|many| many > 0) => rounds = many,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let target = test::target_folder(root);
    let built = target.join("release");
    let environment = [("CARGO_TARGET_DIR", &*target.to_string_lossy())];
    let build = ["build", "--release", "--locked", "-p", "chancery-bench"];
    run(root, "cargo", &build, &environment)?;
    if binary.is_none() {
        run(root, "cargo", &["build", "--release", "--locked", "-p", "chancery"], &environment)?;
    }
    let ours = binary.map_or_else(|| built.join("chancery").to_string_lossy().into_owned(), str::to_owned);
    let results = target.join("bench.json").to_string_lossy().into_owned();
    run(root, &built.join("chancery-bench").to_string_lossy(), &["run", &ours, &results, rounds, only], &[])?;
    println!("all of it, for machines: {results}");
    Ok(())
}
