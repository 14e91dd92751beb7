//! What goes through to the upstream, what comes back, and what does neither.

use std::collections::BTreeSet;

use bytes::Bytes;
use chancery_crypto::jose::peek;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Site, claims, request};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Response};
use serde_json::json;

use crate::upstream::{Upstream, done, resource};
use crate::wire;

/// What a request brings besides what is meant for the upstream.
const NOT_FOR_THEM: &[(&str, &str)] = &[
    ("cookie", "chancery_session_demo=a; other=b"),
    ("proxy-authorization", "Basic c2VjcmV0"),
    ("x-api-key", "secret"),
    ("forwarded", "for=1.2.3.4"),
    ("x-forwarded-for", "1.2.3.4"),
    ("x-forwarded-user", "mallory"),
    ("x-forwarded-host", "evil.example"),
    ("x-real-ip", "1.2.3.4"),
    ("referer", "https://app.example/?token=secret"),
    ("te", "trailers"),
    ("upgrade", "h2c"),
    ("keep-alive", "timeout=5"),
];

const FOR_THEM: &[(&str, &str)] = &[
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2025-11-25"),
    ("mcp-param-region", "eu"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("tracestate", "a=b"),
    ("user-agent", "a-client/1"),
];

chancery_testkit::both_stores! {
    async fn mc_02_mcp_1a_10_the_upstream_sees_a_token_of_its_own_and_nothing_of_the_callers(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let message = wire::call("account_balance", &json!({ "account": "current" })).to_string();
        let url = format!("{}?access_token={}&x=y", site.url(BANK), tokens.access);
        let mut post = request(Method::POST, &url)
            .header(AUTHORIZATION, format!("Bearer {}", tokens.access))
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in NOT_FOR_THEM.iter().chain(FOR_THEM) {
            post = post.header(*name, *value);
        }
        let post = post.body(Bytes::from(message.clone())).expect("a request");

        let answer = upstream.answers(site.program().send(post), |heard| {
            for (name, _) in NOT_FOR_THEM {
                assert_eq!(heard.header(name), None, "{name} was passed on");
            }
            for (name, value) in FOR_THEM {
                assert_eq!(heard.header(name), Some(*value), "{name} was not passed on");
            }
            assert_eq!((heard.uri.path(), heard.uri.query()), ("/mcp", None));
            assert_eq!(heard.headers.get_all(AUTHORIZATION).iter().count(), 1);
            let everything = format!("{:?} {} {}", heard.headers, heard.uri, String::from_utf8_lossy(&heard.body));
            for part in tokens.access.split('.').skip(1) {
                assert!(!everything.contains(part), "a part of the caller's token was passed on");
            }
            assert_eq!(heard.body, message.as_bytes());

            let (own, callers) = (claims(heard.token()), tokens.claims());
            assert_eq!((&own["aud"], &own["iss"]), (&json!(upstream_url(&heard)), &callers["iss"]));
            for same in ["sub", "client_id", "scope", "grants", "tenant"] {
                assert_eq!(own[same], callers[same], "{same}");
            }
            assert!(own["exp"].as_i64() <= callers["exp"].as_i64(), "it outlives the caller's: {own}");
            heard.done();
        }).await;

        answer.has_status(200);
        let log = site.audit().await;
        log.only("upstream_token_issued").names(ALICE).names(PUBLIC_CLIENT).names(BANK);
        for event in &log.events {
            assert!(!event.fields.values().any(|value| value.contains(&tokens.access)), "a token in the log: {event:?}");
        }
    }

    async fn mc_02_one_caller_has_one_upstream_token_while_its_own_lives(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = first.refresh().await.granted();

        let mut sent = Vec::new();
        for tokens in [&first, &first, &second] {
            let mcp = tokens.mcp(BANK);
            let call = mcp.send("tools/call", json!({ "name": "account_balance" }));
            let called = upstream.answers(call, |heard| {
                sent.push(heard.token().to_owned());
                heard.done();
            }).await;
            called.answered();
        }

        assert!(sent[0] == sent[1] && sent[1] != sent[2]);
        assert_eq!(site.audit().await.of_kind("upstream_token_issued").len(), 2);
    }

    async fn mc_02_a_token_that_was_made_for_the_server_of_before_is_not_shown_to_the_one_of_now(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
        let other = json!("https://bank.internal.example/");

        let mut sent = Vec::new();
        for said in [None, Some(("audience", &other)), None, Some(("token_signing_alg", &json!("EdDSA"))), None] {
            if let Some((key, value)) = said {
                site.apply(|file| resource(file, BANK)["upstream"][key] = value.clone()).await;
            }
            let called = upstream.answers(mcp.send("tools/list", json!({})), |heard| {
                sent.push(heard.token().to_owned());
                heard.done();
            }).await;
            called.answered();
        }

        let said = |token: &String| (claims(token)["aud"] == other, peek(token).expect("a token of ours").algorithm);
        let [es256, eddsa] = ["ES256", "EdDSA"].map(str::to_owned);
        assert_eq!(
            sent.iter().map(said).collect::<Vec<_>>(),
            [(false, es256.clone()), (true, es256.clone()), (true, es256), (true, eddsa.clone()), (true, eddsa)]
        );
        assert_eq!((&sent[1], &sent[3]), (&sent[2], &sent[4]), "made once for each");
    }
}

chancery_testkit::both_stores! {
    async fn mc_02_calls_that_come_together_share_one_upstream_token(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        let calls = (0..50).map(|_| {
            let mcp = tokens.mcp(BANK);
            tokio::spawn(async move { mcp.send("tools/call", json!({ "name": "account_balance" })).await })
        });
        let calls: Vec<_> = calls.collect();
        let mut sent = BTreeSet::new();
        for _ in 0..50 {
            let heard = upstream.heard().await;
            sent.insert(heard.token().to_owned());
            heard.done();
        }
        for call in calls {
            call.await.expect("no panic").answered();
        }

        assert_eq!(sent.len(), 1);
        let log = site.audit().await;
        log.only("upstream_token_issued").names(ALICE);
        let opened: BTreeSet<&str> = log.of_kind("call_opened").iter().map(|event| event.id.as_str()).collect();
        let closed: BTreeSet<&str> = log.of_kind("call_closed").iter().map(|event| event.fields["opened"].as_str()).collect();
        assert_eq!((opened.len(), &opened), (50, &closed));
    }
}

fn upstream_url(heard: &crate::upstream::Heard) -> String {
    format!("http://{}/mcp", heard.header("host").expect("a host"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mc_02_what_an_upstream_says_of_itself_does_not_become_ours() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK);
    let theirs = [
        ("set-cookie", "chancery_session_demo=stolen; Path=/"),
        ("www-authenticate", "Bearer resource_metadata=\"https://evil.example\""),
        ("location", "https://evil.example"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("strict-transport-security", "max-age=0"),
        ("alt-svc", "h3=\":443\""),
        ("clear-site-data", "\"*\""),
        ("refresh", "0; url=https://evil.example"),
        ("server", "theirs/1"),
        ("x-powered-by", "theirs"),
    ];

    let called = upstream
        .answers(mcp.send("tools/call", json!({ "name": "account_balance" })), |heard| {
            let body = done(&heard.message()["id"]).to_string();
            let head = theirs.iter().fold(Response::builder(), |head, (name, value)| head.header(*name, *value));
            heard.says(head.header("mcp-something-new", "passes").header("retry-after", "7").header("cache-control", "public"), &body);
        })
        .await;

    let answer = called.0;
    answer.has_status(200);
    for (name, _) in theirs {
        assert_eq!(answer.header(name), None, "{name} came through");
    }
    assert_eq!((answer.header("mcp-something-new"), answer.header("retry-after")), (Some("passes"), Some("7")));
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{answer:?}");
}

/// What a JSON library would write differently: space, escapes, a number's form, members that nobody knows, even where they come twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_travels_byte_for_byte_both_ways() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let mcp = site.sign_in(ALICE, PUBLIC_CLIENT).await.mcp(BANK).speaking("2025-03-26");
    let call = "{ \"id\" : \"\\u0061\", \"jsonrpc\":\"2.0\",\n\"method\":\"tools\\/call\",\"params\":{\"name\":\"account_balance\",\
         \"arguments\":{\"n\":1.0e2,\"z\":-0,\"e\":1E400,\"big\":123456789012345678901234567890,\"n\":2,\"N\":3}},\"new\":[null],\"new\":{} }";
    let unknown = "\t{\"jsonrpc\":\"2.0\",\"id\":9007199254740993,\"method\":\"nobody/knows\",\"params\":[1,{\"a\":\"\\ud83d\\ude00\\u0000é\u{2028}\"}],\"x\":0.10}\r\n";
    let note = "{\"method\":\"notifications/nobody_knows\",\"jsonrpc\":\"2.0\",\"params\":{\"a\":1,\"a\":2}}";
    let said = "{\"jsonrpc\":\"2.0\",  \"id\":\"a\",\"result\":{\"n\":1.0e2,\"n\":1,\"big\":1E400,\"text\":\"\\u00e9é\"}}\n";

    for asked in [call, unknown, note, &format!("[{call} ,\n{unknown},{note}]")] {
        let post = mcp.request(Method::POST).header(CONTENT_TYPE, "application/json; charset=utf-8").body(Bytes::from(asked.to_owned()));
        let answer = upstream
            .answers(site.program().send(post.expect("a request")), |heard| {
                assert_eq!(String::from_utf8_lossy(&heard.body), asked);
                assert_eq!(heard.header("content-type"), Some("application/json"));
                heard.says(Response::builder(), said);
            })
            .await;
        assert_eq!(answer.has_status(200).text(), said);
    }
}
