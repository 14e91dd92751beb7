//! What `chancery demo` needs besides Chancery: a development identity provider, a bank and a currency exchange that speak MCP, pages
//! that can answer for a person, and the journey of a client that knows nothing but the bank's URL.
//!
//! All of it lies below `{base}/demo`, serves loopback only, and is refused elsewhere. Nothing of it is reachable from `serve`.

pub mod journey;
pub mod mcp;
pub mod provider;

mod configuration;
mod only_here;
mod people;
mod stand_in;
mod well_known;

use std::sync::Arc;

use axum::Router;
use chancery_core::{Clock, Issuer, Rng, Slug};
use chancery_crypto::jose::KeyError;
use chancery_outbound::Documents;

pub use configuration::{SECRET_REF, client_secret, configuration};
pub use people::{Person, UnknownPerson};
pub use stand_in::StandIn;

use mcp::{Gate, Server};
use only_here::Origin;
use provider::{Provider, Registered};

/// What the demo is made of.
pub struct Parts {
    /// Where everything is reached, without a slash at the end: `http://127.0.0.1:8080`.
    pub base: String,
    /// Who signs in and consents without being asked (`--as`).
    pub acting: Option<Person>,
    /// By which the MCP servers fetch Chancery's keys.
    pub documents: Documents,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(
        "the demo has no passwords, so it serves this computer only: {0} is not an http address of loopback, such as http://127.0.0.1:8080"
    )]
    NotLoopback(String),
    #[error("the demo's identity provider has no key: {0}")]
    Key(#[from] KeyError),
}

/// The name of the demo's tenant.
///
/// # Panics
/// Never: `demo` is a slug.
pub fn tenant() -> Slug {
    "demo".parse().expect("a slug")
}

/// The routes of the development identity provider and of the two MCP servers.
///
/// # Errors
/// [`DemoError::NotLoopback`] for every base but a loopback one.
pub fn router(parts: Parts) -> Result<Router, DemoError> {
    let origin = Origin::of(&parts.base).ok_or_else(|| DemoError::NotLoopback(parts.base.clone()))?;
    let provider = Provider::new(provider::Parts {
        issuer: configuration::provider_issuer(&parts.base),
        client: Registered {
            id: configuration::CLIENT_ID.to_owned(),
            secret: client_secret(),
            redirect_uris: vec![configuration::callback(&parts.base)],
            post_logout_redirect_uris: vec![format!("{}/signed-out", Issuer::of(&parts.base, &tenant()))],
            logout: None,
        },
        acting: parts.acting,
        clock: parts.clock.clone(),
        rng: parts.rng.clone(),
    })?;
    let gate = |upstream: &str| Gate {
        issuer: Issuer::of(&parts.base, &tenant()),
        audience: configuration::upstream(&parts.base, upstream),
        documents: parts.documents.clone(),
        clock: parts.clock.clone(),
    };
    let routes = Router::new()
        .nest("/demo/idp", provider.router())
        .nest("/demo/bank", Server::bank(gate("bank"), parts.rng.clone()).router())
        .nest("/demo/exchange", Server::exchange(gate("exchange"), parts.rng.clone()).router());
    Ok(origin.guarding(routes))
}
