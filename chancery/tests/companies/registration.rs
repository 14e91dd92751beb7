//! Registration by proxy at a real Keycloak: with an initial access token, each client's own token afterwards.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, IDENTITY_PROVIDER, REDIRECT_AT, REDIRECT_URI};
use chancery_testkit::keycloak::Keycloak;
use chancery_testkit::{App, Site};
use serde_json::json;

use crate::sign_in::callback;

const CREDENTIAL: &str = "env:REGISTRAR";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k4_a_client_is_registered_at_keycloak_too_signs_in_as_that_and_is_gone_there_when_it_is_gone_here() {
    let Some(keycloak) = Keycloak::here().await else { return };
    let site = Site::in_real_time().await;
    let realm = keycloak.realm(&[&callback(&site, IDENTITY_PROVIDER)]).await;
    site.secret(CREDENTIAL, &realm.initial_access_token(1).await);
    site.apply(|file| {
        file["identity_providers"] = json!([realm.declared(IDENTITY_PROVIDER)]);
        file["registration"]["proxy"] = json!({ "provider": IDENTITY_PROVIDER, "credential": CREDENTIAL });
    })
    .await;
    let metadata = json!({ "client_name": "A notebook", "redirect_uris": [REDIRECT_URI] });

    let registered = site.register(&metadata).await.has_status(201).json();

    let theirs = realm.registered().await;
    assert_eq!(theirs.len(), 1, "{theirs:?}");
    let id = registered["client_id"].as_str().expect("a client has an id").to_owned();
    assert!(!theirs.contains(&id));
    let app = App { id, secret: None, redirect_uri: REDIRECT_AT.to_owned() };
    let tokens = site.ask_as(app).approved_by(ALICE).await.redeem().await.granted();
    tokens.call(BANK, "account_balance").await.answered();

    // The token is used up: no other client comes to be, here or there.
    site.register(&metadata).await.refused(500, "server_error");
    assert_eq!(realm.registered().await, theirs);

    site.turn(Duration::from_hours(400 * 24)); // nobody has used it for longer than any grant lasts
    site.reap().await;
    site.forget_left_behind().await;
    assert!(realm.registered().await.is_empty());
}
