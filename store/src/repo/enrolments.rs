//! Clients of ours that are clients of an identity provider too (design §4, registration by proxy): by which id there, and, sealed, what proves
//! and manages that. A row outlives its client until the provider has forgotten it as well.

use chancery_core::{ClientId, Issuer, Slug, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Enrolment {
    pub tenant: TenantId,
    /// Ours.
    pub client: ClientId,
    pub provider: Slug,
    /// Whose client it is: a provider's name in the file may come to mean another.
    pub issuer: Issuer,
    /// The provider's id for it.
    pub client_id: String,
    /// Its secret there, and by what it is managed.
    pub sealed: Vec<u8>,
    pub created_at: Timestamp,
    /// When the provider was last asked to forget it; before that, when it was made.
    pub tried_at: Timestamp,
}

const BY_CLIENT: &str = "SELECT tenant, client, provider, issuer, client_id, sealed, created_at, tried_at FROM enrolments \
     WHERE tenant = $1 AND client = $2 AND provider = $3 AND issuer = $4";
const LEFT_BEHIND: &str = "SELECT tenant, client, provider, issuer, client_id, sealed, created_at, tried_at FROM enrolments \
     WHERE tenant = $1 AND tried_at <= $2 AND NOT EXISTS \
     (SELECT 1 FROM clients WHERE clients.tenant = enrolments.tenant AND clients.id = enrolments.client) ORDER BY tried_at LIMIT $3";
const INSERT: &str = "INSERT INTO enrolments (tenant, client, provider, issuer, client_id, sealed, created_at, tried_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const TRY: &str =
    "UPDATE enrolments SET tried_at = $6 WHERE tenant = $1 AND client = $2 AND provider = $3 AND issuer = $4 AND tried_at = $5";
const REMOVE: &str = "DELETE FROM enrolments WHERE tenant = $1 AND client = $2 AND provider = $3 AND issuer = $4";

impl FromRow for Enrolment {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            client: row.client()?,
            provider: row.parsed()?,
            issuer: Issuer::foreign(row.text()?),
            client_id: row.text()?,
            sealed: row.blob()?,
            created_at: row.at()?,
            tried_at: row.at()?,
        })
    }
}

pub fn insert(enrolment: &Enrolment) -> Write {
    let Enrolment { tenant, client, provider, issuer, client_id, sealed, created_at, tried_at } = enrolment;
    Write::one(INSERT, values![tenant, client, provider, issuer.as_str(), client_id, sealed, created_at, tried_at])
}

/// Takes the turn to ask the provider. The guard fails when somebody else has it.
pub fn try_now(enrolment: &Enrolment, now: Timestamp) -> Write {
    Write::one(TRY, values![enrolment.tenant, &enrolment.client, &enrolment.provider, enrolment.issuer.as_str(), enrolment.tried_at, now])
}

/// The provider has forgotten it.
pub fn remove(enrolment: &Enrolment) -> Write {
    Write::any(REMOVE, values![enrolment.tenant, &enrolment.client, &enrolment.provider, enrolment.issuer.as_str()])
}

/// As what this client is known at a provider of this name that is this issuer.
pub async fn by_client(
    store: &Store,
    tenant: &TenantId,
    client: &ClientId,
    (provider, issuer): (&Slug, &Issuer),
) -> Result<Option<Enrolment>, StoreError> {
    store.first(BY_CLIENT, values![tenant, client, provider, issuer.as_str()]).await
}

/// Those whose client is gone, or never came to be, and that nobody has tried since `before`.
pub async fn left_behind(store: &Store, tenant: &TenantId, before: Timestamp, most: u32) -> Result<Vec<Enrolment>, StoreError> {
    store.all(LEFT_BEHIND, values![tenant, before, most]).await
}
