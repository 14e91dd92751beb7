//! One node, and no other process of the same binary beside it: how soon it serves, and what memory is its own. What processes share is
//! parted between them, so a node among others would seem to need less.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cpu;
use crate::load::{self, Script, Span};
use crate::parts::{BESIDE, Fallible, Folder, MEASURED, Program, address, free_port};
use crate::report::{LIMITS_HEAD, Limit, median};
use crate::revoke;
use crate::rounds::{Call, Credentials, client_of, configuration, environment};

const STARTS: usize = 9;
const CONNECTIONS: usize = 64;
const WINDOW: Duration = Duration::from_secs(4);

pub async fn run(chancery: &Path) -> Fallible<Value> {
    let (own, folder) = (std::env::current_exe()?, Folder::named("alone")?);
    let back = free_port();
    let upstream = Program::start(&own, &["upstream", &address(back).to_string()], (back, BESIDE, "listening"), |_| {}).await?;
    let port = free_port();
    let file = configuration(&folder, "alone", (port, port), back, &format!("sqlite:{}", folder.path("alone.db")));
    let words = ["serve", "--config", &file, "--log", "json"];
    let start = || Program::start(chancery, &words, (port, MEASURED, "listening on"), environment);

    let ours = start().await?;
    let first = ours.started;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = cpu::memory(ours.id);
    let credentials = Credentials { client: client_of(chancery, &file).await?, port };
    let call = Call::new(port, "transfer", revoke::mint(&ours, &credentials, 1).await?);
    let scripts = (0..CONNECTIONS).map(|_| Box::new(call.sharing()) as Box<dyn Script>).collect();
    let loaded = load::run(address(port), ours.id, Span::For(WINDOW), scripts).await?.memory_mib;
    ours.end().await?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let ours = start().await?;
        starts.push(ours.started.as_secs_f64() * 1000.0);
        ours.end().await?;
    }
    upstream.stop().await;

    let binary = std::fs::metadata(chancery)?.len() as f64 / 1e6;
    let limits = [
        Limit { what: "memory (PSS), idle", is: idle, most: Some(25.0), unit: "MiB" },
        Limit { what: "memory (PSS), 64 connections calling", is: loaded, most: Some(40.0), unit: "MiB" },
        Limit {
            what: "start, the middle one of nine",
            is: median(starts.iter().copied()).unwrap_or(f64::NAN),
            most: Some(100.0),
            unit: "ms",
        },
        Limit { what: "the first start of all: keys, schema", is: first.as_secs_f64() * 1000.0, most: None, unit: "ms" },
        Limit { what: "binary", is: binary, most: Some(40.0), unit: "MB" },
    ];
    println!("{LIMITS_HEAD}");
    limits.iter().for_each(|limit| println!("{}", limit.line()));
    Ok(json!({
        "idle_mib": idle, "loaded_mib": loaded, "starts_ms": starts, "first_start_ms": first.as_secs_f64() * 1000.0, "binary_mb": binary,
    }))
}
