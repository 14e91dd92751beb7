use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chancery_crypto::random::SystemRng;
use chancery_crypto::seal::{Bound, KeyProvider, LocalKeyFile, Purpose};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::*;
use crate::site::{NOW, Site, claims, commit, new_tenant};
use crate::{LONGEST_TOKEN_LIFE, SignError, first_keys, further_keys};

const HOUR: Duration = Duration::from_secs(3_600);

fn jwks(keyring: &Keyring, tenant: &TenantId) -> Vec<Value> {
    let bytes = keyring.jwks(tenant).expect("the tenant has keys");
    let document: Value = serde_json::from_slice(&bytes).expect("a JWK set is JSON");
    document["keys"].as_array().expect("a list").clone()
}

fn kid_of(token: &str) -> String {
    chancery_crypto::jose::peek(token).expect("a token of ours").kid.expect("our tokens name their key")
}

async fn sign_keys(site: &Site) -> Vec<Key> {
    let rows = keys::of_tenant(&site.store, &site.tenant).await.expect("a read");
    rows.into_iter().filter(|row| row.purpose == KeyPurpose::Sign).collect()
}

/// A page of the tenant's.
fn page(tenant: &TenantId) -> Bound<'_> {
    Bound { purpose: Purpose::Page, tenant, resource: "" }
}

#[tokio::test]
async fn a_new_tenant_has_all_its_keys_and_publishes_only_the_public_one() {
    let site = Site::new().await;
    let keys = site.keyring.tenant(&site.tenant).expect("the tenant has keys");
    let sealed = keys.page.newest().expect("a page key").seal(page(&site.tenant), [0; 12], b"asked");
    assert!(keys.page.open(page(&site.tenant), &sealed).is_some());
    assert!(keys.mcp_session.newest().is_some());
    assert!(keys.mcp_session.open(page(&site.tenant), &sealed).is_none());

    let published = jwks(&site.keyring, &site.tenant);
    assert_eq!(published.len(), 1);
    let mut members: Vec<&str> = published[0].as_object().expect("a key").keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!((&published[0]["alg"], &published[0]["use"]), (&json!("ES256"), &json!("sig")));
    assert!(site.keyring.jwks(&new_tenant()).is_none());
}

#[tokio::test]
async fn keys_lie_sealed_each_in_its_own_place() {
    let site = Site::new().await;
    let rows = keys::of_tenant(&site.store, &site.tenant).await.expect("a read");
    let of = |purpose| rows.iter().find(|row| row.purpose == purpose).expect("a key of each purpose").clone();

    let (page, session) = (of(KeyPurpose::Page), of(KeyPurpose::McpSession));
    let moved = Key { id: session.id, ..page };
    let error = TenantKeys::open(site.tenant, vec![moved], &site.sealer, NOW).await.err().expect("a row under another id");
    assert!(matches!(error, KeyringError::Sealed(id, _) if id == session.id), "{error}");

    let error = TenantKeys::open(new_tenant(), rows.clone(), &site.sealer, NOW).await.err().expect("rows of another tenant");
    assert!(matches!(error, KeyringError::Sealed(..)), "{error}");

    let without: Vec<Key> = rows.into_iter().filter(|row| row.purpose != KeyPurpose::RefreshToken).collect();
    let error = TenantKeys::open(site.tenant, without, &site.sealer, NOW).await.err().expect("a tenant without a refresh key");
    assert!(error.to_string().contains("refresh_token"), "{error}");
}

#[tokio::test]
async fn keys_of_another_key_file_are_named_not_guessed_at() {
    let site = Site::new().await;
    let path = std::env::temp_dir().join(format!("chancery-tokens-{}-other.key", std::process::id()));
    let other = LocalKeyFile::open_or_create(&path, &SystemRng).expect("a new key file");
    std::fs::remove_file(&path).expect("the file just made");
    let sealer = Sealer::new(Arc::new(other), Arc::new(SystemRng));
    let error = open(site.store.clone(), sealer, NOW).await.err().expect("another key file");
    assert!(error.to_string().contains("key_"), "{error}");
}

