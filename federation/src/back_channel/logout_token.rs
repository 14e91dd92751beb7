//! The logout token (OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6): signature, then each claim. An ID token of the same provider has
//! the same issuer, audience and keys, and everybody who ever signed in has one: its type, the event and the absence of a nonce tell the two apart.

use chancery_core::{SubjectKey, Timestamp};
use chancery_crypto::jose::{self, Algorithm, Expected, JoseError, KeySet, Typ, Unverified};
use chancery_registry::IdentityProvider;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::id_token::{SKEW, Seconds, by_a_key_of_its_issuer, named, one_or_more};
use crate::profiles;

const TYP: &str = "logout+jwt";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// A `jti` is compared and nothing else.
const LONGEST_ID: usize = 512;

/// What a good one says.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Logout {
    /// Its `jti`.
    pub id: String,
    /// When the provider said it, by its clock.
    pub said_at: Timestamp,
    /// Until when it could come again.
    pub until: Timestamp,
    pub whose: Whose,
}

/// Which sessions the provider ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// This one, as the provider calls it (`sid`); a `sub` beside it says no more.
    Session(String),
    /// All of this person's.
    Person(SubjectKey),
}

/// Why a logout token ends nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Jose(#[from] JoseError),
    #[error("it was issued by another provider")]
    Issuer,
    #[error("it was signed by a key of another issuer")]
    KeyOfAnother,
    #[error("it is for another client")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is from the future; is the provider's clock, or ours, wrong?")]
    FromTheFuture,
    #[error("it has no jti of a sane length")]
    Id,
    #[error("its events do not say that a session ended")]
    Event,
    #[error("it has a nonce, which only an ID token may have")]
    Nonce,
    #[error("it names neither a session nor a person by what people are known by here")]
    Nobody,
}

impl Trouble {
    pub const fn row(self) -> &'static str {
        match self {
            Self::Jose(JoseError::WrongType | JoseError::Malformed(_)) => "JW-02",
            Self::Jose(JoseError::WrongClaims) => "BL-01",
            Self::Jose(_) => "JW-01",
            _ => "BL-01",
        }
    }
}

/// What can be told before any key is fetched, so that what is plainly something else costs nobody a request.
pub(super) fn may_be(provider: &IdentityProvider, unverified: &Unverified) -> Result<(), Trouble> {
    let issuer = unverified.issuer.as_deref().unwrap_or_default();
    profiles::of(provider).issuer.of(provider, issuer).map(drop).ok_or(Trouble::Issuer)
}

pub(super) fn read(
    token: &str,
    keys: &KeySet,
    (provider, algorithms): (&IdentityProvider, &[Algorithm]),
    now: Timestamp,
) -> Result<Logout, Trouble> {
    let untyped = profiles::of(provider).logout_tokens_may_be_untyped;
    let typ = if untyped { Typ::ExactOrUntyped(TYP) } else { Typ::Exact(TYP) };
    let payload = jose::verify(token, keys, &Expected { typ, algorithms })?; // BL-01, JW-01, JW-02
    let claims: UnverifiedClaims = payload.claims()?;
    if !by_a_key_of_its_issuer(payload.key_issuer(), &claims.iss, |claim| claims.text(claim), profiles::of(provider)) {
        return Err(Trouble::KeyOfAnother); // BL-01
    }
    check(claims, provider, now)
}

/// The checks of §2.6, in its order.
fn check(claims: UnverifiedClaims, provider: &IdentityProvider, now: Timestamp) -> Result<Logout, Trouble> {
    let issuer = profiles::of(provider).issuer.of(provider, &claims.iss).ok_or(Trouble::Issuer)?; // BL-01
    for_us(&claims, provider)?; // BL-01
    of_now(&claims, now)?; // BL-01
    let key = key(&claims, provider).map(|key| SubjectKey::of(issuer, &key));
    let session = claims.sid.filter(|sid| named(sid).is_ok());
    let whose = session.map(Whose::Session).or(key.map(Whose::Person)).ok_or(Trouble::Nobody)?; // BL-01
    says_so(&claims.events)?; // BL-01
    if claims.rest.contains_key("nonce") {
        return Err(Trouble::Nonce); // BL-01
    }
    let id = Some(claims.jti).filter(|id| !id.is_empty() && id.len() <= LONGEST_ID).ok_or(Trouble::Id)?; // BL-01
    Ok(Logout { id, said_at: claims.iat.instant(), until: claims.exp.instant() + SKEW, whose })
}

fn for_us(claims: &UnverifiedClaims, provider: &IdentityProvider) -> Result<(), Trouble> {
    if claims.aud.contains(&provider.client_id) { Ok(()) } else { Err(Trouble::Audience) }
}

fn of_now(claims: &UnverifiedClaims, now: Timestamp) -> Result<(), Trouble> {
    if now >= claims.exp.instant() + SKEW {
        return Err(Trouble::Expired);
    }
    if claims.iat.instant() > now + SKEW { Err(Trouble::FromTheFuture) } else { Ok(()) }
}

fn says_so(events: &Map<String, Value>) -> Result<(), Trouble> {
    if events.get(EVENT).is_some_and(Value::is_object) { Ok(()) } else { Err(Trouble::Event) }
}

/// As at a sign-in. A provider that knows people by other claims need not repeat them here: then only a session can be meant.
fn key(claims: &UnverifiedClaims, provider: &IdentityProvider) -> Option<String> {
    let text = |claim: &String| claims.text(claim).filter(|text| named(text).is_ok());
    let parts: Option<Vec<_>> = profiles::of(provider).key.iter().map(text).collect();
    parts.map(|parts| parts.join("/"))
}

/// The claims as they came. Required ones have no default, so a token without them is refused.
#[derive(Deserialize)]
struct UnverifiedClaims {
    iss: String,
    #[serde(deserialize_with = "one_or_more")]
    aud: Vec<String>,
    exp: Seconds,
    iat: Seconds,
    jti: String,
    events: Map<String, Value>,
    sub: Option<String>,
    sid: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl UnverifiedClaims {
    fn text(&self, claim: &str) -> Option<&str> {
        if claim == "sub" { self.sub.as_deref() } else { self.rest.get(claim).and_then(Value::as_str) }
    }
}

#[cfg(test)]
mod tests;
