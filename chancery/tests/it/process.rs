//! The binary, run.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use chancery_testkit::{Folder, cast};

use crate::said::Said;

/// What a collector of traces knows the server by.
pub const COLLECTOR_KEY: &str = "what-the-collector-knows-us-by";

/// What an upstream knows the gateway by, in a header.
pub const UPSTREAM_KEY: &str = "what-the-upstream-knows-us-by-0123456789";
/// What a child process has in its environment: a secret of several lines.
pub const CHILD_KEY: &str = "first-line-of-what-a-child-is-given\nthe-second-line-of-it-0123456789\n";

/// A command line that waits to be run; the folder is where it stands.
pub fn chancery(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
        .env("CORP_SECRET", "what-the-provider-knows-us-by")
        .env("SECRET", cast::SECRET)
        .env("UPSTREAM_KEY", UPSTREAM_KEY)
        .env("CHILD_KEY", CHILD_KEY)
        .env("COLLECTOR", format!("authorization=Bearer {COLLECTOR_KEY}"));
    command.env_remove("CHANCERY_CONFIG").env_remove("CHANCERY_SOCKET").env_remove("CHANCERY_SERVER");
    command.env("XDG_CONFIG_HOME", folder.path().join("config"));
    command
}

/// How it ended, and what it said.
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn run(folder: &Folder, arguments: &[&str]) -> Ended {
    chancery(folder, arguments).output().expect("the binary can be run").into()
}

impl Ended {
    /// It ended with this code and told all of this.
    pub fn with(&self, code: i32, told: &[&str]) {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, Some(code), "{all}");
        told.iter().for_each(|words| assert!(all.contains(words), "{words:?} is not told by:\n{all}"));
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A process that runs until the test ends.
pub struct Running {
    child: Child,
    out: Said,
    err: Said,
}

impl Running {
    /// Starts a command of ours and waits until it has said this on standard output.
    pub fn start(folder: &Folder, arguments: &[&str], ready: &str) -> Self {
        Self::of(chancery(folder, arguments), ready)
    }

    /// The same for any command.
    pub fn of(mut command: Command, ready: &str) -> Self {
        let mut child = command.spawn().expect("the program can be run");
        let (out, err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let mut running = Self { child, out: Said::on(out), err: Said::on(err) };
        running.says(ready);
        running
    }

    /// Waits until it has said this on standard output.
    pub fn says(&mut self, words: &str) {
        assert!(self.out.wait_for(words), "it did not say {words:?}: {}\n{}", self.out.so_far(), self.err.so_far());
    }

    /// All it has said on standard output so far.
    pub fn said(&self) -> String {
        self.out.so_far()
    }

    /// Waits until it has logged this.
    pub fn logs(&mut self, words: &str) {
        assert!(self.err.wait_for(words), "it did not log {words:?}: {}", self.err.so_far());
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no signal could be sent");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// By SIGKILL, at once, and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        self.wait();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }

    /// All it has said on standard output; waits for its end.
    pub fn out(&mut self) -> String {
        self.out.all()
    }

    /// All it has said on standard error; waits for its end.
    pub fn err(&mut self) -> String {
        self.err.all()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago, below those that the kernel gives to connections: none of them can take it before the server does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 50).expect("it is below 50") * 200;
    let mut ports = (0..200).map(|_| first + NEXT.fetch_add(1, Ordering::Relaxed) % 200);
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).expect("one of two hundred ports is free")
}

/// Writes a configuration whose identity provider nobody can reach.
pub fn configuration(folder: &Folder, port: u16) -> PathBuf {
    let text = format!(
        "server: {{ listen: 127.0.0.1:{port}, store: sqlite:data/chancery.db, keys: {{ file: data/chancery.key }}, socket: data/admin.sock }}
tenant: acme
base_url: http://127.0.0.1:{port}
identity_providers:
  - name: corp
    issuer: http://127.0.0.1:1
    client_id: chancery
    client_secret: env:CORP_SECRET
resources:
  - name: bank
    title: Bank
    upstream: {{ url: http://127.0.0.1:1/mcp }}
    scopes: {{ \"bank:read\": See balances }}
    default_scope: bank:read
"
    );
    write(folder, "chancery.yaml", &text)
}

pub fn write(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let path: PathBuf = Path::new(folder.path()).join(name);
    std::fs::write(&path, text).expect("the folder is ours");
    path
}
