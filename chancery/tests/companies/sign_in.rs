//! People sign in where their company has them do it.

use chancery_testkit::cast::{ALICE, BANK, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::glewlwyd::Glewlwyd;
use chancery_testkit::keycloak::Keycloak;
use chancery_testkit::{Site, claims};
use serde_json::json;

/// Where a provider of this name sends people back to.
pub fn callback(site: &Site, provider: &str) -> String {
    site.endpoint(&format!("callback/{provider}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k1_keycloak_signs_people_in_and_names_itself() {
    let Some(keycloak) = Keycloak::here().await else { return };
    let site = Site::in_real_time().await;
    let realm = keycloak.realm(&[&callback(&site, IDENTITY_PROVIDER)]).await;
    site.apply(|file| file["identity_providers"] = json!([realm.declared(IDENTITY_PROVIDER)])).await;

    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

    tokens.call(BANK, "account_balance").await.answered();
    assert!(claims(&tokens.access)["auth_time"].is_number(), "{:?}", tokens.claims());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x1_glewlwyd_s_doubled_slashes_are_gone_to_as_they_stand() {
    let site = Site::in_real_time().await;
    let Some(glewlwyd) = Glewlwyd::start(&[&callback(&site, IDENTITY_PROVIDER)]).await else { return };
    site.apply(|file| file["identity_providers"] = json!([glewlwyd.declared(IDENTITY_PROVIDER)])).await;

    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

    tokens.call(BANK, "account_balance").await.answered();
}
