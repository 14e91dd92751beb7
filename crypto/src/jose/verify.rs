//! The one way to verify a signed token (RFC 7515 §5.2, RFC 8725 §3):
//! 1. its form: three parts, short, a strict header (`compact`);
//! 2. its algorithm: named here, expected by the caller, and the one of the key that its `kid` chooses;
//! 3. its type: the one artefact that the caller expects;
//! 4. its signature, by `jsonwebtoken`, which does nothing else for us;
//! 5. its claims: strict JSON. What they mean, the caller checks against its own clock and configuration.

use serde::de::DeserializeOwned;

use super::{Algorithm, JoseError, KeySet, compact::UnverifiedParts, strict_json};

/// Which artefact it must be; the values of `typ` that say so (facts: token-type table).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typ {
    /// RFC 9068: `at+jwt`, as short as that or with `application/` before it.
    AccessToken,
    /// OpenID Connect: no `typ`, or `JWT`.
    IdToken,
    /// This one and no other.
    Exact(&'static str),
    /// This one, or as an ID token has it: for what some send untyped, and only where its claims tell it from everything else.
    ExactOrUntyped(&'static str),
}

/// What the caller expects of a token's header.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub typ: Typ,
    pub algorithms: &'a [Algorithm],
}

/// Claims whose signature holds. Nothing is said yet of issuer, audience or time.
pub struct Payload {
    json: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
    key_issuer: Option<String>,
}

impl Payload {
    /// # Errors
    /// [`JoseError::WrongClaims`] if a claim that `T` needs is missing or of another type (JW-06).
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JoseError> {
        serde_json::from_slice(&self.json).map_err(|_| JoseError::WrongClaims)
    }

    /// The `kid` of the key that signed.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm of that key.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whose key that is, where its set says so: the signature proves nothing for another issuer (JW-06).
    pub fn key_issuer(&self) -> Option<&str> {
        self.key_issuer.as_deref()
    }
}

/// Verifies form, algorithm, type and signature, in that order.
///
/// # Errors
/// The first thing that did not hold.
pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Payload, JoseError> {
    let parts = UnverifiedParts::of(token)?; // JW-02, JW-04, JW-05, JW-07
    let algorithm = allowed(&parts.header.alg, expected.algorithms)?; // JW-01
    let key = keys.choose(parts.header.kid.as_deref(), algorithm)?; // JW-01, JW-03
    expected.typ.admits(parts.header.typ.as_deref())?; // JW-02

    let holds = jsonwebtoken::crypto::verify(parts.signature, parts.signed.as_bytes(), &key.decoding, library_name(algorithm));
    if !holds.unwrap_or(false) {
        return Err(JoseError::BadSignature);
    }
    strict_json::check(&parts.claims).ok_or(JoseError::Malformed("its claims are not a JSON object with each member once"))?; // JW-02
    let of_the_key = |text: Option<&str>| text.map(str::to_owned);
    Ok(Payload { kid: of_the_key(key.jwk.kid()), key_issuer: of_the_key(key.jwk.issuer()), algorithm, json: parts.claims })
}

fn allowed(name: &str, expected: &[Algorithm]) -> Result<Algorithm, JoseError> {
    Algorithm::from_name(name).filter(|algorithm| expected.contains(algorithm)).ok_or(JoseError::WrongAlgorithm)
}

impl Typ {
    /// Media types are compared without regard to case (RFC 7515 §4.1.9).
    fn admits(self, typ: Option<&str>) -> Result<(), JoseError> {
        let is = |wanted: &str, said: &str| {
            let (prefix, rest) = said.split_at_checked(PREFIX.len()).unwrap_or(("", said));
            said.eq_ignore_ascii_case(wanted) || (prefix.eq_ignore_ascii_case(PREFIX) && rest.eq_ignore_ascii_case(wanted))
        };
        let admitted = match (self, typ) {
            (Self::AccessToken, Some(said)) => is("at+jwt", said),
            (Self::IdToken, Some(said)) => said.eq_ignore_ascii_case("JWT"),
            (Self::IdToken, None) => true,
            (Self::Exact(wanted), Some(said)) => is(wanted, said),
            (Self::ExactOrUntyped(wanted), Some(said)) => is(wanted, said) || said.eq_ignore_ascii_case("JWT"),
            (Self::ExactOrUntyped(_), None) => true,
            (_, None) => false,
        };
        if admitted { Ok(()) } else { Err(JoseError::WrongType) }
    }
}

const PREFIX: &str = "application/";

const fn library_name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
    }
}