#[tokio::test]
async fn a_key_is_published_before_it_is_used_and_until_its_last_token_dies() {
    let site = Site::new().await;
    let (switch, first) = (NOW + HOUR, sign_keys(&site).await[0].id);
    site.write(site.new_keys(NOW).signing(Algorithm::Es256, switch).await.expect("a new key")).await;
    site.write(keys::retire(&site.tenant, &first, switch)).await;
    site.keyring.reload(&site.tenant, NOW).await.expect("a reload");
    let second = sign_keys(&site).await.into_iter().map(|row| row.id).find(|id| *id != first).expect("a second key");
    let signed_at = |at: Timestamp| kid_of(&site.sign(&crate::AccessToken { iat: at.seconds(), exp: at.seconds() + 60, ..claims() }));

    assert_eq!(jwks(&site.keyring, &site.tenant).len(), 2);
    assert_eq!(signed_at(NOW), first.to_string());
    assert_eq!(signed_at(switch - Duration::from_secs(1)), first.to_string());
    assert_eq!(signed_at(switch), second.to_string());

    site.keyring.reload(&site.tenant, switch + LONGEST_TOKEN_LIFE).await.expect("a reload");
    assert_eq!(jwks(&site.keyring, &site.tenant).len(), 2);
    site.keyring.reload(&site.tenant, forgotten_at(switch)).await.expect("a reload");
    let left = jwks(&site.keyring, &site.tenant);
    assert_eq!((left.len(), &left[0]["kid"]), (1, &json!(second.to_string())));
}

#[tokio::test]
async fn a_symmetric_key_that_retired_opens_and_no_longer_seals() {
    let site = Site::new().await;
    let old = keys::of_tenant(&site.store, &site.tenant).await.expect("a read");
    let old = old.into_iter().find(|row| row.purpose == KeyPurpose::Page).expect("a page key").id;
    let before = site.keyring.tenant(&site.tenant).expect("the tenant has keys");
    let sealed = before.page.newest().expect("a page key").seal(page(&site.tenant), [0; 12], b"asked");

    let new = first_keys(&site.tenant, &site.sealer, NOW - HOUR, &SystemRng).await.expect("new keys");
    commit(&site.store, site.tenant, new).await;
    site.write(keys::retire(&site.tenant, &old, NOW)).await;
    site.keyring.reload(&site.tenant, NOW).await.expect("a reload");

    let after = site.keyring.tenant(&site.tenant).expect("the tenant has keys");
    assert_ne!(after.page.newest().expect("a page key").id(), old);
    assert!(after.page.open(page(&site.tenant), &sealed).is_some());
}

#[tokio::test]
async fn each_algorithm_has_a_key_of_its_own() {
    let site = Site::new().await;
    let sign = |algorithm| site.signer.access_token(&site.tenant, algorithm, &claims());
    assert!(matches!(sign(Algorithm::EdDsa), Err(SignError::NoKey(_, Algorithm::EdDsa))));

    site.write(site.new_keys(NOW).signing(Algorithm::EdDsa, NOW).await.expect("a new key")).await;
    site.keyring.reload(&site.tenant, NOW).await.expect("a reload");
    let token = sign(Algorithm::EdDsa).expect("a token");
    assert_eq!(chancery_crypto::jose::peek(token.expose()).expect("a token of ours").algorithm, "EdDSA");
    let token = sign(Algorithm::Es256).expect("a token");
    assert_eq!(chancery_crypto::jose::peek(token.expose()).expect("a token of ours").algorithm, "ES256");

    let retired = sign_keys(&site).await.into_iter().find(|row| row.algorithm == "EdDSA").expect("the key just made").id;
    site.write(keys::retire(&site.tenant, &retired, NOW)).await;
    site.keyring.reload(&site.tenant, NOW).await.expect("a reload");
    assert!(matches!(sign(Algorithm::EdDsa), Err(SignError::NoKey(_, Algorithm::EdDsa))));
}

