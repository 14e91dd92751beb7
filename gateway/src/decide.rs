//! What a verified token may do with the messages of one request. Pure.
//!
//! 1. The resource may demand an agent, and an agent must still be registered. 2. How the person signed in (401, SU-01), and the scope
//!    of all messages together (403, MC-01); where both lack, one challenge says both (SU-05). 3. The tenant's policy, message by message:
//!    in a batch every one must pass.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use chancery_core::{AgentId, Caller, DecisionId, Entropy, ScopeSet, Timestamp};
use chancery_policy::{AgentRef, Arguments, Circumstances, Permit, PolicySet, Question};
use chancery_registry::{Agent, Resource, SignInDemand};

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
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

/// A permit for each message, in their order.
pub fn decide(messages: &[Message<'_>], facts: &Facts<'_>, now: Timestamp, entropy: &mut Entropy) -> Result<Vec<Permit>, Refusal> {
    let agent = acting_agent(facts, now, entropy)?;
    enough_authority(messages, facts, now, entropy)?; // MC-01, SU-01, SU-05
    let permit = |message| {
        let arguments = arguments(message, facts)?;
        let question = question(message, facts, agent.map(Into::into), arguments.as_ref());
        facts.policy.decide(&question, now, entropy).map_err(|denied| Refusal::denied(&denied).of(message))
    };
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

/// One challenge names all that is needed, or the next message would only draw another.
fn enough_authority(messages: &[Message<'_>], facts: &Facts<'_>, now: Timestamp, entropy: &mut Entropy) -> Result<(), Refusal> {
    let Facts { resource, caller, .. } = *facts;
    let (mut needed, mut beyond) = (ScopeSet::default(), None);
    let (mut demand, mut weak) = (SignInDemand::default(), None);
    for message in messages {
        let scope = scope_of(message, resource).ok_or_else(|| Refusal::not_mapped(DecisionId::mint(now, entropy)).of(message))?;
        if !scope.is_subset(&caller.scope) {
            beyond.get_or_insert(message);
        }
        needed = needed.union(&scope);
        let sign_in = sign_in_of(message, resource);
        if !sign_in.is_met_by(caller.authentication.as_ref(), now) {
            weak.get_or_insert(message);
        }
        demand = demand.and(&sign_in);
    }
    match (weak, beyond) {
        (Some(message), _) => Err(Refusal::insufficient_sign_in(demand, &needed, &caller.scope).of(message)), // SU-01, SU-05
        (None, Some(message)) => Err(Refusal::insufficient_scope(&needed, &caller.scope).of(message)),        // MC-01
        (None, None) => Ok(()),
    }
}

/// How whoever sends this must have signed in. To connect, and to see what there is, any way will do.
fn sign_in_of(message: &Message<'_>, resource: &Resource) -> SignInDemand {
    match (message.known.needs, &message.target) {
        (Needs::Token, _) => SignInDemand::default(),
        (Needs::ToolScope, Some(tool)) => resource.sign_in_for_tool(tool),
        (Needs::ToolScope, None) | (Needs::DefaultScope, _) => resource.sign_in.clone(),
    }
}

/// What a call is given, where a policy wants to know: then it must be what every reader reads.
fn arguments(message: &Message<'_>, facts: &Facts<'_>) -> Result<Option<Arguments>, Refusal> {
    let given = message.arguments.filter(|_| facts.policy.reads_arguments());
    let read = given.map(|given| Arguments::read(given.get())).transpose();
    read.map_err(|error| Refusal::invalid_params(format!("a policy speaks of the arguments, and they cannot be read: {error}")).of(message))
}

/// The scope a message needs; `None` for a tool that a strict resource doesn't map.
fn scope_of<'a>(message: &Message<'_>, resource: &'a Resource) -> Option<Cow<'a, ScopeSet>> {
    match (message.known.needs, &message.target) {
        (Needs::Token, _) => Some(Cow::Owned(ScopeSet::default())),
        (Needs::ToolScope, Some(tool)) => resource.scope_for_tool(tool).ok().map(Cow::Borrowed),
        (Needs::ToolScope, None) | (Needs::DefaultScope, _) => Some(Cow::Borrowed(&resource.default_scope)),
    }
}

fn question<'a>(
    message: &'a Message<'_>,
    facts: &Facts<'a>,
    agent: Option<AgentRef<'a>>,
    arguments: Option<&'a Arguments>,
) -> Question<'a> {
    let Facts { resource, caller, address, .. } = *facts;
    Question {
        action: message.known.action,
        subject: &caller.subject,
        client: &caller.client,
        agent,
        resource: resource.into(),
        target: message.target.as_deref(),
        scope: &caller.scope,
        roles: &caller.roles,
        circumstances: Circumstances { authentication: caller.authentication.as_ref(), address, arguments },
    }
}

#[cfg(test)]
mod tests;
