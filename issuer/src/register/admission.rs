//! Who may register, and as what: by which of the tenant's rules somebody comes in (RFC 7591 §3; design §4).
//!
//! 1. What is presented is told apart: a platform's token by its issuer, an initial access token by its hash, a software statement in the
//!    body, or nothing.
//! 2. Each is looked up or verified; what the tenant wants and does not get is refused.
//! 3. What comes of it is an [`Admission`]: the most that the client may have, and what its use consumes.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use chancery_core::oauth::Code;
use chancery_core::{AgentId, ScopeSet, Timestamp};
use chancery_crypto::digest::sha256;
use chancery_registry::{AdmittedBy, Dynamic, GrantType, Standing, Tenant, UNUSED_CLIENTS_STAY, Workload};
use chancery_store::Write;
use chancery_store::repo::registration_tokens;
use serde_json::{Map, Value};

use super::client_metadata::{Asked, stated};
use super::{platform, statement};
use crate::refusal::{ByRow, Refused};
use crate::server::Server;
use crate::unanswered::Unanswered;

/// How long a client waits for an administrator.
const PENDING_CLIENTS_STAY: Duration = Duration::from_hours(7 * 24);

/// The most that a client may have, by the rule that lets it in.
pub(super) struct Admission {
    pub grants: BTreeSet<GrantType>,
    /// Its own limit; where there is none, the tenant's quarantine holds.
    pub scopes: Option<ScopeSet>,
    pub agent: Option<AgentId>,
    pub standing: Standing,
    /// Unused, it is kept so long.
    pub stays: Duration,
    /// Who answers for it.
    pub by: Option<AdmittedBy>,
    /// Nothing bounds how many come in so, and each counts against how many there may be that were never used: strangers, and what a
    /// statement vouches for, which anybody may have who has the software.
    pub is_counted: bool,
    /// Which workload it is.
    pub workload: Option<Workload>,
    /// What a statement says of it.
    pub stated: Map<String, Value>,
    /// What can be used so often and no more.
    pub consumes: Option<Use>,
}

/// One use of a credential.
pub(super) struct Use {
    /// Its guard fails when there is none left.
    pub take: Write,
    /// Undoes it, where nothing came of it.
    pub give_back: Write,
}

/// The credential of a request, as it came.
pub(super) enum Presented {
    Nothing,
    Bearer(String),
    /// Something else than one bearer token.
    Unknown,
}

impl Presented {
    pub fn read(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let Some(line) = lines.next() else { return Self::Nothing };
        let token = line.to_str().ok().and_then(|line| line.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token {
            Some((_, token)) if lines.next().is_none() && !token.trim().is_empty() => Self::Bearer(token.trim().to_owned()),
            _ => Self::Unknown,
        }
    }

    pub const fn is_something(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl Admission {
    /// What anybody may have, where anybody may register (DR-06).
    pub fn of_strangers() -> Self {
        Self {
            grants: GrantType::OF_THE_CODE_FLOW.into(),
            scopes: None,
            agent: None,
            standing: Standing::Active,
            stays: UNUSED_CLIENTS_STAY,
            by: None,
            is_counted: true,
            workload: None,
            stated: Map::new(),
            consumes: None,
        }
    }

    fn by(who: AdmittedBy) -> Self {
        Self { by: Some(who), is_counted: false, ..Self::of_strangers() }
    }

    /// Finds the rule. What a statement says goes over what was asked.
    pub async fn find(
        server: &Server,
        tenant: &Tenant,
        presented: &Presented,
        asked: &mut Asked,
    ) -> Result<Result<Self, Refused>, Unanswered> {
        let now = server.clock.now();
        let vouched = match asked.text("software_statement").map(str::to_owned) {
            Some(statement) => match statement::verified(server, tenant, &statement, now).await {
                Ok(statement) => Some(statement),
                Err(refused) => return Ok(Err(refused)),
            },
            None => None,
        };
        let (by_statement, stated) = match vouched {
            Some(statement::Statement { issuer, claims }) => {
                let stated = stated(claims);
                asked.overruled_by(&stated);
                (Some(Self { is_counted: true, ..Self::by(AdmittedBy::Statement(issuer)) }), stated)
            }
            None => (None, Map::new()),
        };
        let found = match presented {
            Presented::Unknown => Err(not_a_token()).row("DR-05"),
            Presented::Bearer(token) => match platform::of(tenant, token) {
                Some(rule) => platform::admitted(server, tenant, (rule, token), now).await.row("DR-05"),
                None => Self::by_token(server, tenant, token, now).await?.row("DR-05"),
            },
            Presented::Nothing => match by_statement.filter(|_| tenant.registration.dynamic != Dynamic::Closed) {
                Some(admission) => Ok(admission),
                None => Self::of_nobody(tenant).row("DR-05"),
            },
        };
        Ok(found.map(|admission| Self { stated, ..admission }))
    }

    fn of_nobody(tenant: &Tenant) -> Result<Self, Refused> {
        match tenant.registration.dynamic {
            Dynamic::Open => Ok(Self::of_strangers()),
            Dynamic::Approval => Ok(Self { standing: Standing::Pending, stays: PENDING_CLIENTS_STAY, ..Self::of_strangers() }),
            Dynamic::Token => Err(Refused::new(
                Code::InvalidToken,
                "registration needs an initial access token here; ask who runs this server for one, and send it as Authorization: Bearer",
            )),
            Dynamic::Closed => Err(Refused::new(
                Code::InvalidToken,
                "only workloads of known platforms register here, with their platform's token as the bearer",
            )),
        }
    }

    async fn by_token(server: &Server, tenant: &Tenant, token: &str, now: Timestamp) -> Result<Result<Self, Refused>, Unanswered> {
        let hash = sha256(token.as_bytes());
        let known = registration_tokens::by_hash(&server.store, &tenant.id, &hash).await?;
        Ok(match known.filter(|known| known.is_good(now) && tenant.registration.dynamic != Dynamic::Closed) {
            Some(known) => {
                let (take, give_back) =
                    (registration_tokens::consume(&tenant.id, &hash, now), registration_tokens::give_back(&tenant.id, &hash));
                Ok(Self {
                    consumes: Some(Use { take, give_back }),
                    stays: PENDING_CLIENTS_STAY,
                    ..Self::by(AdmittedBy::Token(known.label))
                })
            }
            None => Err(Refused::new(
                Code::InvalidToken,
                "this initial access token is unknown, used up or expired; ask who runs this server for another",
            )),
        })
    }

    /// What a platform's rule gives.
    pub fn by_platform(tenant: &Tenant, rule: &chancery_registry::Platform, used: Use) -> Result<Self, Refused> {
        let agent = tenant.agents.iter().find(|agent| agent.name == rule.agent);
        let agent = agent.ok_or_else(|| Refused::new(Code::AccessDenied, "the agent of this platform's rule is no longer registered"))?;
        Ok(Self {
            grants: rule.grants.clone(),
            scopes: Some(rule.scopes.clone()),
            agent: Some(agent.id),
            consumes: Some(used),
            ..Self::by(AdmittedBy::Platform(rule.name.clone()))
        })
    }
}

fn not_a_token() -> Refused {
    Refused::new(Code::InvalidToken, "the Authorization header is not one Bearer token; send the initial access token so, or nothing")
}
