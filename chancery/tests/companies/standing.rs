//! People whose standing at the company changes while their agents go on without them, at a real Keycloak.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, BOB, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::keycloak::{Keycloak, Realm};
use chancery_testkit::{Site, Tokens};
use serde_json::json;

use crate::sign_in::callback;

/// Nobody turns Keycloak's clock, and what it says must be of just now: so it is asked sooner than in a tenant that says nothing else.
const RECHECK: Duration = Duration::from_secs(30);

/// Declared as the documentation has it: no scopes are written, and the profile asks for an offline session.
async fn at_keycloak(keycloak: &Keycloak) -> (Site, Realm) {
    let site = Site::in_real_time().await;
    let realm = keycloak.realm(&[&callback(&site, IDENTITY_PROVIDER)]).await;
    let mut declared = realm.declared(IDENTITY_PROVIDER);
    declared.as_object_mut().expect("an object").remove("scopes");
    site.apply(|file| {
        file["identity_providers"] = json!([declared]);
        file["lifetimes"] = json!({ "recheck": "30s" });
        file["access"] = json!([{ "groups": ["treasury"], "roles": ["approver"], "scopes": ["bank:transfer"] }]);
    })
    .await;
    (site, realm)
}

async fn allowed(site: &Site, scope: &str) -> Tokens {
    site.ask(PUBLIC_CLIENT).scope(scope).approved_by(ALICE).await.redeem().await.granted()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sb_08_whom_keycloak_s_administrator_disables_loses_it_within_the_next_refresh() {
    let Some(keycloak) = Keycloak::here().await else { return };
    let (site, realm) = at_keycloak(keycloak).await;
    let (first, bob) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(BOB, PUBLIC_CLIENT).await);
    site.turn(RECHECK);
    let second = first.refresh().await.granted();
    assert_eq!(site.audit().await.of_kind("rechecked").len(), 1);

    realm.disable(ALICE).await;
    site.turn(RECHECK);
    let refusal = second.refresh().await;

    assert!(refusal.refused(400, "invalid_grant").text().contains("no longer vouches"), "{:?}", refusal.answer);
    let log = site.audit().await;
    let said = &log.of_kind("rechecked").pop().expect("an event").fields;
    assert_eq!((said["outcome"].as_str(), said["reason"].as_str()), ("refused", "provider_refused_refresh"));
    site.settle().await;
    second.call(BANK, "account_balance").await.challenged("invalid_token");
    second.refresh().await.refused(400, "invalid_grant");
    bob.refresh().await.granted().call(BANK, "account_balance").await.answered();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sb_08_whom_keycloak_s_administrator_takes_out_of_a_group_has_less_at_the_next_refresh() {
    let Some(keycloak) = Keycloak::here().await else { return };
    let (site, realm) = at_keycloak(keycloak).await;
    realm.join(ALICE, "treasury").await;
    let (some, all) = (allowed(&site, "bank:read bank:transfer").await, allowed(&site, "bank:transfer").await);
    assert_eq!((&some.claims()["scope"], &some.claims()["roles"]), (&json!("bank:read bank:transfer"), &json!(["approver"])));

    realm.leave(ALICE, "treasury").await;
    site.turn(RECHECK);
    let some = some.refresh().await.granted();

    assert_eq!((&some.claims()["scope"], some.claims().get("roles")), (&json!("bank:read"), None));
    assert_eq!(site.audit().await.of_kind("token_refreshed").pop().expect("an event").fields["reason"], "groups_removed");
    all.refresh().await.refused(400, "invalid_grant");
    assert_eq!(site.audit().await.of_kind("token_refused").pop().expect("an event").fields["reason"], "groups_removed");
    site.settle().await;
    all.call(BANK, "transfer").await.challenged("invalid_token");
    some.call(BANK, "account_balance").await.answered();
}
