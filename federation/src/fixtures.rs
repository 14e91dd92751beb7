//! What the room's tests begin with.

use std::time::Duration;

use chancery_core::{Entropy, Issuer, Secret, TenantId, Timestamp};
use chancery_registry::IdentityProvider;
use chancery_store::repo::sign_ins::SignIn;

use crate::metadata::{ClientAuthentication, Metadata};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

/// The SHA-256 of the browser's cookie, as far as these tests care.
pub(crate) const BROWSER: [u8; 32] = [2; 32];

pub(crate) fn entropy() -> Entropy {
    let mut bytes = [0; Entropy::BYTES];
    bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at % 251) as u8);
    Entropy::from_bytes(bytes)
}

pub(crate) fn provider(name: &str) -> IdentityProvider {
    IdentityProvider {
        name: name.parse().expect("a slug"),
        title: name.to_owned(),
        issuer: Issuer::foreign("https://idp.example"),
        client_id: "chancery".into(),
        client_secret: Secret::new("secret".into()),
        scopes: Some("openid profile".parse().expect("scopes")),
        profile: None,
        issuers: Vec::new(),
        domains: Vec::new(),
        groups_claim: None,
    }
}

pub(crate) fn metadata(names_itself: bool) -> Metadata {
    Metadata {
        authorization_endpoint: "https://idp.example/authorize?policy=a%20b".into(),
        token_endpoint: "https://idp.example/token".into(),
        jwks_uri: "https://idp.example/keys".into(),
        end_session_endpoint: None,
        registration_endpoint: None,
        client_authentication: ClientAuthentication::Basic,
        names_itself,
        offers_offline: false,
        issuer: "https://idp.example".into(),
        algorithms: Vec::new(),
    }
}

/// Begun now with `corp`, not yet claimed.
pub(crate) fn sign_in() -> SignIn {
    SignIn {
        tenant: TenantId::mint(NOW, &mut entropy()),
        state: [1; 32],
        provider: "corp".parse().expect("a slug"),
        browser: BROWSER,
        sealed: Vec::new(),
        request: "sealed".into(),
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(600),
        claimed_at: None,
        result: None,
        resume: None,
        resumed_at: None,
    }
}
