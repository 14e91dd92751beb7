//! An MCP server that writes down each call as it carries it out, and answers as the call says: a process of its own, which can be killed
//! and started again. It is this test program, started for that alone.

mod answers;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chancery_core::SystemClock;
use chancery_testkit::{Browser, Folder};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::process::{Running, free_port};

const PORT: &str = "WORKER_PORT";
const CALLS: &str = "WORKER_CALLS";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Worker {
    running: Running,
    port: u16,
    folder: Folder,
}

impl Worker {
    pub fn start() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        Self { running: process(port, &calls_in(&folder)), port, folder }
    }

    /// At the same address, after it was killed.
    pub fn start_again(&mut self) {
        self.running = process(self.port, &calls_in(&self.folder));
    }

    pub fn kill(&mut self) {
        self.running.kill();
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// The marks of all calls that it has carried out, killed or not, in their order.
    pub fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(calls_in(&self.folder)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until it has carried out so many calls.
    pub async fn has_done(&self, count: usize) {
        self.until(|| async { self.calls().len() >= count }).await;
    }

    /// Lets so many answers end that wait for it.
    pub async fn release(&self, count: usize) {
        self.ask("release", &json!({ "count": count })).await;
    }

    /// Sends one event on every stream, and gives how many there are.
    pub async fn tell(&self, message: &Value) -> usize {
        self.ask("tell", message).await["streams"].as_u64().and_then(|streams| usize::try_from(streams).ok()).expect("a number")
    }

    /// How many streams it has open.
    pub async fn streams(&self) -> usize {
        self.ask("streams", &json!({})).await["streams"].as_u64().and_then(|streams| usize::try_from(streams).ok()).expect("a number")
    }

    /// How much of a flood it could write.
    pub async fn written(&self) -> u64 {
        self.ask("written", &json!({})).await["written"].as_u64().expect("a number")
    }

    /// Looks again and again until it is so.
    pub async fn until<F: Future<Output = bool>>(&self, holds: impl Fn() -> F) {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < PATIENCE, "the upstream never came so far; it did {:?}", self.calls());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ask(&self, what: &str, about: &Value) -> Value {
        let url = format!("http://127.0.0.1:{}/{what}", self.port);
        Browser::program(Arc::new(SystemClock)).post_json(&url, about).await.has_status(200).json()
    }
}

fn calls_in(folder: &Folder) -> PathBuf {
    folder.path().join("calls")
}

fn process(port: u16, calls: &std::path::Path) -> Running {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\""]); // it has many streams open
    command.arg(std::env::current_exe().expect("a test has a program"));
    command.args(["--exact", "worker::serves", "--ignored", "--nocapture"]).env(PORT, port.to_string()).env(CALLS, calls);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::of(command, "at work")
}

#[tokio::test]
#[ignore = "no test: the process that the others start"]
async fn serves() {
    let (Ok(port), Ok(calls)) = (std::env::var(PORT), std::env::var(CALLS)) else { return };
    answers::serve(port.parse().expect("a port"), calls.into()).await;
}
