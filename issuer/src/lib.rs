//! The authorization server (OAuth 2.1, RFC 6749; metadata RFC 8414; registration RFC 7591; resources RFC 8707; `iss` RFC 9207).
//!
//! Every endpoint is: read once → load facts → `decide`, a pure function → commit the outcome's Unit → answer. A refusal is an outcome
//! like any other: it has its row, its words, its writes and its record.
//!
//! - `authorize`: a request is checked, by a table of steps. `consent`: a person allows it, signs in, and a code goes to the client.
//!   `sign_in`: where they do. `apps`: what a person allowed, and how they end it.
//!   `sign_out`: how they leave. [`Logouts`]: how clients hear of it.
//! - `token_endpoint`: the other table of steps; `client_auth` and `grants` have one file each for a method and a grant. `binding`: the key
//!   that tokens are bound to.
//! - `revocation`: how clients give back what they got (RFC 7009).
//! - [`mint`], [`answer`]: permit → unsigned token → receipt → answer, in types that cannot be skipped.
//! - `register`, `metadata`: how clients come to know us and we them. [`OwnCredentials`]: tokens for what stands behind the gateway.

pub mod answer;
pub mod mint;

mod apps;
mod authorize;
mod back_channel;
mod binding;
mod body;
mod client_auth;
mod consent;
mod cors;
#[cfg(test)]
mod fixtures;
mod form;
mod front;
mod grants;
mod identity_scope;
mod limits;
mod metadata;
mod moment;
mod own_credentials;
mod page_post;
mod page_refusal;
mod pkce;
mod posted;
mod redirect_uri;
mod refusal;
mod register;
mod return_to;
mod revocation;
mod server;
mod sign_in;
mod sign_out;
mod token_endpoint;
mod unanswered;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use chancery_audit::{Counters, Journal};
use chancery_core::{Clock, Pages, Rng, SignIn};
use chancery_registry::{IssuerKeys, Registry};
use chancery_store::Store;
use chancery_tokens::{Keyring, Signer, Verifier};
use tokio_util::task::TaskTracker;
use tower::layer::layer_fn;

pub use back_channel::Logouts;
pub use own_credentials::OwnCredentials;

use crate::front::Front;
use crate::server::Server;

/// What an authorization server works with.
pub struct Parts<P> {
    pub registry: Registry,
    pub keyring: Keyring,
    pub signer: Signer,
    /// For tokens that come back to be revoked.
    pub verifier: Verifier,
    pub journal: Journal,
    pub store: Store,
    pub counters: Counters,
    pub issuer_keys: IssuerKeys,
    pub sign_in: Arc<dyn SignIn>,
    pub pages: Arc<P>,
    /// What is brought to its end though nobody waits for it any more. Whoever closes the store waits for this first.
    pub unfinished: TaskTracker,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// The authorization server of all tenants. Cheap to clone.
pub struct AuthorizationServer<P> {
    front: Arc<Front<P>>,
}

impl<P: Pages> AuthorizationServer<P> {
    pub fn new(parts: Parts<P>) -> Self {
        let Parts { registry, keyring, signer, verifier, journal, store, counters, issuer_keys, sign_in, pages, unfinished, clock, rng } =
            parts;
        let limits = limits::Limits::new(&clock);
        let server =
            Server { registry, keyring, signer, verifier, journal, store, counters, issuer_keys, limits, sign_in, unfinished, clock, rng };
        let server = Arc::new(server);
        Self { front: Arc::new(Front { server, pages }) }
    }

    /// All of its endpoints.
    #[rustfmt::skip]
    pub fn router(&self) -> Router {
        let for_clients = Router::new()
            .route("/.well-known/oauth-authorization-server/t/{tenant}", get(metadata::authorization_server)) // MD-01
            .route("/.well-known/openid-configuration/t/{tenant}",       get(metadata::authorization_server))
            .route("/t/{tenant}/.well-known/openid-configuration",       get(metadata::authorization_server))
            .route("/t/{tenant}/jwks",                                   get(metadata::jwks))
            .route("/t/{tenant}/token",                                  post(token_endpoint::token)) // OA-07
            .route("/t/{tenant}/register",                               post(register::register))
            .route("/t/{tenant}/register/{client}",                      get(register::read).put(register::change).delete(register::delete))
            .route("/t/{tenant}/revoke",                                 post(revocation::revoke)) // RV-01
            .layer(layer_fn(cors::OpenToBrowsers)) // OA-18
            .with_state(Arc::clone(&self.front.server));
        let for_people = Router::new()
            .route("/t/{tenant}/authorize",                              get(authorize::get::<P>).post(authorize::post::<P>))
            .route("/t/{tenant}/consent",                                post(consent::posted::<P>))
            .route("/t/{tenant}/choose",                                 post(sign_in::chosen::<P>))
            .route("/t/{tenant}/resume",                                 get(consent::resume::<P>))
            .route("/t/{tenant}/apps",                                   get(apps::get::<P>).post(apps::post::<P>))
            .route("/t/{tenant}/apps/sign-in",                           post(apps::sign_in::<P>))
            .route("/t/{tenant}/sign-out",                               get(sign_out::get::<P>).post(sign_out::post::<P>))
            .route("/t/{tenant}/signed-out",                             get(sign_out::goodbye::<P>))
            .with_state(Arc::clone(&self.front));
        for_clients.merge(for_people).layer(DefaultBodyLimit::max(body::LONGEST))
    }
}

impl<P> Clone for AuthorizationServer<P> {
    fn clone(&self) -> Self {
        Self { front: Arc::clone(&self.front) }
    }
}
