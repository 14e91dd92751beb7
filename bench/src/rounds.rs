//! The rounds: every path, of us and of its floor in turn, several times over, at one connection and at sixty-four.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::browse::{post, signed_in};
use crate::floor::token::{CLIENT, first_token};
use crate::load::{Answer, Connection, Script, Span, Window};
use crate::parts::{BESIDE, Fallible, Folder, MEASURED, Program, SECRET, address, free_port};
use crate::report::{HEAD, Path};
use crate::upstream::{EVENTS, LARGE};
use crate::{alone, load, revoke};

const WINDOW: Duration = Duration::from_millis(2_500);
const MANY: usize = 64;
/// Tokens that nobody has seen, of a window at one connection and at many.
const UNSEEN: [usize; 2] = [600, 3_200];

/// Who is measured.
struct Cast {
    ours: Program,
    demo: Program,
    token_floor: Program,
    proxy_floor: Program,
    upstream: Program,
    credentials: Credentials,
    rounds: usize,
    _folder: Folder,
}

/// What is wanted of a run.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Paths whose name has this in it.
    pub only: &'a str,
    /// How often each of them is measured.
    pub rounds: usize,
}

impl Wanted<'_> {
    fn has(&self, name: &str) -> bool {
        name.contains(self.only)
    }
}

pub async fn run(chancery: &str, results: &str, wanted: Wanted<'_>) -> Fallible<()> {
    let chancery = FilePath::new(chancery);
    // First, while there is no other process of this binary.
    let alone = if wanted.has("alone") { Some(alone::run(chancery).await?) } else { None };
    let paths = if NAMES.iter().any(|name| wanted.has(name)) { paths(chancery, wanted).await? } else { Vec::new() };
    let revocations = if wanted.has("revocations") { Some(revocations(chancery).await) } else { None };
    let all = json!({ "paths": paths.iter().map(Path::json).collect::<Vec<_>>(), "revocations": revocations, "alone": alone });
    std::fs::write(results, format!("{all:#}\n"))?;
    Ok(())
}

/// Every path there is.
const NAMES: [&str; 7] = [CLIENT_CREDENTIALS, REFRESH, CALL, READ, UNSEEN_TOKEN, LARGE_ANSWERS, STREAM];
const CLIENT_CREDENTIALS: &str = "token, client_credentials";
const REFRESH: &str = "token, refresh";
const CALL: &str = "tools/call";
const READ: &str = "tools/call, only reads";
const UNSEEN_TOKEN: &str = "tools/call, token not seen before";
const LARGE_ANSWERS: &str = "1 MiB answers";
const STREAM: &str = "events of a stream";

async fn paths(chancery: &FilePath, wanted: Wanted<'_>) -> Fallible<Vec<Path>> {
    let cast = Cast::start(chancery, wanted.rounds).await?;
    let (client, families) = signed_in(cast.demo.port, MANY).await?;
    let mut refreshing = Refreshing { client, ours: families, floor: (0..64).map(first_token).collect() };
    let mut paths = Vec::new();
    println!("{HEAD}");
    for connections in [1, MANY] {
        if wanted.has(CLIENT_CREDENTIALS) {
            paths.push(told(tokens(&cast, connections).await?));
        }
        if wanted.has(REFRESH) {
            paths.push(told(refreshes(&cast, &mut refreshing, connections).await?));
        }
        for (name, tool, added) in [(CALL, "transfer", 0.6), (READ, "account_balance", 0.35)] {
            if wanted.has(name) {
                paths.push(told(calls(&cast, (name, tool), connections, (1.6, added)).await?));
            }
        }
        if wanted.has(UNSEEN_TOKEN) {
            paths.push(told(unseen(&cast, connections).await?));
        }
    }
    for (name, tool) in [(LARGE_ANSWERS, "large"), (STREAM, "events")].into_iter().filter(|(name, _)| wanted.has(name)) {
        let mut path = calls(&cast, (name, tool), 4, (f64::INFINITY, f64::INFINITY)).await?;
        (path.ratio, path.added) = (None, None);
        path.unit = if tool == "events" { "events" } else { "answers" };
        paths.push(told(path));
    }
    Ok(paths)
}

