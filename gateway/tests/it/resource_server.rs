//! What MCP demands of a server that is a protected resource (MCP 2026-07-28, Authorization), where no row of ours says it already.

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, EXCHANGE, PUBLIC_CLIENT};
use chancery_testkit::{Answer, Forge, Mcp, Site};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Response};
use serde_json::{Value, json};

use crate::upstream::Upstream;
use crate::wire::{self, call};

/// What a client without a token is told, and the document that it is sent to.
async fn first_steps(site: &Site) -> (Answer, String, Value) {
    let mut mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    mcp.token = None;
    let answer = mcp.send("tools/list", json!({})).await.0;
    let told = answer.has_status(401).challenge("resource_metadata").expect("an address");
    let document = site.program().get(&told).await.has_status(200).json();
    (answer, told, document)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_2_the_metadata_names_the_authorization_server() {
    let site = Site::on_sqlite().await;
    let (_, _, document) = first_steps(&site).await;
    assert_eq!((&document["authorization_servers"], &document["resource"]), (&json!([site.issuer()]), &json!(site.url(BANK))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_3_the_metadata_is_told_in_the_challenge_and_stands_at_its_well_known_address() {
    let site = Site::on_sqlite().await;
    let (_, told, _) = first_steps(&site).await;
    assert_eq!(told, site.url(BANK).replacen("/mcp/", "/.well-known/oauth-protected-resource/mcp/", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_4_the_first_challenge_says_which_scope_to_ask_for() {
    let site = Site::on_sqlite().await;
    let (answer, _, _) = first_steps(&site).await;
    assert_eq!(answer.challenge("scope").as_deref(), Some("bank:read"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_5_offline_access_is_neither_in_the_challenge_nor_in_the_metadata() {
    let site = Site::on_sqlite().await;
    let (answer, _, document) = first_steps(&site).await;
    let scopes: Vec<_> = document["scopes_supported"].as_array().expect("scopes").iter().filter_map(Value::as_str).collect();
    assert_eq!(scopes, ["bank:read"], "of what is asked for by those who know no better, the least");
    assert!(answer.header(WWW_AUTHENTICATE).is_some_and(|challenge| !challenge.contains("offline_access")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_6_a_token_is_for_this_server_or_it_is_none() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;

    let mut elsewhere = alice.mcp(BANK);
    elsewhere.url = site.url(EXCHANGE);
    elsewhere.send("tools/list", json!({})).await.challenged("invalid_token").has_status(401);
    let mut foreign = alice.mcp(BANK);
    foreign.token = Some(Forge::stranger("k").token(&alice.claims()));
    upstream.left_alone(foreign.send("tools/list", json!({}))).await.challenged("invalid_token").has_status(401);
    upstream.answers(alice.mcp(BANK).send("ping", json!({})), |heard| heard.done()).await.answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_7_trouble_with_the_token_with_the_scope_and_with_the_header_are_told_apart() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let mut garbage = mcp.clone();
    garbage.token = Some("garbage".to_owned());
    upstream.left_alone(garbage.send("tools/list", json!({}))).await.0.has_status(401);
    let mut malformed = mcp.clone();
    malformed.token = Some("two tokens".to_owned());
    upstream.left_alone(malformed.send("tools/list", json!({}))).await.0.has_status(400);
    let refused = upstream.left_alone(mcp.send("tools/call", json!({ "name": "transfer" }))).await;
    let challenge = refused.challenged("insufficient_scope").has_status(403);
    assert!(challenge.challenge("resource_metadata").is_some() && challenge.challenge("scope").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_9_a_token_comes_in_the_header_of_every_request_and_never_in_the_address() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let alice = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let body = call("account_balance", &json!({})).to_string();

    let address = format!("{}?access_token={}", site.url(BANK), alice.access);
    let in_query = chancery_testkit::request(Method::POST, &address).header(CONTENT_TYPE, "application/json");
    let answer = upstream.left_alone(site.program().send(in_query.body(Bytes::from(body)).expect("a request"))).await;
    assert!(answer.has_status(401).header(WWW_AUTHENTICATE).is_some_and(|value| !value.contains("error=")));

    let mut mcp = alice.mcp(BANK);
    upstream.answers(mcp.send("ping", json!({})), |heard| heard.done()).await.answered();
    mcp.token = None;
    upstream.left_alone(mcp.send("ping", json!({}))).await.0.has_status(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_05_the_same_call_draws_the_same_challenge() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let mut said = Vec::new();
    for _ in 0..3 {
        let refused = upstream.left_alone(mcp.send("tools/call", json!({ "name": "transfer" }))).await;
        said.push(refused.0.has_status(403).header(WWW_AUTHENTICATE).expect("a challenge").to_owned());
    }

    assert!(said.iter().all(|challenge| *challenge == said[0] && challenge.contains("scope=\"bank:read bank:transfer\"")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_13_what_a_server_gives_its_client_to_bring_back_is_the_servers_to_check() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).stateless();

    let state = "eyJzIjoi\u{e9}In0=.sig";
    let wanted = json!({ "resultType": "input_required", "requestState": state, "inputRequests": {} });
    // It authorizes nobody: the call is judged as any other.
    let transfer = json!({ "name": "transfer", "arguments": {}, "requestState": state, "inputResponses": { "a": {} } });
    upstream.left_alone(mcp.send("tools/call", transfer)).await.challenged("insufficient_scope");
    let params = json!({ "name": "account_balance", "arguments": {}, "requestState": state, "inputResponses": { "a": {} } });
    let called = upstream
        .answers(mcp.send("tools/call", params), |heard| {
            assert_eq!(heard.message()["params"]["requestState"], state);
            heard.json(&json!({ "jsonrpc": "2.0", "id": 1, "result": wanted }));
        })
        .await;
    assert_eq!(called.answered(), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1d_44_a_header_that_nobody_here_knows_goes_on_and_one_that_lies_is_an_http_error() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let old = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).speaking("2025-11-25");
    let post = |mcp: &Mcp, (name, value): (&str, &str)| {
        let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json").header(name, value);
        let (program, body) = (site.program(), Bytes::from(call("account_balance", &json!({})).to_string()));
        let post = post.body(body).expect("a request");
        async move { program.send(post).await }
    };

    for header in [("mcp-param-region", "=?base64?ZXU=?="), ("mcp-param-to_account", "not looked at"), ("mcp-of-tomorrow", "x")] {
        let answer = upstream.answers(post(&old, header), |heard| {
            assert_eq!(heard.header(header.0), Some(header.1));
            heard.done();
        });
        answer.await.has_status(200);
    }
    // Policy is asked about the body. Who routes by headers of a version that does not bind them to it is not led astray by that.
    for header in [("mcp-name", "transfer"), ("mcp-method", "ping"), ("mcp-name", "=?base64?dHJhbnNmZXI=?=")] {
        let answer = upstream.left_alone(post(&old, header)).await;
        assert_eq!(answer.has_status(400).json()["error"]["code"], -32020, "{header:?}");
    }
}

/// Somebody else's login is between that server and the person: its address goes through as it is, and nobody here visits it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1d_45_what_a_server_asks_a_person_to_open_goes_through_unread() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let url = format!("{}/connect?x=1", upstream.url);
    let params = json!({ "mode": "url", "url": url, "message": "m", "elicitationId": "e1" });
    let balance = || json!({ "name": "account_balance", "arguments": {} });

    // 2026-07-28: within a result.
    let wanted = json!({ "resultType": "input_required", "requestState": "s", "inputRequests": { "a": { "method": "elicitation/create", "params": params } } });
    let called = upstream
        .answers(mcp.clone().stateless().send("tools/call", balance()), |heard| {
            heard.json(&json!({ "jsonrpc": "2.0", "id": 1, "result": wanted }));
        })
        .await;
    assert_eq!(called.answered(), wanted);

    // 2025-11-25: as an error, as a request of the server's on a stream, and told when it is done.
    let old = mcp.speaking("2025-11-25");
    let error = json!({ "code": -32042, "message": "open this", "data": { "elicitations": [params] } });
    let called = upstream
        .answers(old.send("tools/call", balance()), |heard| {
            heard.says(Response::builder(), &json!({ "jsonrpc": "2.0", "id": 1, "error": error }).to_string());
        })
        .await;
    assert_eq!(called.denied(200), error);
    let (mut coming, rest) = tokio::join!(wire::get(&old), async { upstream.heard().await.streams() });
    let asked = json!({ "jsonrpc": "2.0", "id": "s1", "method": "elicitation/create", "params": params });
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": { "elicitationId": "e1" } });
    for message in [asked, told] {
        rest.event(&message).await;
        assert_eq!(coming.piece().await, format!("event: message\ndata: {message}\n\n"));
    }
    let accepted = json!({ "jsonrpc": "2.0", "id": "s1", "result": { "action": "accept" } });
    let answer = upstream
        .answers(old.post(&accepted), |heard| {
            assert_eq!(heard.message(), accepted);
            heard.says(Response::builder().status(202), "");
        })
        .await;
    answer.has_status(202);
}
