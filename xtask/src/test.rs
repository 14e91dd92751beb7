//! `cargo xtask test`: everything CI runs, in the order in which a mistake is cheapest to find.

use std::path::{Path, PathBuf};

use crate::run::run;
use crate::{conformance, report, rows, tidy, tools, upstreams, workspace};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    All,
    /// Formatting, the house, clippy and the tests, with what is already installed.
    Quick,
}

pub fn everything(root: &Path, extent: Extent) -> Result<(), String> {
    let target = target_folder(root);
    let target = target.to_string_lossy();
    let path = format!("{}:{}", tools::checkers_folder().display(), std::env::var("PATH").unwrap_or_default());
    let environment: &[(&str, &str)] = &[("CARGO_TARGET_DIR", &target), ("PATH", &path), ("CARGO_INCREMENTAL", "0")];
    let cargo = |words: &[&str]| run(root, "cargo", words, environment);

    let rmcp = format!("{}/Cargo.toml", upstreams::RMCP);
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["fmt", "--manifest-path", &rmcp, "--check"])?;
    report("tidy", tidy::problems(root))?;
    report("rows", rows::problems(root))?;
    if extent == Extent::All {
        tools::install(root)?;
        cargo(&["fetch", "--locked"])?;
        for manifest in ["Cargo.toml", &rmcp] {
            let of = ["deny", "--offline", "--manifest-path", manifest, "--config", "deny.toml"];
            cargo(&[&of[..], &["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]].concat())?;
        }
        audit(root, environment)?;
    }
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])?;
    if extent == Extent::All { conformance::check(root) } else { Ok(()) }
}

/// The locks that Cargo builds from: ours, and that of a server in tests.
const LOCKS: [&str; 2] = ["Cargo.lock", "testkit/upstreams/rmcp/Cargo.lock"];

/// Advisories: from the dated copy that CHANCERY_ADVISORIES names or that lies beside the checkout, else as cargo audit fetches them.
fn audit(root: &Path, environment: &[(&str, &str)]) -> Result<(), String> {
    let Some(copy) = advisory_copy(root) else {
        return LOCKS.iter().try_for_each(|lock| run(root, "cargo", &["audit", "--file", lock], environment));
    };
    let folder = tools::cache().join("advisories").join(copy.file_stem().unwrap_or_default());
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    run(root, "tar", &["-xJf", &copy.to_string_lossy(), "-C", &folder.to_string_lossy()], &[])?;
    println!("advisories as of the copy {}", copy.file_name().unwrap_or_default().to_string_lossy());
    let database = database_in(&folder);
    let database = database.to_string_lossy();
    LOCKS
        .iter()
        .try_for_each(|lock| run(root, "cargo", &["audit", "--file", lock, "--db", &database, "--no-fetch", "--stale"], environment))
}

/// A file `rustsec-YYYY-MM-DD.tar.xz`.
fn advisory_copy(root: &Path) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHANCERY_ADVISORIES") {
        return Some(PathBuf::from(named));
    }
    let entries = std::fs::read_dir(root.parent()?.join("shared")).ok()?;
    let mut copies: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with(".tar.xz")).collect();
    copies.sort();
    copies.pop()
}

/// The unpacked folder that has `crates` in it: the archive's top, or one below.
fn database_in(folder: &Path) -> PathBuf {
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    below.chain([folder.to_owned()]).find(|path| path.join("crates").is_dir()).unwrap_or_else(|| folder.to_owned())
}

/// Outside the clone, by toolchain, so that a fresh clone on the same machine is warm.
pub fn target_folder(root: &Path) -> PathBuf {
    let toolchain = workspace::manifest(&root.join("rust-toolchain.toml"));
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap_or("unknown");
    let set = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    set.unwrap_or_else(|| tools::cache().join(format!("target-{channel}")))
}