async fn revocations(chancery: &FilePath) -> serde_json::Value {
    let seen = async {
        let (own, folder, port) = (std::env::current_exe()?, Folder::named("revocations")?, free_port());
        let upstream = Program::start(&own, &["upstream", &address(port).to_string()], (port, BESIDE, "listening"), |_| {}).await?;
        let seen = revoke::run(chancery, &folder, port).await;
        upstream.stop().await;
        seen
    };
    let seen = seen.await.unwrap_or_else(|error| Some(json!({ "failed": error.to_string() })));
    println!("\nrevocations under load (< 1 s): {}", seen.clone().unwrap_or_else(|| json!("there is no PostgreSQL here")));
    seen.into()
}

fn told(path: Path) -> Path {
    println!("{}", path.line());
    path
}

impl Cast {
    async fn start(chancery: &FilePath, rounds: usize) -> Fallible<Self> {
        let own = std::env::current_exe()?;
        let folder = Folder::new()?;
        let plain = |_: &mut Command| {};
        let port = free_port();
        let upstream = Program::start(&own, &["upstream", &address(port).to_string()], (port, BESIDE, "listening"), plain).await?;
        let port = free_port();
        let words = ["floor-token", &address(port).to_string(), &folder.path("floor-token")];
        let token_floor = Program::start(&own, &words, (port, MEASURED, "listening"), plain).await?;

        let port = free_port();
        let file = configuration(&folder, "ours", (port, port), upstream.port, &format!("sqlite:{}", folder.path("ours.db")));
        let words = ["serve", "--config", &file, "--log", "json"];
        let ours = Program::start(chancery, &words, (port, MEASURED, "listening on"), environment).await?;
        let client = client_of(chancery, &file).await?;
        let key = public_key(port).await?;
        let proxy = free_port();
        let words = ["floor-proxy", &address(proxy).to_string(), &address(upstream.port).to_string(), &key, &folder.path("floor-proxy")];
        let proxy_floor = Program::start(&own, &words, (proxy, MEASURED, "listening"), plain).await?;

        let demo_port = free_port();
        let words = ["demo", "--as", "alice", "--port", &demo_port.to_string(), "--data", &folder.path("demo")];
        let demo = Program::start(chancery, &words, (demo_port, MEASURED, "Now connect a client"), plain).await?;
        Ok(Self { ours, demo, token_floor, proxy_floor, upstream, credentials: Credentials { client, port }, rounds, _folder: folder })
    }
}

/// Writes a file of a node; where it listens and where it is met may differ.
pub fn configuration(folder: &Folder, name: &str, (port, public): (u16, u16), upstream: u16, store: &str) -> String {
    let text = json!({
        "server": {
            "listen": address(port).to_string(), "store": store, "keys": { "file": folder.path("keys") },
            "socket": folder.path(&format!("{name}.sock")),
        },
        "tenant": "bench",
        "base_url": format!("http://127.0.0.1:{public}"),
        "identity_providers": [{ "name": "nobody", "issuer": "http://127.0.0.1:1", "client_id": "chancery", "client_secret": "env:SECRET" }],
        "clients": [{ "name": "load", "secret": "env:SECRET", "grants": ["client_credentials"], "scopes": "bank:read bank:transfer" }],
        "resources": [{
            "name": "bank", "title": "Bank", "upstream": { "url": format!("http://127.0.0.1:{upstream}/mcp") },
            "scopes": { "bank:read": "See balances", "bank:transfer": "Move money" },
            "default_scope": "bank:read",
            "tools": { "account_balance": { "scope": "bank:read", "read_only": true }, "transfer": { "scope": "bank:transfer" } },
        }],
    });
    let path = folder.path(&format!("{name}.yaml"));
    std::fs::write(&path, text.to_string()).expect("the folder is ours"); // JSON is YAML
    path
}

pub fn environment(command: &mut Command) {
    command.env("SECRET", SECRET).env("CHANCERY_LOG", "warn").env_remove("CHANCERY_CONFIG").env_remove("CHANCERY_SOCKET");
}

