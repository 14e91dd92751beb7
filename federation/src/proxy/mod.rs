//! Registration by proxy (design §4): where the company's provider must know our clients, each that registers here is registered there too
//! (RFC 7591), and its people sign in by the id that the provider gave it: one client there for one here (SB-04).
//!
//! Our client id stays ours; the provider's, its secret and what manages it (RFC 7592) are the provider's matter and ours, and no client ever
//! sees them. Two systems cannot be written at once, so the order is:
//!
//! 1. [`enrol`]: when all our own rules are satisfied, what lets the client in is consumed, and before our client is written, the provider is
//!    asked. It refuses or does not answer: our registration fails, and nothing is left anywhere.
//! 2. What it answered is written at once, by itself ([`enrolments`](chancery_store::repo::enrolments)), whether or not whoever asked still waits.
//! 3. The issuer writes our client. Fails that, or falls the power, there is an enrolment without a client.
//! 4. [`forget`]: an enrolment whose client is not there (any more) is deregistered at the provider, again and again until that is done, and
//!    only then forgotten. So however a client ends (by its own wish, an administrator's, or for never being used), its other half follows, and
//!    a registration that failed half-way is the same case.
//!
//! A client that somebody has yet to let in is nobody at the provider. It is enrolled when it first sends somebody to sign in
//! ([`as_enrolled`]), and so is one whose provider's name has come to mean another issuer: an enrolment is one at an issuer, and what it holds
//! goes nowhere else.
//!
//! What remains: between the provider's answer and our write a lost node leaves a client there that nobody uses and we do not know. Its name
//! says which of ours it was for.

mod forget;
mod known;
mod provider;

use std::sync::Arc;

use chancery_audit::{CommitError, Draft};
use chancery_core::{ClientId, EnrolTrouble, Issuer, Pages, TenantId, Timestamp};
use chancery_crypto::seal::{Place, SealError, Sealer};
use chancery_store::repo::enrolments::{self, Enrolment};
use serde::{Deserialize, Serialize};

use crate::Parts;

pub(crate) use forget::forget;
pub(crate) use known::{as_enrolled, as_known};

/// What is sealed of an enrolment. It has no `Debug`: it holds secrets.
#[derive(Serialize, Deserialize)]
struct Held {
    client_secret: String,
    /// The token that manages this one client, and where, if the provider gives such.
    managed_by: Option<(String, String)>,
}

/// Somebody who hangs up must not cut this off between the provider's answer and our write: nobody would ever remove what it made.
pub(crate) async fn enrol<P: Pages>(parts: &Arc<Parts<P>>, tenant: &TenantId, client: &ClientId, name: &str) -> Result<(), EnrolTrouble> {
    let (parts, tenant, client, name) = (Arc::clone(parts), *tenant, client.clone(), name.to_owned());
    let enrolling = parts.unfinished.clone().spawn(async move { enrolled(&parts, &tenant, &client, &name).await });
    enrolling.await.unwrap_or_else(|lost| Err(EnrolTrouble::Store(lost.to_string())))
}

async fn enrolled<P>(parts: &Parts<P>, tenant: &TenantId, client: &ClientId, name: &str) -> Result<(), EnrolTrouble> {
    let now = parts.clock.now();
    let Some(tenant) = parts.registry.tenant_by_id(tenant) else { return Ok(()) };
    let Some(registrar) = provider::Registrar::of(&tenant) else { return Ok(()) };
    let at = (&registrar.provider.name, &registrar.provider.issuer);
    let known = enrolments::by_client(&parts.store, &tenant.id, client, at).await;
    if known.map_err(|error| EnrolTrouble::Store(error.to_string()))?.is_some() {
        return Ok(());
    }

    let registered = registrar.register(parts, client, name, now).await?;
    let held = Held { client_secret: registered.client_secret, managed_by: registered.managed_by };
    let place = Whose { tenant: tenant.id, client: client.clone(), issuer: registrar.provider.issuer.clone() };
    let sealed = place.seal(&parts.sealer, &held).await.map_err(|error| EnrolTrouble::Store(error.to_string()))?;
    let enrolment = Enrolment {
        tenant: tenant.id,
        client: client.clone(),
        provider: registrar.provider.name.clone(),
        issuer: registrar.provider.issuer.clone(),
        client_id: registered.client_id,
        sealed,
        created_at: now,
        tried_at: now,
    };
    // No event: whether there will be such a client is not settled yet, and its registration is one.
    let written = parts.journal.commit(&tenant.id, Draft::default().writing(enrolments::insert(&enrolment))).await;
    if let Err(error) = written {
        // Our own store fails us, or somebody else was first: nothing here would remember what to undo, so it is undone now, as far as that
        // can be.
        let undone = registrar.deregister(parts, &enrolment.client_id, held.managed_by.as_ref(), now).await;
        tracing::warn!(tenant = %tenant.name, client = %enrolment.client_id, ?undone, "an enrolment could not be written");
        return match error {
            CommitError::GuardFailed(_) => Ok(()),
            CommitError::Unavailable(error) => Err(EnrolTrouble::Store(error.to_string())),
        };
    }
    Ok(())
}

/// Whose enrolment is sealed.
struct Whose {
    tenant: TenantId,
    client: ClientId,
    issuer: Issuer,
}

const TABLE: &str = "enrolments";

impl Whose {
    /// The row is written once, so its version never moves.
    fn place<'a>(&'a self, row: &'a str) -> Place<'a> {
        Place { tenant: &self.tenant, table: TABLE, row, version: 1 }
    }

    fn row(&self) -> String {
        format!("{} {}", self.client, self.issuer)
    }

    async fn seal(&self, sealer: &Sealer, held: &Held) -> Result<Vec<u8>, SealError> {
        let plain = serde_json::to_vec(held).expect("texts always serialise");
        sealer.seal(&self.place(&self.row()), &plain).await
    }

    async fn open(&self, sealer: &Sealer, sealed: &[u8]) -> Result<Held, SealError> {
        let plain = sealer.open(&self.place(&self.row()), sealed).await?;
        serde_json::from_slice(plain.expose()).map_err(|_| SealError::Refused { table: TABLE })
    }
}

/// An enrolment may be on its way to becoming a client's for so long.
const UNDER_WAY: std::time::Duration = std::time::Duration::from_secs(600);

/// Before when nobody may have tried for it to be tried again.
fn due(now: Timestamp) -> Timestamp {
    now - UNDER_WAY
}
