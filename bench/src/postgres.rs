//! A PostgreSQL of this run's own. It refuses to be root, so root runs it as `postgres`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::parts::{Fallible, free_port};

pub struct Postgres {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// None where there is none.
    pub async fn start() -> Fallible<Option<Self>> {
        let mut versions: Vec<PathBuf> =
            std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        versions.sort();
        let Some(programs) = versions.pop().map(|version| version.join("bin")) else { return Ok(None) };
        let folder = std::env::temp_dir().join(format!("chancery-bench-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let is_root = Command::new("id").arg("-u").output()?.stdout.starts_with(b"0");
        let as_postgres = |program: &Path| {
            if !is_root {
                return Command::new(program);
            }
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        };
        if is_root {
            Command::new("chown").arg("postgres").arg(&folder).status()?;
        }
        let (data, port) = (folder.join("data"), free_port());
        let made = as_postgres(&programs.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err("initdb failed".into());
        }
        let mut server = as_postgres(&programs.join("postgres"));
        server
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"])
            .arg(&folder)
            .args(["-c", "max_connections=200"]);
        let child = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let postgres = Self { child, folder, port };
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let made = Command::new(programs.join("createdb"))
                .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &port.to_string(), "bench"])
                .stderr(Stdio::null())
                .status()?;
            if made.success() {
                return Ok(Some(postgres));
            }
        }
        Err("PostgreSQL does not answer".into())
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/bench", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its own id, not that of runuser, which passes nothing on.
        let id = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        if let Some(id) = id.lines().next() {
            let _ = Command::new("kill").args(["-INT", id]).status();
        }
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
