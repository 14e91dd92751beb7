//! A look at the identity providers when a server starts. One that cannot be reached stops nobody who is signed in already, so the server
//! starts all the same; but whoever started it should hear of it now, not from the first person who cannot sign in.

use std::sync::Arc;

use chancery_core::Timestamp;
use chancery_outbound::Documents;
use chancery_registry::{IdentityProvider, Tenant};

use crate::exit::{Exit, Failure};

/// What is asked, and how.
#[derive(Clone)]
pub struct Look {
    pub tenants: Vec<Arc<Tenant>>,
    pub documents: Documents,
    pub now: Timestamp,
}

impl Look {
    /// Asks each provider for its metadata, as the first sign-in would (OpenID Connect Discovery §4), and gives back what is wrong.
    pub async fn failures(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        for tenant in &self.tenants {
            for provider in &tenant.providers {
                failures.extend(self.at(tenant, provider).await.err());
            }
        }
        failures
    }

    async fn at(&self, tenant: &Tenant, provider: &IdentityProvider) -> Result<(), Failure> {
        let Err(why) = chancery_federation::look_at(provider, &self.documents, self.now).await else { return Ok(()) };
        let what = format!("nobody can sign in to tenant {} by identity provider {}", tenant.name, provider.name);
        let remedy = "check the provider's `issuer` in the file, its own settings, and this machine's way to it; sign-in works as soon as it answers well";
        Err(Failure::new(Exit::Provider, what).because(why).remedy(remedy))
    }
}
