//! What lies behind a site: the company's identity provider and the servers that the gateway forwards to, on a port of their own.

use std::sync::Arc;

use axum::Router;
use chancery_core::{Clock, Issuer, Rng, Secret};
use chancery_crypto::random::SystemRng;
use chancery_demo::mcp::{Gate, Server};
use chancery_demo::provider::{Parts, Provider, Registered};
use chancery_outbound::{Documents, Fetcher};
use tokio::net::TcpListener;

use crate::IdentityProvider;
use crate::cast::{IDENTITY_PROVIDER, OTHER_PROVIDER, SECRET, TENANT};
use crate::nodes::dialer;

/// The addresses of what lies behind.
pub struct Behind {
    /// Its issuer.
    pub identity_provider: String,
    /// That of another company's.
    pub other_provider: String,
    pub bank: String,
    pub exchange: String,
    /// The provider itself, in the test's hands.
    pub provider: IdentityProvider,
    pub other: IdentityProvider,
}

impl Behind {
    /// Starts it for the site at `base`, until the runtime ends.
    pub async fn start(base: &str, clock: Arc<dyn Clock>) -> Self {
        let (listener, here) = crate::nodes::listen().await;
        let behind = Self {
            identity_provider: format!("{here}/idp"),
            other_provider: format!("{here}/partner"),
            bank: format!("{here}/bank/mcp"),
            exchange: format!("{here}/exchange/mcp"),
            provider: IdentityProvider::new(),
            other: IdentityProvider::new(),
        };
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let provider = |issuer: &str| {
            Provider::new(Parts {
                issuer: issuer.to_owned(),
                client: Registered {
                    id: "chancery".to_owned(),
                    secret: Secret::new(SECRET.to_owned()),
                    redirect_uris: [IDENTITY_PROVIDER, OTHER_PROVIDER].map(|name| format!("{base}/t/{TENANT}/callback/{name}")).into(),
                },
                acting: None,
                clock: clock.clone(),
                rng: rng.clone(),
            })
            .expect("a key can be made")
        };
        let documents = Documents::new(Fetcher::new(&dialer()));
        let gate = |audience: &str| Gate {
            issuer: Issuer::of(base, &TENANT.parse().expect("a slug")),
            audience: audience.to_owned(),
            documents: documents.clone(),
            clock: clock.clone(),
        };
        let router = Router::new()
            .nest("/idp", behind.provider.around(provider(&behind.identity_provider).router()))
            .nest("/partner", behind.other.around(provider(&behind.other_provider).router()))
            .nest("/bank", Server::bank(gate(&behind.bank), rng.clone()).router())
            .nest("/exchange", Server::exchange(gate(&behind.exchange), rng.clone()).router());
        serve(listener, router);
        behind
    }
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}
