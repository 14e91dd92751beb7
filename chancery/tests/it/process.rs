//! The binary, run.

use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use chancery_testkit::Folder;

/// A command line that waits to be run; the folder is where it stands.
pub fn chancery(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("CORP_SECRET", "what-the-provider-knows-us-by").env_remove("CHANCERY_CONFIG").env_remove("CHANCERY_SOCKET");
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
    out: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts a command and waits until it has said this on standard output.
    pub fn start(folder: &Folder, arguments: &[&str], ready: &str) -> Self {
        let mut child = chancery(folder, arguments).spawn().expect("the binary can be run");
        let out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut running = Self { child, out };
        running.says(ready);
        running
    }

    /// Waits until it has said this on standard output.
    pub fn says(&mut self, words: &str) {
        let said = self.out.by_ref().map_while(Result::ok).any(|line| line.contains(words));
        assert!(said, "it ended without {words:?}: {}", self.err());
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no signal could be sent");
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }

    /// All it has said on standard error; waits for its end.
    pub fn err(&mut self) -> String {
        let mut text = String::new();
        let _ = self.child.stderr.take().map(|mut err| err.read_to_string(&mut text));
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
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
