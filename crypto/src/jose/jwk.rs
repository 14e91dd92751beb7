//! A public key as JSON (RFC 7517, 7518 §6, 8037 §2).

use std::collections::BTreeMap;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm};
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};

use super::Algorithm;
use crate::digest::{base64url, from_base64url, sha256};

/// A public key. There is no place in it for a private member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    /// Where keys of several issuers are published together: whose it is. No registered member; Entra has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
}

impl Jwk {
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whose key it says that it is.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The one algorithm this key may be used with (JW-01): what it says, else what its type implies. `None` if there is none here.
    pub fn algorithm(&self) -> Option<Algorithm> {
        let implied = match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            // Some providers leave `alg` out of their RSA keys; all of those sign RS256.
            ("RSA", None) => Algorithm::Rs256,
            _ => return None,
        };
        match self.alg.as_deref().map(Algorithm::from_name) {
            None => Some(implied),
            Some(Some(Algorithm::Ps256)) if implied == Algorithm::Rs256 => Some(Algorithm::Ps256),
            Some(said) => said.filter(|said| *said == implied),
        }
    }

    /// How long its modulus is, where it has one.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        number(self.n.as_ref()?).map(|modulus| bits(&modulus))
    }

    /// SHA-256 over the members that make the key what it is, in base64url (RFC 7638). `None` for a type there is none of here.
    pub fn thumbprint(&self) -> Option<String> {
        let members: &[(&str, &Option<String>)] = match self.kty.as_str() {
            "EC" => &[("crv", &self.crv), ("x", &self.x), ("y", &self.y)],
            "OKP" => &[("crv", &self.crv), ("x", &self.x)],
            "RSA" => &[("e", &self.e), ("n", &self.n)],
            _ => return None,
        };
        let mut all = BTreeMap::from([("kty", self.kty.as_str())]);
        for (name, value) in members {
            all.insert(name, value.as_deref()?);
        }
        serde_json::to_vec(&all).ok().map(|json| base64url(&sha256(&json)))
    }

    /// The same key where a token's header brought it: named as the header names its key, and of the header's algorithm unless it says
    /// of which it is.
    pub(super) fn standing_alone(self, kid: Option<String>, alg: String) -> Self {
        Self { kid, alg: self.alg.or(Some(alg)), ..self }
    }

    /// The public key of P-256: an uncompressed point, `0x04 ‖ x ‖ y`.
    pub(super) fn p256(kid: String, point: &[u8]) -> Self {
        let (x, y) = point[1..].split_at(32);
        Self { crv: Some("P-256".into()), x: Some(base64url(x)), y: Some(base64url(y)), ..Self::signing("EC", kid, Algorithm::Es256) }
    }

    pub(super) fn ed25519(kid: String, x: &[u8]) -> Self {
        Self { crv: Some("Ed25519".into()), x: Some(base64url(x)), ..Self::signing("OKP", kid, Algorithm::EdDsa) }
    }

    pub(super) fn rsa(kid: String, algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Self {
        Self { n: Some(base64url(modulus)), e: Some(base64url(exponent)), ..Self::signing("RSA", kid, algorithm) }
    }

    fn signing(kty: &str, kid: String, algorithm: Algorithm) -> Self {
        let (alg, usage) = (Some(algorithm.as_str().to_owned()), Some("sig".to_owned()));
        Self { kty: kty.to_owned(), kid: Some(kid), alg, usage, crv: None, x: None, y: None, n: None, e: None, issuer: None }
    }

    /// The key as the verifying library wants it, if it can be used to verify at all.
    pub(super) fn decoding_key(&self) -> Option<DecodingKey> {
        if self.usage.as_ref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        match self.algorithm()? {
            Algorithm::Es256 => {
                let (x, y) = (bytes(self.x.as_ref()?)?, bytes(self.y.as_ref()?)?);
                let point = [&[4][..], &x, &y].concat();
                // JW-05: what is not a point of the curve is no key.
                (x.len() == 32 && y.len() == 32 && parses(&ECDSA_P256_SHA256_FIXED, &point)).then(|| DecodingKey::from_ec_der(&point))
            }
            Algorithm::EdDsa => {
                let x = bytes(self.x.as_ref()?)?;
                (x.len() == 32 && parses(&ED25519, &x)).then(|| DecodingKey::from_ed_der(&x))
            }
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let (n, e) = (number(self.n.as_ref()?)?, number(self.e.as_ref()?)?);
                let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
                // JW-08: at least 2048 bits; and at most 8192, beyond which a verification costs too much.
                let sound = (2048..=8192).contains(&bits(&n)) && odd(&n) && odd(&e) && (2..=64).contains(&bits(&e));
                sound.then(|| DecodingKey::from_rsa_raw_components(&n, &e))
            }
        }
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    from_base64url(text)
}

/// A big-endian number without the leading zeros that some providers put there.
fn number(text: &str) -> Option<Vec<u8>> {
    bytes(text).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn parses(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> bool {
    ParsedPublicKey::new(algorithm, key).is_ok()
}
