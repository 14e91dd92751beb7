//! Half-enrolled and left-behind clients are deregistered at the provider, until that is done.

use chancery_audit::{CommitError, Draft};
use chancery_core::Timestamp;
use chancery_registry::{IdentityProvider, Tenant};
use chancery_store::repo::enrolments::{self, Enrolment};
use chancery_store::repo::vouchers;

use super::provider::{Deregistered, Registrar};
use super::{Whose, due};
use crate::Parts;

/// How many of a tenant are tried in one round.
const BITE: u32 = 100;

/// Every node does so from time to time; each enrolment is one node's at a time. Gives how many were forgotten.
pub(crate) async fn forget<P>(parts: &Parts<P>, now: Timestamp) -> Result<usize, CommitError> {
    let mut forgotten = 0;
    for tenant in parts.registry.tenants() {
        for enrolment in enrolments::left_behind(&parts.store.uncounted(), &tenant.id, due(now), BITE).await? {
            forgotten += usize::from(one(parts, &tenant, &enrolment, now).await?);
        }
    }
    Ok(forgotten)
}

async fn one<P>(parts: &Parts<P>, tenant: &Tenant, enrolment: &Enrolment, now: Timestamp) -> Result<bool, CommitError> {
    let turn = parts.journal.commit(&tenant.id, Draft::default().writing(enrolments::try_now(enrolment, now))).await;
    match turn {
        Ok(_receipt) => {}
        Err(CommitError::GuardFailed(_)) => return Ok(false), // another node's
        Err(error) => return Err(error),
    }
    match deregistered(parts, tenant, enrolment, now).await {
        Deregistered::Done => {
            let tokens = vouchers::remove_of_registration(&tenant.id, &enrolment.client);
            let forgotten = Draft::default().writing(enrolments::remove(enrolment)).writing(tokens);
            let _receipt = parts.journal.commit(&tenant.id, forgotten).await?;
            Ok(true)
        }
        Deregistered::NotNow(why) => {
            let (provider, client) = (&enrolment.provider, &enrolment.client_id);
            tracing::warn!(tenant = %tenant.name, %provider, %client, why, "a client is still registered at the identity provider; trying again");
            Ok(false)
        }
    }
}

/// Where the provider is the tenant's no longer, or its name means another, there is nobody to tell.
async fn deregistered<P>(parts: &Parts<P>, tenant: &Tenant, enrolment: &Enrolment, now: Timestamp) -> Deregistered {
    let is_it = |provider: &&IdentityProvider| provider.name == enrolment.provider && provider.issuer == enrolment.issuer;
    let Some(provider) = tenant.providers.iter().find(is_it) else { return Deregistered::Done };
    let whose = Whose { tenant: tenant.id, client: enrolment.client.clone(), issuer: enrolment.issuer.clone() };
    match whose.open(&parts.sealer, &enrolment.sealed).await {
        Ok(held) => Registrar::at(tenant, provider).deregister(parts, &enrolment.client_id, held.managed_by.as_ref(), now).await,
        Err(error) => Deregistered::NotNow(error.to_string()),
    }
}
