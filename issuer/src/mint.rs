//! What a token says (RFC 9068 §2.2; OpenID Connect Core §2). Permit → unsigned claims → receipt → signature: no step can be skipped,
//! because each takes the value that only the one before it makes.
//!
//! Claims come from a [`Permit`], and from nothing a caller could write by hand:
//! ```
//! use chancery_issuer::mint::{Authority, Moment, TooLarge, Unsigned, access_token};
//! fn mint(permit: &chancery_policy::Permit, authority: &Authority<'_>, moment: &mut Moment) -> Result<Unsigned, TooLarge> {
//!     access_token(permit, authority, moment)
//! }
//! ```
//! ```compile_fail,E0308
//! use chancery_issuer::mint::{Authority, Moment, TooLarge, Unsigned, access_token};
//! fn mint(question: &chancery_policy::Question<'_>, authority: &Authority<'_>, moment: &mut Moment) -> Result<Unsigned, TooLarge> {
//!     access_token(question, authority, moment)
//! }
//! ```
//! ```compile_fail,E0451
//! fn mint(claims: chancery_tokens::AccessToken, algorithm: chancery_crypto::jose::Algorithm) -> chancery_issuer::mint::Unsigned {
//!     chancery_issuer::mint::Unsigned { claims, algorithm }
//! }
//! ```
//! A signature needs the receipt of the Unit that recorded the token:
//! ```
//! use chancery_issuer::mint::Unsigned;
//! fn sign(token: &Unsigned, signer: &chancery_tokens::Signer, tenant: &chancery_core::TenantId, committed: &chancery_audit::Receipt) {
//!     let _ = token.signed(signer, tenant, committed);
//! }
//! ```
//! ```compile_fail,E0308
//! use chancery_issuer::mint::Unsigned;
//! fn sign(token: &Unsigned, signer: &chancery_tokens::Signer, tenant: &chancery_core::TenantId) {
//!     let _ = token.signed(signer, tenant, &());
//! }
//! ```

use chancery_audit::Receipt;
use chancery_core::{Actor, Authentication, ClientId, GrantId, Issuer, Secret, TenantId, Timestamp, TokenId};
use chancery_crypto::jose::Algorithm;
use chancery_policy::Permit;
use chancery_registry::{Resource, Tenant, Upstream};
use chancery_tokens::{AccessToken, Confirmation, LARGEST_TOKEN, SignError, Signer};
use serde::Serialize;

pub use crate::moment::Moment;

/// What stands behind a token besides its permit.
pub struct Authority<'a> {
    pub tenant: &'a Tenant,
    /// The permit's resource.
    pub resource: &'a Resource,
    /// From the root grant down.
    pub grants: &'a [GrantId],
    /// Who acts for the subject.
    pub act: Option<Actor>,
    /// What it is bound to.
    pub cnf: Option<Confirmation>,
    pub authentication: Option<&'a Authentication>,
    pub roles: &'a [String],
    /// When the authority ends. No token of it lives longer.
    pub ends_at: Timestamp,
}

/// An access token that nothing has recorded and nobody has signed.
pub struct Unsigned {
    claims: AccessToken,
    algorithm: Algorithm,
}

/// A token that some servers could not take. Nothing of it was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a token with all of this would have {0} bytes, and {largest} is the most: ask for fewer scopes, or ask who runs this server for fewer roles",
    largest = LARGEST_TOKEN
)]
pub struct TooLarge(usize);

impl TooLarge {
    pub(crate) const fn bytes(self) -> usize {
        self.0
    }
}

/// A token for the permit's resource, by its algorithm.
///
/// # Errors
/// [`TooLarge`].
pub fn access_token(permit: &Permit, authority: &Authority<'_>, moment: &mut Moment) -> Result<Unsigned, TooLarge> {
    let Resource { url, algorithm, .. } = authority.resource;
    for_audience((url.as_str(), *algorithm), permit, authority, moment)
}

