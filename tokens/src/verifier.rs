//! The one check of access tokens of our own issuer (RFC 9068 §4). It waits for nothing and reads no store:
//!
//! 1. form, algorithm, `typ` and signature, by the strict room in crypto, and the claims' shape; once a token, for it is remembered;
//! 2. the issuer;
//! 3. the time, by our clock, each time;
//! 4. nothing behind it was ended: again whenever the ended set has moved, and never while nothing is heard of ends;
//! 5. the resource it is for, and the algorithm that this one's tokens are signed with;
//! 6. that it is theirs who show it, each time.
//!
//! A key is published before it is used, so a key that the keyring lacks is nobody's: there is nothing to fetch for an unknown `kid`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_core::{Authentication, Caller, Issuer, ResourceUrl, SKEW, TenantId, Timestamp};
use chancery_crypto::digest;
use chancery_crypto::jose::{self, Algorithm, Expected, JoseError, Typ};
use chancery_registry::{Dpop, Resource, Tenant};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::bearer::Shown;
use crate::possession::{Asked, is_theirs};
use crate::proofs::Proofs;
use crate::{AccessToken, Ended, Keyring, LONGEST_TOKEN_LIFE, NamedToken, TokenTrouble, VerifiedToken};

/// How many tokens are remembered as verified, and how many bytes they may take together: whoever has many tokens, or long ones, takes no
/// more of a node's memory than that. One that was forgotten is verified again.
const REMEMBERED: usize = 16_384;
const REMEMBERED_BYTES: u64 = 16 << 20;

/// What a remembered token takes beside its texts.
const BESIDE_TEXTS: usize = 1024;

/// No epoch of the ended set: nobody has looked yet.
const NEVER: u64 = u64::MAX;

/// Shared by all endpoints of a node.
#[derive(Clone)]
pub struct Verifier {
    keyring: Keyring,
    ended: Ended,
    remembered: Arc<Cache<[u8; 32], Arc<VerifiedToken>, ByBytes>>,
    proofs: Arc<Proofs>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<[u8; 32], Arc<VerifiedToken>> for ByBytes {
    fn weight(&self, _digest: &[u8; 32], token: &Arc<VerifiedToken>) -> u64 {
        token.bytes
    }
}

/// Whether a token's authority stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Good,
    Ended,
    /// Nothing is heard of ends, so nobody knows.
    Unknown,
}

/// Where a token was presented.
struct At<'a> {
    tenant: TenantId,
    issuer: &'a Issuer,
    resource: &'a ResourceUrl,
    algorithm: Algorithm,
    dpop: Dpop,
}

impl Verifier {
    pub fn new(keyring: Keyring, ended: Ended) -> Self {
        Self { keyring, ended, remembered: Arc::new(Cache::with_weighter(REMEMBERED, REMEMBERED_BYTES, ByBytes)), proofs: Arc::default() }
    }

    /// Whether the token is good for this resource of this tenant, now, and theirs who show it with this request.
    ///
    /// # Errors
    /// What is wrong with it, or with the proof.
    pub fn verify(
        &self,
        (tenant, resource): (&Tenant, &Resource),
        shown: Shown<'_>,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        let Resource { url, algorithm, dpop, .. } = resource;
        let at = At { tenant: tenant.id, issuer: &tenant.issuer, resource: url, algorithm: *algorithm, dpop: *dpop };
        self.shown_at(&at, shown, asked, now)
    }

    /// Whether the token is one of this tenant's that is good now, for whichever resource: for its issuer, which is asked about it. Nobody
    /// acts on it, so no proof is wanted.
    ///
    /// # Errors
    /// What is wrong with it; never [`TokenTrouble::WrongResource`], [`TokenTrouble::OtherAlgorithm`] or [`TokenTrouble::Unproven`].
    pub fn own(&self, tenant: &Tenant, token: &str, now: Timestamp) -> Result<NamedToken, TokenTrouble> {
        self.alive(tenant.id, &tenant.issuer, token, now).map(NamedToken::of)
    }

    /// Whether a token that was good is so now, whoever holds it: for whoever let it in a while ago.
    ///
    /// # Errors
    /// What is wrong with it now.
    pub fn still(&self, token: &Arc<VerifiedToken>, now: Timestamp) -> Result<(), TokenTrouble> {
        self.is_good_now(token, now)
    }

    /// Whether something behind the token was ended, whatever its own time: for streams that outlive the check at their beginning.
    pub fn standing(&self, token: &VerifiedToken) -> Standing {
        let blind = self.ended.followed().is_blind(); // first: who sees again has heard of every end
        if self.has_ended(token) {
            Standing::Ended
        } else if blind {
            Standing::Unknown
        } else {
            Standing::Good
        }
    }

    fn has_ended(&self, token: &VerifiedToken) -> bool {
        let epoch = self.ended.epoch();
        if token.alive_at() == epoch {
            return false;
        }
        let ended = self.ended.refuses(token);
        if !ended {
            token.alive_at.store(epoch, Ordering::Release);
        }
        ended
    }

    fn shown_at(&self, at: &At<'_>, shown: Shown<'_>, asked: Asked<'_>, now: Timestamp) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        let verified = self.verify_at(at, shown.token, now)?;
        match is_theirs(&verified, shown, (asked, at.dpop), &self.proofs, now) {
            Ok(()) => Ok(verified),
            Err(trouble) => Err(TokenTrouble::Unproven(NamedToken::of(verified), trouble)), // DP-04, PR-05
        }
    }

