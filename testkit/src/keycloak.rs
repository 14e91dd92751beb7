//! Keycloak, a real identity provider: one server a process, a fresh realm a test.
//!
//! 1. `cargo xtask tools` has unpacked and built it in the cache, with a database that has an administrator; a server works on a copy.
//! 2. It listens on loopback alone and hangs on a pipe that only this process holds: however the process ends, `kill -9` included, the server
//!    stops and its folder goes.
//! 3. Where it is not installed, `CI=true` makes that a failure; otherwise it is said loudly and the test is skipped.

mod realm;

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

pub use realm::Realm;

use crate::postgres::free_port;
use crate::readiness::comes_up;

/// What `xtask/src/keycloak.rs` installs.
const FOLDER: &str = "keycloak-26.7.3";

/// Runs the server until standard input ends, then stops it and removes what it wrote. `$1` is the program, `$2` the folder; the rest are its
/// words. The signals are held off only from the shell: Java does not listen to what its parent ignores.
const SUPERVISOR: &str = r#"program="$1"; folder="$2"; shift 2
sh "$program" start "$@" >"$folder/log" 2>&1 </dev/null &
trap '' INT TERM HUP
cat >/dev/null
kill -TERM $!
wait
rm -rf "$folder""#;

/// The compiler that starts fast; nobody stays long enough for the other to pay.
const JAVA: [(&str, &str); 2] = [("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1"), ("JAVA_OPTS_KC_HEAP", "-Xms128m -Xmx512m")];

/// The server of this process.
pub struct Keycloak {
    base: String,
    _supervisor: Child,
}

impl Keycloak {
    /// The server, started by whoever asks first; or none where there is none and that is allowed.
    ///
    /// # Panics
    /// Under `CI=true`, where a missing server is a failure.
    pub async fn here() -> Option<&'static Self> {
        static SERVER: OnceLock<Result<Keycloak, String>> = OnceLock::new();

        let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(Self::start)).await.expect("starting does not panic");
        match server {
            Ok(server) => Some(server),
            Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no Keycloak for the tests: {why}"),
            Err(why) => {
                eprintln!("\n*** SKIPPED, NOT PASSED: no Keycloak for this test: {why}\n");
                None
            }
        }
    }

    /// A realm that nobody else uses, with the people of these tests, and one confidential client that may return to these addresses.
    pub async fn realm(&self, callbacks: &[&str]) -> Realm {
        Realm::made(&self.base, callbacks).await
    }

    fn start() -> Result<Self, String> {
        let program = installed()?;
        let folder = std::env::temp_dir().join(format!("chancery-keycloak-{}", std::process::id()));
        let copied =
            fs::create_dir(&folder).and_then(|()| fs::copy(program.join("template/keycloakdb.mv.db"), folder.join("keycloakdb.mv.db")));
        copied.map_err(|error| format!("{}: {error}", folder.display()))?;

        let port = free_port()?;
        let supervisor = supervised(&program, &folder, port).spawn();
        let supervisor = supervisor.map_err(|error| format!("the server's supervisor cannot be started: {error}"))?;
        let server = Self { base: format!("http://127.0.0.1:{port}"), _supervisor: supervisor };
        if comes_up(port, "/realms/master") {
            return Ok(server);
        }
        Err(format!("Keycloak did not come up; it says: {}", fs::read_to_string(folder.join("log")).unwrap_or_default()))
    }
}

fn supervised(program: &Path, folder: &Path, port: u16) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SUPERVISOR, "keycloak"]).arg(program.join("bin/kc.sh")).arg(folder).args([
        "--optimized",
        "--cache=local", // or it would look for others on every network
        "--http-enabled=true",
        "--http-host=127.0.0.1",
    ]);
    command
        .arg(format!("--http-port={port}"))
        .arg(format!("--hostname=http://127.0.0.1:{port}"))
        .arg(format!("--db-url=jdbc:h2:file:{}/keycloakdb;NON_KEYWORDS=VALUE", folder.display()))
        .envs(JAVA)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn installed() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    let folder = cache.unwrap_or_else(home).join("chancery").join(FOLDER);
    if folder.is_dir() { Ok(folder) } else { Err(format!("{} is not there: cargo xtask tools", folder.display())) }
}
