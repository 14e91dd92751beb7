//! The `server` block.

#![expect(dead_code, reason = "nothing is ever read into these: they say what the reader reads")]

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Server {
    /// Address and port, such as 127.0.0.1:8080. TLS ends in front of it.
    listen: Option<String>,
    /// sqlite:PATH, postgres://USER@HOST/DATABASE, or where the address lies: env:NAME.
    store: Option<String>,
    /// The database's password.
    #[schemars(regex(pattern = r"^(env|file):."))]
    store_password: Option<String>,
    /// What seals all keys and secrets in the store.
    keys: Option<Keys>,
    /// The administration's Unix socket.
    socket: Option<String>,
    /// PEM files with the company's own certificate authorities.
    trust: Option<Vec<String>>,
    /// The forward proxy for https, such as http://proxy.corp.example:3128.
    proxy: Option<String>,
    /// Its user and password, user:password.
    #[schemars(regex(pattern = r"^(env|file):."))]
    proxy_credentials: Option<String>,
    /// Names and networks that are gone to without the proxy.
    no_proxy: Option<Vec<String>>,
    /// Proxies in front of this server whose X-Forwarded-For is believed.
    proxies: Option<Vec<String>>,
    /// Further names by which this node is called, such as one that a proxy in front has for it. The hosts of base_url and of resources, and
    /// addresses, need not be named.
    hosts: Option<Vec<String>>,
    /// The commands that may be run as upstreams on this node, by their absolute paths. None, unless told.
    stdio: Option<Vec<String>>,
    /// Whether `serve` applies this file before it listens; for a single node only.
    apply_at_start: Option<bool>,
    /// What this node does while it hears nothing of what other nodes ended.
    feed: Option<Feed>,
    /// How long calls that are under way have as this node stops: 2s to 1h, 10s unless told.
    drain: Option<String>,
    /// How much of large messages the node holds at once, 64MiB to 65536MiB; an eighth of one person's. Default: 256MiB.
    large_messages: Option<String>,
    /// Where metrics are read, as Prometheus does.
    metrics: Option<Metrics>,
    /// Where traces go.
    traces: Option<Traces>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Keys {
    /// The local key provider's file. Keep a copy of it where the database's copies are not.
    file: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Feed {
    /// How long the database may say nothing until its change feed counts as lost and this node as not ready: 5s to 1h, 5s unless told.
    lost_after: Option<String>,
    /// Whether tokens are refused then (503, until there is news), or taken though they may have been ended. They are refused unless told.
    then: Option<WhenLost>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum WhenLost {
    Refuse,
    Serve,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Metrics {
    /// Address and port of their own, such as 127.0.0.1:9464. Whoever reaches it may read them.
    listen: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Traces {
    /// A collector that takes OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces.
    endpoint: String,
    /// Of the requests that come without a trace, one in so many gets one.
    #[schemars(range(min = 1, max = 1_000_000))]
    one_in: Option<u32>,
    /// Headers that the collector wants: name=value, name=value.
    #[schemars(regex(pattern = r"^(env|file):."))]
    headers: Option<String>,
}
