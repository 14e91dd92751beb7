//! How a client without a token finds its way, and how a token must be presented.

use bytes::Bytes;
use chancery_testkit::cast::{ALICE, BANK, EXCHANGE, PUBLIC_CLIENT, ServerName};
use chancery_testkit::{Answer, Site, request};
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};
use serde_json::json;

use crate::upstream::{Upstream, resource};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn metadata_url(site: &Site, server: ServerName) -> String {
    format!("{}/.well-known/oauth-protected-resource/mcp/{server}", site.base())
}

/// Lists the bank's tools with these headers.
async fn list(site: &Site, query: &str, headers: &[(http::HeaderName, &str)], body: &str) -> Answer {
    let mut post = request(Method::POST, &format!("{}{query}", site.url(BANK)));
    for (name, value) in headers {
        post = post.header(name, *value);
    }
    site.program().send(post.body(Bytes::from(body.to_owned())).expect("a request")).await
}

fn only_says_where_to_begin(answer: &Answer, site: &Site) {
    let expected = format!(r#"Bearer resource_metadata="{}", scope="bank:read""#, metadata_url(site, BANK));
    answer.has_status(401);
    assert_eq!(answer.headers.get_all(WWW_AUTHENTICATE).iter().collect::<Vec<_>>(), [expected.as_str()], "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_02_whatever_comes_without_a_token_is_told_where_to_begin() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;

    // GET and DELETE too, before anything is said of the method: some clients begin with a GET.
    for method in [Method::POST, Method::GET, Method::DELETE, Method::PUT, Method::OPTIONS] {
        let bare = request(method, &site.url(BANK)).body(Bytes::from_static(b"not even JSON")).expect("a request");
        let answer = upstream.left_alone(site.program().send(bare)).await;
        only_says_where_to_begin(&answer, &site);
        let words = answer.json()["error"]["message"].as_str().expect("words").to_owned();
        assert!(words.contains("access token") && words.contains("resource_metadata"), "{words}");
    }

    site.summarise().await;
    assert_eq!(site.audit().await.counted("no_token"), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_02_a_resource_without_a_default_scope_asks_for_none() {
    let site = Site::on_sqlite().await;
    site.apply(|file| drop(resource(file, BANK).as_object_mut().expect("an object").remove("default_scope"))).await;

    let answer = site.program().get(&site.url(BANK)).await;

    answer.has_status(401);
    assert_eq!(answer.challenge("scope"), None, "{answer:?}");
    assert_eq!(answer.challenge("resource_metadata"), Some(metadata_url(&site, BANK)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_01_each_resource_has_its_metadata_where_its_challenge_says() {
    let site = Site::on_sqlite().await;
    for server in [BANK, EXCHANGE] {
        let challenged = site.program().get(&site.url(server)).await;
        let metadata = site.program().get(&challenged.challenge("resource_metadata").expect("a URL")).await;

        let document = metadata.has_status(200).json();

        assert_eq!(metadata.url.as_str(), metadata_url(&site, server));
        assert_eq!(metadata.header(CONTENT_TYPE), Some(JSON));
        assert_eq!(document["resource"], site.url(server));
        assert_eq!(document["authorization_servers"], json!([site.issuer()]));
        assert_eq!(document["authorization_servers"][0], site.metadata().await["issuer"]);
        assert!(!metadata.text().contains("null"), "{metadata:?}");
        assert_eq!(metadata.header("access-control-allow-origin"), Some("*"), "a browser's client must be able to read it");
        assert_eq!(metadata.header("set-cookie"), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_01_no_other_path_has_a_resources_metadata() {
    let site = Site::on_sqlite().await;
    for path in ["", "/", "/mcp", "/mcp/", "/mcp/bank/", "/mcp/bank/x", "/mcp/BANK", "/mcp//bank", "/mcp/%62ank", "/bank"] {
        let answer = site.program().get(&format!("{}/.well-known/oauth-protected-resource{path}", site.base())).await;
        answer.has_status(404);
        assert!(!answer.text().contains("authorization_servers"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_04_tokens_go_into_the_header_and_offline_access_is_no_scope_of_a_resource() {
    let site = Site::on_sqlite().await;
    for server in [BANK, EXCHANGE] {
        let document = site.program().get(&metadata_url(&site, server)).await.has_status(200).json();

        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
        assert!(!document["resource"].as_str().expect("a URL").contains('#'));
        let scopes = document["scopes_supported"].as_array().expect("a list");
        assert!(!scopes.is_empty() && !scopes.contains(&json!("offline_access")), "{scopes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oa_20_a_token_in_the_query_counts_as_none() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let token = site.sign_in(ALICE, PUBLIC_CLIENT).await.access;
    let query = format!("?access_token={token}");

    let answer = upstream.left_alone(list(&site, &query, &[(CONTENT_TYPE, JSON)], LIST)).await;

    only_says_where_to_begin(&answer, &site);
    assert!(!answer.text().contains(&token));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oa_20_a_token_comes_once_and_in_the_header() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let token = site.sign_in(ALICE, PUBLIC_CLIENT).await.access;
    let bearer = format!("Bearer {token}");
    let form = format!("access_token={token}");
    let two_in_one = format!("{bearer}, {bearer}");

    let refused = [
        (vec![(AUTHORIZATION, bearer.as_str()), (CONTENT_TYPE, FORM)], form.as_str()),
        (vec![(AUTHORIZATION, bearer.as_str()), (AUTHORIZATION, bearer.as_str()), (CONTENT_TYPE, JSON)], LIST),
        (vec![(AUTHORIZATION, bearer.as_str()), (AUTHORIZATION, "Bearer x"), (CONTENT_TYPE, JSON)], LIST),
        (vec![(AUTHORIZATION, two_in_one.as_str()), (CONTENT_TYPE, JSON)], LIST),
        (vec![(AUTHORIZATION, "Bearer a b"), (CONTENT_TYPE, JSON)], LIST),
    ];
    for (headers, body) in refused {
        let answer = upstream.left_alone(list(&site, "", &headers, body)).await;
        answer.has_status(400);
        assert_eq!(answer.challenge("error").as_deref(), Some("invalid_request"), "{answer:?}");
        assert_eq!(answer.challenge("resource_metadata"), Some(metadata_url(&site, BANK)));
        assert!(answer.challenge("error_description").expect("words").contains("header"), "{answer:?}");
        assert!(!answer.text().contains(&token), "{answer:?}");
    }
    // In the body alone it is in the wrong place, so there is none.
    let answer = upstream.left_alone(list(&site, "", &[(CONTENT_TYPE, FORM)], &form)).await;
    only_says_where_to_begin(&answer, &site);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oa_20_the_schemes_case_does_not_matter_and_another_scheme_is_no_token() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let token = site.sign_in(ALICE, PUBLIC_CLIENT).await.access;

    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let sent = format!("{scheme} {token}");
        let headers = [(AUTHORIZATION, sent.as_str()), (CONTENT_TYPE, JSON)];
        let answer = upstream.answers(list(&site, "", &headers, LIST), |heard| heard.done()).await;
        answer.has_status(200);
    }
    for other in ["DPoP".to_owned(), format!("Basic {token}"), token.clone(), "Bearer".to_owned(), "Bearer ".to_owned()] {
        let headers = [(AUTHORIZATION, other.as_str()), (CONTENT_TYPE, JSON)];
        let answer = upstream.left_alone(list(&site, "", &headers, LIST)).await;
        only_says_where_to_begin(&answer, &site);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_every_request_of_a_session_carries_its_token() {
    let site = Site::on_sqlite().await;
    let mut conversation = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    conversation.call("account_balance", json!({})).await.answered();

    // The connection, the session and the client are the same; only the token is missing.
    conversation.token = None;
    let answer = conversation.call("account_balance", json!({})).await.0;

    only_says_where_to_begin(&answer, &site);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_01_a_verb_that_mcp_does_not_have_is_told_which_there_are() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);

    let put = mcp.request(Method::PUT).body(Bytes::new()).expect("a request");
    let answer = upstream.left_alone(site.program().send(put)).await;

    answer.has_status(405);
    assert_eq!(answer.headers.get(ALLOW), Some(&HeaderValue::from_static("GET, POST, DELETE")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_served_nobody_is_asked_for_a_token() {
    let site = Site::on_sqlite().await;
    for path in ["/", "/mcp", "/mcp/nothing", "/mcp/bank/", "/MCP/bank", "/mcp/bank/../exchange"] {
        let answer = site.program().get(&format!("{}{path}", site.base())).await;
        answer.has_status(404);
        assert_eq!(answer.header(WWW_AUTHENTICATE), None, "{answer:?}");
    }
}
