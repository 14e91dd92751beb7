//! What this caller may call, read or get: now, and where the resource's `listing` says so, once a wider scope was authorized.
//!
//! A tool that is shown may still be refused, by its arguments or by then; one that is not shown is refused all the same when it is
//! called. So this spares a model what would be in vain, and decides nothing.

use std::sync::Arc;

use chancery_core::{Clock, ScopeSet, SubjectId};
use chancery_policy::{Action, Circumstances, Question};
use chancery_registry::{Listing, Resource, Tenant};
use chancery_tokens::VerifiedToken;

use super::{Listed, Shows};

pub struct Visible {
    pub tenant: Arc<Tenant>,
    pub resource: Arc<Resource>,
    pub token: Arc<VerifiedToken>,
    pub address: Option<std::net::IpAddr>,
    pub clock: Arc<dyn Clock>,
    pub stateless: bool,
}

impl Shows for Visible {
    fn shows(&self, listed: Listed, name: &str) -> bool {
        let scope = match listed {
            Listed::Tools => self.resource.scope_for_tool(name).ok(),
            Listed::Resources | Listed::Prompts => Some(&self.resource.default_scope),
        };
        scope.is_some_and(|scope| self.may_have(scope)) && self.tenant.policy.may_allow(&self.question(listed, name), self.clock.now())
    }

    fn marks(&self) -> bool {
        self.stateless
    }
}

impl Visible {
    fn may_have(&self, scope: &ScopeSet) -> bool {
        let caller = self.token.caller();
        let missing = scope.difference(&caller.scope);
        let by_a_person = caller.subject.starts_with(SubjectId::PREFIX);
        missing.is_empty() || (self.resource.listing == Listing::Obtainable && by_a_person && self.tenant.gives(&missing, &caller.roles))
    }

    fn question<'q>(&'q self, listed: Listed, name: &'q str) -> Question<'q> {
        let caller = self.token.caller();
        let agent = caller.agent.as_ref().and_then(|id| self.tenant.agents.iter().find(|agent| agent.id == *id));
        Question {
            action: match listed {
                Listed::Tools => Action::CallTool,
                Listed::Resources => Action::ReadResource,
                Listed::Prompts => Action::GetPrompt,
            },
            subject: &caller.subject,
            client: &caller.client,
            agent: agent.map(|agent| (&**agent).into()),
            resource: (&*self.resource).into(),
            target: Some(name),
            scope: &caller.scope,
            roles: &caller.roles,
            circumstances: Circumstances { authentication: caller.authentication.as_ref(), address: self.address, arguments: None },
        }
    }
}
