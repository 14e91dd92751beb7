//! The relying party: sends people to the company's OpenID provider and takes them back (OpenID Connect Core §3.1, RFC 9207, RFC 9700).
//!
//! 1. [`begin`]: an approved request becomes a sign-in row and the provider's URL.
//! 2. [`callback`]: the browser is back. What it brings is checked against the row ([`decide`]) and the row is claimed, once; then the
//!    code is redeemed ([`provider`]), the ID token checked ([`id_token`]), and session and result are written ([`outcome`]).
//! 3. The browser goes on to the issuer's resume address, with a key to the result. The issuer is never called from here.
//!
//! When the provider ends a session of its own, it says so to [`back_channel`], and what came of it here ends too, or does not begin
//! ([`under_way`]).
//!
//! A refusal ([`refused`]) is a page for the person, an event or a count for the log, and never a way on.

mod arrival;
mod back_channel;
mod begin;
mod callback;
mod decide;
mod groups;
mod id_token;
mod kept;
mod metadata;
mod outcome;
mod pending;
pub mod profiles;
mod provider;
mod proxy;
mod recheck;
mod refuse;
mod refused;
mod respond;
mod sign_out;
mod under_way;

#[cfg(test)]
mod fixtures;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use chancery_audit::{Counters, Journal, Rates};
use chancery_core::{
    ClientId, Clock, EnrolTrouble, Pages, RecheckTrouble, Rng, SignIn, SignInRequest, SignInTrouble, SignOutRequest, Slug, SubjectId,
    TenantId, Timestamp,
};
use chancery_crypto::seal::Sealer;
use chancery_outbound::{Documents, Fetcher};
use chancery_registry::{IdentityProvider, Registry};
use chancery_store::Store;
use futures_util::future::BoxFuture;
use tokio_util::task::TaskTracker;

pub use provider::ProviderTrouble;

/// Reads a provider's metadata as a sign-in would, for who wants to know before the first.
///
/// # Errors
/// Why nobody could sign in by it now.
pub async fn look_at(provider: &IdentityProvider, documents: &Documents, now: Timestamp) -> Result<(), ProviderTrouble> {
    provider::metadata(documents, provider, now).await.map(drop)
}

/// What a relying party works with.
pub struct Parts<P> {
    pub registry: Registry,
    pub store: Store,
    pub journal: Journal,
    pub counters: Counters,
    /// What each provider answered that proves nobody.
    pub witnessed: Rates<(TenantId, Slug)>,
    pub sealer: Sealer,
    pub fetcher: Fetcher,
    pub documents: Documents,
    pub pages: Arc<P>,
    /// What is brought to its end though nobody waits for it any more. Whoever closes the store waits for this first.
    pub unfinished: TaskTracker,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// The relying party of all tenants. Cheap to clone.
pub struct Federation<P> {
    parts: Arc<Parts<P>>,
}

impl<P: Pages> Federation<P> {
    pub fn new(parts: Parts<P>) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// `GET /t/{tenant}/callback/{provider}`: each provider has a redirect URI of its own, so that an answer of one is never taken for
    /// an answer of another, even where neither names itself in it. The same holds for where it says that a session ended.
    pub fn router(&self) -> Router {
        let told = post(back_channel::endpoint::<P>).layer(DefaultBodyLimit::max(back_channel::LONGEST));
        Router::new()
            .route("/t/{tenant}/callback/{provider}", get(callback::endpoint::<P>))
            .route("/t/{tenant}/backchannel-logout/{provider}", told) // BL-01
            .with_state(self.clone())
    }
}

impl<P: Pages> SignIn for Federation<P> {
    fn begin(&self, request: SignInRequest) -> BoxFuture<'_, Result<String, SignInTrouble>> {
        Box::pin(begin::begin(&self.parts, request))
    }

    fn sign_out(&self, request: SignOutRequest) -> BoxFuture<'_, Option<String>> {
        Box::pin(sign_out::sign_out(&self.parts, request))
    }

    fn recheck(&self, tenant: TenantId, subject: SubjectId, client: ClientId) -> BoxFuture<'_, Result<(), RecheckTrouble>> {
        Box::pin(recheck::recheck(Arc::clone(&self.parts), tenant, subject, client))
    }

    fn enrol<'a>(&'a self, tenant: &'a TenantId, client: &'a ClientId, name: &'a str) -> BoxFuture<'a, Result<(), EnrolTrouble>> {
        Box::pin(proxy::enrol(&self.parts, tenant, client, name))
    }

    fn forget_left_behind(&self) -> BoxFuture<'_, Result<usize, EnrolTrouble>> {
        Box::pin(async {
            let forgotten = proxy::forget(&self.parts, self.parts.clock.now()).await;
            forgotten.map_err(|error| EnrolTrouble::Store(error.to_string()))
        })
    }
}

impl<P> Clone for Federation<P> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone() }
    }
}
