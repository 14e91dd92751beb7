//! Other programs, run so that a reader sees which and how long each took.

use std::path::Path;
use std::process::Command;

/// A program and its words, run in a folder; its failure is the caller's.
pub fn run(folder: &Path, program: &str, words: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    let shown = format!("{program} {}", words.join(" "));
    println!("\n== {shown}");
    #[expect(clippy::disallowed_methods, reason = "tells how long a step took; nothing decides by it")]
    let begun = std::time::Instant::now();
    let status = Command::new(program).args(words).current_dir(folder).envs(environment.iter().copied()).status();
    let status = status.map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    println!("== {} s: {shown}", begun.elapsed().as_secs());
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed: {status}")) }
}

/// Whether a program of this name can be started at all.
pub fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}
