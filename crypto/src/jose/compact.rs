//! The compact form (RFC 7515 §7.1), taken apart without believing any of it.

use serde::Deserialize;

use super::{JoseError, strict_json};
use crate::digest::from_base64url;

/// Nothing longer is looked at (JW-07).
const LONGEST: usize = 16 * 1024;
/// A `kid` is opaque and short; it is compared and nothing else (JW-04).
const LONGEST_KID: usize = 128;

/// What an unverified token says of itself: good for choosing whose keys to fetch, and for nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unverified {
    pub algorithm: String,
    pub kid: Option<String>,
    pub typ: Option<String>,
    pub issuer: Option<String>,
}

/// Reads the header, and of the claims the issuer alone.
///
/// # Errors
/// [`JoseError::Malformed`] for whatever [`super::verify`] would refuse by its form.
pub fn peek(token: &str) -> Result<Unverified, JoseError> {
    let parts = UnverifiedParts::of(token)?;
    let claims: Issued = serde_json::from_slice(&parts.claims).map_err(|_| JoseError::Malformed("its claims are not a JSON object"))?;
    Ok(Unverified { algorithm: parts.header.alg, kid: parts.header.kid, typ: parts.header.typ, issuer: claims.iss })
}

#[derive(Deserialize)]
struct Issued {
    iss: Option<String>,
}

/// The three parts of a token whose signature nobody has looked at.
pub(super) struct UnverifiedParts<'a> {
    pub header: UnverifiedHeader,
    /// The claims' JSON as it came; not yet known to be JSON.
    pub claims: Vec<u8>,
    /// What was signed: header and claims as they came, with the dot between them.
    pub signed: &'a str,
    pub signature: &'a str,
}

/// `jwk`, `jku`, `x5u` and `x5c` are not read: no token brings its own trust (JW-03).
#[derive(Deserialize)]
pub(super) struct UnverifiedHeader {
    pub alg: String,
    pub kid: Option<String>,
    pub typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
    #[serde(default, deserialize_with = "present")]
    enc: bool,
    #[serde(default, deserialize_with = "present")]
    zip: bool,
}

impl<'a> UnverifiedParts<'a> {
    pub(super) fn of(token: &'a str) -> Result<Self, JoseError> {
        if token.len() > LONGEST {
            return Err(JoseError::Malformed("longer than 16 KB")); // JW-07
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(NOT_THREE_PARTS)?;
        let (header, claims) = signed.split_once('.').ok_or(NOT_THREE_PARTS)?;
        if claims.contains('.') || header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(NOT_THREE_PARTS); // JW-05: five parts would be encrypted
        }
        let header = from_base64url(header).and_then(|json| strict_json::object::<UnverifiedHeader>(&json)); // JW-02
        let header = header.ok_or(JoseError::Malformed("its header is not a JSON object of the right members, each once"))?.sane()?;
        let claims = from_base64url(claims).ok_or(JoseError::Malformed("its claims are not base64url"))?;
        Ok(Self { header, claims, signed, signature })
    }
}

impl UnverifiedHeader {
    fn sane(self) -> Result<Self, JoseError> {
        if self.crit {
            return Err(JoseError::Malformed("its header demands an extension (crit); none is supported")); // JW-02
        }
        if self.b64 {
            return Err(JoseError::Malformed("its header says b64; only encoded payloads are supported")); // JW-02
        }
        if self.enc || self.zip {
            return Err(JoseError::Malformed("its header is one of an encrypted token")); // JW-05
        }
        if self.kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_KID) {
            return Err(JoseError::Malformed("its kid is longer than 128 characters")); // JW-04
        }
        Ok(self)
    }
}

const NOT_THREE_PARTS: JoseError = JoseError::Malformed("not three parts with dots between them");

/// A member that matters by being there, whatever its value.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(from).map(|_| true)
}
