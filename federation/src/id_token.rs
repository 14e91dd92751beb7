//! The ID token (OpenID Connect Core §2 and §3.1.3.7): signature, then each claim, against our own clock and configuration.

use std::time::Duration;

use chancery_core::{Authentication, Issuer, Person, Timestamp};
use chancery_crypto::digest::same;
use chancery_crypto::jose::{self, Algorithm, JoseError, KeySet, Typ};
use chancery_registry::IdentityProvider;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::groups;
use crate::profiles::{self, IssuerForm, Profile};

/// What the ID token must say to be the answer to our request.
pub(crate) struct Expected<'a> {
    pub provider: &'a IdentityProvider,
    /// What the provider's metadata calls it, or the form of the names it speaks by.
    pub form: &'a str,
    /// Of our request; a token that comes by a refresh answers to none (§12.2).
    pub nonce: Option<&'a str>,
    pub algorithms: &'a [Algorithm],
    /// The person must have signed in since then, and the provider must say when.
    pub fresh_since: Option<Timestamp>,
    /// The person must have signed in no longer ago, and the provider must say when.
    pub max_age: Option<Duration>,
}

/// Who came back.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// Who vouches for the person.
    pub issuer: Issuer,
    /// Its stable name for them: only good together with the issuer.
    pub key: String,
    /// By the provider's clock.
    pub issued_at: Timestamp,
    pub authentication: Authentication,
    pub person: Person,
    /// What the provider calls its session with them.
    pub session: Option<String>,
}

/// Why an ID token proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Jose(#[from] JoseError),
    #[error("it was issued by another provider")]
    Issuer,
    #[error("it was signed by a key of another issuer")]
    KeyOfAnother,
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
    #[error("it does not say when you signed in, and the app asked for a new sign-in, or one of a certain age")]
    Undated,
    #[error("it lacks the claims by which this provider names people for ever; do the scopes have `profile`?")]
    Key,
    #[error("it is not an ID token")]
    NotIdToken,
    #[error("you are not of an organisation that may sign in here")]
    Domain,
}

impl Trouble {
    /// The conformance row that refused.
    pub const fn row(self) -> &'static str {
        match self {
            Self::Jose(JoseError::WrongType | JoseError::Malformed(_)) => "JW-02",
            Self::Jose(JoseError::WrongClaims) => "JW-06",
            Self::Jose(_) => "JW-01",
            Self::NotIdToken => "JW-02",
            Self::Key => "JW-06",
            Self::Issuer | Self::KeyOfAnother | Self::Expired | Self::FromTheFuture | Self::Stale => "JW-06",
            Self::Nonce => "JW-08",
            Self::NotFresh | Self::Undated => "SU-03",
            Self::Audience | Self::AuthorizedParty | Self::Subject | Self::Domain => "",
        }
    }
}

/// Clocks may differ by this much (JW-06).
pub(crate) const SKEW: Duration = Duration::from_secs(60);
/// It was made in answer to the request that we just sent, so its time of issue is near.
const AGE: Duration = Duration::from_secs(600);

/// The signature by the provider's keys, then the claims.
pub(crate) fn read(token: &str, keys: &KeySet, expected: &Expected<'_>, now: Timestamp) -> Result<Identity, Trouble> {
    let header = jose::Expected { typ: Typ::IdToken, algorithms: expected.algorithms }; // JW-01, JW-02
    let payload = jose::verify(token, keys, &header)?;
    let claims: UnverifiedClaims = payload.claims()?;
    if !by_a_key_of_its_issuer(payload.key_issuer(), &claims.iss, |claim| claims.text(claim), profiles::of(expected.provider)) {
        return Err(Trouble::KeyOfAnother); // JW-06
    }
    check(claims, expected, now)
}

/// Where one set has keys of several issuers, each may say whose it is, by its name or by the form of the names.
pub(crate) fn by_a_key_of_its_issuer<'a>(
    named: Option<&str>,
    iss: &str,
    text: impl Fn(&str) -> Option<&'a str>,
    profile: &Profile,
) -> bool {
    let Some(named) = named.filter(|_| profile.keys_name_issuers) else { return true };
    let filled = match &profile.issuer {
        IssuerForm::Template { template, claim } => text(claim).map(|value| named.replace(template.as_str(), value)),
        IssuerForm::Plain(_) => None,
    };
    filled.as_deref().unwrap_or(named) == iss
}

/// The numbers are the steps of §3.1.3.7.
pub(crate) fn check(claims: UnverifiedClaims, expected: &Expected<'_>, now: Timestamp) -> Result<Identity, Trouble> {
    let profile = profiles::of(expected.provider);
    let issuer = of_the_provider(&claims, expected, profile)?; // 2, JW-06
    marked(&claims, profile)?; // JW-02
    for_us(&claims, expected)?; // 3
    for_us_among_several(&claims, expected)?; // 4, 5
    not_expired(&claims, now)?; // 9, JW-06
    issued_just_now(&claims, now)?; // 10, JW-06
    in_answer_to_our_request(&claims, expected)?; // 11, JW-08
    signed_in_anew(&claims, expected)?; // 13, SU-03
    signed_in_lately(&claims, expected, now)?; // 13, SU-03
    of_a_domain_of_ours(&claims, expected.provider, profile)?;
    named(&claims.sub)?;
    let key = key(&claims, profile)?; // JW-06
    let (groups, groups_withheld) = groups::of(&claims.rest, expected.provider, profile);
    let auth_time = claims.auth_time.map(|at| at.instant()); // AT-06
    let authentication = Authentication { auth_time, acr: claims.acr, amr: claims.amr };
    let person = Person { username: claims.preferred_username, email: claims.email, name: claims.name, groups, groups_withheld };
    Ok(Identity { issuer, key, issued_at: claims.iat.instant(), authentication, person, session: claims.sid })
}

