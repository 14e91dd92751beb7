//! The ID token (OpenID Connect Core §3.1.3.7): all that can be wrong with one, said by a provider that signs what it says.

use std::sync::Arc;
use std::time::Duration;

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT};
use chancery_testkit::provider::{KEYS, METADATA, id_token_header};
use chancery_testkit::{Answer, Forge, Site};
use serde_json::{Value, json};

use crate::way::{answered, ended, finished, redeemed};

/// A sign-in at a provider that was altered so.
async fn back(alter: impl FnOnce(&Site)) -> (Site, Answer) {
    let site = Site::on_sqlite().await;
    alter(&site);
    let browser = site.browser();
    let sent = answered(&site, &browser).await;
    let answer = browser.get(sent.as_str()).await;
    (site, answer)
}

/// It was refused, after it was fetched, for this reason; and nobody is signed in.
async fn refused((site, answer): (Site, Answer), why: &str) {
    ended(&answer, 502, why);
    assert_eq!(redeemed(&site), 1);
    let log = site.audit().await;
    log.only("sign_in_refused").says("reason", "ID token refused");
    assert!(log.of_kind("signed_in").is_empty());
}

async fn refused_with(change: impl Fn(&mut Value) + Send + Sync + 'static, why: &str) {
    refused(back(|site| site.identity_provider().alter_claims(change)).await, why).await;
}

async fn refused_token(make: impl Fn(Value, &Forge) -> String + Send + Sync + 'static, why: &str) {
    refused(back(|site| site.identity_provider().alter_id_token(make)).await, why).await;
}

fn header_with(forge: &Forge, member: &str, value: &str) -> String {
    let mut header = id_token_header(forge);
    header[member] = json!(value);
    header.to_string()
}

#[tokio::test]
async fn what_is_signed_anew_and_says_the_same_is_taken() {
    let site = Site::on_sqlite().await;
    site.identity_provider().alter_claims(|_| {});
    let browser = site.browser();
    let sent = answered(&site, &browser).await;
    let answer = browser.get(sent.as_str()).await;
    finished(&site, &browser, answer).await;
}

#[tokio::test]
async fn an_id_token_of_another_sign_in_is_refused() {
    refused_with(|claims| claims["nonce"] = json!("of-another-sign-in"), "it belongs to another sign-in").await;
    refused_with(|claims| claims["nonce"] = json!(""), "it belongs to another sign-in").await;
    refused_with(|claims| drop(claims.as_object_mut().expect("claims").remove("nonce")), "it belongs to another sign-in").await;
}

#[tokio::test]
async fn an_id_token_for_another_client_is_refused() {
    refused_with(|claims| claims["aud"] = json!("somebody-else"), "it was issued to another client").await;
    refused_with(|claims| claims["aud"] = json!([]), "it was issued to another client").await;
    refused_with(|claims| claims["aud"] = json!(["chancery", "somebody-else"]), "names another client").await;
    refused_with(|claims| claims["azp"] = json!("somebody-else"), "names another client").await;
}

#[tokio::test]
async fn an_id_token_for_several_clients_of_which_we_asked_is_taken() {
    let site = Site::on_sqlite().await;
    site.identity_provider().alter_claims(|claims| {
        claims["aud"] = json!(["chancery", "somebody-else"]);
        claims["azp"] = json!("chancery");
    });
    site.sign_in(ALICE, PUBLIC_CLIENT).await;
}

#[tokio::test]
async fn jw_06_an_id_token_of_another_issuer_is_refused_byte_for_byte() {
    refused_with(|claims| claims["iss"] = json!("https://attacker.example"), "it was issued by another provider").await;
    let slash = |claims: &mut Value| claims["iss"] = json!(format!("{}/", claims["iss"].as_str().expect("an issuer")));
    refused_with(slash, "it was issued by another provider").await;
}

