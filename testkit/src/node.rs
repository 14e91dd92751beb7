//! Programs of others, run as they are: the clients and servers under `testkit/clients`, on Node.js.

use std::path::Path;
use std::process::{Command, Stdio};

/// A script of `testkit/clients`, about to be run. None where its packages are not installed, which is said loudly.
///
/// # Panics
/// Under `CI=true`, where that is a failure.
pub fn script(name: &str) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    if let Err(why) = ready(&folder) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} cannot be run: {why}");
        eprintln!("\n*** SKIPPED, NOT PASSED: {name} cannot be run: {why}\n");
        return None;
    }
    let mut command = Command::new("node");
    command.arg(folder.join(name)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(command)
}

/// The same, for a script that drives Chromium.
///
/// # Panics
/// Under `CI=true`, where there is none.
pub fn in_chromium(name: &str) -> Option<Command> {
    let browser = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if !Path::new(&browser).exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} cannot be run: there is no {browser}");
        eprintln!("\n*** SKIPPED, NOT PASSED: {name} cannot be run: there is no {browser} (set CHROMIUM to another)\n");
        return None;
    }
    script(name)
}

fn ready(folder: &Path) -> Result<(), String> {
    if !folder.join("node_modules").is_dir() {
        return Err(format!("its packages are not installed: cd {} && npm ci", folder.display()));
    }
    match Command::new("node").arg("--version").stdin(Stdio::null()).output() {
        Ok(version) if version.status.success() => Ok(()),
        Ok(version) => Err(format!("node fails: {}", String::from_utf8_lossy(&version.stderr))),
        Err(error) => Err(format!("node cannot be run: {error}")),
    }
}
