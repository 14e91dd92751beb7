//! Grants: what a subject allowed a client to do at resources. A grant has a life of its own; tokens only point at it.

use chancery_core::{
    AgentId, Authentication, ClientId, GrantId, Issuer, ResourceId, ResourceUrl, ScopeSet, SessionId, Slug, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{FromRow, Guard, Row, Store, StoreError, Value, Write};

/// What was allowed at one resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AllowedResource {
    pub resource: ResourceUrl,
    pub resource_id: ResourceId,
    pub scope: ScopeSet,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    pub tenant: TenantId,
    pub id: GrantId,
    pub parent: Option<GrantId>,
    /// A subject's id, or an agent's or client's that acts as itself.
    pub subject: String,
    pub client: ClientId,
    pub agent: Option<AgentId>,
    pub resources: Vec<AllowedResource>,
    pub authentication: Option<Authentication>,
    /// Of the browser in which it was allowed.
    pub session: Option<SessionId>,
    /// What the identity provider calls its own session with them. A grant outlives our session; the provider's word ends it all the same.
    pub their_session: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<String>,
}

const BY_ID: &str = "SELECT tenant, id, parent, subject, client, agent, resources, authentication, session, their_session, created_at, expires_at, ended_at, end_reason \
     FROM grants WHERE tenant = $1 AND id = $2";
const INSERT: &str = "INSERT INTO grants \
     (tenant, id, parent, subject, client, agent, resources, authentication, session, their_session, created_at, expires_at, ended_at, end_reason) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const END: &str = "UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant = $1 AND id = $2 AND ended_at IS NULL";
const END_OF_SUBJECT: &str = "UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant = $1 AND subject = $2 AND ended_at IS NULL";
const END_OF_CLIENT: &str = "UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant = $1 AND client = $2 AND ended_at IS NULL";
const END_OF_AGENT: &str = "UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant = $1 AND agent = $2 AND ended_at IS NULL";
const END_OF_ISSUER: &str = "UPDATE grants SET ended_at = $4, end_reason = $5 WHERE tenant = $1 AND ended_at IS NULL AND subject IN \
     (SELECT id FROM subjects WHERE tenant = $1 AND provider = $2 AND substr(key, 1, length($3)) = $3)";
const END_OF_SESSION: &str = "UPDATE grants SET ended_at = $3, end_reason = $4 WHERE tenant = $1 AND session = $2 AND ended_at IS NULL";
const OF_THEIR_SESSION: &str = "SELECT id FROM grants WHERE tenant = $1 AND their_session = $2 AND ended_at IS NULL AND subject IN \
     (SELECT id FROM subjects WHERE tenant = $1 AND provider = $3)";
const END_OF_THEIR_SESSION: &str = "UPDATE grants SET ended_at = $4, end_reason = $5 WHERE tenant = $1 AND their_session = $2 \
     AND ended_at IS NULL AND subject IN (SELECT id FROM subjects WHERE tenant = $1 AND provider = $3)";
const OF_SESSION: &str = "SELECT id FROM grants WHERE tenant = $1 AND session = $2 AND ended_at IS NULL";
const END_OF_SUBJECT_TO_CLIENT: &str = "UPDATE grants SET ended_at = $4, end_reason = $5 \
     WHERE tenant = $1 AND subject = $2 AND client = $3 AND ended_at IS NULL AND expires_at > $4";
const ALIVE_OF_SUBJECT_TO_CLIENT: &str = "SELECT id FROM grants \
     WHERE tenant = $1 AND subject = $2 AND client = $3 AND ended_at IS NULL AND expires_at > $4 ORDER BY id";
const HELD_OF_SUBJECT: &str = "SELECT g.client, g.agent, g.resources, MIN(g.created_at), MAX(f.used_at) \
     FROM grants g LEFT JOIN families f ON f.tenant = g.tenant AND f.grant_id = g.id \
     WHERE g.tenant = $1 AND g.subject = $2 AND g.ended_at IS NULL AND g.expires_at > $3 \
     GROUP BY g.client, g.agent, g.resources ORDER BY g.client";
const ALIVE: &str = "UPDATE grants SET ended_at = NULL WHERE tenant = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $3";

const PAGE: &str = "SELECT tenant, id, parent, subject, client, agent, resources, authentication, session, their_session, created_at, expires_at, ended_at, end_reason \
     FROM grants WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3";
const PAGE_OF_SUBJECT: &str = "SELECT tenant, id, parent, subject, client, agent, resources, authentication, session, their_session, created_at, expires_at, ended_at, \
     end_reason FROM grants WHERE tenant = $1 AND id > $2 AND subject = $4 ORDER BY id LIMIT $3";
