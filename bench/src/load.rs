//! Closed-loop load over HTTP/1.1: each connection sends its next request when the last was answered. As bare as can be, since it runs on
//! the same machine as what it measures.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cpu;
use crate::parts::{Fallible, now};

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Default)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &&str| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) && line[name.len()..].starts_with(':')
        };
        self.head.lines().find(of).map(|line| line[name.len() + 1..].trim())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A member of a flat JSON object.
    pub fn member(&self, name: &str) -> Fallible<String> {
        let value: serde_json::Value = serde_json::from_slice(&self.body).map_err(|_| format!("no JSON: {} {}", self.head, self.text()))?;
        let member = value[name].as_str().map(str::to_owned);
        Ok(member.ok_or_else(|| format!("no {name}: {} {}", self.head, self.text()))?)
    }
}

impl Connection {
    pub async fn to(address: SocketAddr) -> Fallible<Self> {
        #[expect(clippy::disallowed_methods, reason = "load goes to the programs that this one started, on loopback")]
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// One request and the whole of its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Fallible<Answer> {
        let line = || String::from_utf8_lossy(request).lines().next().unwrap_or_default().to_owned();
        self.answer(request).await.map_err(|error| format!("{error}, after {}", line()).into())
    }

    async fn answer(&mut self, request: &[u8]) -> Fallible<Answer> {
        self.stream.write_all(request).await?;
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end);
        let mut answer = Answer { status: head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0), head, body: Vec::new() };
        if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            self.chunks(&mut answer.body).await?;
        } else {
            let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            while self.buffer.len() < length {
                self.more().await?;
            }
            answer.body.extend(self.buffer.drain(..length));
        }
        Ok(answer)
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Fallible<()> {
        let mut at = 0;
        loop {
            let Some(line) = find(&self.buffer[at..], b"\r\n") else {
                self.more().await?;
                continue;
            };
            let size = std::str::from_utf8(&self.buffer[at..at + line]).ok().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            let (size, begin) = (size.ok_or("a chunk without a size")?, at + line + 2);
            while self.buffer.len() < begin + size + 2 {
                self.more().await?;
            }
            body.extend_from_slice(&self.buffer[begin..begin + size]);
            at = begin + size + 2;
            if size == 0 {
                self.buffer.drain(..at);
                return Ok(());
            }
            if at > 256 * 1024 {
                self.buffer.drain(..at);
                at = 0;
            }
        }
    }

    async fn more(&mut self) -> Fallible<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the connection ended".into()),
            _ => Ok(()),
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// What one connection asks for, and what it makes of the answer.
pub trait Script: Send {
    fn next(&mut self) -> Vec<u8>;
    /// How much it counts for; nothing where it is not what was wanted.
    fn answered(&mut self, answer: &Answer) -> Option<u64>;
}

/// How long a window lasts.
#[derive(Clone, Copy)]
pub enum Span {
    For(Duration),
    /// So many requests of each connection.
    Requests(u64),
}

/// What one window showed.
#[derive(Clone, Copy)]
pub struct Window {
    pub counted: u64,
    pub failed: u64,
    pub seconds: f64,
    /// Of the server.
    pub cpu_micros: f64,
    pub p50_micros: f64,
    pub p99_micros: f64,
    /// Of the server, at the end, while all connections were open.
    pub memory_mib: f64,
}

/// Runs one script on each connection; the first of a window's time is to warm up.
pub async fn run(address: SocketAddr, process: u32, span: Span, scripts: Vec<Box<dyn Script>>) -> Fallible<Window> {
    const WARM_UP: Duration = Duration::from_millis(300);
    let mut lanes = Vec::new();
    for script in scripts {
        lanes.push((Connection::to(address).await?, script));
    }
    if let Span::For(_) = span {
        lanes = all(lanes, Span::For(WARM_UP)).await?.0;
    }
    let (before, began) = (cpu::of(process), now());
    let (lanes, mut times, counted, failed) = all(lanes, span).await?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu::of(process).saturating_sub(before));
    let memory_mib = cpu::memory(process);
    drop(lanes);
    times.sort_unstable();
    let at = |share: f64| times.get(((times.len() as f64 - 1.0) * share) as usize).map_or(f64::NAN, |time| time.as_nanos() as f64 / 1000.0);
    let cpu_micros = cpu.as_secs_f64() * 1e6 / counted.max(1) as f64;
    Ok(Window { counted, failed, seconds, cpu_micros, p50_micros: at(0.5), p99_micros: at(0.99), memory_mib })
}

type Lane = (Connection, Box<dyn Script>);

async fn all(lanes: Vec<Lane>, span: Span) -> Fallible<(Vec<Lane>, Vec<Duration>, u64, u64)> {
    let began = now();
    let tasks: Vec<_> = lanes.into_iter().map(|lane| tokio::spawn(one(lane, span, began))).collect();
    let (mut lanes, mut times, mut counted, mut failed) = (Vec::new(), Vec::new(), 0, 0);
    for task in tasks {
        let (lane, of_lane, good, bad) = task.await??;
        lanes.push(lane);
        times.extend(of_lane);
        counted += good;
        failed += bad;
    }
    Ok((lanes, times, counted, failed))
}

async fn one((mut connection, mut script): Lane, span: Span, began: Instant) -> Fallible<(Lane, Vec<Duration>, u64, u64)> {
    let (mut times, mut counted, mut failed, mut asked) = (Vec::new(), 0, 0, 0);
    loop {
        match span {
            Span::For(time) if began.elapsed() >= time => break,
            Span::Requests(most) if asked >= most => break,
            _ => {}
        }
        let request = script.next();
        let sent = now();
        let answer = connection.exchange(&request).await?;
        times.push(sent.elapsed());
        asked += 1;
        match script.answered(&answer) {
            Some(count) => counted += count,
            None => {
                failed += 1;
                if failed == 1 {
                    eprintln!("an answer that was not wanted: {}{}", answer.head, answer.text().chars().take(300).collect::<String>());
                }
            }
        }
    }
    Ok(((connection, script), times, counted, failed))
}
