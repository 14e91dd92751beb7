//! A server that is run as a child process and spoken to line by line over its standard input and output (MCP, stdio transport).
//!
//! There is no shell, and of our own environment it sees nothing. It leads a process group of its own, which ends with it: launchers such
//! as `npx` have children too. Lines are bounded both ways; what it says on standard error goes to the log, bounded and without its secrets.

use std::future::pending;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chancery_core::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{self, ChildStderr, ChildStdin, ChildStdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::complaints::Complaints;

/// What `PATH` is where nothing else is said: a child is found by its whole path, but launchers look for others.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest message.
pub const LONGEST_LINE: usize = 16 * 1024 * 1024;
/// How long it may take to leave once its input has ended, and again once it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long what it left on standard error is read once it has ended; others that it started may hold that open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// So many lines of standard error in a while; the rest is counted.
const COMPLAINTS: u32 = 50;
const A_WHILE: Duration = Duration::from_secs(10);

/// What to run.
pub struct Order<'a> {
    pub command: &'a str,
    pub args: &'a [String],
    pub folder: Option<&'a Path>,
    pub settings: Vec<(&'a str, &'a str)>,
    pub secrets: Vec<(&'a str, &'a Secret<String>)>,
    /// As the log calls it.
    pub name: String,
}

/// A running child.
pub struct Child {
    pub process: Process,
    pub input: Input,
    pub output: Output,
}

/// Its process group. Dropped, it is killed.
pub struct Process {
    group: Option<Pid>,
    process: process::Child,
    /// Dropped with it.
    _lives: oneshot::Sender<()>,
}

pub struct Input(ChildStdin);

pub struct Output {
    from: ChildStdout,
    read: BytesMut,
    /// Up to here there is no line's end.
    looked: usize,
}

impl Child {
    /// # Errors
    /// When it cannot be started.
    pub fn start(order: &Order<'_>) -> io::Result<Self> {
        let mut command = process::Command::new(order.command);
        command.args(order.args).env_clear().env("PATH", USUAL_PATH);
        command.envs(order.settings.iter().copied()).envs(order.secrets.iter().map(|(name, secret)| (name, secret.expose())));
        command.current_dir(order.folder.unwrap_or(Path::new("/")));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut process = command.spawn()?;
        let group = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let taken = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (_lives, ended) = oneshot::channel();
        let process = Process { group, process, _lives };
        let (Some(input), Some(output), Some(complaints)) = taken else { return Err(io::Error::other("it has no pipes")) };
        let secrets = order.secrets.iter().map(|(_, secret)| *secret);
        tokio::spawn(log(complaints, order.name.clone(), Complaints::new(secrets), ended));
        Ok(Self { process, input: Input(input), output: Output { from: output, read: BytesMut::new(), looked: 0 } })
    }
}

impl Input {
    /// Says one message, which holds no line break outside of what JSON calls white space.
    ///
    /// # Errors
    /// When it listens no more.
    pub async fn say(&mut self, message: &[u8]) -> io::Result<()> {
        let mut line: Vec<u8> = message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
        line.push(b'\n');
        self.0.write_all(&line).await?;
        self.0.flush().await
    }
}

impl Output {
    /// Its next line that is not empty, without its end; nothing once it has said all.
    ///
    /// # Errors
    /// When it cannot be heard, or a line is too long.
    pub async fn line(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(end) = self.read[self.looked..].iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(self.looked + end + 1).freeze();
                self.looked = 0;
                let text = line.trim_ascii();
                if !text.is_empty() {
                    return Ok(Some(line.slice_ref(text)));
                }
                continue;
            }
            self.looked = self.read.len();
            if self.looked > LONGEST_LINE {
                return Err(io::Error::other(format!("it said a line of more than {LONGEST_LINE} bytes")));
            }
            self.read.reserve(8 * 1024);
            if self.from.read_buf(&mut self.read).await? == 0 {
                return Ok(None); // half a line is no message
            }
        }
    }
}

impl Process {
    /// Ends it, its input having ended already: waits, then asks, then kills; and the whole group with it.
    pub async fn end(mut self) {
        if !self.left_within(GRACE).await {
            self.signal(Signal::TERM);
            self.left_within(GRACE).await;
        }
        self.signal(Signal::KILL);
        self.group = None;
        let _ = self.process.wait().await; // whoever it was is gone either way
    }

    /// Until it has left by itself. It is not reaped: meanwhile nobody else can have its number.
    pub async fn left(&self) {
        let Some(group) = self.group else { return };
        let Ok(mut changes) = signal(SignalKind::child()) else { return pending().await };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while matches!(waitid(WaitId::Pid(group), look), Ok(None)) {
            if changes.recv().await.is_none() {
                return pending().await;
            }
        }
    }

    async fn left_within(&self, time: Duration) -> bool {
        timeout(time, self.left()).await.is_ok()
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal); // it may have left by itself
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Its standard error, line by line, until it has ended.
async fn log(mut from: ChildStderr, name: String, mut complaints: Complaints, ended: oneshot::Receiver<()>) {
    let mut over = pin!(async {
        let _ = ended.await; // nothing is ever sent
        sleep(LAST_WORDS).await;
    });
    let (mut said, mut kept_back, mut since, mut all) = (0, 0_u32, Instant::now(), false);
    loop {
        if since.elapsed() >= A_WHILE {
            if kept_back > 0 {
                tracing::warn!(child = name, lines = kept_back, "an upstream says more on standard error than is logged");
            }
            (said, kept_back, since) = (0, 0, Instant::now());
        }
        if let Some(line) = complaints.line(all) {
            said += 1;
            if said > COMPLAINTS {
                kept_back += 1;
            } else {
                tracing::info!(child = name, line = complaints.shown(&line), "an upstream says on standard error");
            }
            continue;
        }
        if all {
            return;
        }
        complaints.read.reserve(8 * 1024);
        all = tokio::select! {
            () = &mut over => true,
            read = from.read_buf(&mut complaints.read) => matches!(read, Ok(0) | Err(_)),
        };
    }
}

#[cfg(test)]
mod tests;
