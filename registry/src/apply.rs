//! Making a plan true: one Unit with every row, the tenant's next version, the event that tells who changed what, and the feed entry
//! by which other nodes hear of it. The tenant's version guards it, so of two applies at once one finds that it was overtaken.

use chancery_audit::{Change, CommitError, Draft, Receipt, Topic, Write};
use chancery_core::{ClientId, Entropy, Event, Field, Kind, Slug};
use chancery_crypto::seal::Sealer;
use chancery_store::StoreError;
use chancery_store::repo::objects::{self, Object};
use chancery_store::repo::tenants;

use crate::config::DeclaredSecret;
use crate::plan::{NewRow, RowChange};
use crate::snapshot::{place, row_key};
use crate::{Plan, Registry, RegistryError};

/// Who applies, and what else belongs into the same Unit.
pub struct Applying {
    /// As the audit log is to name them.
    pub administrator: String,
    /// A new tenant's first keys, and the ends of what is removed.
    pub also: Draft,
}

/// What an apply made.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Applied {
    pub version: i64,
    /// One line for each change; empty if there was nothing to do.
    pub changes: Vec<String>,
    /// The ids of the file's clients.
    pub clients: Vec<(Slug, ClientId)>,
}

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Somebody else applied meanwhile; nothing was changed.
    #[error("the registry was changed by somebody else meanwhile, so nothing was applied; plan again")]
    Conflict,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Unavailable(#[from] RegistryError),
}

impl Registry {
    /// Applies a plan. One without changes changes nothing, not even the version. Whoever asks this registry afterwards sees it applied.
    ///
    /// # Errors
    /// [`ApplyError::Conflict`] if the tenant has another version than the plan was made against.
    pub async fn apply(&self, plan: &Plan, applying: Applying) -> Result<Applied, ApplyError> {
        let Applying { administrator, also } = applying;
        let changes = plan.lines();
        if plan.is_empty() {
            return Ok(Applied { version: plan.version, changes, clients: plan.clients.clone() });
        }
        let parts = self.parts();
        let (now, version) = (parts.clock.now(), plan.version + 1);
        let event = Event::new(Kind::RegistryApplied, plan.tenant, now, &mut Entropy::draw(&*parts.rng))
            .with(Field::Version, version)
            .with(Field::Changes, changes.join("\n"))
            .with(Field::Administrator, administrator);

        let mut draft = Draft::default().writing(step(plan, version, now)).recording(event);
        for row in &plan.rows {
            draft = draft.writing(write(plan, row, version, &parts.sealer).await?);
        }
        draft.writes.extend(also.writes);
        draft.events.extend(also.events);
        // Told first: a node that knows a new tenant must have its keys.
        draft.changes.extend(also.changes);
        draft = draft.telling(Change { topic: Topic::Registry, key: version.to_string() });

        let _: Receipt = parts.journal.commit(&plan.tenant, draft).await.map_err(|error| match error {
            CommitError::GuardFailed(_) => ApplyError::Conflict,
            CommitError::Unavailable(error) => error.into(),
        })?;
        // It is applied, whatever happens now; and the feed brings the news once more.
        if let Err(error) = self.reload(&plan.tenant).await {
            tracing::error!(tenant = %plan.name, version, %error, "the registry was applied, but this node cannot read it yet");
        }
        Ok(Applied { version, changes, clients: plan.clients.clone() })
    }
}

/// The guard: a tenant of this name does not exist yet, or is still at the version that was planned against.
fn step(plan: &Plan, version: i64, now: chancery_core::Timestamp) -> Write {
    if plan.is_new {
        let (name, base_url) = (plan.name.clone(), plan.base_url.clone());
        return tenants::insert(&tenants::Tenant { id: plan.tenant, name, base_url, version, created_at: now });
    }
    tenants::advance(&plan.tenant, plan.version)
}

async fn write(plan: &Plan, row: &RowChange, version: i64, sealer: &Sealer) -> Result<Write, RegistryError> {
    Ok(match row {
        RowChange::Insert(row) => objects::insert(&object(plan, row, version, sealer).await?),
        RowChange::Replace(row) => objects::replace(&object(plan, row, version, sealer).await?),
        RowChange::Remove { kind, name } => objects::remove(&plan.tenant, *kind, name),
    })
}

async fn object(plan: &Plan, row: &NewRow, version: i64, sealer: &Sealer) -> Result<Object, RegistryError> {
    let secret = match &row.secret {
        None => None,
        Some(DeclaredSecret::Digest(digest)) => Some(digest.to_vec()),
        Some(DeclaredSecret::Sealed(secret)) => {
            let key = row_key(row.kind, &row.name);
            Some(sealer.seal(&place(&plan.tenant, &key, version), secret.expose().as_bytes()).await?)
        }
    };
    Ok(Object {
        tenant: plan.tenant,
        kind: row.kind,
        name: row.name.clone(),
        id: row.id.clone(),
        owner: row.owner.clone(),
        body: row.body.clone(),
        secret,
        url: row.url.clone(),
        version,
    })
}
