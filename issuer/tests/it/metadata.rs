//! The issuer's metadata and keys, as clients find them (RFC 8414; OpenID Connect Discovery; RFC 7517).

use std::collections::BTreeSet;

use chancery_testkit::cast::{ALICE, PUBLIC_CLIENT, TENANT};
use chancery_testkit::{Answer, Site};
use serde_json::Value;

/// Where clients look for a tenant's metadata: inserted for OAuth, inserted and appended for OpenID Connect.
fn forms(site: &Site, tenant: &str) -> [String; 3] {
    let base = site.base();
    [
        format!("{base}/.well-known/oauth-authorization-server/t/{tenant}"),
        format!("{base}/.well-known/openid-configuration/t/{tenant}"),
        format!("{base}/t/{tenant}/.well-known/openid-configuration"),
    ]
}

/// What anybody may read and any cache may keep.
fn is_a_public_document(answer: &Answer) {
    answer.has_status(200);
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
    assert!(answer.header("set-cookie").is_none(), "{answer:?}");
    let age = answer.header("cache-control").and_then(|value| value.split("max-age=").nth(1)).and_then(|age| age.parse::<u32>().ok());
    assert!(age.is_some_and(|age| age > 0), "{answer:?}");
}

/// Whether somewhere in it there is nothing where something should be.
fn holds_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty() || items.iter().any(holds_nothing),
        Value::Object(members) => members.values().any(holds_nothing),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

chancery_testkit::both_stores! {
    async fn md_01_the_metadata_stands_at_three_addresses_with_one_body(site: Site) {
        let mut bodies = BTreeSet::new();
        for address in forms(&site, TENANT) {
            let answer = site.program().get(&address).await;
            assert_eq!(answer.has_status(200).json()["issuer"], site.issuer());
            bodies.insert(answer.body);
        }
        assert_eq!(bodies.len(), 1);
    }

    async fn md_01_another_tenant_is_not_here(site: Site) {
        for tenant in ["nobody", "Demo", "demo/", "demo%2F", "demo/..%2fdemo", "x%2F..%2Fdemo", "demo%00", "%64emo%20", "demo;x", ""] {
            for address in forms(&site, tenant) {
                site.program().get(&address).await.has_status(404);
            }
        }
        for root in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/t/nobody/jwks"] {
            site.program().get(&format!("{}{root}", site.base())).await.has_status(404);
        }
        for gone in ["token", "register", "revoke"] {
            site.program().post(&format!("{}/t/nobody/{gone}", site.base()), &[("grant_type", "x")]).await.has_status(404);
        }
        site.browser().get(&format!("{}/t/nobody/authorize?client_id=x", site.base())).await.has_status(404);
    }

    async fn md_04_what_is_required_is_there_and_nothing_is_empty(site: Site) {
        let metadata = site.metadata().await;

        for required in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported"] {
            assert!(metadata.get(required).is_some(), "{required} is missing: {metadata}");
        }
        // For those who read it as OpenID Connect Discovery §3.
        for required in ["subject_types_supported", "id_token_signing_alg_values_supported"] {
            assert!(metadata[required].is_array(), "{required} is missing: {metadata}");
        }
        for methods in ["token_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported"] {
            assert!(metadata[methods].is_array(), "{methods} left out would mean client_secret_basic: {metadata}");
        }
        assert!(metadata.get("token_endpoint_auth_signing_alg_values_supported").is_none(), "no method signs: {metadata}");
        assert!(!holds_nothing(&metadata), "{metadata}");
        let issuer = site.issuer();
        for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint", "revocation_endpoint"] {
            assert!(metadata[endpoint].as_str().is_some_and(|url| url.starts_with(&issuer)), "{endpoint}: {metadata}");
        }
    }

    async fn md_06_documents_are_for_everybody(site: Site) {
        for address in forms(&site, TENANT).iter().chain([&site.endpoint("jwks")]) {
            is_a_public_document(&site.browser().get(address).await);
        }
    }

    async fn md_06_keys_are_public_and_told_apart(site: Site) {
        let signed_by = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        let keys = site.program().get(&site.endpoint("jwks")).await.json()["keys"].as_array().cloned().expect("a key set");

        let ids: BTreeSet<_> = keys.iter().map(|key| key["kid"].as_str().expect("a key has an id").to_owned()).collect();
        assert_eq!(ids.len(), keys.len());
        for key in &keys {
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert!(key.get(private).is_none(), "{private} is in {key}");
            }
            assert!(key["kty"] != "oct" && key["use"] == "sig" && key["alg"].is_string(), "{key}");
        }
        let header = chancery_crypto::jose::peek(&signed_by.access).expect("a JWT");
        assert!(header.kid.is_some_and(|kid| ids.contains(&kid)));
        assert_eq!((header.algorithm.as_str(), header.typ.as_deref()), ("ES256", Some("at+jwt")));
    }
}
