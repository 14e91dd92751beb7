//! What the parts share: processes on their own processor, listeners, the time.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as Bound};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

pub type Trouble = Box<dyn std::error::Error + Send + Sync>;
pub type Fallible<T> = Result<T, Trouble>;

/// Of the client that asks for tokens.
pub const SECRET: &str = "a-secret-that-only-a-benchmark-knows-0123456789abcdef";

/// What is measured runs on the first processor, all else on the second.
pub const MEASURED: usize = 0;
pub const BESIDE: usize = 1;

#[expect(clippy::disallowed_methods, reason = "a benchmark is about time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Since 1970.
#[expect(clippy::disallowed_methods, reason = "a benchmark is about time")]
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Serves HTTP/1.1 until the process ends.
pub async fn listening<S, F, B>(address: &str, service: S) -> Fallible<()>
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Trouble>,
{
    let listener = TcpListener::bind(address).await?;
    println!("listening on {address}");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        tokio::spawn(async move {
            let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service_fn(service));
            let _ = connection.await; // whoever went away has what it wanted
        });
    }
}

pub fn free_port() -> u16 {
    let bound = Bound::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map_or(0, |address| address.port())
}

pub fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A program that runs until it is dropped.
pub struct Program {
    child: Child,
    pub id: u32,
    pub port: u16,
    /// Until it said that it was ready.
    pub started: Duration,
}

impl Program {
    /// Runs it on one processor, and waits until it says that it is ready.
    pub async fn start(
        path: &Path,
        words: &[&str],
        (port, processor, ready): (u16, usize, &str),
        change: impl FnOnce(&mut Command),
    ) -> Fallible<Self> {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(processor.to_string()).arg(path).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        change(&mut command);
        let began = now();
        let mut child = command.spawn()?;
        let (out, err) = (child.stdout.take().ok_or("no output")?, child.stderr.take().ok_or("no output")?);
        let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(heard(out, sender.clone()));
        tokio::spawn(heard(err, sender));
        let mut said = String::new();
        while let Some(line) = lines.recv().await {
            said.push_str(&line);
            said.push('\n');
            if line.contains(ready) {
                let id = child.id().ok_or("it has ended")?;
                tokio::spawn(async move { while lines.recv().await.is_some() {} });
                return Ok(Self { child, id, port, started: began.elapsed() });
            }
        }
        Err(format!("{} {words:?} ended before it said {ready:?}:\n{said}", path.display()).into())
    }

    pub async fn stop(mut self) {
        let _ = self.child.kill().await;
    }

    /// Asks it to end, and waits until it has.
    pub async fn end(mut self) -> Fallible<()> {
        Command::new("kill").arg(self.id.to_string()).status().await?;
        self.child.wait().await?;
        Ok(())
    }
}

async fn heard(pipe: impl AsyncRead + Unpin, sender: tokio::sync::mpsc::UnboundedSender<String>) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// A folder that goes with the run.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Fallible<Self> {
        Self::named("cast")
    }

    pub fn named(what: &str) -> Fallible<Self> {
        let path = std::env::temp_dir().join(format!("chancery-bench-{what}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