#[tokio::test]
async fn at_05_a_further_key_signs_at_once_where_clocks_differ_and_after_a_restart() {
    let site = Site::new().await;
    let wanted = [Algorithm::Rs256, Algorithm::Ps256].into();
    let new = further_keys(&site.tenant, &wanted, &site.sealer, NOW + chancery_core::SKEW, &SystemRng).await.expect("new keys");
    commit(&site.store, site.tenant, new).await;
    let (again, signer) = open(site.store.clone(), site.sealer.clone(), NOW).await.expect("the keys just made");
    assert_eq!(jwks(&again, &site.tenant).len(), 3);
    for algorithm in wanted {
        let token = signer.access_token(&site.tenant, algorithm, &claims()).expect("a token by a clock that is behind");
        assert!(signer.has(&site.tenant, &kid_of(token.expose())));
    }
    assert!(!signer.has(&site.tenant, "key_00000000000000000000000000000000"));
}

#[tokio::test]
async fn jw_06_no_token_is_signed_for_longer_than_ends_are_remembered() {
    let site = Site::new().await;
    let longest = claims().iat + LONGEST_TOKEN_LIFE.as_secs().cast_signed();
    let sign = |exp| site.signer.access_token(&site.tenant, Algorithm::Es256, &crate::AccessToken { exp, ..claims() });
    assert!(sign(longest).is_ok());
    assert!(matches!(sign(longest + 1), Err(SignError::TooLong(_))));
    assert!(matches!(site.signer.access_token(&new_tenant(), Algorithm::Es256, &claims()), Err(SignError::NoKey(..))));
}

#[tokio::test]
async fn a_node_that_runs_takes_in_a_new_tenants_keys() {
    let site = Site::new().await;
    let other = new_tenant();
    commit(&site.store, other, first_keys(&other, &site.sealer, NOW, &SystemRng).await.expect("new keys")).await;
    assert!(site.keyring.jwks(&other).is_none());

    site.keyring.reload(&other, NOW).await.expect("a reload");
    assert_eq!(jwks(&site.keyring, &other).len(), 1);
    assert_eq!(jwks(&site.keyring, &site.tenant).len(), 1);
    assert!(site.signer.access_token(&other, Algorithm::Es256, &claims()).is_ok());
}

/// A key file that may be slow to open one key.
struct Slow {
    file: LocalKeyFile,
    is_slow: AtomicBool,
    asked: Notify,
    may_open: Notify,
}

type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = Result<T, SealError>> + Send + 'a>>;

impl KeyProvider for Slow {
    fn id(&self) -> &str {
        self.file.id()
    }

    fn wrap<'a>(&'a self, key: &'a Secret<[u8; 32]>) -> Future<'a, Vec<u8>> {
        self.file.wrap(key)
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> Future<'a, Secret<[u8; 32]>> {
        Box::pin(async move {
            if self.is_slow.swap(false, Ordering::Relaxed) {
                self.asked.notify_one();
                self.may_open.notified().await;
            }
            self.file.unwrap(wrapped).await
        })
    }
}

#[tokio::test]
async fn a_key_that_was_taken_away_is_not_brought_back_by_who_read_it_before() {
    let site = Site::new().await;
    let file = LocalKeyFile::open_or_create(&site.folder.join("chancery.key"), &SystemRng).expect("the site's key file");
    let provider = Arc::new(Slow { file, is_slow: AtomicBool::new(false), asked: Notify::new(), may_open: Notify::new() });
    let sealer = Sealer::new(provider.clone(), Arc::new(SystemRng));
    let (keyring, _signer) = open(site.store.clone(), sealer, NOW).await.expect("the keys just made");
    let stolen = sign_keys(&site).await[0].id;
    site.write(site.new_keys(NOW).signing(Algorithm::Es256, NOW).await.expect("a new key")).await;
    let reload = || {
        let (keyring, tenant) = (keyring.clone(), site.tenant);
        tokio::spawn(async move { keyring.reload(&tenant, NOW).await })
    };

    provider.is_slow.store(true, Ordering::Relaxed);
    let earlier = reload();
    provider.asked.notified().await;
    site.write(keys::remove(&site.tenant, &stolen)).await;
    let later = reload();
    for _ in 0..100 {
        sign_keys(&site).await; // it would be done by now, if it did not wait
    }
    provider.may_open.notify_one();
    for reload in [earlier, later] {
        reload.await.expect("no panic").expect("a reload");
    }

    let published = jwks(&keyring, &site.tenant);
    assert_eq!(published.len(), 1);
    assert_ne!(published[0]["kid"], json!(stolen.to_string()));
}