#[tokio::test]
async fn jw_06_an_id_token_of_another_time_is_refused() {
    let shift =
        |claim: &'static str, by: i64| move |claims: &mut Value| claims[claim] = json!(claims[claim].as_i64().expect("a time") + by);
    refused_with(shift("exp", -300 - 61), "it has expired").await;
    refused_with(shift("iat", 120), "it is from the future").await;
    refused_with(shift("iat", -700), "it was not issued just now").await;
    refused_with(|claims| drop(claims.as_object_mut().expect("claims").remove("exp")), "a claim is missing").await;
}

#[tokio::test]
async fn jw_01_an_id_token_is_signed_by_the_provider_s_key_with_an_algorithm_it_named() {
    const NOT_ALLOWED: &str = "names a signature algorithm that is not allowed";
    let no_signature_meant = |claims: Value, forge: &Forge| forge.signed(&header_with(forge, "alg", "none"), &claims.to_string());
    let no_signature = |claims: Value, forge: &Forge| {
        let signed = forge.signed(&header_with(forge, "alg", "none"), &claims.to_string());
        format!("{}.", signed.rsplit_once('.').expect("three parts").0)
    };
    let a_mac_whose_key_everybody_may_read =
        |claims: Value, forge: &Forge| forge.maced_with_public_key(&header_with(forge, "alg", "HS256"), &claims.to_string());
    let a_stranger_s_key_under_its_name =
        |claims: Value, forge: &Forge| Forge::stranger(&forge.kid).signed(&id_token_header(forge).to_string(), &claims.to_string());
    let a_key_it_does_not_have = |claims: Value, _: &Forge| {
        let stranger = Forge::stranger("unheard-of");
        stranger.signed(&id_token_header(&stranger).to_string(), &claims.to_string())
    };

    refused_token(no_signature, "malformed token").await;
    refused_token(no_signature_meant, NOT_ALLOWED).await;
    refused_token(a_mac_whose_key_everybody_may_read, NOT_ALLOWED).await;
    refused_token(a_stranger_s_key_under_its_name, "the signature does not hold").await;
    refused_token(a_key_it_does_not_have, "a key that the issuer does not list").await;
    let an_algorithm_it_says_it_does_not_use = back(|site| {
        site.identity_provider().alter_json(METADATA, |document| document["id_token_signing_alg_values_supported"] = json!(["RS256"]));
    });
    refused(an_algorithm_it_says_it_does_not_use.await, NOT_ALLOWED).await;
}

#[tokio::test]
async fn jw_02_another_kind_of_token_is_no_id_token() {
    for typ in ["at+jwt", "logout+jwt", "secevent+jwt", "application/at+jwt"] {
        let make = move |claims: Value, forge: &Forge| forge.signed(&header_with(forge, "typ", typ), &claims.to_string());
        refused_token(make, "the token is of another type").await;
    }
    // Some providers leave it out.
    let site = Site::on_sqlite().await;
    site.identity_provider().alter_id_token(|claims, forge| {
        let mut header = id_token_header(forge);
        header.as_object_mut().expect("a header").remove("typ");
        forge.signed(&header.to_string(), &claims.to_string())
    });
    site.sign_in(ALICE, PUBLIC_CLIENT).await;
}

#[tokio::test]
async fn a_key_that_is_new_since_the_last_look_is_looked_for() {
    let site = Site::on_sqlite().await;
    site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let asked = site.identity_provider().asked(KEYS);
    let rotated = Arc::new(Forge::stranger("rotated"));
    let jwk = rotated.jwk();
    site.identity_provider().alter_json(KEYS, move |document| document["keys"] = json!([jwk]));
    site.identity_provider().alter_id_token(move |claims, _| rotated.signed(&id_token_header(&rotated).to_string(), &claims.to_string()));
    site.turn(Duration::from_secs(31));

    site.sign_in(ALICE, PUBLIC_CLIENT).await;

    assert_eq!(site.identity_provider().asked(KEYS), asked + 1);
}
