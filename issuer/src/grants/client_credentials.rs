//! The client credentials grant (RFC 6749 §4.4): a client as itself, or as the registered agent that it proves to be.
//!
//! Nobody's consent stands behind it, so what it may have is what an operator wrote: the client's scopes, and policy. There is no grant's
//! row and no refresh token (OA-16); the token's event is its record, and a client at hand costs no read.

use std::sync::Arc;

use chancery_audit::Draft;
use chancery_core::oauth::Code;
use chancery_core::{Event, Field, Kind, ScopeSet};
use chancery_policy::{Action, Circumstances, Denied, Permit, Question};
use chancery_registry::{Agent, Origin, Resource};
use chancery_store::repo::clients;

use super::wanted::{agent_is_gone, refused_by_policy};
use super::{Asking, Granted, used};
use crate::form::Form;
use crate::mint::{self, Authority, Unsigned};
use crate::moment::Moment;
use crate::refusal::{ByRow, Refused};

/// What the client asked, read once.
pub(crate) struct Request {
    scope: Option<ScopeSet>,
    resource: Option<String>,
}

pub(super) fn decide(asked: &Request, asking: Asking<'_>, moment: &mut Moment) -> Result<Granted, Refused> {
    let resource = one_resource(asked, asking).row("RI-01")?;
    let scope = scope_of(asked, resource, asking).row("OA-15")?;
    let wanted = Wanted { asking, agent: acting(asking).row("AT-03")?, resource, scope: &scope };
    let permit = wanted.permit(moment)?;

    let access = wanted.mint(&permit, moment)?;
    let event = wanted.issued(&permit, &access, moment);
    Ok(Granted::tokens(access, permit.scope().clone()) // OA-16
        .with(Draft::default().recording(event))
        .with(still_there(asking))
        .with(used(asking, moment.now)))
}

/// One that registered itself may be gone before this node hears of it. One of the file is the snapshot's: what is issued to it between
/// its removal and the news is refused by its end.
fn still_there(asking: Asking<'_>) -> Draft {
    let client = asking.by.client();
    match client.origin {
        Origin::Dynamic => Draft::default().writing(clients::active(&asking.tenant.id, &client.id)), // RV-05
        Origin::File | Origin::Document => Draft::default(),
    }
}

/// The resource that is asked for; the only one, where there is no other.
fn one_resource<'a>(asked: &Request, asking: Asking<'a>) -> Result<&'a Arc<Resource>, Refused> {
    match (&asked.resource, asking.tenant.resources.as_slice()) {
        (Some(asked), _) => asking
            .tenant
            .resource_asked(asked)
            .ok_or_else(|| Refused::invalid_target("this resource is not registered here; send it exactly as its metadata gives it")),
        (None, [only]) => Ok(only),
        (None, _) => Err(Refused::invalid_target("say by resource which server the token is for: the URL that its metadata gives")),
    }
}

/// What was asked, if the client may have all of it; without a word, what the resource gives by default, as far as it may have that.
fn scope_of(asked: &Request, resource: &Resource, asking: Asking<'_>) -> Result<ScopeSet, Refused> {
    let all = resource.all_scopes();
    let within = asking.tenant.scopes_for(asking.by.client(), &all);
    let Some(asked) = &asked.scope else {
        let usual = if resource.default_scope.is_empty() { &all } else { &resource.default_scope };
        let scope = usual.intersection(&within);
        return if scope.is_empty() && !all.is_empty() { Err(none_here(resource)) } else { Ok(scope) };
    };
    let beyond = asked.difference(&within);
    if beyond.is_empty() {
        return Ok(asked.clone());
    }
    Err(Refused::invalid_scope(format!("this client may not have {beyond} here; it may have: {within}")))
}

fn none_here(resource: &Resource) -> Refused {
    Refused::invalid_scope(format!("this client may have no scope of {}; ask who runs this server to add one to it", resource.url))
}

/// The agent that the client proves to be. One that is registered no more acts no more, and its clients do not act as themselves instead.
fn acting(asking: Asking<'_>) -> Result<Option<&Arc<Agent>>, Refused> {
    asking.by.agent().map(|id| asking.tenant.agent(&id).ok_or_else(agent_is_gone)).transpose()
}

/// One token that is wanted.
struct Wanted<'a> {
    asking: Asking<'a>,
    agent: Option<&'a Arc<Agent>>,
    resource: &'a Arc<Resource>,
    scope: &'a ScopeSet,
}

impl Wanted<'_> {
    fn permit(&self, moment: &mut Moment) -> Result<Permit, Refused> {
        let Self { asking: Asking { tenant, by, .. }, agent, resource, scope } = self;
        self.asking.binding.suffices_for(resource).row("PR-05")?;
        if resource.require_agent && agent.is_none() {
            return Err(Refused::new(Code::AccessDenied, "this resource gives tokens to registered agents only"));
        }
        let itself = agent.map_or_else(|| by.id().to_string(), |agent| agent.id.to_string()); // AT-03
        let question = Question {
            action: Action::IssueToken,
            subject: &itself,
            client: by.id(),
            agent: agent.map(|agent| (&**agent).into()),
            resource: (&***resource).into(),
            target: None,
            scope,
            roles: &[],
            circumstances: Circumstances::default(),
        };
        tenant.policy.decide(&question, moment.now, &mut moment.entropy).map_err(|denied| self.denied(&denied, moment))
    }

    /// Nobody acts for anybody: the subject is the one that acts (design §4).
    fn mint(&self, permit: &Permit, moment: &mut Moment) -> Result<Unsigned, Refused> {
        let authority = Authority {
            tenant: self.asking.tenant,
            resource: self.resource,
            grants: &[],
            act: None,
            cnf: self.asking.binding.confirmation(), // DP-01
            authentication: None,
            roles: &[],
            ends_at: moment.now + self.asking.tenant.lifetimes.access_token,
        };
        mint::access_token(permit, &authority, moment).map_err(|large| Refused::invalid_scope(large.to_string())).row("AT-05")
    }

    fn issued(&self, permit: &Permit, access: &Unsigned, moment: &mut Moment) -> Event {
        Event::new(Kind::TokenIssued, self.asking.tenant.id, moment.now, &mut moment.entropy)
            .with(Field::Subject, permit.subject())
            .with(Field::Client, permit.client())
            .with_some(Field::Agent, permit.agent())
            .with(Field::Resource, permit.resource())
            .with(Field::Scope, permit.scope())
            .with(Field::Token, access.claims().jti)
            .with_some(Field::ProofKey, access.claims().cnf.as_ref().map(|cnf| &cnf.jkt))
            .with(Field::Decision, permit.decision())
    }

    fn denied(&self, denied: &Denied, moment: &mut Moment) -> Refused {
        let event = Event::new(Kind::TokenRefused, self.asking.tenant.id, moment.now, &mut moment.entropy)
            .with(Field::Client, self.asking.by.id())
            .with_some(Field::Agent, self.agent.map(|agent| agent.id))
            .with(Field::Resource, &self.resource.url)
            .with(Field::Scope, self.scope);
        refused_by_policy(denied, event)
    }
}

impl Request {
    pub fn read(form: &Form) -> Result<Self, Refused> {
        let scope =
            form.one("scope").map(|scope| scope.parse().map_err(|_| Refused::invalid_scope("scope has characters that no scope has")));
        Ok(Self { scope: scope.transpose()?, resource: form.one("resource").map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests;