const PAGE_OF_CLIENT: &str = "SELECT tenant, id, parent, subject, client, agent, resources, authentication, session, their_session, created_at, expires_at, ended_at, \
     end_reason FROM grants WHERE tenant = $1 AND id > $2 AND client = $4 ORDER BY id LIMIT $3";
const ALIVE_OF_SUBJECT: &str = "SELECT count(*) FROM grants WHERE tenant = $1 AND subject = $2 AND ended_at IS NULL";
const ALIVE_OF_CLIENT: &str = "SELECT count(*) FROM grants WHERE tenant = $1 AND client = $2 AND ended_at IS NULL";
const ALIVE_OF_AGENT: &str = "SELECT count(*) FROM grants WHERE tenant = $1 AND agent = $2 AND ended_at IS NULL";

/// Whose grants are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of<'a> {
    Anybody,
    /// A subject's id, or an agent's or client's that acts as itself.
    Subject(&'a str),
    Client(&'a ClientId),
    Agent(&'a AgentId),
}

impl Grant {
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// What a client holds of a person's: all living grants of the same content as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    pub client: ClientId,
    pub agent: Option<AgentId>,
    pub resources: Vec<AllowedResource>,
    pub since: Timestamp,
    /// When a token of it was last issued; never, if no code was redeemed.
    pub used_at: Option<Timestamp>,
}

impl FromRow for Held {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            client: row.client()?,
            agent: row.opt(Row::parsed)?,
            resources: row.json()?,
            since: row.at()?,
            used_at: row.opt(Row::at)?,
        })
    }
}

impl FromRow for Grant {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            tenant: row.parsed()?,
            id: row.parsed()?,
            parent: row.opt(Row::parsed)?,
            subject: row.text()?,
            client: row.client()?,
            agent: row.opt(Row::parsed)?,
            resources: row.json()?,
            authentication: row.opt(Row::json)?,
            session: row.opt(Row::parsed)?,
            their_session: row.opt(Row::text)?,
            created_at: row.at()?,
            expires_at: row.at()?,
            ended_at: row.opt(Row::at)?,
            end_reason: row.opt(Row::text)?,
        })
    }
}

pub fn insert(grant: &Grant) -> Write {
    let Grant { tenant, id, parent, subject, client, agent, session, their_session, created_at, expires_at, ended_at, end_reason, .. } =
        grant;
    let resources = Value::json(&grant.resources);
    let authentication = grant.authentication.as_ref().map_or(Value::Null, Value::json);
    Write::one(
        INSERT,
        values![
            tenant,
            id,
            parent,
            subject,
            client,
            agent,
            resources,
            authentication,
            session,
            their_session,
            created_at,
            expires_at,
            ended_at,
            end_reason
        ],
    )
}

/// Ending twice is ending once: the first reason stands.
pub fn end(tenant: &TenantId, id: &GrantId, now: Timestamp, reason: &str) -> Write {
    Write::any(END, values![tenant, id, now, reason])
}

/// Everything that was allowed by this subject, or to an agent or client that acts as itself.
pub fn end_of_subject(tenant: &TenantId, subject: &str, now: Timestamp, reason: &str) -> Write {
    Write::any(END_OF_SUBJECT, values![tenant, subject, now, reason])
}

/// Everything that was allowed to this client.
pub fn end_of_client(tenant: &TenantId, client: &ClientId, now: Timestamp, reason: &str) -> Write {
    Write::any(END_OF_CLIENT, values![tenant, client, now, reason])
}

/// Everything that was allowed to clients of this agent.
pub fn end_of_agent(tenant: &TenantId, agent: &AgentId, now: Timestamp, reason: &str) -> Write {
    Write::any(END_OF_AGENT, values![tenant, agent, now, reason])
}

/// Everything that was allowed by the people whom this issuer vouched for, by this provider of the tenant's.
pub fn end_of_issuer(tenant: &TenantId, provider: &Slug, issuer: &Issuer, now: Timestamp, reason: &str) -> Write {
    Write::any(END_OF_ISSUER, values![tenant, provider, format!("{issuer} "), now, reason])
}

/// Everything that was allowed in this session; the guard fails when that is more or less than `many` by now.
pub fn end_of_session(tenant: &TenantId, session: &SessionId, now: Timestamp, reason: &str, many: usize) -> Write {
    Write { guard: Guard::Exactly(many as u64), ..Write::any(END_OF_SESSION, values![tenant, session, now, reason]) }
}

