//! Proof key for code exchange (RFC 7636; OAuth 2.1 §4.1.1). S256 only, of every client: `plain` proves nothing to whoever saw the
//! authorization request.

use chancery_crypto::digest::{pkce_s256, same};
use serde::{Deserialize, Serialize};

/// A well-formed S256 challenge: SHA-256 in base64url.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Challenge(String);

impl Challenge {
    pub fn parse(text: &str) -> Option<Self> {
        let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (text.len() == 43 && text.bytes().all(of_alphabet)).then(|| Self(text.to_owned()))
    }

    /// A challenge that was parsed before it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_met_by(&self, verifier: &Verifier) -> bool {
        same(pkce_s256(&verifier.0).as_bytes(), self.0.as_bytes()) // PK-05
    }
}

/// A well-formed code verifier, unproved. It has no `Debug`: until its code is redeemed it is a secret.
pub(crate) struct Verifier(String);

impl Verifier {
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        ((43..=128).contains(&text.len()) && text.bytes().all(unreserved)).then(|| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn pk_03_a_challenge_is_43_base64url_characters() {
        assert!(Challenge::parse(CHALLENGE).is_some());
        for bad in ["", &CHALLENGE[1..], &format!("{CHALLENGE}A"), &CHALLENGE.replace('-', "+"), &CHALLENGE.replace('E', "=")] {
            assert!(Challenge::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn pk_03_a_verifier_is_43_to_128_unreserved_characters() {
        for good in [VERIFIER.to_owned(), "a".repeat(128), "-._~".repeat(11)] {
            assert!(Verifier::parse(&good).is_some(), "{good}");
        }
        for bad in ["a".repeat(42), "a".repeat(129), "a".repeat(42) + "+", "a".repeat(42) + "é"] {
            assert!(Verifier::parse(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn pk_05_the_rfcs_verifier_meets_the_rfcs_challenge() {
        let challenge = Challenge::parse(CHALLENGE).expect("well-formed");
        assert!(challenge.is_met_by(&Verifier::parse(VERIFIER).expect("well-formed")));
    }

    proptest! {
        #[test]
        fn pk_04_no_other_verifier_meets_it(other in "[A-Za-z0-9._~-]{43,128}") {
            prop_assume!(other != VERIFIER);
            let other = Verifier::parse(&other).expect("well-formed");
            prop_assert!(!Challenge::parse(CHALLENGE).expect("well-formed").is_met_by(&other));
        }
    }
}
