//! The way from an authorization request to tokens.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::browser::{Browser, claims, redeem, refresh, token};
use crate::site::{BANK, REPORTER_CALLBACK, REPORTER_SECRET, Site, alice};

#[tokio::test]
async fn oa_15_from_the_request_to_the_token_and_its_successor() {
    let (site, mut browser) = (Site::new().await, Browser::default());

    let back = browser.allows(&site, &[("scope", "bank:read openid"), ("nonce", "n-1")]).await;
    assert_eq!(back.location().as_str().split('?').next(), Some("http://127.0.0.1:5000/cb"));
    assert_eq!(back.redirected_with("state").as_deref(), Some("s"));
    assert_eq!(back.redirected_with("iss").as_deref(), Some("https://gw.example.com/t/acme"));

    let answer = redeem(&site, &back.redirected_with("code").expect("a code")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{}", answer.text);
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"], &body["scope"]), (&json!("Bearer"), &json!(300), &json!("bank:read openid")));
    let access = claims(&answer.member("access_token"));
    assert_eq!((&access["aud"], &access["scope"], &access["tenant"]), (&json!(BANK), &json!("bank:read"), &json!("acme")));
    assert_eq!(access["sub"], json!(alice()));
    assert_eq!(access["client_id"], json!(site.desk));
    assert_eq!(access["act"], Value::Null);
    let id = claims(&answer.member("id_token"));
    assert_eq!((&id["aud"], &id["nonce"], &id["sub"]), (&json!(site.desk), &json!("n-1"), &access["sub"]));

    let next = refresh(&site, &answer.member("refresh_token")).await;
    assert_eq!(next.status, 200, "{}", next.text);
    assert_ne!(next.member("refresh_token"), answer.member("refresh_token"));
    let successor = claims(&next.member("access_token"));
    assert_eq!((&successor["grants"], &successor["auth_time"]), (&access["grants"], &access["auth_time"]));
    assert_ne!(successor["jti"], access["jti"]);
    assert_eq!(site.events().await, ["registry_applied", "consent_given", "token_issued", "token_refreshed"]);
}

#[tokio::test]
async fn at_04_a_client_that_proves_itself_acts_as_its_agent() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let reporter = site.reporter.as_str().to_owned();

    let back = browser.allows(&site, &[("client_id", &reporter), ("redirect_uri", REPORTER_CALLBACK)]).await;
    let code = back.redirected_with("code").expect("a code");
    let pairs = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", crate::browser::VERIFIER)];
    let answer = token(&site, Some((&reporter, REPORTER_SECRET)), &pairs).await;

    let access = claims(&answer.member("access_token"));
    assert_eq!(access["act"]["sub_profile"], "ai_agent");
    assert_eq!((&access["act"]["sub"], &access["owner"]), (&access["agent"], &json!("finance")));
    assert_eq!(access["sub"], json!(alice()));
}

#[tokio::test]
async fn a_warm_refresh_reads_the_store_once_and_a_redemption_once() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let code = browser.allows(&site, &[]).await.redirected_with("code").expect("a code");

    let before = site.store.reads();
    let first = redeem(&site, &code).await;
    assert_eq!(site.store.reads() - before, 1);
    let before = site.store.reads();
    let second = refresh(&site, &first.member("refresh_token")).await;
    assert_eq!((second.status, site.store.reads() - before), (200, 1));
}

#[tokio::test]
async fn md_01_the_metadata_stands_at_three_addresses_and_the_keys_beside_it() {
    let site = Site::new().await;
    let mut bodies = Vec::new();
    for address in [
        "/.well-known/oauth-authorization-server/t/acme",
        "/.well-known/openid-configuration/t/acme",
        "/t/acme/.well-known/openid-configuration",
    ] {
        let answer = site.send(Request::get(address).body(Body::empty()).expect("a request")).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")), "MD-06");
        assert_eq!((answer.header("cache-control"), answer.header("set-cookie")), (Some("public, max-age=300"), None));
        assert_eq!(answer.json()["issuer"], "https://gw.example.com/t/acme");
        bodies.push(answer.text);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));

    let keys = site.send(Request::get("/t/acme/jwks").body(Body::empty()).expect("a request")).await;
    assert_eq!((keys.status, keys.json()["keys"][0]["kty"].as_str()), (200, Some("EC")));
    assert!(keys.json()["keys"][0].get("d").is_none());
    for missing in ["/.well-known/oauth-authorization-server/t/other", "/t/other/jwks", "/.well-known/oauth-authorization-server"] {
        assert_eq!(site.send(Request::get(missing).body(Body::empty()).expect("a request")).await.status, 404);
    }
}

#[tokio::test]
async fn dr_01_a_client_registers_and_goes_all_the_way() {
    let (site, mut browser) = (Site::new().await, Browser::default());
    let metadata = json!({ "client_name": "Cursor", "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:8787/callback"],
        "token_endpoint_auth_method": "client_secret_basic", "application_type": "web" });
    let request = Request::post("/t/acme/register").header("content-type", "application/json");
    let answer = site.send(request.body(Body::from(metadata.to_string())).expect("a request")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")), "{}", answer.text);
    assert_eq!(answer.json()["token_endpoint_auth_method"], "none");
    assert_eq!(answer.json()["redirect_uris"], metadata["redirect_uris"]);

    let client = answer.member("client_id");
    let page = browser.asked(&site, &[("client_id", &client), ("redirect_uri", "http://localhost:9999/callback")]).await;
    assert!(page.text.contains("unvouched: true") && page.text.contains("loopback: true"), "{}", page.text);
    let sent = browser.answers(&site, &page.page(), "approve").await;
    let code = browser.comes_back(&site, &sent).await.redirected_with("code").expect("a code");
    let pairs =
        [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", crate::browser::VERIFIER), ("client_id", &client)];
    assert_eq!(token(&site, None, &pairs).await.status, 200);
}