/// What was allowed in this session and has not been ended.
pub async fn of_session(store: &Store, tenant: &TenantId, session: &SessionId) -> Result<Vec<GrantId>, StoreError> {
    let found: Vec<Id> = store.all(OF_SESSION, values![tenant, session]).await?;
    Ok(found.into_iter().map(|Id(id)| id).collect())
}

/// What was allowed while this provider had a session of this name with the person, and has not been ended.
pub async fn of_their_session(store: &Store, tenant: &TenantId, provider: &Slug, id: &str) -> Result<Vec<GrantId>, StoreError> {
    let found: Vec<Id> = store.all(OF_THEIR_SESSION, values![tenant, id, provider]).await?;
    Ok(found.into_iter().map(|Id(id)| id).collect())
}

/// All of that; the guard fails when it is more or less than `many` by now.
pub fn end_of_their_session(tenant: &TenantId, (provider, id): (&Slug, &str), now: Timestamp, reason: &str, many: usize) -> Write {
    Write { guard: Guard::Exactly(many as u64), ..Write::any(END_OF_THEIR_SESSION, values![tenant, id, provider, now, reason]) }
}

struct Id(GrantId);

impl FromRow for Id {
    fn from_row(row: &mut Row) -> Result<Self, StoreError> {
        row.parsed().map(Self)
    }
}

/// What this subject allowed this client: so many grants as [`alive_of_subject_to_client`] gave. The guard fails when there is another by
/// now.
pub fn end_of_subject_to_client(
    tenant: &TenantId,
    (subject, client): (&str, &ClientId),
    count: usize,
    now: Timestamp,
    reason: &str,
) -> Write {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    Write { guard: Guard::Exactly(count), ..Write::any(END_OF_SUBJECT_TO_CLIENT, values![tenant, subject, client, now, reason]) }
}

/// Changes nothing; its guard says that the grant is alive when the Unit commits. Every mint's Unit has one like it.
pub fn alive(tenant: &TenantId, id: &GrantId, now: Timestamp) -> Write {
    Write::one(ALIVE, values![tenant, id, now])
}

pub async fn by_id(store: &Store, tenant: &TenantId, id: &GrantId) -> Result<Option<Grant>, StoreError> {
    store.first(BY_ID, values![tenant, id]).await
}

/// Whether this write is one of those here that end grants: the rows it changed are the grants that ended.
pub fn is_end(write: &Write) -> bool {
    [END, END_OF_SUBJECT, END_OF_CLIENT, END_OF_AGENT, END_OF_ISSUER, END_OF_SESSION, END_OF_THEIR_SESSION, END_OF_SUBJECT_TO_CLIENT]
        .contains(&write.sql)
}

/// The grants after one, or from the first, in the order they were made; ended ones too.
pub async fn page(store: &Store, tenant: &TenantId, of: Of<'_>, after: Option<&GrantId>, limit: u32) -> Result<Vec<Grant>, StoreError> {
    let after = after.map_or_else(|| Value::from(""), Value::from);
    match of {
        Of::Subject(subject) => store.all(PAGE_OF_SUBJECT, values![tenant, after, limit, subject]).await,
        Of::Client(client) => store.all(PAGE_OF_CLIENT, values![tenant, after, limit, client]).await,
        Of::Anybody | Of::Agent(_) => store.all(PAGE, values![tenant, after, limit]).await,
    }
}

/// How many have not ended; those of everybody are not counted, since there may be millions.
pub async fn not_ended(store: &Store, tenant: &TenantId, of: Of<'_>) -> Result<u64, StoreError> {
    let mut rows = match of {
        Of::Subject(subject) => store.query(ALIVE_OF_SUBJECT, values![tenant, subject]).await?,
        Of::Client(client) => store.query(ALIVE_OF_CLIENT, values![tenant, client]).await?,
        Of::Agent(agent) => store.query(ALIVE_OF_AGENT, values![tenant, agent]).await?,
        Of::Anybody => return Ok(0),
    };
    rows.first_mut().map_or(Ok(0), Row::count)
}

/// The living grants of a subject to a client.
pub async fn alive_of_subject_to_client(
    store: &Store,
    tenant: &TenantId,
    (subject, client): (&str, &ClientId),
    now: Timestamp,
) -> Result<Vec<GrantId>, StoreError> {
    let ids: Vec<Id> = store.all(ALIVE_OF_SUBJECT_TO_CLIENT, values![tenant, subject, client, now]).await?;
    Ok(ids.into_iter().map(|Id(id)| id).collect())
}

/// All that clients hold of a subject's.
pub async fn held_of_subject(store: &Store, tenant: &TenantId, subject: &str, now: Timestamp) -> Result<Vec<Held>, StoreError> {
    store.all(HELD_OF_SUBJECT, values![tenant, subject, now]).await
}