    /// Nothing is said yet of whose it is.
    fn verify_at(&self, at: &At<'_>, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        let verified = self.alive(at.tenant, at.issuer, token, now)?;
        if verified.claims.aud != at.resource.as_str() {
            return Err(TokenTrouble::WrongResource(NamedToken::of(verified))); // PR-03, SB-07
        }
        if verified.algorithm != at.algorithm {
            return Err(TokenTrouble::OtherAlgorithm(NamedToken::of(verified))); // AT-05
        }
        Ok(verified)
    }

    fn alive(&self, tenant: TenantId, issuer: &Issuer, token: &str, now: Timestamp) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        let digest = digest::sha256(token.as_bytes());
        let remembered = self.remembered.get(&digest);
        let known = remembered.is_some();
        let verified = remembered.map_or_else(|| self.first_look(tenant, issuer, token, digest), Ok)?;

        issued_here(&verified, tenant, issuer)?; // AT-01
        self.is_good_now(&verified, now)?; // AT-01, OA-08
        if !known {
            self.remembered.insert(digest, verified.clone());
        }
        Ok(verified)
    }

    fn is_good_now(&self, token: &Arc<VerifiedToken>, now: Timestamp) -> Result<(), TokenTrouble> {
        in_time(&token.claims, now)?; // AT-01
        match self.standing(token) {
            Standing::Good => Ok(()),
            Standing::Ended => Err(TokenTrouble::Ended),                  // OA-08
            Standing::Unknown => Err(TokenTrouble::Unsure(token.into())), // RV-05
        }
    }

    fn first_look(&self, tenant: TenantId, issuer: &Issuer, token: &str, digest: [u8; 32]) -> Result<Arc<VerifiedToken>, TokenTrouble> {
        let unverified = jose::peek(token).map_err(TokenTrouble::from)?; // JW-02, JW-07
        if unverified.issuer.as_deref() != Some(issuer.as_str()) {
            return Err(TokenTrouble::ForeignIssuer); // AT-01, JW-06
        }
        let keys = self.keyring.tenant(&tenant).ok_or(TokenTrouble::UnknownKey)?;
        let expected = Expected { typ: Typ::AccessToken, algorithms: Algorithm::ALL };
        let payload = jose::verify(token, &keys.published, &expected)?; // AT-01, AT-02, JW-01
        let key = payload.kid().and_then(|kid| kid.parse().ok()).ok_or(TokenTrouble::UnknownKey)?;
        let (algorithm, claims): (_, AccessToken) = (payload.algorithm(), payload.claims()?); // JW-06
        let caller = caller(&claims, tenant, digest);
        let bytes = (BESIDE_TEXTS + 2 * token.len()) as u64;
        Ok(Arc::new(VerifiedToken { claims, caller, key, algorithm, alive_at: AtomicU64::new(NEVER), bytes }))
    }
}

fn issued_here(token: &VerifiedToken, tenant: TenantId, issuer: &Issuer) -> Result<(), TokenTrouble> {
    if token.claims.iss == *issuer && *token.tenant() == tenant { Ok(()) } else { Err(TokenTrouble::ForeignIssuer) }
}

/// `exp` is ours, so it is kept to the second; `iat` may be of a node whose clock is ahead of this one's.
fn in_time(claims: &AccessToken, now: Timestamp) -> Result<(), TokenTrouble> {
    if Timestamp::from_seconds(claims.exp) <= now {
        return Err(TokenTrouble::Expired); // AT-01
    }
    if Timestamp::from_seconds(claims.iat) > now + SKEW {
        return Err(TokenTrouble::NotYet);
    }
    if Timestamp::from_seconds(claims.exp) > Timestamp::from_seconds(claims.iat) + LONGEST_TOKEN_LIFE {
        return Err(TokenTrouble::Malformed); // JW-06
    }
    Ok(())
}

fn caller(claims: &AccessToken, tenant: TenantId, token_digest: [u8; 32]) -> Caller {
    let auth_time = claims.auth_time.map(Timestamp::from_seconds);
    let authentication = Authentication { auth_time, acr: claims.acr.clone(), amr: claims.amr.clone() };
    Caller {
        tenant,
        subject: claims.sub.clone(),
        client: claims.client_id.clone(),
        agent: claims.agent,
        owner: claims.owner.clone(),
        roles: claims.roles.clone(),
        act: claims.act.clone(),
        scope: claims.scope.clone(),
        grants: claims.grants.clone(),
        authentication: (authentication != Authentication::default()).then_some(authentication),
        token_digest,
        expires_at: Timestamp::from_seconds(claims.exp),
    }
}

impl From<JoseError> for TokenTrouble {
    fn from(error: JoseError) -> Self {
        match error {
            JoseError::UnknownKey => Self::UnknownKey,
            JoseError::WrongAlgorithm => Self::WrongAlgorithm,
            JoseError::WrongType => Self::WrongType,
            JoseError::BadSignature => Self::BadSignature,
            JoseError::Malformed(_) | JoseError::WrongClaims | JoseError::KeySet => Self::Malformed,
        }
    }
}

#[cfg(test)]
mod tests;
