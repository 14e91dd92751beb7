//! What a verified token may do with the messages of one request. Pure.
//!
//! 1. The resource may demand an agent, and an agent must still be registered. 2. The scope of all messages together (403, MC-01).
//! 3. The tenant's policy, message by message: in a batch every one must pass.

use std::borrow::Cow;
use std::sync::Arc;

use chancery_core::{AgentId, Caller, DecisionId, Entropy, ScopeSet, Timestamp};
use chancery_policy::{AgentRef, Permit, PolicySet, Question};
use chancery_registry::{Agent, Resource};

use crate::message::{BATCH, Message};
use crate::method::Needs;
use crate::refusal::Refusal;

/// Every message takes a decision's id of 10 bytes, and a refusal of ours one more.
const _: () = assert!((BATCH + 1) * 10 <= Entropy::BYTES);

/// Whose messages they are, and where to.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The tenant's policies and agents.
    pub policy: &'a PolicySet,
    pub agents: &'a [Arc<Agent>],
    pub resource: &'a Resource,
    pub caller: &'a Caller,
}

/// A permit for each message, in their order.
pub fn decide(messages: &[Message<'_>], facts: &Facts<'_>, now: Timestamp, entropy: &mut Entropy) -> Result<Vec<Permit>, Refusal> {
    let agent = acting_agent(facts, now, entropy)?;
    within_scope(messages, facts, now, entropy)?; // MC-01
    let question = |message| question(message, facts, agent.map(Into::into));
    let permit = |message| facts.policy.decide(&question(message), now, entropy).map_err(|denied| Refusal::denied(&denied).of(message));
    messages.iter().map(permit).collect()
}

/// The agent that acts, where one does. A public client proves nothing about itself, so it never counts as one.
fn acting_agent<'a>(facts: &Facts<'a>, now: Timestamp, entropy: &mut Entropy) -> Result<Option<&'a Agent>, Refusal> {
    let known = |id: &AgentId| facts.agents.iter().find(|agent| agent.id == *id).map(AsRef::as_ref).ok_or(());
    match facts.caller.agent.as_ref().map(known).transpose() {
        Ok(None) if facts.resource.require_agent => Err(Refusal::no_agent(DecisionId::mint(now, entropy))),
        Ok(agent) => Ok(agent),
        Err(()) => Err(Refusal::unknown_agent(DecisionId::mint(now, entropy))),
    }
}

fn within_scope(messages: &[Message<'_>], facts: &Facts<'_>, now: Timestamp, entropy: &mut Entropy) -> Result<(), Refusal> {
    let granted = &facts.caller.scope;
    let mut beyond = None;
    for message in messages {
        let needed = scope_of(message, facts.resource).ok_or_else(|| Refusal::not_mapped(DecisionId::mint(now, entropy)).of(message))?;
        if !needed.is_subset(granted) {
            beyond.get_or_insert(message);
        }
    }
    let Some(message) = beyond else { return Ok(()) };
    // One challenge names all that is needed, or the next message would only draw another.
    let needed = messages.iter().filter_map(|message| scope_of(message, facts.resource));
    let needed = needed.fold(ScopeSet::default(), |all, scope| all.union(&scope));
    Err(Refusal::insufficient_scope(&needed, granted).of(message))
}

/// The scope a message needs; `None` for a tool that a strict resource doesn't map.
fn scope_of<'a>(message: &Message<'_>, resource: &'a Resource) -> Option<Cow<'a, ScopeSet>> {
    match (message.known.needs, &message.target) {
        (Needs::Token, _) => Some(Cow::Owned(ScopeSet::default())),
        (Needs::ToolScope, Some(tool)) => resource.scope_for_tool(tool).ok().map(Cow::Borrowed),
        (Needs::ToolScope, None) | (Needs::DefaultScope, _) => Some(Cow::Borrowed(&resource.default_scope)),
    }
}

fn question<'a>(message: &'a Message<'_>, facts: &Facts<'a>, agent: Option<AgentRef<'a>>) -> Question<'a> {
    let Facts { resource, caller, .. } = *facts;
    Question {
        action: message.known.action,
        subject: &caller.subject,
        client: &caller.client,
        agent,
        resource: resource.into(),
        target: message.target.as_deref(),
        scope: &caller.scope,
        roles: &caller.roles,
    }
}

#[cfg(test)]
mod tests;
