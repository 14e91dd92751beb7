//! Keys that sign. The key is parsed once and each header is encoded once; what is left of a signature is the signature.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_core::Secret;
use serde::Serialize;

use super::{Algorithm, Jwk};

/// Why a key could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the crypto library could not make a key")]
    NotMade,
    #[error("these bytes are no private key for {}", .0.as_str())]
    Rejected(Algorithm),
    #[error("the crypto library could not sign")]
    NotSigned,
    #[error("the claims cannot be written as JSON: {0}")]
    Claims(#[from] serde_json::Error),
}

/// A private key with its id and its one algorithm. It has no `Debug`.
pub struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    pair: Pair,
    pkcs8: Secret<Vec<u8>>,
    headers: [OnceLock<Header>; 4],
}

enum Pair {
    P256(Box<EcdsaKeyPair>),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// An encoded header with the dot behind it.
struct Header {
    typ: &'static str,
    encoded: String,
}

impl SigningKey {
    /// A new key, by the crypto library's own generator. RSA keys have 2048 bits.
    ///
    /// # Errors
    /// [`KeyError::NotMade`].
    pub fn generate(algorithm: Algorithm, kid: String) -> Result<Self, KeyError> {
        Self::from_pkcs8(algorithm, kid, &Secret::new(fresh_pkcs8(algorithm)?))
    }

    /// Reads a key as [`SigningKey::to_pkcs8`] wrote it.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] if it is not a key for this algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, kid: String, pkcs8: &Secret<Vec<u8>>) -> Result<Self, KeyError> {
        let der = pkcs8.expose();
        let pair = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(|pair| Pair::P256(Box::new(pair))),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519),
            Algorithm::Rs256 | Algorithm::Ps256 => RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa(Box::new(pair))),
        };
        let pair = pair.map_err(|_| KeyError::Rejected(algorithm))?;
        Ok(Self { kid, algorithm, pair, pkcs8: pkcs8.clone(), headers: Default::default() })
    }

    /// The private key, to be sealed.
    pub fn to_pkcs8(&self) -> Secret<Vec<u8>> {
        self.pkcs8.clone()
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    pub fn jwk(&self) -> Jwk {
        let kid = self.kid.clone();
        match &self.pair {
            Pair::P256(pair) => Jwk::p256(kid, pair.public_key().as_ref()),
            Pair::Ed25519(pair) => Jwk::ed25519(kid, pair.public_key().as_ref()),
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                Jwk::rsa(kid, self.algorithm, &public.n, &public.e)
            }
        }
    }

    /// Signs claims into a token in compact form, whose header says `typ`.
    ///
    /// # Errors
    /// [`KeyError::Claims`] if they have no JSON form; [`KeyError::NotSigned`].
    pub fn sign(&self, typ: &'static str, claims: &impl Serialize) -> Result<String, KeyError> {
        let json = serde_json::to_vec(claims)?;
        let mut token = String::with_capacity(json.len() * 4 / 3 + 512);
        self.write_header(typ, &mut token);
        URL_SAFE_NO_PAD.encode_string(&json, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }

    /// Appends the header, from the few that are kept; a typ too many is encoded each time.
    fn write_header(&self, typ: &'static str, token: &mut String) {
        for slot in &self.headers {
            let kept = slot.get_or_init(|| Header { typ, encoded: self.encode_header(typ) });
            if kept.typ == typ {
                return token.push_str(&kept.encoded);
            }
        }
        token.push_str(&self.encode_header(typ));
    }

    fn encode_header(&self, typ: &str) -> String {
        let header = Json { typ, alg: self.algorithm.as_str(), kid: &self.kid };
        let json = serde_json::to_vec(&header).expect("three strings have a JSON form");
        URL_SAFE_NO_PAD.encode(json) + "."
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let padding = if self.algorithm == Algorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| KeyError::NotSigned)
    }
}

#[derive(Serialize)]
struct Json<'a> {
    typ: &'a str,
    alg: &'static str,
    kid: &'a str,
}

fn fresh_pkcs8(algorithm: Algorithm) -> Result<Vec<u8>, KeyError> {
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        Algorithm::Es256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map(|document| document.as_ref().to_vec())
        }
        Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random).map(|document| document.as_ref().to_vec()),
        Algorithm::Rs256 | Algorithm::Ps256 => RsaKeyPair::generate(KeySize::Rsa2048)
            .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map(|document| document.as_ref().to_vec())),
    };
    pkcs8.map_err(|_| KeyError::NotMade)
}
