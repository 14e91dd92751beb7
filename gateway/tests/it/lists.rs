//! A list shows what its caller may use.

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Called, Mcp, Site};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Response};
use serde_json::{Value, json};

use crate::upstream::{Heard, Upstream, resource};
use crate::wire;

fn listed(id: &Value) -> Value {
    let tools = ["account_balance", "transfer", "close_account"].map(|name| json!({ "name": name, "inputSchema": { "type": "object" } }));
    json!({ "jsonrpc": "2.0", "id": id, "result": { "tools": tools, "nextCursor": "2" } })
}

fn as_json(heard: Heard) {
    let list = listed(&heard.message()["id"]);
    heard.json(&list);
}

async fn names(upstream: &mut Upstream, mcp: &Mcp) -> Vec<String> {
    let called: Called = upstream.answers(mcp.send("tools/list", json!({})), as_json).await;
    let result = called.answered();
    assert_eq!(result["nextCursor"], "2");
    result["tools"].as_array().expect("tools").iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

chancery_testkit::both_stores! {
    async fn mcp_1a_14_a_list_shows_what_its_caller_may_call(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        assert_eq!(names(&mut upstream, &mcp).await, ["account_balance", "close_account"]);

        site.apply(|file| resource(file, BANK)["strict"] = json!(true)).await;
        assert_eq!(names(&mut upstream, &mcp).await, ["account_balance"]);
        let wider = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted();
        assert_eq!(names(&mut upstream, &wider.mcp(BANK)).await, ["account_balance", "transfer"]);
    }

    async fn mcp_1a_14_a_list_may_show_what_its_caller_could_authorize_too(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        site.apply(|file| resource(file, BANK)["listing"] = json!("obtainable")).await;
        assert_eq!(names(&mut upstream, &mcp).await, ["account_balance", "transfer", "close_account"]);

        site.apply(|file| resource(file, BANK)["strict"] = json!(true)).await;
        assert_eq!(names(&mut upstream, &mcp).await, ["account_balance", "transfer"]);

        // Her groups give alice no transfers, so she could not authorize them.
        site.apply(|file| file["access"] = json!([{ "groups": ["treasury"], "roles": ["treasurer"], "scopes": ["bank:transfer"] }])).await;
        assert_eq!(names(&mut upstream, &mcp).await, ["account_balance"]);
    }

    async fn mcp_1a_14_what_a_policy_forbids_is_not_shown(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        let policies = r#"
            forbid(principal, action == Chancery::Action::"call_tool", resource) when { context.target == "close_account" };
            forbid(principal, action == Chancery::Action::"call_tool", resource) when { context.target == "transfer" }
            unless { context.arguments.integers.hasTag("amount") && context.arguments.integers.getTag("amount") <= 10 };
            forbid(principal, action == Chancery::Action::"read_resource", resource) when { context.target like "bank://secret/*" };"#;
        site.apply(|file| file["policies"] = json!(policies)).await;
        site.apply(|file| resource(file, BANK)["listing"] = json!("obtainable")).await;

        // Of a tool that is forbidden with some arguments there are calls that are not.
        assert_eq!(names(&mut upstream, &mcp).await, ["account_balance", "transfer"]);
        let resources = upstream.answers(mcp.send("resources/list", json!({})), |heard| {
            let entries = ["bank://secret/a", "bank://open/b"].map(|uri| json!({ "uri": uri, "name": uri }));
            let id = heard.message()["id"].clone();
            heard.json(&json!({ "jsonrpc": "2.0", "id": id, "result": { "resources": entries } }));
        }).await;
        assert_eq!(resources.answered()["resources"], json!([{ "uri": "bank://open/b", "name": "bank://open/b" }]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_14_a_list_is_cut_down_in_a_stream_and_where_the_stream_is_resumed() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    site.apply(|file| resource(file, BANK)["strict"] = json!(true)).await;

    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let (mut coming, rest) = tokio::join!(wire::post(&mcp, &list), async { upstream.heard().await.streams() });
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": 1, "progress": 1 } });
    rest.event(&progress).await;
    assert_eq!(coming.piece().await, format!("event: message\ndata: {progress}\n\n"));
    rest.text("id: 7\nevent: message\ndata: ").await;
    rest.text(&format!("{}\n\n", listed(&json!(1)))).await;
    let shown = coming.piece().await;
    assert!(shown.starts_with("id: 7\nevent: message\ndata: {") && shown.contains("account_balance"), "{shown}");
    assert!(!shown.contains("transfer") && !shown.contains("close_account"), "{shown}");

    let (mut resumed, rest) = tokio::join!(wire::get(&mcp), async { upstream.heard().await.streams() });
    rest.event(&listed(&json!(1))).await;
    let shown = resumed.piece().await;
    assert!(shown.contains("account_balance") && !shown.contains("transfer"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_14_a_list_is_marked_as_its_callers_alone() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).stateless();

    for theirs in [json!(null), json!("public"), json!("private")] {
        let called = upstream
            .answers(mcp.send("tools/list", json!({})), |heard| {
                let mut list = listed(&heard.message()["id"]);
                if theirs.is_string() {
                    list["result"]["cacheScope"] = theirs.clone();
                    list["result"]["ttlMs"] = json!(60_000);
                }
                heard.says(Response::builder().header(CACHE_CONTROL, "public, max-age=60"), &list.to_string());
            })
            .await;
        assert_eq!(called.answered()["cacheScope"], "private", "{theirs}");
        assert_eq!(called.0.header(CACHE_CONTROL), Some("no-store, no-transform"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_nobody_can_read_is_not_shown() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    for body in ["{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[],\"tools\":[{\"name\":\"transfer\"}]}}", "{\"jsonrpc\""] {
        let called = upstream.answers(mcp.send("tools/list", json!({})), |heard| heard.says(Response::builder(), body)).await;
        assert_eq!(called.denied(200)["data"]["reason"], "list_unreadable");
    }
    let packed = Response::builder().header("content-encoding", "gzip");
    let called = upstream.answers(mcp.send("tools/list", json!({})), |heard| heard.says(packed, "what is packed")).await;
    assert_eq!(called.denied(502)["data"]["reason"], "upstream_compressed");

    // A tool's answer is nobody's list, whatever is in it.
    let list = listed(&json!(1)).to_string();
    let called = upstream
        .answers(mcp.send("tools/call", json!({ "name": "account_balance" })), |heard| heard.says(Response::builder(), &list))
        .await;
    assert_eq!(called.0.has_status(200).text(), list);
}

/// A client that does not look at the type would read the list whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_14_a_list_of_another_type_is_not_shown() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let list = listed(&json!(1)).to_string();
    let plain = || Response::builder().header(CONTENT_TYPE, "text/plain");

    for head in [plain(), Response::builder().header(CONTENT_TYPE, ""), plain().header(CONTENT_TYPE, "application/json")] {
        let called = upstream.answers(mcp.send("tools/list", json!({})), |heard| heard.says(head, &list)).await;
        assert_eq!(called.denied(502)["data"]["reason"], "list_unreadable");
    }
    // Nor on a stream that is none.
    let (coming, ()) = tokio::join!(wire::get(&mcp), async { upstream.heard().await.says(plain(), &list) });
    assert_eq!(coming.response.status(), 502);

    // What failed may say so in its own words, and what waits for no answer gets none.
    let called = upstream.answers(mcp.send("tools/list", json!({})), |heard| heard.says(plain().status(404), "no such session")).await;
    assert_eq!(called.0.has_status(404).text(), "no such session");
    let note = json!({ "jsonrpc": "2.0", "method": "tools/list" });
    let answer = upstream.answers(mcp.post(&note), |heard| heard.says(plain().status(202), "")).await;
    assert!(answer.has_status(202).body.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_14_a_list_within_a_batch_is_cut_down_however_it_comes() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).speaking("2025-03-26");
    site.apply(|file| resource(file, BANK)["strict"] = json!(true)).await;
    let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }, { "jsonrpc": "2.0", "id": 2, "method": "tools/list" }]);
    let both = json!([{ "jsonrpc": "2.0", "id": 1, "result": {} }, listed(&json!(2))]);

    let called = upstream.answers(mcp.post(&batch), |heard| heard.json(&both)).await;
    let answers = called.has_status(200).json();
    assert_eq!(answers[0], both[0]);
    let cut = answers[1].to_string();
    assert!(cut.contains("account_balance") && !cut.contains("close_account"), "{cut}");

    let stream = Response::builder().header(CONTENT_TYPE, "text/event-stream");
    let called = upstream.answers(mcp.post(&batch), |heard| heard.says(stream, &format!("data: {both}\n\n"))).await;
    let cut = called.has_status(200).text();
    assert!(cut.contains("account_balance") && !cut.contains("close_account"), "{cut}");
    let plain = Response::builder().header(CONTENT_TYPE, "text/plain");
    let called = upstream.answers(mcp.post(&batch), |heard| heard.says(plain, &both.to_string())).await;
    assert_eq!(called.has_status(502).json()[1]["error"]["data"]["reason"], "list_unreadable");
}

/// Whatever a server makes of it: a stream that is taken up by a post would bring the answer to another request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcp_1a_14_a_stream_is_taken_up_by_get_alone() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json").header("last-event-id", "s1_41");
    let ping = post.body(Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)).expect("a request");

    let answer = upstream
        .answers(site.program().send(ping), |heard| {
            assert_eq!(heard.header("last-event-id"), None);
            heard.done();
        })
        .await;

    answer.has_status(200);
}

/// Where a request comes from is what the network says, or the proxies that are believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_may_ask_where_a_call_comes_from_and_what_it_says() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let balance = |arguments: Value| json!({ "name": "account_balance", "arguments": arguments });
    let from = |network: &str| {
        format!(
            r#"@id("inside") forbid(principal, action == Chancery::Action::"call_tool", resource) unless {{ context has address && context.address.isInRange(ip("{network}")) }};"#
        )
    };

    site.apply(|file| file["policies"] = json!(from("10.0.0.0/8"))).await;
    // The test's own address is a proxy's that is believed, so the last address it tells counts; what a client wrote before that does not.
    let from_there = |told: &str| {
        let call = wire::call("account_balance", &json!({})).to_string();
        let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json").header("x-forwarded-for", told);
        let (program, post) = (site.program(), post.body(Bytes::from(call)).expect("a request"));
        async move { program.send(post).await }
    };
    upstream.answers(from_there("10.1.2.3"), |heard| heard.done()).await.has_status(200);
    for outside in ["203.0.113.7", "10.1.2.3, 203.0.113.7"] {
        let answer = upstream.left_alone(from_there(outside)).await;
        assert_eq!(answer.has_status(200).json()["error"]["data"]["reason"], "denied_by_policy", "{outside}");
    }
    upstream.left_alone(mcp.send("tools/call", balance(json!({})))).await.denied(200);

    let own = r#"@id("own") forbid(principal, action == Chancery::Action::"call_tool", resource)
        unless { context.arguments.texts.hasTag("account") && context.arguments.texts.getTag("account") == "current" };"#;
    site.apply(|file| file["policies"] = json!(own)).await;
    upstream.answers(mcp.send("tools/call", balance(json!({ "account": "current" }))), |heard| heard.done()).await.answered();
    upstream.left_alone(mcp.send("tools/call", balance(json!({ "account": "savings" })))).await.denied(200);
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"account_balance","arguments":{"account":"current","account":"savings"}}}"#;
    let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json").body(Bytes::from(twice)).expect("a request");
    let answer = upstream.left_alone(site.program().send(post)).await;
    assert_eq!(answer.has_status(400).json()["error"]["code"], -32602);
}
