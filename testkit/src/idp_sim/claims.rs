//! What the tokens of each provider say, claim by claim as they were seen.

use chancery_core::Timestamp;
use chancery_crypto::digest::{base64url, sha256};
use serde_json::{Value, json};

use super::profile::ENTRA_TENANT;
use super::state::Person;

/// What a token is about.
pub struct About<'a> {
    pub issuer: &'a str,
    pub client: &'a str,
    pub person: &'a Person,
    pub nonce: Option<&'a str>,
    pub scopes: &'a [String],
    pub session: &'a str,
    pub signed_in_at: Timestamp,
    pub now: Timestamp,
    pub most_groups: usize,
}

impl About<'_> {
    fn common(&self) -> Value {
        let mut claims = json!({ "iss": self.issuer, "aud": self.client, "iat": self.now.seconds(), "exp": self.now.seconds() + 3600 });
        if let Some(nonce) = self.nonce {
            claims["nonce"] = json!(nonce);
        }
        claims
    }

    /// These besides what every ID token says.
    fn and(&self, more: Value) -> Value {
        let mut claims = self.common();
        let (Value::Object(all), Value::Object(more)) = (&mut claims, more) else { unreachable!("two objects") };
        all.extend(more);
        claims
    }

    /// Something that differs by person and what else is named, and stays the same.
    fn stable(&self, also: &str) -> String {
        base64url(&sha256(format!("{also} {}", self.person.id).as_bytes()))
    }

    fn email(&self) -> String {
        format!("{}@{}", self.person.name, self.person.domain)
    }

    fn asked(&self, scope: &str) -> bool {
        self.scopes.iter().any(|asked| asked == scope)
    }
}

/// The right half of the rule: the left half of the digest (OpenID Connect Core §3.1.3.6).
pub fn at_hash(access_token: &str) -> String {
    base64url(&sha256(access_token.as_bytes())[..16])
}

pub fn entra(about: &About<'_>) -> Value {
    let mut claims = about.and(json!({
        "nbf": about.now.seconds(),
        "sub": about.stable(about.client), // E9: another app, another sub
        "tid": ENTRA_TENANT,
        "ver": "2.0",
        "rh": "0.AAAA",
        "uti": about.session,
        "sid": about.session,
    }));
    if about.asked("profile") {
        claims["oid"] = json!(about.person.id);
        claims["name"] = json!(about.person.name);
        claims["preferred_username"] = json!(about.email());
    }
    if about.asked("email") {
        claims["email"] = json!(about.email());
    }
    if about.person.groups.len() > about.most_groups {
        let endpoint = format!("https://graph.windows.net/{ENTRA_TENANT}/users/{}/getMemberObjects", about.person.id);
        claims["_claim_names"] = json!({ "groups": "src1" });
        claims["_claim_sources"] = json!({ "src1": { "endpoint": endpoint } }); // E4
    } else if !about.person.groups.is_empty() {
        claims["groups"] = json!(about.person.groups);
    }
    claims
}

pub fn entra_access(about: &About<'_>) -> Option<Value> {
    Some(json!({
        "iss": about.issuer, "aud": "00000003-0000-0000-c000-000000000000", "azp": about.client, "azpacr": "1", "scp": "openid profile",
        "oid": about.person.id, "tid": ENTRA_TENANT, "ver": "2.0", "sub": about.stable(about.client),
        "iat": about.now.seconds(), "nbf": about.now.seconds(), "exp": about.now.seconds() + 4000,
    }))
}

pub fn okta(about: &About<'_>) -> Value {
    about.and(json!({
        "ver": 1,
        "jti": format!("ID.{}", about.session),
        "sub": format!("00u{}", &about.stable("okta")[..17]),
        "amr": ["pwd"],
        "idp": "00o1exampleexample",
        "auth_time": about.signed_in_at.seconds(),
        "name": about.person.name,
        "preferred_username": about.email(),
        "email": about.email(),
        "groups": about.person.groups,
    }))
}

/// O4: `sub` is a login, `scp` a list.
pub fn okta_access(about: &About<'_>) -> Option<Value> {
    Some(json!({
        "ver": 1, "jti": format!("AT.{}", about.session), "iss": about.issuer, "aud": "api://default", "cid": about.client,
        "uid": format!("00u{}", &about.stable("okta")[..17]), "scp": about.scopes, "auth_time": about.signed_in_at.seconds(),
        "sub": about.email(), "iat": about.now.seconds(), "exp": about.now.seconds() + 3600,
    }))
}

pub fn cognito(about: &About<'_>) -> Value {
    let mut claims = about.and(json!({
        "sub": about.person.id,
        "token_use": "id",
        "cognito:username": about.person.name,
        "origin_jti": about.session,
        "event_id": about.session,
        "jti": about.stable(about.session),
        "auth_time": about.signed_in_at.seconds(),
        "email": about.email(),
        "email_verified": true,
    }));
    if !about.person.groups.is_empty() {
        claims["cognito:groups"] = json!(about.person.groups);
    }
    claims
}

/// C2: for no audience; only `token_use` tells it from an ID token.
pub fn cognito_access(about: &About<'_>) -> Option<Value> {
    Some(json!({
        "sub": about.person.id, "cognito:groups": about.person.groups, "iss": about.issuer, "client_id": about.client,
        "origin_jti": about.session, "event_id": about.session, "token_use": "access", "scope": about.scopes.join(" "),
        "auth_time": about.signed_in_at.seconds(), "exp": about.now.seconds() + 3600, "iat": about.now.seconds(),
        "jti": about.stable("access"), "username": about.person.name, "version": 2,
    }))
}

pub fn auth0(about: &About<'_>) -> Value {
    about.and(json!({
        "sub": format!("auth0|{}", about.person.id),
        "sid": about.session,
        "nickname": about.person.name,
        "name": about.person.name,
        "picture": "https://s.example/a.png",
        "updated_at": "2026-11-22T10:00:00.000Z",
        "email": about.email(),
        "email_verified": true,
        "https://acme.example/groups": about.person.groups,
    }))
}

/// No groups, and no word of when (G1).
pub fn google(about: &About<'_>) -> Value {
    about.and(json!({
        "azp": about.client,
        "sub": about.person.id,
        "hd": about.person.domain,
        "email": about.email(),
        "email_verified": true,
        "name": about.person.name,
    }))
}

pub fn keycloak(about: &About<'_>) -> Value {
    about.and(json!({
        "auth_time": about.signed_in_at.seconds(),
        "jti": about.stable(about.session),
        "sub": about.person.id,
        "typ": "ID",
        "azp": about.client,
        "sid": about.session,
        "acr": "1",
        "email_verified": true,
        "name": about.person.name,
        "preferred_username": about.person.name,
        "email": about.email(),
        "groups": about.person.groups,
    }))
}

/// K2: for `account`, whoever asked.
pub fn keycloak_access(about: &About<'_>) -> Option<Value> {
    Some(json!({
        "iss": about.issuer, "aud": "account", "sub": about.person.id, "typ": "Bearer", "azp": about.client, "sid": about.session,
        "acr": "1", "scope": about.scopes.join(" "), "preferred_username": about.person.name, "jti": about.stable("access"),
        "auth_time": about.signed_in_at.seconds(), "iat": about.now.seconds(), "exp": about.now.seconds() + 300,
    }))
}

/// A1, G1: nobody but the provider reads it.
pub fn opaque(_: &About<'_>) -> Option<Value> {
    None
}
