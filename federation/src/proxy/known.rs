//! The provider as one of our clients is known to it: with that client's own id and secret there.

use std::borrow::Cow;
use std::sync::Arc;

use chancery_core::{ClientId, EnrolTrouble, Pages, Secret, SignInTrouble, TenantId};
use chancery_crypto::seal::SealError;
use chancery_registry::{IdentityProvider, Origin, Tenant};
use chancery_store::StoreError;
use chancery_store::repo::enrolments;

use super::{Whose, enrol};
use crate::Parts;

/// Why it is not known how a client is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknown {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The provider itself for every client that is not enrolled at this issuer: those of the file, and those known by a document.
pub(crate) async fn as_known<'a, P>(
    parts: &Parts<P>,
    tenant: &TenantId,
    provider: &'a IdentityProvider,
    client: Option<&ClientId>,
) -> Result<Cow<'a, IdentityProvider>, Unknown> {
    let Some(client) = client else { return Ok(Cow::Borrowed(provider)) };
    let found = enrolments::by_client(&parts.store, tenant, client, (&provider.name, &provider.issuer)).await?;
    let Some(enrolment) = found else { return Ok(Cow::Borrowed(provider)) };
    let held =
        Whose { tenant: *tenant, client: client.clone(), issuer: provider.issuer.clone() }.open(&parts.sealer, &enrolment.sealed).await?;
    let client_secret = Secret::new(held.client_secret);
    Ok(Cow::Owned(IdentityProvider { client_id: enrolment.client_id, client_secret, ..provider.clone() }))
}

/// The same; a client that registered itself and is not enrolled yet is enrolled now, where the provider must know it.
pub(crate) async fn as_enrolled<'a, P: Pages>(
    parts: &Arc<Parts<P>>,
    tenant: &Tenant,
    provider: &'a IdentityProvider,
    client: Option<&ClientId>,
) -> Result<Cow<'a, IdentityProvider>, SignInTrouble> {
    let store = |error: &dyn std::fmt::Display| SignInTrouble::Store(error.to_string());
    let known = as_known(parts, &tenant.id, provider, client).await.map_err(|error| store(&error))?;
    let Some(client) = client else { return Ok(known) };
    let must = tenant.registration.proxy.as_ref().is_some_and(|proxy| proxy.provider == provider.name);
    if !must || matches!(known, Cow::Owned(_)) {
        return Ok(known);
    }
    let found = parts.registry.client(tenant, client).await.map_err(|error| store(&error))?;
    let Some(found) = found.filter(|found| found.origin == Origin::Dynamic) else { return Ok(known) };
    enrol(parts, &tenant.id, client, &found.name).await.map_err(|trouble| {
        tracing::warn!(tenant = %tenant.name, %client, %trouble, "a client could not be registered at the identity provider");
        match trouble {
            EnrolTrouble::Store(_) => SignInTrouble::Store(trouble.to_string()),
            EnrolTrouble::Unreachable(_) | EnrolTrouble::Refused(_) => SignInTrouble::Provider(trouble.to_string()),
        }
    })?;
    as_known(parts, &tenant.id, provider, Some(client)).await.map_err(|error| store(&error))
}