/// The id that the file's client got.
pub async fn client_of(chancery: &FilePath, file: &str) -> Fallible<String> {
    let mut list = Command::new(chancery);
    environment(list.args(["clients", "--config", file, "--json"]));
    let listed = list.output().await?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let id = text.find("cli_").and_then(|at| text.get(at..at + 36)).map(str::to_owned);
    Ok(id.ok_or_else(|| format!("no client: {text}{}", String::from_utf8_lossy(&listed.stderr)))?)
}

/// The issuer's ES256 key as an uncompressed point.
async fn public_key(port: u16) -> Fallible<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let mut connection = Connection::to(address(port)).await?;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n").into_bytes();
    let metadata = connection.exchange(&get("/.well-known/oauth-authorization-server/t/bench")).await?.member("jwks_uri")?;
    let path = metadata.strip_prefix(&format!("http://127.0.0.1:{port}")).ok_or("keys elsewhere")?.to_owned();
    let keys: serde_json::Value = serde_json::from_slice(&connection.exchange(&get(&path)).await?.body)?;
    let key = keys["keys"].as_array().into_iter().flatten().find(|key| key["alg"] == "ES256").ok_or("no ES256 key")?;
    let part = |name: &str| BASE64.decode(key[name].as_str().unwrap_or_default());
    Ok(BASE64.encode([vec![4], part("x")?, part("y")?].concat()))
}

/// Asks for a token as itself.
#[derive(Clone)]
pub struct Credentials {
    pub client: String,
    /// Where the resource is met.
    pub port: u16,
}

impl Credentials {
    pub fn request(&self) -> Vec<u8> {
        let Self { client, port } = self;
        let resource = format!("http%3A%2F%2F127.0.0.1%3A{port}%2Fmcp%2Fbank");
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={SECRET}&resource={resource}&scope=bank%3Aread+bank%3Atransfer"
        );
        post(*port, "/t/bench/token", "application/x-www-form-urlencoded", &form, "")
    }
}

impl Script for Credentials {
    fn next(&mut self) -> Vec<u8> {
        self.request()
    }

    fn answered(&mut self, answer: &Answer) -> Option<u64> {
        (answer.status == 200).then_some(1)
    }
}

async fn tokens(cast: &Cast, connections: usize) -> Fallible<Path> {
    let mut path = Path::new(CLIENT_CREDENTIALS, connections);
    path.ratio = Some(1.4);
    let floor = Credentials { client: CLIENT.to_owned(), port: cast.credentials.port };
    for _ in 0..cast.rounds {
        path.floor.push(at(&cast.token_floor, connections, || Box::new(floor.clone())).await?);
        path.ours.push(at(&cast.ours, connections, || Box::new(cast.credentials.clone())).await?);
    }
    Ok(path)
}

async fn at(program: &Program, connections: usize, script: impl Fn() -> Box<dyn Script>) -> Fallible<Window> {
    load::run(address(program.port), program.id, Span::For(WINDOW), (0..connections).map(|_| script()).collect()).await
}

/// The newest refresh token of each family: they outlive the windows.
struct Refreshing {
    client: String,
    ours: Vec<String>,
    floor: Vec<String>,
}

struct Refresh {
    port: u16,
    client: String,
    token: Arc<std::sync::Mutex<String>>,
}

impl Script for Refresh {
    fn next(&mut self) -> Vec<u8> {
        let token = self.token.lock().map(|token| token.clone()).unwrap_or_default();
        let form = format!("grant_type=refresh_token&client_id={}&refresh_token={token}", self.client);
        post(self.port, "/t/demo/token", "application/x-www-form-urlencoded", &form, "")
    }

    fn answered(&mut self, answer: &Answer) -> Option<u64> {
        const NAME: &[u8] = b"\"refresh_token\":\"";
        let begin = answer.body.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
        let token = answer.body[begin..].split(|byte| *byte == b'"').next()?;
        *self.token.lock().ok()? = String::from_utf8_lossy(token).into_owned();
        (answer.status == 200).then_some(1)
    }
}

async fn refreshes(cast: &Cast, families: &mut Refreshing, connections: usize) -> Fallible<Path> {
    let mut path = Path::new(REFRESH, connections);
    path.ratio = Some(1.4);
    let client = families.client.clone();
    for _ in 0..cast.rounds {
        path.floor.push(refreshed(&cast.token_floor, &client, &mut families.floor[..connections]).await?);
        path.ours.push(refreshed(&cast.demo, &client, &mut families.ours[..connections]).await?);
    }
    Ok(path)
}

