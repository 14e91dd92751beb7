//! Who may come in: the bearer of an access token that the issuer made for this server (MC-01). Steps: 1. the header; 2. whose keys: the
//! issuer's metadata and JWKS; 3. signature and type; 4. issuer, audience, time.

use std::sync::Arc;

use chancery_core::{Clock, Issuer};
use chancery_crypto::jose::{Algorithm, Expected, KeySet, Typ, peek, verify};
use chancery_outbound::{Documents, FetchError, Purpose};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;

use crate::well_known::metadata_address;

/// What a token must be to be let in.
pub struct Gate {
    pub issuer: Issuer,
    /// This server's own URL: the `aud` of every token for it.
    pub audience: String,
    pub documents: Documents,
    pub clock: Arc<dyn Clock>,
}

/// The bearer of a good token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    pub subject: String,
}

/// Why somebody is turned away.
#[derive(Debug, thiserror::Error)]
pub enum TurnedAway {
    #[error("a bearer token is needed")]
    NoToken,
    #[error("the token is not one for this server: {0}")]
    BadToken(String),
    /// Not the caller's fault.
    #[error("the issuer's keys could not be fetched: {0}")]
    NoKeys(String),
}

/// Twice the RFC's patience would be 60 s; both clocks here are one.
const SKEW_SECONDS: i64 = 5;

impl Gate {
    pub async fn admit(&self, headers: &HeaderMap) -> Result<Caller, TurnedAway> {
        let token = bearer(headers).ok_or(TurnedAway::NoToken)?;
        let kid = peek(token).map_err(bad)?.kid.unwrap_or_default();
        let keys = self.keys(&kid).await?;
        let expected = Expected { typ: Typ::AccessToken, algorithms: Algorithm::ALL };
        let claims: Claims = verify(token, &keys, &expected).and_then(|payload| payload.claims()).map_err(bad)?;
        self.judge(claims)
    }

    fn judge(&self, claims: Claims) -> Result<Caller, TurnedAway> {
        let now = self.clock.now().seconds();
        match () {
            () if claims.iss != self.issuer.as_str() => Err(bad("another issuer made it")),
            () if claims.aud != self.audience => Err(bad("it is for another audience")),
            () if claims.exp <= now - SKEW_SECONDS => Err(bad("it has expired")),
            () if claims.iat > now + SKEW_SECONDS => Err(bad("it was made in the future")),
            () => Ok(Caller { subject: claims.sub }),
        }
    }

    /// The issuer's keys; fetched again if the one asked for is not among them.
    async fn keys(&self, kid: &str) -> Result<KeySet, TurnedAway> {
        let now = self.clock.now();
        let address = metadata_address(self.issuer.as_str()).ok_or_else(|| TurnedAway::NoKeys("the issuer is no URL".into()))?;
        let document = self.documents.get(Purpose::ProviderMetadata, &address, now).await?;
        let metadata: Metadata = serde_json::from_slice(&document.body).map_err(|error| TurnedAway::NoKeys(error.to_string()))?;
        if metadata.issuer != self.issuer.as_str() {
            return Err(TurnedAway::NoKeys(format!("{address} speaks of another issuer"))); // MD-07
        }
        let keys = self.documents.get(Purpose::ProviderJwks, &metadata.jwks_uri, now).await?;
        let set = KeySet::from_jwks(&keys.body).map_err(|error| TurnedAway::NoKeys(error.to_string()))?;
        if set.contains(kid) {
            return Ok(set);
        }
        let keys = self.documents.get_fresh(Purpose::ProviderJwks, &metadata.jwks_uri, now).await?; // AT-01
        KeySet::from_jwks(&keys.body).map_err(|error| TurnedAway::NoKeys(error.to_string()))
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    /// One audience, as the house makes them (AT-04).
    aud: String,
    exp: i64,
    iat: i64,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl From<FetchError> for TurnedAway {
    fn from(error: FetchError) -> Self {
        Self::NoKeys(error.to_string())
    }
}

fn bad(why: impl ToString) -> TurnedAway {
    TurnedAway::BadToken(why.to_string())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
