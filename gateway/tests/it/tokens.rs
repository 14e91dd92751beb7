//! Tokens that are no good here: what each hears, and what is written down of it.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, EXCHANGE, PUBLIC_CLIENT};
use chancery_testkit::{Forge, Mcp, Site, Tokens};
use serde_json::{Value, json};

use crate::upstream::Upstream;

/// The same conversation with another token.
pub fn with(tokens: &Tokens, token: String) -> Mcp {
    let mut mcp = tokens.mcp(BANK);
    mcp.token = Some(token);
    mcp
}

/// The claims with some of them so, and those that are null left out.
pub fn changed(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().expect("changes are an object") {
        if value.is_null() {
            claims.as_object_mut().expect("claims are an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// Lists tools with a token that is refused before anything else happens; gives the words of the refusal.
pub async fn refused(upstream: &mut Upstream, mcp: &Mcp) -> String {
    let called = upstream.left_alone(mcp.send("tools/list", json!({}))).await;
    let answer = called.challenged("invalid_token");
    let token = mcp.token.as_deref().expect("a token");
    assert!(token.len() < 8 || !answer.text().contains(token), "a token in an error: {answer:?}");
    assert_eq!(called.message()["error"]["data"].as_object().map(|data| data.contains_key("reason")), Some(true), "{called:?}");
    answer.challenge("error_description").expect("a refusal says what to do")
}

pub async fn taken(upstream: &mut Upstream, mcp: &Mcp) {
    upstream.answers(mcp.send("tools/list", json!({})), |heard| heard.done()).await.answered();
}

fn milliseconds_until(site: &Site, second: &Value) -> i64 {
    second.as_i64().expect("a number") * 1000 - site.now().millis()
}

fn turn_to(site: &Site, second: &Value, before: i64) {
    let by = milliseconds_until(site, second) - before;
    site.turn(Duration::from_millis(by.try_into().expect("it lies ahead")));
}

chancery_testkit::both_stores! {
    async fn at_01_an_expired_token_is_refused_and_counted(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let mcp = tokens.mcp(BANK);
        let exp = tokens.claims()["exp"].clone();
        assert_eq!(exp.as_i64().zip(tokens.claims()["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(300));

        // Good until the second it names, though it is known by then; not good from then on.
        turn_to(&site, &exp, 900);
        taken(&mut upstream, &mcp).await;
        turn_to(&site, &exp, 0);
        let words = refused(&mut upstream, &mcp).await;

        assert!(words.contains("expired") && words.contains("refresh it"), "{words}");
        site.summarise().await;
        let log = site.audit().await;
        assert_eq!(log.counted("expired_token"), 1);
        assert!(log.of_kind("call_refused").is_empty(), "it is nobody's any more: {log:#?}");
    }

    async fn pr_03_a_token_for_one_server_is_refused_at_another(site: Site) {
        let mut upstream = Upstream::behind(&site, EXCHANGE).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let elsewhere = tokens.mcp(EXCHANGE);

        let words = refused(&mut upstream, &elsewhere).await;

        assert!(words.contains("another resource") && words.contains("get one for this"), "{words}");
        let log = site.audit().await;
        let event = log.only("call_refused").says("reason", "wrong_resource").says("row", "PR-03");
        event.names(ALICE).names(PUBLIC_CLIENT).names(EXCHANGE);
    }

    async fn sb_07_it_is_refused_though_it_was_good_a_moment_ago(site: Site) {
        let mut upstream = Upstream::behind(&site, EXCHANGE).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        tokens.mcp(BANK).call("account_balance", json!({})).await.answered();

        refused(&mut upstream, &tokens.mcp(EXCHANGE)).await;

        // And the other way round: that it was refused there does not make it less good here.
        tokens.mcp(BANK).call("account_balance", json!({})).await.answered();
        site.audit().await.only("call_refused").names(ALICE).names(EXCHANGE);
    }

    async fn at_01_a_foreign_issuers_token_is_refused_and_counted(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let own = site.forge().await;
        let elsewhere = Forge::stranger(&own.kid);
        let issuers = ["https://issuer.example/t/demo".to_owned(), format!("{}/", site.issuer()), site.issuer().to_uppercase(), String::new()];

        // By a key of theirs, and by ours: what a token says of its issuer counts, whoever signed it.
        for issuer in &issuers {
            let claims = changed(&tokens.claims(), &json!({ "iss": issuer }));
            for token in [elsewhere.token(&claims), own.token(&claims)] {
                let words = refused(&mut upstream, &with(&tokens, token)).await;
                assert!(words.contains("another issuer") && words.contains("resource metadata"), "{words}");
            }
        }

        site.summarise().await;
        let log = site.audit().await;
        assert_eq!(log.counted("foreign_issuer"), 8);
        assert!(log.of_kind("call_refused").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_01_a_token_that_another_key_signed_is_refused() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let own = site.forge().await;

    // First the forge itself: what the issuer's own key signs is taken, so that what follows is refused for what it is.
    taken(&mut upstream, &with(&tokens, own.token(&tokens.claims()))).await;
    refused(&mut upstream, &with(&tokens, Forge::stranger(&own.kid).token(&tokens.claims()))).await;
    refused(&mut upstream, &with(&tokens, Forge::stranger("key_unknown").token(&tokens.claims()))).await;

    site.summarise().await;
    let log = site.audit().await;
    assert_eq!((log.counted("bad_signature"), log.counted("unknown_key")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_01_a_token_that_was_changed_is_refused() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    taken(&mut upstream, &tokens.mcp(BANK)).await;
    let [header, claims, signature] = tokens.access.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let other = site.sign_in(ALICE, PUBLIC_CLIENT).await.access;
    let [_, other_claims, other_signature] = other.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let flipped = |text: &str| if let Some(rest) = text.strip_prefix('A') { format!("B{rest}") } else { format!("A{}", &text[1..]) };

    for token in [
        format!("{header}.{other_claims}.{signature}"),
        format!("{header}.{claims}.{other_signature}"),
        format!("{header}.{claims}.{}", flipped(signature)),
        format!("{header}.{}.{signature}", flipped(claims)),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        "garbage".to_owned(),
        "a.b.c".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
    ] {
        refused(&mut upstream, &with(&tokens, token)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_01_an_algorithm_that_is_not_the_keys_is_refused() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let (own, claims) = (site.forge().await, tokens.claims().to_string());
    let header = |alg: Value| changed(&own.header(), &json!({ "alg": alg })).to_string();

    for alg in ["none", "None", "HS256", "HS512", "RS256", "PS256", "EdDSA", "ES384", "es256", "ES256 ", ""] {
        refused(&mut upstream, &with(&tokens, own.signed(&header(json!(alg)), &claims))).await;
    }
    for alg in [Value::Null, json!(["ES256"]), json!(256)] {
        refused(&mut upstream, &with(&tokens, own.signed(&header(alg), &claims))).await;
    }
    // A MAC whose key is the public key, which everybody has.
    for alg in ["HS256", "ES256"] {
        refused(&mut upstream, &with(&tokens, own.maced_with_public_key(&header(json!(alg)), &claims))).await;
    }
    // No signature at all.
    let unsigned = own.signed(&header(json!("none")), &claims);
    let unsigned = unsigned.rsplit_once('.').expect("three parts").0;
    refused(&mut upstream, &with(&tokens, format!("{unsigned}."))).await;

    site.summarise().await;
    assert!(site.audit().await.counted("wrong_algorithm") >= 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_01_claims_that_an_access_token_must_have_are_there_and_of_their_type() {
    let site = Site::on_sqlite().await;
    let mut upstream = Upstream::behind(&site, BANK).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let (own, claims) = (site.forge().await, tokens.claims());

    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        for value in [Value::Null, json!({}), json!(true)] {
            refused(&mut upstream, &with(&tokens, own.token(&changed(&claims, &json!({ name: value }))))).await;
        }
    }
    let exp = claims["exp"].as_i64().expect("a number");
    for changes in [
        json!({ "exp": exp.to_string() }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "aud": site.url(EXCHANGE) }),
        json!({ "aud": [site.url(EXCHANGE)] }),
        json!({ "aud": [] }),
        json!({ "aud": "" }),
        json!({ "aud": format!("{}/", site.url(BANK)) }),
        json!({ "aud": site.base() }),
        json!({ "aud": "bank" }),
    ] {
        refused(&mut upstream, &with(&tokens, own.token(&changed(&claims, &changes)))).await;
    }
}
