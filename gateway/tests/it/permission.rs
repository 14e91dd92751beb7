//! What a good token may do: scope, the tenant's policy, and who must act.

use std::collections::BTreeSet;

use bytes::Bytes;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT};
use chancery_testkit::{Answer, Site};
use http::Method;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::upstream::{Upstream, resource};
use crate::wire;

fn words(text: &str) -> BTreeSet<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn scope_wanted(answer: &Answer) -> BTreeSet<String> {
    words(&answer.challenge("scope").unwrap_or_else(|| panic!("no scope in the challenge: {answer:?}")))
}

/// Forbids alice's transfers, and says what to do.
const NO_TRANSFERS: &str = r#"
    @id("no-transfers") @advice("ask treasury")
    forbid(principal, action == Chancery::Action::"call_tool", resource == Chancery::Resource::"bank")
    when { context.target == "transfer" };"#;

chancery_testkit::both_stores! {
    async fn mc_01_mcp_1a_8_a_tool_beyond_the_scope_is_challenged_for_all_that_is_needed(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        assert_eq!(tokens.claims()["scope"], "bank:read");

        let called = upstream.left_alone(tokens.mcp(BANK).send("tools/call", json!({ "name": "transfer", "arguments": {} }))).await;

        let answer = called.challenged("insufficient_scope");
        // Some clients ask for what stands here and nothing else, so what they have stands here too.
        assert_eq!(scope_wanted(answer), words("bank:read bank:transfer"));
        let said = answer.challenge("error_description").expect("words");
        assert!(said.contains("bank:transfer") && said.contains("authorize again"), "{said}");
        let log = site.audit().await;
        let refused = log.only("call_refused").says("reason", "insufficient_scope").says("row", "MC-01").says("target", "transfer");
        refused.says("scope", "bank:read").names(ALICE).names(PUBLIC_CLIENT).names(BANK);
        assert!(log.of_kind("call_opened").is_empty());
    }

    async fn mc_01_the_scope_that_was_asked_for_lets_the_tool_pass(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let transfer = json!({ "name": "transfer", "arguments": { "to": "bob", "amount": 5 } });
        let challenged = upstream.left_alone(first.mcp(BANK).send("tools/call", transfer.clone())).await;
        let wanted = challenged.challenged("insufficient_scope").challenge("scope").expect("a scope");

        let second = site.ask(PUBLIC_CLIENT).scope(&wanted).approved_by(ALICE).await.redeem().await.granted();

        upstream.answers(second.mcp(BANK).send("tools/call", transfer), |heard| heard.done()).await.answered();
    }

    async fn a_denied_policy_is_told_in_the_protocol_s_own_words_with_its_decision(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        site.apply(|file| file["policies"] = json!(NO_TRANSFERS)).await;
        let ask = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer");
        let mcp = ask.approved_by(ALICE).await.redeem().await.granted().mcp(BANK);

        let denied = upstream.left_alone(mcp.send("tools/call", json!({ "name": "transfer", "arguments": {} }))).await;
        upstream.answers(mcp.send("tools/call", json!({ "name": "account_balance" })), |heard| heard.done()).await.answered();

        // Neither 401 nor 403: some clients register anew at either, and no token would help.
        let error = denied.denied(200);
        assert_eq!(denied.0.header(WWW_AUTHENTICATE), None);
        assert_eq!(denied.message()["id"], 1);
        let said = error["message"].as_str().expect("words");
        let decision = error["data"]["decision"].as_str().expect("a decision");
        assert!(said.contains("no-transfers") && said.contains("ask treasury") && said.contains(decision), "{said}");
        let log = site.audit().await;
        let refused = log.only("call_refused").says("reason", "denied_by_policy").says("decision", decision).says("target", "transfer");
        refused.names(ALICE).names(PUBLIC_CLIENT).names(BANK);
    }

    async fn a_new_policy_holds_for_tokens_that_are_known(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        let balance = json!({ "name": "account_balance" });
        upstream.answers(mcp.send("tools/call", balance.clone()), |heard| heard.done()).await.answered();

        let closed = r#"@id("closed") forbid(principal, action, resource == Chancery::Resource::"bank");"#;
        site.apply(|file| file["policies"] = json!(closed)).await;

        let denied = upstream.left_alone(mcp.send("tools/call", balance)).await.denied(200);
        assert_eq!(denied["data"]["reason"], "denied_by_policy");
    }

    async fn mc_02_who_may_have_no_token_for_the_upstream_hears_which_decision_said_so(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        let frozen = r#"@id("frozen") @advice("ask treasury") forbid(principal, action == Chancery::Action::"issue_token", resource);"#;
        site.apply(|file| file["policies"] = json!(frozen)).await;

        let call = upstream.left_alone(mcp.send("tools/call", json!({ "name": "account_balance" }))).await;
        let list = upstream.left_alone(mcp.send("tools/list", json!({}))).await;

        let log = site.audit().await;
        for (denied, kind) in [(&call, "call_closed"), (&list, "call_refused")] {
            let error = denied.denied(200);
            assert_eq!(error["data"]["reason"], "denied_by_policy");
            let said = error["message"].as_str().expect("words");
            assert!(said.contains("frozen") && said.contains("ask treasury"), "{said}");
            let decision = error["data"]["decision"].as_str().expect("a decision");
            log.only(kind).says("reason", "denied_by_policy").says("decision", decision).names(ALICE);
        }
        log.only("call_closed").says("outcome", "denied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_may_close_the_whole_server_and_each_request_hears_it_in_its_own_form() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let closed = r#"@id("closed") forbid(principal, action, resource == Chancery::Resource::"bank");"#;
    site.apply(|file| file["policies"] = json!(closed)).await;

    let initialize = upstream.left_alone(mcp.send("initialize", json!({}))).await;
    initialize.denied(200);

    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let notified = upstream.left_alone(mcp.post(&notification)).await;
    notified.has_status(400);

    // MCP: no stream and no end of session is a 405, which clients take for an answer.
    for method in [Method::GET, Method::DELETE] {
        let request = mcp.request(method).body(Bytes::new()).expect("a request");
        let answer = upstream.left_alone(site.program().send(request)).await;
        answer.has_status(405);
        assert_eq!(answer.header(ALLOW), Some("POST"));
        assert_eq!(answer.header(WWW_AUTHENTICATE), None, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_tells_people_apart() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let (alice, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, OTHER_CLIENT).await);
    let client = bob.claims()["client_id"].as_str().expect("a client").to_owned();
    let policy = format!(
        r#"@id("not-the-terminal") forbid(principal, action == Chancery::Action::"call_tool", resource) when {{ context.client == "{client}" }};"#
    );
    site.apply(|file| file["policies"] = json!(policy)).await;

    let balance = json!({ "name": "account_balance" });
    upstream.answers(alice.mcp(BANK).send("tools/call", balance.clone()), |heard| heard.done()).await.answered();
    upstream.left_alone(bob.mcp(BANK).send("tools/call", balance)).await.denied(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strict_server_lets_only_mapped_tools_pass() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let unmapped = json!({ "name": "close_account" });
    upstream.answers(mcp.send("tools/call", unmapped.clone()), |heard| heard.done()).await.answered();

    site.apply(|file| resource(file, BANK)["strict"] = json!(true)).await;

    let refused = upstream.left_alone(mcp.send("tools/call", unmapped)).await.denied(200);
    assert_eq!(refused["data"]["reason"], "tool_not_mapped");
    let decision = refused["data"]["decision"].as_str().expect("a decision").to_owned();
    assert!(refused["message"].as_str().is_some_and(|words| words.contains("operator") && words.contains(&decision)), "{refused}");
    site.audit().await.only("call_refused").says("decision", &decision).says("target", "close_account").names(ALICE);
    upstream.answers(mcp.send("tools/call", json!({ "name": "account_balance" })), |heard| heard.done()).await.answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_what_the_map_does_not_name_needs_the_default_scope() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let asked = site.ask(PUBLIC_CLIENT).scope("bank:transfer").approved_by(ALICE).await;
    let mcp = asked.redeem().await.granted().mcp(BANK);

    for (method, params) in [
        ("tools/call", json!({ "name": "unmapped" })),
        ("resources/read", json!({ "uri": "bank://accounts" })),
        ("prompts/get", json!({ "name": "greeting" })),
        ("completion/complete", json!({})),
        ("nobody/knows", json!({})),
    ] {
        let called = upstream.left_alone(mcp.send(method, params)).await;
        assert_eq!(scope_wanted(called.challenged("insufficient_scope")), words("bank:read bank:transfer"), "{method}");
    }
    for method in ["initialize", "ping", "tools/list", "resources/list", "prompts/list"] {
        upstream.answers(mcp.send(method, json!({})), |heard| heard.done()).await.answered();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_batch_is_challenged_once_for_all_it_needs() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let asked = site.ask(PUBLIC_CLIENT).scope("bank:transfer").approved_by(ALICE).await;
    let mcp = asked.redeem().await.granted().mcp(BANK);

    let batch = json!([wire::call("transfer", &json!({})), wire::call("account_balance", &json!({}))]);
    let answer = upstream.left_alone(mcp.clone().speaking("2025-03-26").post(&batch)).await;

    assert_eq!(scope_wanted(answer.challenged("insufficient_scope")), words("bank:read bank:transfer"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_for_agents_takes_no_app_that_proves_nothing() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let (app, agent) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, AGENT_CLIENT).await);

    site.apply(|file| resource(file, BANK)["require_agent"] = json!(true)).await;

    let balance = json!({ "name": "account_balance" });
    let refused: Value = upstream.left_alone(app.mcp(BANK).send("tools/call", balance.clone())).await.denied(200);
    assert_eq!(refused["data"]["reason"], "agent_required");
    assert!(refused["message"].as_str().is_some_and(|words| words.contains("bound to one")), "{refused}");
    upstream.answers(agent.mcp(BANK).send("tools/call", balance), |heard| heard.done()).await.answered();
    let log = site.audit().await;
    log.only("call_refused").says("reason", "agent_required").names(ALICE).names(PUBLIC_CLIENT);
    assert!(log.only("call_opened").names(BOB).field("agent").is_some_and(|agent| agent.starts_with("agt_")));
}
