//! The provider as one of our clients is known to it: with that client's own id and secret there.

use std::borrow::Cow;

use chancery_core::{ClientId, Secret, TenantId};
use chancery_crypto::seal::SealError;
use chancery_registry::IdentityProvider;
use chancery_store::StoreError;
use chancery_store::repo::enrolments;

use super::Whose;
use crate::Parts;

/// Why it is not known how a client is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknown {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The provider itself for every client that is not enrolled there: those of the file, and of before there was a proxy.
pub(crate) async fn as_known<'a, P>(
    parts: &Parts<P>,
    tenant: &TenantId,
    provider: &'a IdentityProvider,
    client: Option<&ClientId>,
) -> Result<Cow<'a, IdentityProvider>, Unknown> {
    let Some(client) = client else { return Ok(Cow::Borrowed(provider)) };
    let found = enrolments::by_client(&parts.store, tenant, client).await?;
    let Some(enrolment) = found.filter(|enrolment| enrolment.provider == provider.name) else { return Ok(Cow::Borrowed(provider)) };
    let held = Whose { tenant: *tenant, client: client.clone() }.open(&parts.sealer, &enrolment.sealed).await?;
    let client_secret = Secret::new(held.client_secret);
    Ok(Cow::Owned(IdentityProvider { client_id: enrolment.client_id, client_secret, ..provider.clone() }))
}