/// A token for what stands behind the permit's resource, which sees this one and never the caller's (MC-02).
///
/// # Errors
/// [`TooLarge`].
pub fn upstream_token(upstream: &Upstream, permit: &Permit, authority: &Authority<'_>, moment: &mut Moment) -> Result<Unsigned, TooLarge> {
    for_audience((&upstream.audience, upstream.token_signing_alg), permit, authority, moment)
}

fn for_audience(
    (audience, algorithm): (&str, Algorithm),
    permit: &Permit,
    authority: &Authority<'_>,
    moment: &mut Moment,
) -> Result<Unsigned, TooLarge> {
    debug_assert_eq!(permit.resource_id(), authority.resource.id, "an authority is of its permit's resource");
    let Authority { tenant, authentication, .. } = authority;
    let ends_at = authority.ends_at.min(moment.now + tenant.lifetimes.access_token);
    let claims = AccessToken {
        iss: tenant.issuer.clone(),
        sub: permit.subject().to_owned(), // AT-03
        aud: audience.to_owned(),         // AT-04
        client_id: permit.client().clone(),
        scope: permit.scope().clone(),
        exp: ends_at.seconds(),
        iat: moment.now.seconds(),
        jti: TokenId::mint(moment.now, &mut moment.entropy), // AT-04
        act: authority.act.clone(),
        cnf: authority.cnf.clone(),                                                    // DP-01
        auth_time: authentication.and_then(|at| at.auth_time).map(Timestamp::seconds), // AT-06
        acr: authentication.and_then(|at| at.acr.clone()),
        amr: authentication.map(|at| at.amr.clone()).unwrap_or_default(),
        tenant: tenant.name.clone(),
        agent: permit.agent(),
        owner: permit.agent().and_then(|agent| tenant.agent(&agent)).map(|agent| agent.owner.clone()),
        roles: authority.roles.to_vec(),
        grants: authority.grants.to_vec(),
    };
    let length = claims.signed_length(algorithm).unwrap_or(usize::MAX);
    if length > LARGEST_TOKEN {
        return Err(TooLarge(length)); // AT-05
    }
    Ok(Unsigned { claims, algorithm })
}

impl Unsigned {
    pub const fn claims(&self) -> &AccessToken {
        &self.claims
    }

    /// How it is shown to a resource: by itself, or with a proof of the key that it is bound to.
    pub const fn token_type(&self) -> &'static str {
        if self.claims.cnf.is_some() { "DPoP" } else { "Bearer" } // DP-01
    }

    /// In seconds.
    pub const fn lifetime(&self) -> i64 {
        self.claims.exp - self.claims.iat
    }

    /// Signs what the receipt's Unit recorded.
    ///
    /// # Errors
    /// When the tenant has no key for the resource's algorithm.
    pub fn signed(&self, signer: &Signer, tenant: &TenantId, _committed: &Receipt) -> Result<Secret<String>, SignError> {
        signer.access_token(tenant, self.algorithm, &self.claims)
    }
}

/// A minimal ID token: who signed in, how and when, for this client. There is no userinfo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct IdToken {
    iss: Issuer,
    sub: String,
    aud: ClientId,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    /// What a logout token will call the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

impl IdToken {
    /// Beside an access token, of the same subject, client and life.
    pub fn beside(access: &Unsigned, nonce: Option<String>, sid: Option<String>) -> Self {
        let AccessToken { iss, sub, client_id, exp, iat, auth_time, acr, amr, .. } = access.claims.clone();
        Self { iss, sub, aud: client_id, exp, iat, nonce, auth_time, acr, amr, sid }
    }

    /// Signs what the receipt's Unit recorded.
    ///
    /// # Errors
    /// When the tenant has no key that signs ID tokens.
    pub fn signed(&self, signer: &Signer, tenant: &TenantId, _committed: &Receipt) -> Result<Secret<String>, SignError> {
        signer.id_token(tenant, self, Timestamp::from_seconds(self.iat))
    }
}
