//! A thousand revocations under load: two nodes on one PostgreSQL; a token that both accept is revoked at one of them (RFC 7009), and the
//! time runs from asking for it until both refuse it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browse::post;
use crate::load::{Connection, Script, Span};
use crate::parts::{Fallible, Folder, Program, SECRET, address, free_port, now};
use crate::postgres::Postgres;
use crate::rounds::{Call, Credentials, configuration, environment};

const REVOCATIONS: usize = 1_000;
const AT_ONCE: usize = 4;
/// Whoever still accepts by then never refuses.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn run(chancery: &Path, folder: &Folder, upstream: u16) -> Fallible<Option<Value>> {
    let Some(postgres) = Postgres::start().await? else {
        eprintln!("no revocations were measured: there is no PostgreSQL");
        return Ok(None);
    };
    let public = free_port();
    let mut nodes = Vec::new();
    for (number, port) in [public, free_port()].into_iter().enumerate() {
        let file = configuration(folder, &format!("node{number}"), (port, public), upstream, &postgres.url());
        let words = ["--config", file.as_str()];
        if number == 0 {
            let mut apply = tokio::process::Command::new(chancery);
            environment(apply.arg("apply").args(words));
            let applied = apply.output().await?;
            if !applied.status.success() {
                return Err(format!("apply failed: {}", String::from_utf8_lossy(&applied.stderr)).into());
            }
        }
        let words = ["serve", words[0], words[1], "--log", "json"];
        nodes.push(Program::start(chancery, &words, (port, number, "listening on"), environment).await?);
    }
    let client = crate::rounds::client_of(chancery, &folder.path("node0.yaml")).await?;
    let credentials = Credentials { client, port: public };
    let tokens = Arc::new(mint(&nodes[0], &credentials, REVOCATIONS).await?);
    let load: Vec<_> = nodes.iter().map(|node| tokio::spawn(under_load(node.port, node.id, credentials.clone()))).collect();

    let (next, slow) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let ports = [nodes[0].port, nodes[1].port];
    let workers: Vec<_> =
        (0..AT_ONCE).map(|_| tokio::spawn(revoking(ports, credentials.clone(), tokens.clone(), (next.clone(), slow.clone())))).collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await??);
    }
    load.iter().for_each(tokio::task::JoinHandle::abort);
    for node in nodes {
        node.stop().await;
    }
    times.sort_unstable();
    let at = |share: f64| {
        times.get(((times.len() as f64 - 1.0) * share) as usize).map_or(f64::NAN, |time: &Duration| time.as_secs_f64() * 1000.0)
    };
    let worst = at(1.0);
    Ok(Some(json!({
        "revocations": times.len(), "nodes": 2, "p50_ms": at(0.5), "p99_ms": at(0.99), "worst_ms": worst, "never": slow.load(Ordering::Relaxed),
        "most_ms": 1000.0, "met": worst < 1000.0 && slow.load(Ordering::Relaxed) == 0 && times.len() == REVOCATIONS,
    })))
}

pub async fn mint(node: &Program, credentials: &Credentials, count: usize) -> Fallible<Vec<String>> {
    let mut connection = Connection::to(address(node.port)).await?;
    let mut tokens = Vec::new();
    for _ in 0..count {
        tokens.push(connection.exchange(&credentials.request()).await?.member("access_token")?);
    }
    Ok(tokens)
}

async fn under_load(port: u16, process: u32, credentials: Credentials) -> Fallible<()> {
    let mut connection = Connection::to(address(port)).await?;
    let token = connection.exchange(&credentials.request()).await?.member("access_token")?;
    let script = || Box::new(Call::new(credentials.port, "transfer", vec![token.clone()])) as Box<dyn Script>;
    loop {
        crate::load::run(address(port), process, Span::For(Duration::from_secs(2)), (0..4).map(|_| script()).collect()).await?;
    }
}

async fn revoking(
    ports: [u16; 2],
    credentials: Credentials,
    tokens: Arc<Vec<String>>,
    (next, never): (Arc<AtomicUsize>, Arc<AtomicU64>),
) -> Fallible<Vec<Duration>> {
    let mut issuer = Connection::to(address(ports[0])).await?;
    let mut times = Vec::new();
    while let Some(token) = tokens.get(next.fetch_add(1, Ordering::Relaxed)) {
        // Whoever is refused before the body was read may find the connection closed.
        let mut nodes = [Connection::to(address(ports[0])).await?, Connection::to(address(ports[1])).await?];
        let mut call = Call::new(credentials.port, "account_balance", vec![token.clone()]);
        for node in &mut nodes {
            let answer = node.exchange(&call.next()).await?;
            if answer.status != 200 {
                return Err(format!("a live token was refused: {}{}", answer.head, answer.text()).into());
            }
        }
        let form = format!("token={token}&client_id={}&client_secret={SECRET}", credentials.client);
        let began = now();
        let revoked = issuer.exchange(&post(credentials.port, "/t/bench/revoke", "application/x-www-form-urlencoded", &form, "")).await?;
        if revoked.status != 200 {
            return Err(format!("it was not revoked: {}{}", revoked.head, revoked.text()).into());
        }
        match everywhere(ports, nodes, &mut call, began).await? {
            Some(time) => times.push(time),
            None => drop(never.fetch_add(1, Ordering::Relaxed)),
        }
    }
    Ok(times)
}

/// Until every node refuses. An answer that was under way when its token ended is cut, and its connection with it.
async fn everywhere(ports: [u16; 2], nodes: [Connection; 2], call: &mut Call, began: Instant) -> Fallible<Option<Duration>> {
    for (port, mut node) in ports.into_iter().zip(nodes) {
        loop {
            match node.exchange(&call.next()).await {
                Ok(answer) if answer.status == 401 => break,
                Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(_) => node = Connection::to(address(port)).await?,
            }
            if began.elapsed() > PATIENCE {
                return Ok(None);
            }
        }
    }
    Ok(Some(began.elapsed()))
}
