//! Clients of ours that are clients of an identity provider too (design §4, registration by proxy): by which id there, and, sealed, what proves
//! and manages that. A row outlives its client until the provider has forgotten it as well.

use chancery_core::{ClientId, Slug, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enrolment {
    pub tenant: TenantId,
    /// Ours.
    pub client: ClientId,
    pub provider: Slug,
    /// The provider's id for it.
    pub client_id: String,
    /// Its secret there, and by what it is managed.
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
    /// When the provider was last asked to forget it; before that, when it was made.
    pub tried_at: Timestamp,
}

const BY_CLIENT: &str =
    "SELECT tenant, client, provider, client_id, sealed, created_at, tried_at FROM enrolments WHERE tenant = $1 AND client = $2";
const LEFT_BEHIND: &str = "SELECT tenant, client, provider, client_id, sealed, created_at, tried_at FROM enrolments \
     WHERE tenant = $1 AND tried_at <= $2 AND NOT EXISTS \
     (SELECT 1 FROM clients WHERE clients.tenant = enrolments.tenant AND clients.id = enrolments.client) ORDER BY tried_at LIMIT $3";
const INSERT: &str = "INSERT INTO enrolments (tenant, client, provider, client_id, sealed, created_at, tried_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const TRY: &str = "UPDATE enrolments SET tried_at = $4 WHERE tenant = $1 AND client = $2 AND tried_at = $3";
const REMOVE: &str = "DELETE FROM enrolments WHERE tenant = $1 AND client = $2";

impl FromRow for Enrolment {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            client: row.client()?,
            provider: row.parsed()?,
            client_id: row.text()?,
            sealed: row.blob()?,
            created_at: row.at()?,
            tried_at: row.at()?,
        })
    }
}

pub fn insert(enrolment: &Enrolment) -> Write {
    let Enrolment { tenant, client, provider, client_id, sealed, created_at, tried_at } = enrolment;
    Write::one(INSERT, values![tenant, client, provider, client_id, sealed, created_at, tried_at])
}

/// Takes the turn to ask the provider. The guard fails when somebody else has it.
pub fn try_now(enrolment: &Enrolment, now: Timestamp) -> Write {
    Write::one(TRY, values![enrolment.tenant, &enrolment.client, enrolment.tried_at, now])
}

/// The provider has forgotten it.
pub fn remove(enrolment: &Enrolment) -> Write {
    Write::any(REMOVE, values![enrolment.tenant, &enrolment.client])
}

pub async fn by_client(store: &Store, tenant: &TenantId, client: &ClientId) -> Result<Option<Enrolment>, StoreError> {
    store.first(BY_CLIENT, values![tenant, client]).await
}

/// Those whose client is gone, or never came to be, and that nobody has tried since `before`.
pub async fn left_behind(store: &Store, tenant: &TenantId, before: Timestamp, most: u32) -> Result<Vec<Enrolment>, StoreError> {
    store.all(LEFT_BEHIND, values![tenant, before, most]).await
}
