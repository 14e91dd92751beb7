//! One tenant whose people are at three providers that others wrote: Keycloak, npm `oidc-provider` and Glewlwyd, all at once.

use chancery_testkit::cast::{ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::glewlwyd::Glewlwyd;
use chancery_testkit::keycloak::Keycloak;
use chancery_testkit::{Site, node};
use serde_json::{Value, json};

use crate::process::{Running, free_port};
use crate::sign_in::callback;

/// What `oidc-provider.mjs` knows the site by.
const SECRET: &str = "a-secret-of-the-tests-alone-0123456789";
const SECRET_REF: &str = "env:ELSEWHERE";

fn of_domain(mut declared: Value, domain: &str) -> Value {
    declared["domains"] = json!([domain]);
    declared
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_06_people_of_three_providers_sign_in_at_one_tenant_by_choice_and_by_their_domain() {
    let Some(mut program) = node::script("oidc-provider.mjs") else { return };
    let Some(keycloak) = Keycloak::here().await else { return };
    let site = Site::in_real_time().await;
    let Some(glewlwyd) = Glewlwyd::start(&[&callback(&site, "lab")]).await else { return };
    let realm = keycloak.realm(&[&callback(&site, "corp")]).await;
    let port = free_port().to_string();
    let issuer = format!("http://127.0.0.1:{port}");
    program.args([&port, &callback(&site, "partner")]);
    let _partner = Running::of(program, &issuer);
    site.secret(SECRET_REF, SECRET);
    let partner = json!({ "name": "partner", "issuer": issuer, "client_id": "chancery", "client_secret": SECRET_REF });
    site.apply(|file| {
        file["identity_providers"] = json!([
            of_domain(realm.declared("corp"), "corp.example"),
            of_domain(partner, "partner.example"),
            of_domain(glewlwyd.declared("lab"), "lab.example"),
        ]);
    })
    .await;

    let mut subjects = Vec::new();
    for provider in ["corp", "partner", "lab"] {
        let chosen = site.ask(PUBLIC_CLIENT).approved_at(&site.browser(), provider, ALICE).await.redeem().await.granted();
        chosen.call(BANK, "account_balance").await.answered();

        let hinting = site.ask(PUBLIC_CLIENT).with("login_hint", &format!("bob@{provider}.example"));
        let hinted = hinting.approved_by(BOB).await.redeem().await.granted();
        hinted.call(BANK, "account_balance").await.answered();
        subjects.extend([chosen, hinted].map(|tokens| tokens.claims()["sub"].to_string()));
    }

    // A new sign-in goes through where it is dated.
    for provider in ["corp", "partner"] {
        let anew = site.ask(PUBLIC_CLIENT).with("prompt", "login").with("login_hint", &format!("alice@{provider}.example"));
        let tokens = anew.approved_by(ALICE).await.redeem().await.granted();
        assert!(tokens.claims()["auth_time"].is_number(), "{provider}");
    }

    let people: std::collections::BTreeSet<_> = subjects.iter().collect();
    assert_eq!(people.len(), 6, "alice and bob at each are others: {subjects:?}");
    let log = site.audit().await;
    let came_by: Vec<_> = log.of_kind("signed_in").iter().map(|event| event.fields["identity_provider"].clone()).collect();
    assert_eq!(came_by, ["corp", "corp", "partner", "partner", "lab", "lab", "corp", "partner"]);
}
