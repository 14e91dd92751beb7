//! A web page whose own name leads to this server: whatever it asks for, it asks for under that name.

use chancery_testkit::cast::{INNER_HOST, TENANT};
use serde_json::json;

use crate::stage::Stage;
use crate::wire;

/// The public name of a second tenant.
const OTHER: &str = "other.example";

impl Stage {
    /// The statuses of these addresses under this name.
    async fn under(&self, host: &str, paths: &[&str]) -> Vec<u16> {
        let request = |(at, path): (usize, &&str)| {
            let last = if at + 1 == paths.len() { "Connection: close\r\n" } else { "" };
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{last}\r\n")
        };
        let all: String = paths.iter().enumerate().map(request).collect();
        wire::say(&self.host, all.as_bytes()).await.answers.iter().map(|answer| answer.status).collect()
    }
}

#[tokio::test]
async fn who_asks_under_another_name_is_told_nothing() {
    let stage = Stage::set().await;
    let (issuers, resources) =
        (format!("/.well-known/oauth-authorization-server/t/{TENANT}"), "/.well-known/oauth-protected-resource/mcp/bank");
    let ours = [&issuers, resources, "/mcp/bank", "/none", "/ready"];
    let port = stage.host.rsplit(':').next().expect("a port");
    for host in
        [&stage.host, "127.0.0.1", "[::1]:1", "10.1.2.3:8080", "LocalHost", &format!("localhost:{port}"), INNER_HOST, "Gateway.Internal:81"]
    {
        assert_eq!(stage.under(host, &ours).await, [200, 200, 401, 404, 200], "{host}");
    }
    let log = stage.site.audit().await.events.len();
    for host in ["evil.example", &format!("evil.example:{port}"), "localhost.evil.example", "127.0.0.1.evil.example", "127.1.evil", OTHER] {
        assert_eq!(stage.under(host, &ours).await, [421, 421, 421, 421, 200], "{host}: only how the server is may be asked by anybody");
    }
    let told = wire::say(&stage.host, b"GET /mcp/bank HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    assert_eq!(stage.site.audit().await.events.len(), log, "it is counted, and no event");
    assert!(told.answers[0].body.contains("server.hosts"), "{:?}", told.answers);

    // With a second tenant its name is ours too, and nobody else's is.
    stage
        .site
        .apply(|file| {
            file["tenant"] = json!("other");
            file["base_url"] = json!(format!("https://{OTHER}"));
        })
        .await;
    let others = "/.well-known/oauth-authorization-server/t/other";
    assert_eq!(stage.under(OTHER, &[others, "/mcp/bank"]).await, [200, 401]);
    assert_eq!(stage.under(&stage.host, &[&issuers, "/mcp/bank"]).await, [200, 401]);
    assert_eq!(stage.under("evil.example", &[others, &issuers, "/mcp/bank", "/ready"]).await, [421, 421, 421, 200]);
}
