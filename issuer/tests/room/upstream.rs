//! Tokens for what stands behind the gateway.

use std::time::Duration;

use chancery_core::{Caller, CredentialTrouble, Credentials, GrantId, UpstreamCredential};
use chancery_store::Unit;
use chancery_store::repo::grants;

use crate::browser::{Browser, claims, redeem};
use crate::site::{BANK, Site, alice};

async fn caller(site: &Site) -> Caller {
    let code = Browser::default().allows(site, &[]).await.redirected_with("code").expect("a code");
    let access = claims(&redeem(site, &code).await.member("access_token"));
    let grant: GrantId = access["grants"][0].as_str().expect("a grant").parse().expect("an id");
    Caller {
        tenant: site.tenant.id,
        subject: alice().to_string(),
        client: site.desk.clone(),
        agent: None,
        owner: None,
        roles: Vec::new(),
        act: None,
        scope: "bank:read".parse().expect("a scope"),
        grants: vec![grant],
        authentication: None,
        token_digest: [1; 32],
        expires_at: chancery_core::Timestamp::from_seconds(access["exp"].as_i64().expect("exp")),
    }
}

fn text(credential: UpstreamCredential) -> String {
    match credential {
        UpstreamCredential::Bearer(token) => token.expose().clone(),
    }
}

#[tokio::test]
async fn mc_02_the_upstream_gets_a_token_of_its_own() {
    let site = Site::new().await;
    let (caller, credentials) = (caller(&site).await, site.credentials());
    let bank = site.tenant.resource_asked(BANK).expect("the bank").id;

    let first = text(credentials.obtain(&caller, &bank).await.expect("a credential"));
    let second = text(credentials.obtain(&caller, &bank).await.expect("a credential"));

    let token = claims(&first);
    assert_eq!(token["aud"], "http://10.0.0.7:9001/mcp");
    assert_eq!((&token["sub"], &token["scope"]), (&serde_json::json!(caller.subject), &serde_json::json!("bank:read")));
    assert!(token["exp"].as_i64().expect("exp") <= caller.expires_at.seconds());
    assert_eq!(first, second);
    assert_eq!(site.events().await.iter().filter(|kind| *kind == "upstream_token_issued").count(), 1);

    let other = Caller { token_digest: [2; 32], ..caller };
    assert_ne!(text(credentials.obtain(&other, &bank).await.expect("a credential")), first);
}

#[tokio::test]
async fn an_ended_grant_gives_no_upstream_token() {
    let site = Site::new().await;
    let (caller, credentials) = (caller(&site).await, site.credentials());
    let bank = site.tenant.resource_asked(BANK).expect("the bank").id;
    let end = grants::end(&site.tenant.id, &caller.grants[0], caller.expires_at, "test");
    let _receipt = site.store.commit(Unit::new(site.tenant.id, vec![end])).await.expect("ended");

    assert!(matches!(credentials.obtain(&caller, &bank).await, Err(CredentialTrouble::Ended)));
}

#[tokio::test]
async fn an_upstream_token_ends_with_the_callers() {
    let site = Site::new().await;
    let (caller, credentials) = (caller(&site).await, site.credentials());
    let bank = site.tenant.resource_asked(BANK).expect("the bank").id;
    assert!(credentials.obtain(&caller, &bank).await.is_ok());
    site.clock.turn(Duration::from_secs(301));
    assert!(matches!(credentials.obtain(&caller, &bank).await, Err(CredentialTrouble::Ended)));
}
