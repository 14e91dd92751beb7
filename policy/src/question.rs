//! What is asked of a policy set, and its two answers.

use chancery_core::{AgentId, ClientId, DecisionId, ResourceId, ResourceUrl, ScopeSet, Slug};

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

    /// Whether policies may speak of the call's target.
    pub(crate) const fn has_target(self) -> bool {
        matches!(self, Self::CallTool | Self::ReadResource | Self::GetPrompt)
    }
}

/// Who wants to do what, where, with what scope.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub action: Action,
    pub tenant: &'a Slug,
    /// A subject's id, or an agent's or client's that acts as itself.
    pub subject: &'a str,
    pub client: &'a ClientId,
    /// The registered agent that acts, and its name.
    pub agent: Option<(&'a AgentId, &'a str)>,
    pub roles: &'a [String],
    pub resource: (&'a ResourceId, &'a Slug, &'a ResourceUrl),
    /// What a call is aimed at: a tool's name, a resource's URI, a prompt's name.
    pub target: Option<&'a str>,
    pub scope: &'a ScopeSet,
}

/// The answer yes. Only a policy set can build one.
///
/// ```compile_fail
/// let permit = chancery_policy::Permit { subject: "usr_1".into() };
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
        let (resource_id, _, resource) = question.resource;
        Self {
            decision,
            action: question.action,
            subject: question.subject.to_owned(),
            client: question.client.clone(),
            agent: question.agent.map(|(id, _)| *id),
            resource_id: *resource_id,
            resource: resource.clone(),
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
