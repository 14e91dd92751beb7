//! What passes for an access token: one kind of thing and no other (facts: token-type table), and what that one says.

use std::collections::BTreeSet;
use std::time::Duration;

use chancery_testkit::cast::{AGENT, AGENT_CLIENT, AGENT_OWNER, ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::{Form, Site, Tokens, claims};
use serde_json::{Value, json};

use crate::sessions::session_at;
use crate::tokens::{changed, refused, taken, with};
use crate::upstream::Upstream;

/// The types of the JWTs that stand in the table, the access token's own left out.
const OTHER_TYPES: &[&str] = &[
    "JWT",
    "JOSE",
    "client-authentication+jwt",
    "oauth-id-jag+jwt",
    "txntoken+jwt",
    "dpop+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "wit+jwt",
    "wpt+jwt",
    "logout+jwt",
    "secevent+jwt",
    "statuslist+jwt",
    "token-introspection+jwt",
    "oauth-authz-req+jwt",
    "application/jwt",
    "at+jwt+x",
    "x/at+jwt",
    "at jwt",
    "",
];

/// Calls the bank, and gives the token that the upstream was sent.
async fn call_upstream(upstream: &mut Upstream, tokens: &Tokens) -> String {
    let mut sent = None;
    let mcp = tokens.mcp(BANK);
    let call = mcp.send("tools/call", json!({ "name": "account_balance" }));
    let called = upstream
        .answers(call, |heard| {
            sent = Some(heard.token().to_owned());
            heard.done();
        })
        .await;
    called.answered();
    sent.expect("the upstream was sent a token")
}

chancery_testkit::both_stores! {
    async fn at_02_nothing_else_that_we_hand_out_passes_for_an_access_token(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let ask = site.ask(PUBLIC_CLIENT).scope("openid bank:read");
        let page = ask.open(&site.browser()).await;
        let sealed = Form::with(&page, "page").field("page").expect("a sealed page").to_owned();
        let browser = site.browser();
        let code = ask.approved_in(&browser, ALICE).await;
        let cookies = browser.cookies(|jar| jar.iter().map(|cookie| cookie.value.clone()).collect::<Vec<_>>());
        assert!(cookies.len() >= 2, "a browser's and a session's: {cookies:?}");
        let tokens = code.redeem().await.granted();
        let session = session_at(&mut upstream, &tokens.mcp(BANK)).await;
        taken(&mut upstream, &tokens.mcp(BANK)).await;

        let (id, refresh) = (tokens.id.clone().expect("an ID token"), tokens.refresh.clone().expect("a refresh token"));
        for (what, artefact) in [("ID token", &id), ("refresh token", &refresh), ("code", &code.code), ("page", &sealed), ("session", &session)] {
            let words = refused(&mut upstream, &with(&tokens, artefact.clone())).await;
            assert!(words.contains("send the access token"), "{what}: {words}");
        }
        for cookie in cookies {
            refused(&mut upstream, &with(&tokens, cookie)).await;
        }

        site.summarise().await;
        let log = site.audit().await;
        assert_eq!(log.counted("wrong_type"), 1, "the ID token");
        assert!(log.of_kind("call_refused").is_empty(), "none of them is a live access token");
    }

    async fn at_02_what_an_upstream_is_given_is_no_good_at_the_gateway(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let given = call_upstream(&mut upstream, &tokens).await;
        assert_eq!(claims(&given)["aud"], upstream.url);

        let words = refused(&mut upstream, &with(&tokens, given)).await;

        assert!(words.contains("another resource"), "{words}");
        site.audit().await.only("call_refused").says("reason", "wrong_resource").names(ALICE).names(BANK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_02_no_other_type_passes_whatever_else_it_says() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let (own, claims) = (site.forge().await, tokens.claims().to_string());
    let typed = |typ: Value| own.signed(&changed(&own.header(), &json!({ "typ": typ })).to_string(), &claims);

    // Media types are compared without regard to case, and may leave `application/` out (RFC 7515 §4.1.9).
    for good in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        taken(&mut upstream, &with(&tokens, typed(json!(good)))).await;
    }
    for other in OTHER_TYPES {
        let words = refused(&mut upstream, &with(&tokens, typed(json!(other)))).await;
        assert!(words.contains("another kind of token"), "{other}: {words}");
    }
    for other in [Value::Null, json!(["at+jwt"]), json!(1)] {
        refused(&mut upstream, &with(&tokens, typed(other))).await;
    }

    site.summarise().await;
    assert_eq!(site.audit().await.counted("wrong_type"), OTHER_TYPES.len() as u64 + 1, "and where there is none");
}

chancery_testkit::both_stores! {
    async fn at_03_a_persons_token_has_the_person_as_sub_whoever_acts(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let (app, agent) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, AGENT_CLIENT).await);

        for tokens in [&app, &agent] {
            let upstream_token = claims(&call_upstream(&mut upstream, tokens).await);
            for said in [&tokens.claims(), &upstream_token] {
                assert!(said["sub"].as_str().is_some_and(|sub| sub.starts_with("usr_")), "{said}");
                assert!(said["client_id"].as_str().is_some_and(|client| client.starts_with("cli_")), "{said}");
                assert_eq!((&said["sub"], &said["client_id"]), (&app.claims()["sub"], &tokens.claims()["client_id"]));
            }
        }
    }

    async fn at_04_every_token_has_its_own_id_and_one_audience(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = first.refresh().await.granted();
        let of_bob = site.sign_in(BOB, PUBLIC_CLIENT).await;

        let mut all = Vec::new();
        for tokens in [&first, &second, &of_bob] {
            all.push((tokens.claims(), site.url(BANK)));
            all.push((claims(&call_upstream(&mut upstream, tokens).await), upstream.url.clone()));
        }

        let ids: BTreeSet<&str> = all.iter().map(|(said, _)| said["jti"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), all.len());
        for (said, audience) in &all {
            assert_eq!(said["aud"], *audience);
        }
    }

    async fn at_04_act_names_the_agent_that_acts_and_nobody_else(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let (app, agent) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, AGENT_CLIENT).await);

        for said in [app.claims(), claims(&call_upstream(&mut upstream, &app).await)] {
            assert!(said["act"].is_null() && said["agent"].is_null(), "an app that proves nothing acts for nobody: {said}");
        }
        for said in [agent.claims(), claims(&call_upstream(&mut upstream, &agent).await)] {
            assert_eq!((&said["act"]["iss"], &said["act"]["sub_profile"]), (&json!(site.issuer()), &json!("ai_agent")));
            assert_eq!((&said["act"]["sub"], &said["owner"]), (&said["agent"], &json!(AGENT_OWNER)));
            assert!(said["agent"].as_str().is_some_and(|agent| agent.starts_with("agt_")), "{AGENT}: {said}");
            assert!(said["act"]["act"].is_null(), "the gateway adds nobody: {said}");
        }
    }

    async fn at_06_when_and_how_a_person_signed_in_stays_what_it_was(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let ask = site.ask(PUBLIC_CLIENT).scope("openid bank:read");
        let mut tokens = ask.approved_by(ALICE).await.redeem().await.granted();
        let at_sign_in = signed_in(&tokens.claims());
        assert!(at_sign_in.0.as_i64().is_some() && at_sign_in.1.is_string(), "{at_sign_in:?}");
        assert_eq!(signed_in(&claims(tokens.id.as_deref().expect("an ID token"))), at_sign_in);

        for _ in 0..3 {
            site.turn(Duration::from_secs(3600));
            tokens = tokens.refresh().await.granted();
            assert!(tokens.claims()["iat"].as_i64() > at_sign_in.0.as_i64().map(|at| at + 3599));
            assert_eq!(signed_in(&tokens.claims()), at_sign_in);
            assert_eq!(signed_in(&claims(&call_upstream(&mut upstream, &tokens).await)), at_sign_in);
        }
    }
}

/// When, to what degree, and by what means.
fn signed_in(said: &Value) -> (Value, Value, Value) {
    (said["auth_time"].clone(), said["acr"].clone(), said["amr"].clone())
}