/// Byte for byte, as the operator wrote it: a key set belongs to one issuer, and no other speaks by it. Where it speaks for many, the name is the form of their names, filled by the token's own claim.
fn of_the_provider(claims: &UnverifiedClaims, expected: &Expected<'_>, profile: &Profile) -> Result<Issuer, Trouble> {
    let issuer = profile.issuer.of(expected.provider, &claims.iss).ok_or(Trouble::Issuer)?;
    if let IssuerForm::Template { template, claim } = &profile.issuer
        && expected.form.contains(template.as_str())
    {
        let filled = claims.text(claim).map(|value| expected.form.replace(template, value));
        return filled.filter(|filled| *filled == claims.iss).map(|_| issuer.clone()).ok_or(Trouble::Issuer);
    }
    Ok(issuer.clone())
}

/// Some sign ID and access tokens alike, and only a claim tells them apart.
fn marked(claims: &UnverifiedClaims, profile: &Profile) -> Result<(), Trouble> {
    let has = |(claim, value): (&String, &String)| claims.text(claim) == Some(value.as_str());
    if profile.required.iter().all(has) { Ok(()) } else { Err(Trouble::NotIdToken) }
}

/// Where everybody may have an account, the operator says whose people are meant.
fn of_a_domain_of_ours(claims: &UnverifiedClaims, provider: &IdentityProvider, profile: &Profile) -> Result<(), Trouble> {
    let Some(domain) = profile.domain.as_ref().filter(|_| !provider.domains.is_empty()) else { return Ok(()) };
    let is_ours = claims.text(&domain.claim).is_some_and(|claimed| provider.domains.iter().any(|ours| ours.eq_ignore_ascii_case(claimed)));
    if is_ours { Ok(()) } else { Err(Trouble::Domain) }
}

/// What names the person for ever, by the profile's claims. `sub` may be another for each app, and an address is nobody's for ever.
fn key(claims: &UnverifiedClaims, profile: &Profile) -> Result<String, Trouble> {
    let part = |claim: &String| claims.text(claim).filter(|text| named(text).is_ok()).ok_or(Trouble::Key);
    let parts: Result<Vec<_>, _> = profile.key.iter().map(part).collect();
    Ok(parts?.join("/"))
}

fn for_us(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    if claims.aud.contains(&expected.provider.client_id) { Ok(()) } else { Err(Trouble::Audience) }
}

/// Where several are addressed, `azp` must say that we asked; and whatever it says, it must be that.
fn for_us_among_several(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    match claims.azp.as_deref() {
        Some(azp) if azp == expected.provider.client_id => Ok(()),
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
    let Some(expected) = expected.nonce else { return Ok(()) };
    let answers = claims.nonce.as_ref().is_some_and(|nonce| same(nonce.as_bytes(), expected.as_bytes()));
    if answers { Ok(()) } else { Err(Trouble::Nonce) }
}

fn signed_in_anew(claims: &UnverifiedClaims, expected: &Expected<'_>) -> Result<(), Trouble> {
    let Some(since) = expected.fresh_since else { return Ok(()) };
    let at = claims.auth_time.ok_or(Trouble::Undated)?;
    if at.instant() + SKEW < since { Err(Trouble::NotFresh) } else { Ok(()) }
}

fn signed_in_lately(claims: &UnverifiedClaims, expected: &Expected<'_>, now: Timestamp) -> Result<(), Trouble> {
    let Some(age) = expected.max_age else { return Ok(()) };
    let at = claims.auth_time.ok_or(Trouble::Undated)?;
    if now <= at.instant() + age + SKEW { Ok(()) } else { Err(Trouble::NotFresh) }
}

/// At most 255 characters (§2), none of them unseen.
pub(crate) fn named(sub: &str) -> Result<&str, Trouble> {
    let shaped = !sub.is_empty() && sub.len() <= 255 && !sub.chars().any(char::is_control);
    if shaped { Ok(sub) } else { Err(Trouble::Subject) }
}

/// The claims as they came. Required ones have no default, so a token without them is refused as malformed.
#[derive(Deserialize)]
pub(crate) struct UnverifiedClaims {
    iss: String,
    sub: String,
    #[serde(deserialize_with = "one_or_more")]
    aud: Vec<String>,
    exp: Seconds,
    iat: Seconds,
    nbf: Option<Seconds>,
    nonce: Option<String>,
    #[serde(default, deserialize_with = "if_text")]
    sid: Option<String>,
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
    /// What else it says: which of it is read, the provider's profile says.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl UnverifiedClaims {
    fn text(&self, claim: &str) -> Option<&str> {
        if claim == "sub" { Some(&self.sub) } else { self.rest.get(claim).and_then(Value::as_str) }
    }
}

/// A JSON number of seconds, whole or not (RFC 7519 §2).
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Seconds(f64);

impl Seconds {
    /// The cast saturates: a number beyond the range is an instant beyond any that is compared with it.
    pub(crate) fn instant(self) -> Timestamp {
        Timestamp::from_millis((self.0 * 1000.0) as i64)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

pub(crate) fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
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
