//! A server that is run as a child process and spoken to line by line over its standard input and output (MCP, stdio transport).
//!
//! There is no shell, and of our own environment it sees nothing. It leads a process group of its own, which ends with it: launchers such
//! as `npx` have children too. Lines are bounded both ways; what it says on standard error goes to the log, bounded and without its secrets.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chancery_core::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{self, ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep};

use crate::complaints::Complaints;

/// What `PATH` is where nothing else is said: a child is found by its whole path, but launchers look for others.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The longest message.
pub const LONGEST_LINE: usize = 16 * 1024 * 1024;
/// How long it may take to leave once its input has ended, and again once it was asked to.
const GRACE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);
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
        let process = Process { group, process };
        let (Some(input), Some(output), Some(complaints)) = taken else { return Err(io::Error::other("it has no pipes")) };
        let secrets = order.secrets.iter().map(|(_, secret)| *secret);
        tokio::spawn(log(complaints, order.name.clone(), Complaints::new(secrets)));
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

    /// Looks without reaping: while the child is not reaped, nobody else can have its number.
    async fn left_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let Some(group) = self.group else { return true };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while Instant::now() < until {
            if !matches!(waitid(WaitId::Pid(group), look), Ok(None)) {
                return true;
            }
            sleep(LOOK).await;
        }
        false
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

/// Its standard error, line by line.
async fn log(mut from: ChildStderr, name: String, mut complaints: Complaints) {
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
        all = matches!(from.read_buf(&mut complaints.read).await, Ok(0) | Err(_));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell<'a>(args: &'a [String], secret: &'a Secret<String>) -> Order<'a> {
        Order {
            command: "/bin/sh",
            args,
            folder: None,
            settings: vec![("LEVEL", "info")],
            secrets: vec![("TOKEN", secret)],
            name: "a test's".to_owned(),
        }
    }

    fn script(text: &str) -> [String; 2] {
        ["-c".to_owned(), text.to_owned()]
    }

    #[tokio::test]
    async fn a_child_sees_its_own_environment_alone_and_is_spoken_to_in_lines() {
        let secret = Secret::new("hunter2".to_owned());
        let args = script("env | sort; while read -r line; do printf '\\n%s\\n' \"$line\"; done");
        let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
        let mut seen = Vec::new();
        child.input.say(b"{\"a\":\r\n1}").await.expect("it listens");
        loop {
            let line = child.output.line().await.expect("it is heard").expect("it goes on");
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.starts_with('{') {
                assert_eq!(line, "{\"a\":  1}");
                break;
            }
            seen.push(line);
        }
        seen.retain(|line| {
            !line.starts_with("PWD=") && !line.starts_with("_=") && !line.starts_with("SHLVL=") && !line.starts_with("OLDPWD=")
        });
        assert_eq!(seen, ["LEVEL=info", &format!("PATH={USUAL_PATH}"), "TOKEN=hunter2"]);
        drop(child.input);
        child.process.end().await;
        assert!(child.output.line().await.expect("it is heard").is_none());
    }

    #[tokio::test]
    async fn a_child_that_does_not_leave_is_killed_with_all_that_it_started() {
        let secret = Secret::new(String::new());
        let args = script("trap '' TERM; sleep 600 & echo $!; wait; sleep 600");
        let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
        let grandchild = child.output.line().await.expect("it is heard").expect("a number");
        let stat = format!("/proc/{}/stat", String::from_utf8_lossy(&grandchild));
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
        assert!(runs());
        drop(child.process);
        let until = Instant::now() + Duration::from_secs(10);
        while runs() {
            assert!(Instant::now() < until, "it is left behind");
            sleep(LOOK).await;
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_gathered() {
        let secret = Secret::new(String::new());
        let args = script("head -c 40000000 /dev/zero | tr '\\0' x");
        let mut child = Child::start(&shell(&args, &secret)).expect("a shell");
        let error = child.output.line().await.expect_err("it is too long");
        assert!(error.to_string().contains("more than"), "{error}");
    }
}
