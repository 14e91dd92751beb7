//! The ID token (OpenID Connect Core §2 and §3.1.3.7): signature, then each claim, against our own clock and configuration.

use std::time::Duration;

use chancery_core::{Authentication, Issuer, Person, Timestamp};
use chancery_crypto::digest::same;
use chancery_crypto::jose::{self, Algorithm, JoseError, KeySet, Typ};
use serde::{Deserialize, Deserializer};

/// What the ID token must say to be the answer to our request.
pub(crate) struct Expected<'a> {
    pub issuer: &'a Issuer,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub algorithms: &'a [Algorithm],
    /// The person must have signed in since then, if the provider says when.
    pub fresh_since: Option<Timestamp>,
}

/// Who came back.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// The provider's stable name for the person: only good together with the provider's issuer.
    pub subject: String,
    pub authentication: Authentication,
    pub person: Person,
}

/// Why an ID token proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Jose(#[from] JoseError),
    #[error("it was issued by another provider")]
    Issuer,
    #[error("it was issued to another client")]
    Audience,
    #[error("it names another client as the one it is for")]
    AuthorizedParty,
    #[error("it belongs to another sign-in")]
    Nonce,
    #[error("it has expired")]
    Expired,
    #[error("it is from the future; is the provider's clock, or ours, wrong?")]
    FromTheFuture,
    #[error("it was not issued just now")]
    Stale,
    #[error("it says that you signed in earlier, and the app asked for a new sign-in")]
    NotFresh,
    #[error("it names nobody")]
    Subject,
}

impl Trouble {
    /// The conformance row that refused.
    pub const fn row(self) -> &'static str {
        match self {
            Self::Jose(JoseError::WrongType | JoseError::Malformed(_)) => "JW-02",
            Self::Jose(JoseError::WrongClaims) => "JW-06",
            Self::Jose(_) => "JW-01",
            Self::Issuer | Self::Expired | Self::FromTheFuture | Self::Stale => "JW-06",
            Self::Nonce => "JW-08",
            Self::Audience | Self::AuthorizedParty | Self::NotFresh | Self::Subject => "",
        }
    }
}

/// Clocks may differ by this much (JW-06).
const SKEW: Duration = Duration::from_secs(60);
/// It was made in answer to the request that we just sent, so its time of issue is near.
const AGE: Duration = Duration::from_secs(600);

/// The signature by the provider's keys, then the claims.
pub(crate) fn read(token: &str, keys: &KeySet, expected: &Expected<'_>, now: Timestamp) -> Result<Identity, Trouble> {
    let header = jose::Expected { typ: Typ::IdToken, algorithms: expected.algorithms }; // JW-01, JW-02
    check(jose::verify(token, keys, &header)?.claims()?, expected, now)
}

/// The numbers are the steps of §3.1.3.7.
fn check(claims: UnverifiedClaims, expected: &Expected<'_>, now: Timestamp) -> Result<Identity, Trouble> {
    of_the_provider(&claims, expected)?; // 2, JW-06
    for_us(&claims, expected)?; // 3
    for_us_among_several(&claims, expected)?; // 4, 5
    not_expired(&claims, now)?; // 9, JW-06
    issued_just_now(&claims, now)?; // 10, JW-06
    in_answer_to_our_request(&claims, expected)?; // 11, JW-08
    signed_in_anew(&claims, expected)?; // 13
    let subject = named(&claims.sub)?.to_owned();
    let auth_time = claims.auth_time.map(|at| at.instant()); // AT-06
    let authentication = Authentication { auth_time, acr: claims.acr, amr: claims.amr };
    let person = Person { username: claims.preferred_username, email: claims.email, name: claims.name, groups: claims.groups };
    Ok(Identity { subject, authentication, person })
}

/// Byte for byte, as the operator wrote it: a key set belongs to one issuer, and no other speaks by it.
fn of_the_provider(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    if claims.iss == expected.issuer.as_str() { Ok(()) } else { Err(Trouble::Issuer) }
}

fn for_us(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    if claims.aud.iter().any(|aud| aud == expected.client_id) { Ok(()) } else { Err(Trouble::Audience) }
}

/// Where several are addressed, `azp` must say that we asked; and whatever it says, it must be that.
fn for_us_among_several(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    match claims.azp.as_deref() {
        Some(azp) if azp == expected.client_id => Ok(()),
        None if claims.aud.len() == 1 => Ok(()),
        _ => Err(Trouble::AuthorizedParty),
    }
}

fn not_expired(claims: &UnverifiedClaims, now: Timestamp) -> Result<(), Trouble> {
    if now < claims.exp.instant() + SKEW { Ok(()) } else { Err(Trouble::Expired) }
}

fn issued_just_now(claims: &UnverifiedClaims, now: Timestamp) -> Result<(), Trouble> {
    let begins = claims.nbf.map_or(claims.iat.instant(), |nbf| nbf.instant().max(claims.iat.instant()));
    if begins > now + SKEW {
        return Err(Trouble::FromTheFuture);
    }
    if claims.iat.instant() < now - AGE { Err(Trouble::Stale) } else { Ok(()) }
}

fn in_answer_to_our_request(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    let answers = claims.nonce.as_ref().is_some_and(|nonce| same(nonce.as_bytes(), expected.nonce.as_bytes()));
    if answers { Ok(()) } else { Err(Trouble::Nonce) }
}

fn signed_in_anew(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    match (expected.fresh_since, claims.auth_time) {
        (Some(since), Some(at)) if at.instant() + SKEW < since => Err(Trouble::NotFresh),
        _ => Ok(()),
    }
}

/// At most 255 characters (§2), none of them unseen.
fn named(sub: &str) -> Result<&str, Trouble> {
    let shaped = !sub.is_empty() && sub.len() <= 255 && !sub.chars().any(char::is_control);
    if shaped { Ok(sub) } else { Err(Trouble::Subject) }
}

/// The claims as they came. Required ones have no default, so a token without them is refused as malformed.
#[derive(Deserialize)]
struct UnverifiedClaims {
    iss: String,
    sub: String,
    #[serde(deserialize_with = "one_or_more")]
    aud: Vec<String>,
    exp: Seconds,
    iat: Seconds,
    nbf: Option<Seconds>,
    nonce: Option<String>,
    azp: Option<String>,
    auth_time: Option<Seconds>,
    #[serde(default, deserialize_with = "if_text")]
    acr: Option<String>,
    #[serde(default, deserialize_with = "if_texts")]
    amr: Vec<String>,
    #[serde(default, deserialize_with = "if_text")]
    preferred_username: Option<String>,
    #[serde(default, deserialize_with = "if_text")]
    email: Option<String>,
    #[serde(default, deserialize_with = "if_text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "if_texts")]
    groups: Vec<String>,
}

/// A JSON number of seconds, whole or not (RFC 7519 §2).
#[derive(Clone, Copy, Deserialize)]
struct Seconds(f64);

impl Seconds {
    /// The cast saturates: a number beyond the range is an instant beyond any that is compared with it.
    fn instant(self) -> Timestamp {
        Timestamp::from_millis((self.0 * 1000.0) as i64)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMore::deserialize(from)? {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    })
}

/// What is only shown or passed on never fails a sign-in: of another type it counts as absent.
fn if_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

fn if_texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(from)?).unwrap_or_default())
}

#[cfg(test)]
mod tests;
