//! What lies behind a site: the company's identity provider and the servers that the gateway forwards to, on a port of their own.

use std::sync::Arc;

use axum::Router;
use chancery_core::{Clock, Issuer, Rng, Secret};
use chancery_crypto::random::SystemRng;
use chancery_demo::mcp::{Gate, Server};
use chancery_demo::provider::{LogoutCall, Parts, Provider, Registered};
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
        let provider = |issuer: &str, name: &str, hand: &IdentityProvider| {
            let logout_uri = format!("{base}/t/{TENANT}/backchannel-logout/{name}");
            let provider = Provider::new(Parts {
                issuer: issuer.to_owned(),
                client: Registered {
                    id: "chancery".to_owned(),
                    secret: Secret::new(SECRET.to_owned()),
                    redirect_uris: [IDENTITY_PROVIDER, OTHER_PROVIDER].map(|name| format!("{base}/t/{TENANT}/callback/{name}")).into(),
                    post_logout_redirect_uris: vec![format!("{base}/t/{TENANT}/signed-out")],
                    logout: Some(LogoutCall { uri: logout_uri, fetcher: Fetcher::new(&dialer()) }),
                },
                acting: None,
                clock: clock.clone(),
                rng: rng.clone(),
            })
            .expect("a key can be made");
            hand.holds(Arc::clone(&provider));
            hand.around(provider.router())
        };
        let documents = Documents::new(Fetcher::new(&dialer()));
        let gate = |audience: &str| Gate {
            issuer: Issuer::of(base, &TENANT.parse().expect("a slug")),
            audience: audience.to_owned(),
            documents: documents.clone(),
            clock: clock.clone(),
        };
        let router = Router::new()
            .nest("/idp", provider(&behind.identity_provider, IDENTITY_PROVIDER, &behind.provider))
            .nest("/partner", provider(&behind.other_provider, OTHER_PROVIDER, &behind.other))
            .nest("/bank", Server::bank(gate(&behind.bank), rng.clone()).router())
            .nest("/exchange", Server::exchange(gate(&behind.exchange), rng.clone()).router());
        serve(listener, router);
        behind
    }
}

fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}
