//! A site that a process serves: the binary as it ships, on either database, with a company's identity provider and servers of this
//! test's own around it. Time is the machine's.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chancery_core::SystemClock;
use chancery_testkit::postgres::Database;
use chancery_testkit::{Behind, Folder, IdentityProvider, Kind, cast};
use serde_json::{Value, json};

use crate::process::{Running, chancery, free_port, run, write};

pub struct Served {
    pub base: String,
    pub folder: Folder,
    /// The company's, in the test's hands.
    pub provider: IdentityProvider,
    _database: Option<Database>,
}

impl Served {
    /// Nothing runs yet. None where there is no PostgreSQL and that is allowed.
    pub async fn on(kind: Kind, change: impl FnOnce(&mut Value)) -> Option<Self> {
        let (store, database) = match kind {
            Kind::Sqlite => ("sqlite:data/chancery.db".to_owned(), None),
            Kind::Postgres => {
                let fresh = tokio::task::spawn_blocking(Database::fresh).await.expect("a database, or the panic that says why not")?;
                (fresh.url(), Some(fresh))
            }
        };
        let port = free_port();
        let served = Self::at(format!("http://127.0.0.1:{port}"), server(port, &store), change).await;
        Some(Self { _database: database, ..served })
    }

    /// On a database that the test looks after, which `server` names.
    pub async fn at(base: String, server: Value, change: impl FnOnce(&mut Value)) -> Self {
        let folder = Folder::new();
        let behind = Behind::start(&base, Arc::new(SystemClock)).await;
        let mut file = cast::file(&base, &behind);
        file["server"] = server;
        change(&mut file);
        write(&folder, "chancery.yaml", &file.to_string()); // JSON is YAML
        run(&folder, &["apply"]).with(0, &["version 1"]);
        Self { base, folder, provider: behind.provider, _database: None }
    }

    /// Starts the server as a shell does that allows few open files at first.
    pub fn serve_from_a_shell(&self) -> Running {
        let serve = chancery(&self.folder, &["serve"]);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "ulimit -Sn 1024; exec \"$0\" serve"]).arg(serve.get_program());
        shell.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(self.folder.path());
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::of(shell, "listening on")
    }

    /// Starts the server, the first time or again.
    pub fn serve(&self) -> Running {
        Running::start(&self.folder, &["serve"], "listening on")
    }

    /// The whole audit log, oldest first, by the server or without one.
    pub fn audit(&self) -> Vec<Value> {
        let tail = run(&self.folder, &["audit", "tail", "--json", "-n", "10000"]);
        assert_eq!(tail.code, Some(0), "{}", tail.err);
        tail.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// The same as soon as it is so: what a client knows already may still be on its way into the log.
    pub async fn audit_when(&self, holds: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        for _ in 0..100 {
            let log = self.audit();
            if holds(&log) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the log never says so: {:#?}", self.audit());
    }
}

/// A server's own part of a file, with its own socket.
pub fn server(port: u16, store: &str) -> Value {
    json!({
        "listen": format!("127.0.0.1:{port}"),
        "store": store,
        "keys": { "file": "data/chancery.key" },
        "socket": format!("data/{port}.sock"),
    })
}
