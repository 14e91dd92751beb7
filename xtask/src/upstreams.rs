//! The MCP servers of others that stand behind the gateway in tests, and that no lock file of npm's brings: FastMCP in a Python environment of
//! its own, with all it needs pinned by hash, and a server on the Rust SDK, in a workspace and with a lock of its own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{exists, run};
use crate::tools;

const REQUIREMENTS: &str = "testkit/upstreams/fastmcp/requirements.txt";
pub const RMCP: &str = "testkit/upstreams/rmcp";

/// Built where the product is, so that its tests find it beside them.
pub fn build_rmcp(root: &Path, target: &Path) -> Result<(), String> {
    run(&root.join(RMCP), "cargo", &["build", "--locked"], &[("CARGO_TARGET_DIR", &target.to_string_lossy()), ("CARGO_INCREMENTAL", "0")])
}

/// Installs it anew where the pins have changed.
pub fn install_fastmcp(root: &Path) -> Result<(), String> {
    let (folder, wanted) = (folder(), root.join(REQUIREMENTS));
    let installed = folder.join("requirements.txt");
    let text = |path: &Path| fs::read(path).ok();
    if text(&installed).is_some() && text(&installed) == text(&wanted) {
        return Ok(());
    }
    let python = if exists("python3") { "python3" } else { "python" };
    run(root, python, &["-m", "venv", "--clear", &folder.to_string_lossy()], &[])?;
    let words = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", REQUIREMENTS];
    run(root, &folder.join("bin/pip").to_string_lossy(), &words, &[])?;
    fs::copy(&wanted, &installed).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(())
}

fn folder() -> PathBuf {
    tools::cache().join("upstream-fastmcp")
}
