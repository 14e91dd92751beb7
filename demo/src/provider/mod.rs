//! A development identity provider: OpenID Connect Core with discovery, the code flow of one confidential client, PKCE, nonce, ES256
//! ID tokens and rotating refresh tokens; RP-initiated and back-channel logout. It asks for a name and no password, and everything it
//! knows ends with the process.

mod authorize;
mod form;
mod metadata;
mod page;
mod refresh;
mod sessions;
mod sign_out;
mod standing;
mod token;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::routing::{get, post};
use chancery_core::{Clock, Rng, Secret, Timestamp};
use chancery_crypto::digest::base64url;
use chancery_crypto::jose::{Algorithm, KeyError, SigningKey};
use chancery_outbound::Fetcher;

use crate::Person;
use sessions::State;
use standing::Standing;

/// The one client, as it was registered.
pub struct Registered {
    pub id: String,
    pub secret: Secret<String>,
    /// Compared as they are, byte for byte.
    pub redirect_uris: Vec<String>,
    /// Where a browser may come back to after it signed out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Who is told when a session ends, and by what.
    pub logout: Option<LogoutCall>,
}

/// Where a client hears of sessions that ended (OpenID Connect Back-Channel Logout §2.2).
pub struct LogoutCall {
    pub uri: String,
    pub fetcher: Fetcher,
}

/// What a provider is made of.
pub struct Parts {
    /// The issuer, and where [`Provider::router`] is mounted: its path is the mount.
    pub issuer: String,
    pub client: Registered,
    /// Who is signed in without being asked.
    pub acting: Option<Person>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// The provider. Keys, codes and sessions live in memory.
pub struct Provider {
    parts: Parts,
    /// The path of the issuer, for cookies and the form.
    path: String,
    key: SigningKey,
    state: Mutex<State>,
    standing: Mutex<Standing>,
}

impl Provider {
    /// # Errors
    /// [`KeyError`] if no signing key could be made.
    pub fn new(parts: Parts) -> Result<Arc<Self>, KeyError> {
        let mut kid = [0; 12];
        parts.rng.fill(&mut kid);
        let key = SigningKey::generate(Algorithm::Es256, base64url(&kid))?;
        let path = url::Url::parse(&parts.issuer).map(|url| url.path().to_owned()).unwrap_or_default();
        Ok(Arc::new(Self { parts, path, key, state: Mutex::default(), standing: Mutex::default() }))
    }

    /// Its routes, relative to the issuer.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(metadata::document))
            .route("/jwks", get(metadata::jwks))
            .route("/authorize", get(authorize::authorize))
            .route("/sign-in", post(authorize::sign_in))
            .route("/token", post(token::token))
            .route("/sign-out", get(sign_out::end_session))
            .with_state(self)
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 256 random bits as text.
    fn secret(&self) -> Secret<String> {
        let mut bytes = [0; 32];
        self.parts.rng.fill(&mut bytes);
        chancery_crypto::digest::secret_text(bytes)
    }
}