async fn refreshed(program: &Program, client: &str, tokens: &mut [String]) -> Fallible<Window> {
    let kept: Vec<_> = tokens.iter().map(|token| Arc::new(std::sync::Mutex::new(token.clone()))).collect();
    let script = |token: &Arc<std::sync::Mutex<String>>| {
        Box::new(Refresh { port: program.port, client: client.to_owned(), token: token.clone() }) as Box<dyn Script>
    };
    let window = load::run(address(program.port), program.id, Span::For(WINDOW), kept.iter().map(script).collect()).await?;
    for (token, kept) in tokens.iter_mut().zip(kept) {
        *token = kept.lock().map(|kept| kept.clone()).unwrap_or_default();
    }
    Ok(window)
}

/// Calls a tool, with each of its tokens in turn.
pub struct Call {
    port: u16,
    body: String,
    tokens: Vec<String>,
    next: Arc<AtomicUsize>,
    count: u64,
}

impl Call {
    pub fn new(port: u16, tool: &str, tokens: Vec<String>) -> Self {
        let memo = "m".repeat(800); // about 1 KiB in all, as in facts of others
        let arguments = json!({ "to": "bob", "amount": 12.5, "memo": memo });
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } });
        let count = if tool == "events" { EVENTS as u64 } else { 1 };
        Self { port, body: call.to_string(), tokens, next: Arc::default(), count }
    }

    pub fn sharing(&self) -> Self {
        Self { port: self.port, body: self.body.clone(), tokens: self.tokens.clone(), next: self.next.clone(), count: self.count }
    }
}

impl Script for Call {
    fn next(&mut self) -> Vec<u8> {
        let token = match self.tokens.len() {
            0 => String::new(),
            all => format!("authorization: Bearer {}\r\n", self.tokens[self.next.fetch_add(1, Ordering::Relaxed) % all]),
        };
        let headers = format!("accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n{token}");
        post(self.port, "/mcp/bank", "application/json", &self.body, &headers)
    }

    fn answered(&mut self, answer: &Answer) -> Option<u64> {
        let whole = match self.count {
            1 if self.body.contains("\"large\"") => answer.body.len() > LARGE,
            _ => answer.body.ends_with(b"}\n\n") || answer.body.ends_with(b"}"),
        };
        (answer.status == 200 && whole).then_some(self.count)
    }
}

async fn calls(cast: &Cast, (name, tool): (&'static str, &str), connections: usize, (ratio, added): (f64, f64)) -> Fallible<Path> {
    let mut path = Path::new(name, connections);
    (path.ratio, path.added) = (Some(ratio), (connections == 1).then_some(added));
    let port = cast.credentials.port;
    let call = Call::new(port, tool, revoke::mint(&cast.ours, &cast.credentials, 1).await?);
    let bare = Call::new(port, tool, Vec::new());
    for _ in 0..cast.rounds {
        path.direct.push(at(&cast.upstream, connections, || Box::new(bare.sharing())).await?);
        path.floor.push(at(&cast.proxy_floor, connections, || Box::new(call.sharing())).await?);
        path.ours.push(at(&cast.ours, connections, || Box::new(call.sharing())).await?);
    }
    Ok(path)
}

/// Tokens that neither has seen, each once.
async fn unseen(cast: &Cast, connections: usize) -> Fallible<Path> {
    let mut path = Path::new(UNSEEN_TOKEN, connections);
    path.ratio = Some(1.4);
    let count = UNSEEN[usize::from(connections > 1)];
    for _ in 0..cast.rounds {
        let tokens = revoke::mint(&cast.ours, &cast.credentials, count).await?;
        let each = Span::Requests((count / connections) as u64);
        for (program, windows) in [(&cast.proxy_floor, &mut path.floor), (&cast.ours, &mut path.ours)] {
            let call = Call::new(cast.credentials.port, "transfer", tokens.clone());
            let scripts = (0..connections).map(|_| Box::new(call.sharing()) as Box<dyn Script>).collect();
            windows.push(load::run(address(program.port), program.id, each, scripts).await?);
        }
    }
    Ok(path)
}
