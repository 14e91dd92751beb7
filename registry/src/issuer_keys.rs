//! The keys of those whose word lets a client register: who signs software statements, and platforms. Their addresses were written by an
//! operator; a stranger's token chooses nothing but the `kid`, and an unknown one is asked for again at most every half minute.

use chancery_core::Timestamp;
use chancery_crypto::jose::{self, Algorithm, Expected, JoseError, KeySet, Payload, Typ};
use chancery_outbound::{Documents, FetchError, Purpose};
use serde::Deserialize;

use crate::Keys;

/// Whose statements and tokens are signed by nothing weaker.
const ALGORITHMS: &[Algorithm] = Algorithm::ALL;

/// Cheap to clone.
#[derive(Clone)]
pub struct IssuerKeys {
    documents: Documents,
}

/// Why a token was not believed.
#[derive(Debug, thiserror::Error)]
pub enum NotBelieved {
    #[error("its issuer's keys cannot be had: {0}")]
    Unreachable(#[from] FetchError),
    #[error("the issuer's metadata cannot be used: it is not of that issuer, or names no keys")]
    Metadata,
    #[error(transparent)]
    Token(#[from] JoseError),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl IssuerKeys {
    pub const fn new(documents: Documents) -> Self {
        Self { documents }
    }

    /// The claims of a token that `issuer` signed. What they mean is for the caller.
    ///
    /// # Errors
    /// [`NotBelieved`].
    pub async fn verify(&self, token: &str, (issuer, keys): (&str, Option<&Keys>), now: Timestamp) -> Result<Payload, NotBelieved> {
        let expected = Expected { typ: Typ::IdToken, algorithms: ALGORITHMS };
        let uri = match keys {
            Some(Keys::Set(json)) => return Ok(jose::verify(token, &KeySet::from_jwks(json.as_bytes())?, &expected)?),
            Some(Keys::Uri(uri)) => uri.clone(),
            None => self.discovered(issuer, now).await?,
        };
        let known = self.documents.get(Purpose::ProviderJwks, &uri, now).await?;
        match jose::verify(token, &KeySet::from_jwks(&known.body)?, &expected) {
            Err(JoseError::UnknownKey) => {
                let fresh = self.documents.get_fresh(Purpose::ProviderJwks, &uri, now).await?;
                Ok(jose::verify(token, &KeySet::from_jwks(&fresh.body)?, &expected)?)
            }
            verified => Ok(verified?),
        }
    }

    async fn discovered(&self, issuer: &str, now: Timestamp) -> Result<String, NotBelieved> {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = self.documents.get(Purpose::ProviderMetadata, &url, now).await?;
        let metadata: Metadata = serde_json::from_slice(&document.body).map_err(|_| NotBelieved::Metadata)?;
        if metadata.issuer == issuer { Ok(metadata.jwks_uri) } else { Err(NotBelieved::Metadata) }
    }
}
