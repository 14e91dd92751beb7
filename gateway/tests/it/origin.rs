//! Which web pages may call (MCP transport: Origin is validated), and what browsers are told.

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Answer, Mcp, Site, request};
use http::Method;
use http::header::{ORIGIN, WWW_AUTHENTICATE};
use serde_json::json;

use crate::upstream::Upstream;

const PING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

async fn ping_from(site: &Site, mcp: &Mcp, origin: &str) -> Answer {
    let request = mcp.request(Method::POST).header("content-type", "application/json").header(ORIGIN, origin);
    site.program().send(request.body(Bytes::from_static(PING)).expect("a request")).await
}

chancery_testkit::both_stores! {
    async fn mcp_1a_11_a_page_of_a_foreign_origin_is_refused_without_a_challenge(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

        for origin in ["https://evil.example", "http://evil.example", "null", "http://127.0.0.1.evil.example", "http://localhost.evil.example"] {
            let answer = upstream.left_alone(ping_from(&site, &mcp, origin)).await;
            answer.has_status(403);
            assert_eq!(answer.header(WWW_AUTHENTICATE), None, "clients would sign in again: {answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
            let error = &answer.json()["error"];
            assert!(error["message"].as_str().is_some_and(|words| words.contains("origin") && words.contains("operator")), "{answer:?}");
        }

        let log = site.audit().await;
        assert_eq!(log.of_kind("call_refused").len(), 5);
        log.last(ALICE).is("call_refused").says("reason", "foreign_origin").names(PUBLIC_CLIENT).names(BANK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_11_who_a_caller_is_comes_before_where_it_comes_from() {
    let site = Site::on_sqlite().await;
    let mut mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    mcp.token = None;

    let answer = ping_from(&site, &mcp, "https://evil.example").await;

    answer.has_status(401);
    assert!(answer.challenge("resource_metadata").is_some(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_3_13_a_page_beside_the_site_may_call_and_read_what_it_needs() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mut mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let own = site.base().to_owned();

    for origin in [own.as_str(), "http://localhost:6274"] {
        let answer = upstream.answers(ping_from(&site, &mcp, origin), |heard| heard.done()).await;
        answer.has_status(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), None, "no cookie counts here");
    }
    // The challenge too: without it such a client could not begin.
    mcp.token = None;
    let answer = ping_from(&site, &mcp, &own).await;
    answer.has_status(401);
    assert_eq!(answer.header("access-control-allow-origin"), Some(own.as_str()));
    let exposed = answer.header("access-control-expose-headers").expect("headers a page may read").to_ascii_lowercase();
    for name in ["www-authenticate", "mcp-session-id"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_3_13_a_browser_may_ask_before_it_has_a_token() {
    let site = Site::on_sqlite().await;
    let ask = |origin: &str| {
        let wanted = "authorization, content-type, mcp-protocol-version, mcp-session-id, x-forwarded-user";
        request(Method::OPTIONS, &site.url(BANK))
            .header(ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", wanted)
            .body(Bytes::new())
            .expect("a request")
    };

    let own = site.program().send(ask(site.base())).await;
    let foreign = site.program().send(ask("https://evil.example")).await;

    own.has_status(204);
    assert_eq!(own.header("access-control-allow-origin"), Some(site.base()));
    let allowed = own.header("access-control-allow-headers").expect("a list").to_owned();
    assert_eq!(allowed, "authorization, content-type, mcp-protocol-version, mcp-session-id", "{own:?}");
    let methods = own.header("access-control-allow-methods").expect("a list");
    assert!(["GET", "POST", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
    foreign.has_status(403);
    assert_eq!(foreign.header("access-control-allow-origin"), None, "{foreign:?}");
    assert_eq!(foreign.json()["error"]["data"], json!({ "reason": "foreign_origin" }));
}
