//! An identity provider that is taken out of the file, or put another issuer's: whom it vouched for is unknown at once, on every node.

use std::time::Duration;

use chancery_core::{Entropy, Slug, SubjectId, SubjectKey};
use chancery_store::repo::{subjects, tenants};
use chancery_store::{Unit, Value as Column};
use chancery_testkit::cast::{ALICE, BANK, BOB, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::{Browser, Site, Tokens};
use serde_json::{Value, json};

/// Somebody signed in, in a browser that stays.
struct SignedIn {
    browser: Browser,
    tokens: Tokens,
}

async fn signed_in(site: &Site) -> SignedIn {
    let browser = site.browser();
    let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
    SignedIn { browser, tokens }
}

/// Session, refresh token and access token, each for itself.
async fn is_unknown(site: &Site, who: &SignedIn) {
    let page = site.ask(PUBLIC_CLIENT).open(&who.browser).await;
    assert!(page.has_status(200).text().contains("you sign in with your organisation next"), "{page:?}");
    who.tokens.call(BANK, "account_balance").await.challenged("invalid_token");
    who.tokens.refresh().await.refused(400, "invalid_grant");
}

async fn removed(site: &Site) {
    let alice = signed_in(site).await;
    let before = provider(site).await;

    site.apply(|file| file["identity_providers"] = json!([site.other_provider()])).await;

    is_unknown(site, &alice).await;
    let log = site.audit().await;
    assert!(log.of_kind("revoked").last().expect("an event").fields["identity_provider"].starts_with("idp (http"));
    goes_on(&signed_in(site).await.tokens).await;

    site.apply(|file| file["identity_providers"] = before).await;
    is_unknown(site, &alice).await;
    site.turn(Duration::from_secs(2)); // times in tokens are whole seconds
    goes_on(&site.sign_in(ALICE, PUBLIC_CLIENT).await).await;
}

async fn put_elsewhere(site: &Site) {
    let alice = signed_in(site).await;

    site.apply(|file| file["identity_providers"][0]["issuer"] = site.other_provider()["issuer"].clone()).await;

    is_unknown(site, &alice).await;
    let anew = signed_in(site).await;
    assert_ne!(anew.tokens.claims()["sub"], alice.tokens.claims()["sub"]);
    goes_on(&anew.tokens).await;
}

/// What the file says of the identity providers.
async fn provider(site: &Site) -> Value {
    let mut said = Value::Null;
    site.apply(|file| said = file["identity_providers"].clone()).await;
    said
}

async fn goes_on(tokens: &Tokens) {
    tokens.call(BANK, "account_balance").await.answered();
    tokens.refresh().await.granted();
}

chancery_testkit::both_stores! {
    async fn jw_06_whom_a_removed_provider_vouched_for_is_unknown(site: Site) {
        removed(&site).await;
    }

    async fn jw_06_whom_a_provider_put_elsewhere_vouched_for_is_unknown(site: Site) {
        put_elsewhere(&site).await;
    }

    async fn another_secret_or_name_at_the_same_issuer_ends_nobody(site: Site) {
        let alice = signed_in(&site).await;
        site.apply(|file| file["identity_providers"][0]["scopes"] = json!("openid profile")).await;
        goes_on(&alice.tokens).await;
    }

    async fn many_people_are_ended_by_as_many_writes_as_one(site: Site) {
        const PEOPLE: usize = 3000;
        let (alice, bob) = (signed_in(&site).await, site.sign_in(BOB, PUBLIC_CLIENT).await);
        let tenant = tenants::all(site.store()).await.expect("the store answers").remove(0).id;
        let issuer = chancery_core::Issuer::foreign("https://elsewhere.example");
        let provider: Slug = IDENTITY_PROVIDER.parse().expect("a name");
        let strangers: Vec<SubjectId> = (0..PEOPLE).map(id).collect();
        let rows = strangers.iter().enumerate().map(|(n, id)| subjects::insert(&subjects::Subject {
            tenant, id: *id, provider: provider.clone(), key: SubjectKey::of(&issuer, &n.to_string()),
            status: subjects::Standing::Active, claims: "{}".to_owned(), seen_at: site.now(),
        }));
        let _receipt = site.store().commit(Unit::new(tenant, rows.collect())).await.expect("it is written");
        let feed = rows_of(&site, "SELECT COUNT(*) FROM feed").await;

        site.apply(|file| file["identity_providers"] = json!([site.other_provider()])).await;

        is_unknown(&site, &alice).await;
        bob.call(BANK, "account_balance").await.challenged("invalid_token");
        assert_eq!(rows_of(&site, "SELECT COUNT(*) FROM ended WHERE kind = 'subject'").await, 2, "those of other issuers, or without a grant, need none");
        assert_eq!(rows_of(&site, "SELECT COUNT(*) FROM feed").await - feed, 2);
    }
}

fn id(n: usize) -> SubjectId {
    let mut bytes = [7; Entropy::BYTES];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    SubjectId::mint(chancery_core::Timestamp::from_millis(1_764_000_000_000 + n as i64), &mut Entropy::from_bytes(bytes))
}

async fn rows_of(site: &Site, sql: &'static str) -> i64 {
    let rows = site.store().query(sql, Vec::<Column>::new()).await.expect("the store answers");
    rows.into_iter().next().expect("a row").int().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jw_06_a_provider_that_one_node_lost_is_lost_on_the_other() {
    let Some(site) = Site::cluster(2).await else { return };
    removed(&site).await;
    let Some(site) = Site::cluster(2).await else { return };
    put_elsewhere(&site).await;
}
