//! Approvals that are remembered: what a person last allowed a client at a resource, and what the page said of the client then. Ending
//! one removes its row; the audit log keeps what was.

use chancery_core::{AgentId, ClientId, GrantId, Issuer, ResourceId, ScopeSet, Slug, SubjectId, TenantId, Timestamp};

use crate::{FromRow, Row, Store, StoreError, Value, Write};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    pub tenant: TenantId,
    pub subject: SubjectId,
    pub client: ClientId,
    pub resource: ResourceId,
    /// The registered agent that the page named.
    pub agent: Option<AgentId>,
    pub scope: ScopeSet,
    /// Where the answer went, as the page showed it.
    pub redirect_host: String,
    /// As the page showed it.
    pub client_name: String,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

const OF_CLIENT: &str = "SELECT tenant, subject, client, resource, agent, scope, redirect_host, client_name, at, expires_at \
     FROM approvals WHERE tenant = $1 AND subject = $2 AND client = $3";
const OF_SUBJECT: &str = "SELECT tenant, subject, client, resource, agent, scope, redirect_host, client_name, at, expires_at \
     FROM approvals WHERE tenant = $1 AND subject = $2 ORDER BY client, resource";
const REMEMBER: &str = "INSERT INTO approvals \
     (tenant, subject, client, resource, agent, scope, redirect_host, client_name, at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     ON CONFLICT (tenant, subject, client, resource) DO UPDATE SET agent = EXCLUDED.agent, scope = EXCLUDED.scope, \
     redirect_host = EXCLUDED.redirect_host, client_name = EXCLUDED.client_name, at = EXCLUDED.at, expires_at = EXCLUDED.expires_at";
const ALIVE: &str = "UPDATE approvals SET at = $5 \
     WHERE tenant = $1 AND subject = $2 AND client = $3 AND resource = $4 AND at = $5 AND expires_at > $6";
const END: &str = "DELETE FROM approvals WHERE tenant = $1 AND subject = $2 AND client = $3";
const END_OF_SUBJECT: &str = "DELETE FROM approvals WHERE tenant = $1 AND subject = $2";
const END_OF_CLIENT: &str = "DELETE FROM approvals WHERE tenant = $1 AND client = $2";
const END_OF_AGENT: &str = "DELETE FROM approvals WHERE tenant = $1 AND agent = $2";
const END_OF_ISSUER: &str = "DELETE FROM approvals WHERE tenant = $1 AND subject IN \
     (SELECT id FROM subjects WHERE tenant = $1 AND provider = $2 AND substr(key, 1, length($3)) = $3)";
const END_OF_GRANT: &str = "DELETE FROM approvals WHERE tenant = $1 \
     AND subject = (SELECT subject FROM grants WHERE tenant = $1 AND id = $2) AND client = (SELECT client FROM grants WHERE tenant = $1 AND id = $2)";

impl FromRow for Approval {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            subject: row.parsed()?,
            client: row.client()?,
            resource: row.parsed()?,
            agent: row.opt(Row::parsed)?,
            scope: row.json()?,
            redirect_host: row.text()?,
            client_name: row.text()?,
            at: row.at()?,
            expires_at: row.at()?,
        })
    }
}

/// In the place of what was remembered of this client at this resource. Not beside it: two approvals together would allow what no page
/// ever showed at once.
pub fn remember(approval: &Approval) -> Write {
    let Approval { tenant, subject, client, resource, agent, redirect_host, client_name, at, expires_at, .. } = approval;
    let scope = Value::json(&approval.scope);
    Write::one(REMEMBER, values![tenant, subject, client, resource, agent, scope, redirect_host, client_name, at, expires_at])
}

/// Changes nothing; its guard says that this approval still stands when the Unit commits.
pub fn alive(approval: &Approval, now: Timestamp) -> Write {
    let Approval { tenant, subject, client, resource, at, .. } = approval;
    Write::one(ALIVE, values![tenant, subject, client, resource, at, now])
}

/// What a person allowed a client.
pub fn end(tenant: &TenantId, subject: &SubjectId, client: &ClientId) -> Write {
    Write::any(END, values![tenant, subject, client])
}

pub fn end_of_subject(tenant: &TenantId, subject: &SubjectId) -> Write {
    Write::any(END_OF_SUBJECT, values![tenant, subject])
}

pub fn end_of_client(tenant: &TenantId, client: &ClientId) -> Write {
    Write::any(END_OF_CLIENT, values![tenant, client])
}

/// What the people allowed whom this issuer vouched for, by this provider of the tenant's.
pub fn end_of_issuer(tenant: &TenantId, provider: &Slug, issuer: &Issuer) -> Write {
    Write::any(END_OF_ISSUER, values![tenant, provider, format!("{issuer} ")])
}

pub fn end_of_agent(tenant: &TenantId, agent: &AgentId) -> Write {
    Write::any(END_OF_AGENT, values![tenant, agent])
}

/// What the person of this grant allowed its client.
pub fn end_of_grant(tenant: &TenantId, grant: &GrantId) -> Write {
    Write::any(END_OF_GRANT, values![tenant, grant])
}

/// What a person allowed this client, the expired included.
pub async fn of_client(store: &Store, tenant: &TenantId, subject: &SubjectId, client: &ClientId) -> Result<Vec<Approval>, StoreError> {
    store.all(OF_CLIENT, values![tenant, subject, client]).await
}

/// What a person allowed whomever, the expired included.
pub async fn of_subject(store: &Store, tenant: &TenantId, subject: &SubjectId) -> Result<Vec<Approval>, StoreError> {
    store.all(OF_SUBJECT, values![tenant, subject]).await
}
