//! What is asked of a policy set, and its two answers.

use std::net::IpAddr;

use chancery_core::{AgentId, Authentication, ClientId, DecisionId, ResourceId, ResourceUrl, ScopeSet, Slug};

use crate::Arguments;

/// What somebody wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Get a token for a resource.
    IssueToken,
    /// Send a resource anything that is none of the calls below.
    UseResource,
    CallTool,
    ReadResource,
    GetPrompt,
}

impl Action {
    pub const ALL: [Self; 5] = [Self::IssueToken, Self::UseResource, Self::CallTool, Self::ReadResource, Self::GetPrompt];

    /// The action's name in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IssueToken => "issue_token",
            Self::UseResource => "use_resource",
            Self::CallTool => "call_tool",
            Self::ReadResource => "read_resource",
            Self::GetPrompt => "get_prompt",
        }
    }

    /// Whether policies may speak of the call's target and arguments.
    pub(crate) const fn has_target(self) -> bool {
        matches!(self, Self::CallTool | Self::ReadResource | Self::GetPrompt)
    }
}

/// Who wants to do what, where, with what scope.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub action: Action,
    /// A subject's id, or an agent's or client's that acts as itself.
    pub subject: &'a str,
    pub client: &'a ClientId,
    /// The registered agent that acts.
    pub agent: Option<AgentRef<'a>>,
    pub resource: ResourceRef<'a>,
    /// What a call is aimed at: a tool's name, a resource's URI, a prompt's name.
    pub target: Option<&'a str>,
    pub scope: &'a ScopeSet,
    /// What the person's groups give them.
    pub roles: &'a [String],
    pub circumstances: Circumstances<'a>,
}

/// How it came about that somebody asks.
#[derive(Clone, Copy, Default, Debug)]
pub struct Circumstances<'a> {
    /// How and when the person behind it proved who they are.
    pub authentication: Option<&'a Authentication>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What the call is given. They need be read only where policies speak of them ([`crate::PolicySet::reads_arguments`]).
    pub arguments: Option<&'a Arguments>,
}

/// An agent, and the name that policies call it by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AgentRef<'a> {
    pub id: &'a AgentId,
    pub name: &'a Slug,
}

/// A resource, and the name that policies call it by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResourceRef<'a> {
    pub id: &'a ResourceId,
    pub name: &'a Slug,
    pub url: &'a ResourceUrl,
}

/// The answer yes. Only a policy set can build one.
///
/// ```
/// use chancery_policy::{Permit, PolicySet, Question};
/// fn permit(policies: &PolicySet, question: &Question<'_>, now: chancery_core::Timestamp, entropy: &mut chancery_core::Entropy) {
///     let _: Option<Permit> = policies.decide(question, now, entropy).ok();
/// }
/// ```
/// ```compile_fail,E0451
/// use chancery_policy::{Permit, Question};
/// fn permit(question: &Question<'_>, decision: chancery_core::DecisionId) -> Permit {
///     Permit {
///         decision,
///         action: question.action,
///         subject: question.subject.to_owned(),
///         client: question.client.clone(),
///         agent: None,
///         resource_id: *question.resource.id,
///         resource: question.resource.url.clone(),
///         scope: question.scope.clone(),
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permit {
    decision: DecisionId,
    action: Action,
    subject: String,
    client: ClientId,
    agent: Option<AgentId>,
    resource_id: ResourceId,
    resource: ResourceUrl,
    scope: ScopeSet,
}

impl Permit {
    pub(crate) fn of(question: &Question<'_>, decision: DecisionId) -> Self {
        Self {
            decision,
            action: question.action,
            subject: question.subject.to_owned(),
            client: question.client.clone(),
            agent: question.agent.map(|agent| *agent.id),
            resource_id: *question.resource.id,
            resource: question.resource.url.clone(),
            scope: question.scope.clone(),
        }
    }

    pub const fn decision(&self) -> DecisionId {
        self.decision
    }

    pub const fn action(&self) -> Action {
        self.action
    }

    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub const fn client(&self) -> &ClientId {
        &self.client
    }

    pub const fn agent(&self) -> Option<AgentId> {
        self.agent
    }

    pub const fn resource_id(&self) -> ResourceId {
        self.resource_id
    }

    pub const fn resource(&self) -> &ResourceUrl {
        &self.resource
    }

    pub const fn scope(&self) -> &ScopeSet {
        &self.scope
    }
}

/// The answer no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("denied by policy {} (decision {decision})", .policies.join(", "))]
pub struct Denied {
    pub decision: DecisionId,
    /// The policies that said no: their `@id`s, else `policy at line N`. In order of their names.
    pub policies: Vec<String>,
    /// What the first of them advises (`@advice("…")`): words for the one who was refused.
    pub advice: Option<String>,
}
