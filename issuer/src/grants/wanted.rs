//! One token that is wanted, held against the registry and the policy of now: a grant may be months old.

use std::sync::Arc;

use chancery_core::oauth::Code;
use chancery_core::{Actor, Event, Field, GrantId, Kind, ScopeSet};
use chancery_policy::{Action, Circumstances, Denied, Permit, Question};
use chancery_registry::{Access, Resource};
use chancery_store::repo::grants::{AllowedResource, Grant};

use super::Asking;
use crate::identity_scope::without_identity;
use crate::mint::{self, Authority, Unsigned};
use crate::moment::Moment;
use crate::refusal::{ByRow, Refused};

pub(super) struct Wanted<'a> {
    asking: Asking<'a>,
    grant: &'a Grant,
    resource: &'a Arc<Resource>,
    /// What the token is to carry: the resource's own scopes.
    scope: ScopeSet,
    access: Access,
    path: [GrantId; 1],
}

impl<'a> Wanted<'a> {
    /// What `allowed` comes to today: a resource that is gone gives no token, a scope that is gone is in none.
    pub fn of(
        allowed: &AllowedResource,
        scope: &ScopeSet,
        (grant, access): (&'a Grant, Access),
        asking: Asking<'a>,
    ) -> Result<Self, Refused> {
        same_actor(grant, asking).row("AT-04")?;
        let resource = asking.tenant.resource(&allowed.resource_id).ok_or_else(|| {
            Refused::invalid_target("this resource is no longer registered here; ask who runs this server, then authorize again")
        })?;
        let scope = asking.tenant.scopes_for(asking.by.client(), &without_identity(scope).intersection(&resource.all_scopes())); // DR-06
        let given = access.narrowed(&scope);
        if given.is_empty() && !scope.is_empty() {
            return Err(Refused::invalid_scope("the groups of whoever allowed this give none of these scopes any more; ask for others"));
        }
        Ok(Self { asking, grant, resource, scope: given, access, path: [grant.id] })
    }

    pub fn permit(&self, moment: &mut Moment) -> Result<Permit, Refused> {
        let Asking { tenant, by, .. } = self.asking;
        self.asking.binding.suffices_for(self.resource).row("PR-05")?;
        let agent = by.agent().map(|id| tenant.agent(&id).ok_or_else(agent_is_gone)).transpose()?;
        if self.resource.require_agent && agent.is_none() {
            return Err(Refused::new(
                Code::AccessDenied,
                "this resource gives tokens to registered agents only; register this client as an agent's",
            ));
        }
        let question = Question {
            action: Action::IssueToken,
            subject: &self.grant.subject,
            client: by.id(),
            agent: agent.map(|agent| (&**agent).into()),
            resource: (&**self.resource).into(),
            target: None,
            scope: &self.scope,
            roles: &self.access.roles,
            circumstances: Circumstances { authentication: self.grant.authentication.as_ref(), ..Circumstances::default() },
        };
        tenant.policy.decide(&question, moment.now, &mut moment.entropy).map_err(|denied| self.denied(&denied, moment))
    }

    pub fn mint(&self, permit: &Permit, moment: &mut Moment) -> Result<Unsigned, Refused> {
        let authority = Authority {
            tenant: self.asking.tenant,
            resource: self.resource,
            grants: &self.path,
            act: permit.agent().map(|agent| Actor {
                iss: self.asking.tenant.issuer.clone(),
                sub: agent.to_string(),
                sub_profile: Actor::AI_AGENT.to_owned(),
                act: None,
            }),
            cnf: self.asking.binding.confirmation(), // DP-01
            authentication: self.grant.authentication.as_ref(),
            roles: &self.access.roles,
            ends_at: self.grant.expires_at,
        };
        mint::access_token(permit, &authority, moment).map_err(|large| Refused::invalid_scope(large.to_string())).row("AT-05")
    }

    /// The event of a token that is about to be issued. It is the token's only record.
    pub fn issued(&self, kind: Kind, permit: &Permit, access: &Unsigned, moment: &mut Moment) -> Event {
        let claims = access.claims();
        Event::new(kind, self.asking.tenant.id, moment.now, &mut moment.entropy)
            .with(Field::Subject, permit.subject())
            .with(Field::Client, permit.client())
            .with_some(Field::Agent, permit.agent())
            .with_actors(claims.act.as_ref())
            .with(Field::Resource, permit.resource())
            .with(Field::Scope, permit.scope())
            .with(Field::Grants, self.grant.id)
            .with(Field::Token, claims.jti)
            .with_some(Field::ProofKey, claims.cnf.as_ref().map(|cnf| &cnf.jkt))
            .with(Field::Decision, permit.decision())
    }

    fn denied(&self, denied: &Denied, moment: &mut Moment) -> Refused {
        let event = Event::new(Kind::TokenRefused, self.asking.tenant.id, moment.now, &mut moment.entropy)
            .with(Field::Subject, &self.grant.subject)
            .with(Field::Client, self.asking.by.id())
            .with_some(Field::Agent, self.asking.by.agent())
            .with(Field::Resource, &self.resource.url)
            .with(Field::Scope, &self.scope)
            .with(Field::Grants, self.grant.id);
        refused_by_policy(denied, event)
    }
}

/// `access_denied`: the codes that RFC 6749 §5.2 has for this endpoint make clients register or sign in again, which would not help.
/// `event` says who was refused what.
pub(super) fn refused_by_policy(denied: &Denied, event: Event) -> Refused {
    let advice = denied.advice.as_deref().unwrap_or("ask an administrator");
    let event = event.with(Field::Decision, denied.decision).with(Field::Outcome, Code::AccessDenied).with(Field::Reason, denied);
    Refused::new(Code::AccessDenied, format!("policy does not allow this token: {advice} (decision {})", denied.decision))
        .because(denied.to_string())
        .recording(event)
}

/// The person allowed one agent to act, or none: a client that was bound to another since is not the one they read of.
fn same_actor(grant: &Grant, asking: Asking<'_>) -> Result<(), Refused> {
    if grant.agent == asking.by.agent() {
        return Ok(());
    }
    Err(Refused::invalid_grant("this client acts as another agent now than the one that was allowed to; authorize again"))
}

/// An actor is never dropped: who cannot act as the agent gets nothing.
pub(super) fn agent_is_gone() -> Refused {
    Refused::new(Code::AccessDenied, "the agent that this client acts as is no longer registered; ask who runs this server")
}
