//! What a token says (RFC 9068 §2.2; OpenID Connect Core §2). Permit → unsigned claims → receipt → signature: no step can be skipped,
//! because each takes the value that only the one before it makes.
//!
//! Claims come from a [`Permit`], and from nothing a caller could write by hand:
//! ```
//! use chancery_issuer::mint::{Authority, Moment, Unsigned, access_token};
//! fn mint(permit: &chancery_policy::Permit, authority: &Authority<'_>, moment: &mut Moment) -> Unsigned {
//!     access_token(permit, authority, moment)
//! }
//! ```
//! ```compile_fail,E0308
//! use chancery_issuer::mint::{Authority, Moment, Unsigned, access_token};
//! fn mint(question: &chancery_policy::Question<'_>, authority: &Authority<'_>, moment: &mut Moment) -> Unsigned {
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
use chancery_registry::{Resource, Tenant};
use chancery_tokens::{AccessToken, SignError, Signer};
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

/// A token for the permit's resource.
pub fn access_token(permit: &Permit, authority: &Authority<'_>, moment: &mut Moment) -> Unsigned {
    for_audience(authority.resource.url.as_str(), permit, authority, moment)
}

/// A token for what stands behind the permit's resource, which sees this one and never the caller's (MC-02).
pub fn upstream_token(audience: &str, permit: &Permit, authority: &Authority<'_>, moment: &mut Moment) -> Unsigned {
    for_audience(audience, permit, authority, moment)
}

fn for_audience(audience: &str, permit: &Permit, authority: &Authority<'_>, moment: &mut Moment) -> Unsigned {
    debug_assert_eq!(permit.resource_id(), authority.resource.id, "an authority is of its permit's resource");
    let Authority { tenant, resource, authentication, .. } = authority;
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
        auth_time: authentication.and_then(|at| at.auth_time).map(Timestamp::seconds), // AT-06
        acr: authentication.and_then(|at| at.acr.clone()),
        amr: authentication.map(|at| at.amr.clone()).unwrap_or_default(),
        tenant: tenant.name.clone(),
        agent: permit.agent(),
        owner: permit.agent().and_then(|agent| tenant.agent(&agent)).map(|agent| agent.owner.clone()),
        roles: authority.roles.to_vec(),
        grants: authority.grants.to_vec(),
    };
    Unsigned { claims, algorithm: resource.algorithm }
}

impl Unsigned {
    pub const fn claims(&self) -> &AccessToken {
        &self.claims
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
