//! Keycloak, the real identity provider of the tests: its server distribution from Maven's repository, checked against a digest, unpacked
//! and built once into the cache. The tests start it from there (testkit's `keycloak`), each time with a copy of the database made here.
//!
//! All work is done in a folder beside it that takes its name at the end: what stands under that name is whole.

use std::path::{Path, PathBuf};

use crate::run::run;
use crate::tools::cache;

/// Also named in `testkit/src/keycloak.rs`, which starts it.
const VERSION: &str = "26.7.3";
/// Of the distribution as a tar archive.
const SHA256: &str = "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47";
/// What fetches it, pinned like everything else.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// Installs it where it is missing.
pub fn install() -> Result<(), String> {
    let folder = cache().join(format!("keycloak-{VERSION}"));
    if folder.is_dir() {
        return Ok(());
    }
    let work = cache().join(format!("keycloak-{VERSION}.unfinished-{}", std::process::id()));
    let made = make(&work).and_then(|made| std::fs::rename(&made, &folder).map_err(|error| format!("{}: {error}", folder.display())));
    let _ = std::fs::remove_dir_all(&work);
    // Somebody else may have finished first.
    made.or_else(|error| if folder.is_dir() { Ok(()) } else { Err(error) })
}

fn make(work: &Path) -> Result<PathBuf, String> {
    std::fs::create_dir_all(work).map_err(|error| format!("{}: {error}", work.display()))?;
    let archive = fetched(work)?;
    run(work, "tar", &["-xzf", &archive], &[])?;
    let keycloak = work.join(format!("keycloak-{VERSION}"));
    built(&keycloak)?;
    Ok(keycloak)
}

fn fetched(work: &Path) -> Result<String, String> {
    let artifact = format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz");
    // Maven's own copies go with the folder.
    run(work, "mvn", &["-B", "-q", COPY, &artifact, "-DoutputDirectory=.", "-Dmaven.repo.local=maven"], &[])?;
    let archive = format!("keycloak-quarkus-dist-{VERSION}.tar.gz");
    let sums = work.join("sha256");
    std::fs::write(&sums, format!("{SHA256}  {archive}\n")).map_err(|error| format!("{}: {error}", sums.display()))?;
    run(work, "sha256sum", &["--check", "--strict", "sha256"], &[])?;
    Ok(archive)
}

/// Built for the embedded database, and that database made, with an administrator: both take longer than all that a test does.
fn built(keycloak: &Path) -> Result<(), String> {
    run(keycloak, "sh", &["bin/kc.sh", "build", "--db=dev-file"], &[])?;
    let database = format!("--db-url=jdbc:h2:file:{}/template/keycloakdb;NON_KEYWORDS=VALUE", keycloak.display());
    let administrator = ["--username:env", "NAME", "--password:env", "PASSWORD"];
    let words = [&["bin/kc.sh", "bootstrap-admin", "user", "--optimized", &database], administrator.as_slice()].concat();
    run(keycloak, "sh", &words, &[("NAME", "admin"), ("PASSWORD", "admin")])
}
