//! DPoP proofs (RFC 9449 §4.3): a request that says, signed by a key of the sender, where it goes and when it was made.
//!
//! 1. The header names the key itself: public, of an algorithm that is taken here, and nothing but that key's thumbprint comes of it.
//! 2. The signature is verified where every signature is ([`super::verify`]), against a set of that one key.
//! 3. The claims are this request's: method, URL, time, and the access token where one goes along.
//!
//! A proof says nothing of who holds the key. Whether it is the right one, and that no proof is used twice, is for the rooms above.

use chancery_core::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::{Algorithm, JoseError, Jwk, KeySet, Typ, key_set, strict_json};
use crate::digest::{base64url, from_base64url, same, sha256};

/// What a proof may be signed with: `dpop_signing_alg_values_supported`, and `algs` of a challenge.
pub const ALGORITHMS: &[Algorithm] = Algorithm::ALL;

/// How far a proof's `iat` may lie from now, on either side, in seconds.
const WINDOW: i64 = 60;
/// A larger RSA key costs a verification too much that anybody may ask for, as often as they like.
const MOST_RSA_BITS: usize = 4096;
/// Nothing longer is looked at. The longest RSA key that is taken makes a proof of some 2.3 KB.
const LONGEST: usize = 4 * 1024;
const LONGEST_JTI: usize = 256;
const TYPE: Typ = Typ::Exact("dpop+jwt");

/// The request that the proof came with.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    pub method: &'a str,
    /// The endpoint's URL as configured, never as a `Host` header has it (DP-07).
    pub url: &'a str,
    /// The token that goes along with it, at a resource.
    pub access_token: Option<&'a str>,
    pub now: Timestamp,
}

/// A proof that holds for this request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The key: the SHA-256 of its JWK, in base64url (RFC 7638).
    pub jkt: String,
    pub jti: String,
    /// From then on its `iat` is too old, so that nobody needs to remember it.
    pub good_until: Timestamp,
}

impl Proof {
    /// What it is remembered by, so that it is used once: its key and its `jti`, of one length whatever they are.
    pub fn single_use_key(&self) -> String {
        base64url(&sha256(format!("{} {}", self.jkt, self.jti).as_bytes()))
    }
}

/// Why a proof does not hold, in words for who sent it. No text of the proof stands in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    #[error("the proof is longer than 4 KB")]
    TooLong,
    #[error("the proof's header has no jwk, or one that cannot be used here: a public EC P-256, Ed25519 or RSA key of 2048 to 4096 bits")]
    NoKey,
    #[error("the proof's header has a private key in its jwk: take that key out of use, and send its public part only")]
    PrivateKey,
    #[error("the proof does not verify: {0}")]
    Jose(#[from] JoseError),
    #[error("the proof's claims must have jti, htm and htu as text and iat as a number of seconds")]
    Claims,
    #[error("the proof's jti is empty or longer than 256 characters")]
    Jti,
    #[error("the proof is for another method (htm)")]
    Method,
    #[error("the proof is for another URL (htu): send the address that the metadata gives")]
    Url,
    #[error("the proof is older than a minute (iat): make a new one for each request")]
    TooOld,
    #[error("the proof was made in the future (iat): set the clock")]
    TooNew,
    #[error("the proof is not for this access token (ath)")]
    Token,
}

/// The names of [`ALGORITHMS`].
pub fn algorithm_names() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().map(|algorithm| algorithm.as_str())
}

/// Verifies the value of one `DPoP` header.
///
/// # Errors
/// The first thing that did not hold.
pub fn verify(header_value: &str, expected: &Expected<'_>) -> Result<Proof, Trouble> {
    if header_value.len() > LONGEST {
        return Err(Trouble::TooLong);
    }
    let key = key_of(header_value)?; // DP-02
    if key.rsa_bits().is_some_and(|bits| bits > MOST_RSA_BITS) {
        return Err(Trouble::NoKey); // DP-02
    }
    let jkt = key.thumbprint().ok_or(Trouble::NoKey)?;
    let only = KeySet::from_keys([key]);
    if only.is_empty() {
        return Err(Trouble::NoKey);
    }
    let payload = super::verify(header_value, &only, &super::Expected { typ: TYPE, algorithms: ALGORITHMS })?; // DP-02
    let claims: Claims = payload.claims().map_err(|_| Trouble::Claims)?;
    unique_name(&claims.jti)?;
    of_this_request(&claims, expected)?;
    let good_until = fresh(&claims.iat, expected.now)?; // DP-02
    of_this_token(claims.ath.as_deref(), expected.access_token)?; // DP-04
    Ok(Proof { jkt, jti: claims.jti, good_until })
}

/// The key that the header brings along. It is trusted for nothing but having signed this (JW-03).
fn key_of(proof: &str) -> Result<Jwk, Trouble> {
    let header = proof.split('.').next().and_then(from_base64url);
    let header: Header = header.and_then(|json| strict_json::object(&json)).ok_or(Trouble::NoKey)?;
    if key_set::is_private(&header.jwk) {
        return Err(Trouble::PrivateKey); // DP-02
    }
    let jwk: Jwk = serde_json::from_value(Value::Object(header.jwk)).map_err(|_| Trouble::NoKey)?;
    Ok(jwk.standing_alone(header.kid, header.alg))
}

fn unique_name(jti: &str) -> Result<(), Trouble> {
    if (1..=LONGEST_JTI).contains(&jti.len()) { Ok(()) } else { Err(Trouble::Jti) }
}

fn of_this_request(claims: &Claims, expected: &Expected<'_>) -> Result<(), Trouble> {
    if claims.htm != expected.method {
        return Err(Trouble::Method); // DP-02
    }
    if Target::of(&claims.htu).is_none_or(|target| Some(target) != Target::of(expected.url)) {
        return Err(Trouble::Url); // DP-02, DP-07
    }
    Ok(())
}

fn fresh(iat: &Number, now: Timestamp) -> Result<Timestamp, Trouble> {
    #[expect(clippy::cast_possible_truncation, reason = "what lies beyond saturates, and is not fresh")]
    let iat = iat.as_i64().or_else(|| iat.as_f64().map(|seconds| seconds.floor() as i64)).ok_or(Trouble::Claims)?;
    let good_until = Timestamp::from_seconds(iat.saturating_add(WINDOW + 1));
    if now >= good_until {
        return Err(Trouble::TooOld);
    }
    if iat > now.seconds() + WINDOW {
        return Err(Trouble::TooNew);
    }
    Ok(good_until)
}

fn of_this_token(ath: Option<&str>, token: Option<&str>) -> Result<(), Trouble> {
    let Some(token) = token else { return Ok(()) };
    let wanted = base64url(&sha256(token.as_bytes()));
    if ath.is_some_and(|ath| same(ath.as_bytes(), wanted.as_bytes())) { Ok(()) } else { Err(Trouble::Token) }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    jwk: Map<String, Value>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: Number,
    ath: Option<String>,
}

/// A URL as proofs are compared by it (RFC 9449 §4.3): without query and fragment, scheme and host in lower case, no default port.
#[derive(PartialEq, Eq)]
struct Target<'a> {
    scheme: String,
    authority: String,
    path: &'a str,
}

impl<'a> Target<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let rest = rest.split(['?', '#']).next()?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
        let default_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let authority = authority.strip_suffix(default_port).map_or(authority.clone(), str::to_owned);
        Some(Self { scheme, authority, path: if path.is_empty() { "/" } else { path } })
    }
}

#[cfg(test)]
mod tests;
