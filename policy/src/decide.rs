//! One decision. Pure: the same set, question, time and entropy give the same answer.

use cedar_policy::{AuthorizationError, Authorizer, Decision, EntityUid, PolicyId, Request, Response};
use chancery_core::{AgentId, ClientId, DecisionId, Entropy, Timestamp};

use crate::set::Label;
use crate::spoken_of::SpokenOf;
use crate::vocabulary::Vocabulary;
use crate::{Denied, Permit, PolicySet, Question, context};

impl PolicySet {
    /// May they? Every answer has an id, by which the log and the one who asked speak of it.
    ///
    /// # Errors
    /// The policies that say no. A policy that cannot be evaluated says no as well.
    pub fn decide(&self, question: &Question<'_>, now: Timestamp, entropy: &mut Entropy) -> Result<Permit, Denied> {
        let decision = DecisionId::mint(now, entropy);
        let response = self.asked(&self.cedar, question, now);
        match response.decision() {
            Decision::Allow if response.diagnostics().errors().next().is_none() => Ok(Permit::of(question, decision)),
            Decision::Allow => Err(self.unevaluated(decision, &response)),
            Decision::Deny => Err(self.denied(decision, &response)),
        }
    }

    /// Whether there is a call of this target, whatever its arguments, that nothing but its arguments could forbid: whether it is worth
    /// showing. No call may be let through by it.
    pub fn may_allow(&self, question: &Question<'_>, now: Timestamp) -> bool {
        if self.labels.is_empty() {
            return true;
        }
        let response = self.asked(self.of_any_arguments.as_ref().unwrap_or(&self.cedar), question, now);
        response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none()
    }

    fn asked(&self, policies: &cedar_policy::PolicySet, question: &Question<'_>, now: Timestamp) -> Response {
        let answered = |request: &Request| match question.circumstances.arguments.filter(|_| self.reads_arguments()) {
            Some(arguments) => Authorizer::new().is_authorized(request, policies, &context::entities(arguments)),
            None => Authorizer::new().is_authorized(request, policies, &Vocabulary::get().entities),
        };
        let response = answered(&request(question, now, &self.spoken_of));
        if cfg!(debug_assertions) {
            let whole = answered(&request(question, now, &SpokenOf::Everything));
            assert_eq!(response.decision(), whole.decision(), "a policy misses something of {question:?}");
            assert_eq!(response.diagnostics().errors().count(), whole.diagnostics().errors().count(), "{question:?}");
        }
        response
    }

    fn denied(&self, decision: DecisionId, response: &Response) -> Denied {
        let reasons = self.labels_of(response.diagnostics().reason());
        let advice = reasons.iter().find_map(|label| label.advice.clone());
        Denied { decision, policies: names(&reasons), advice }
    }

    /// Cedar leaves a policy out that fails while it is evaluated, which for a `forbid` would be a yes.
    fn unevaluated(&self, decision: DecisionId, response: &Response) -> Denied {
        let failed = response.diagnostics().errors().map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id());
        let failed = self.labels_of(failed);
        let advice = "a policy could not be evaluated, so the answer is no; an administrator must correct it";
        Denied { decision, policies: names(&failed), advice: Some(advice.to_owned()) }
    }

    /// Cedar gives a set; sorted, the same question has the same answer.
    fn labels_of<'a>(&'a self, ids: impl Iterator<Item = &'a PolicyId>) -> Vec<&'a Label> {
        let mut labels: Vec<_> = ids.filter_map(|id| self.labels.get(id)).collect();
        labels.sort();
        labels
    }
}

fn names(labels: &[&Label]) -> Vec<String> {
    labels.iter().map(|label| label.name.clone()).collect()
}

fn request(question: &Question<'_>, now: Timestamp, spoken_of: &SpokenOf) -> Request {
    let vocabulary = Vocabulary::get();
    // The schema wants everything, so it is tests that are held to it.
    let checked = (cfg!(debug_assertions) && *spoken_of == SpokenOf::Everything).then_some(&vocabulary.schema);
    let (action, resource) = (vocabulary.action(question.action), vocabulary.resource(question.resource.name.as_str()));
    Request::new(principal(question), action, resource, context::of(question, now, spoken_of), checked).expect("questions fit the schema")
}

/// The one whose authority it is: by the id's prefix, which nobody chooses for themselves.
fn principal(question: &Question<'_>) -> EntityUid {
    let vocabulary = Vocabulary::get();
    match (question.subject.split_once('_'), question.agent) {
        (Some((AgentId::PREFIX, _)), Some(agent)) => vocabulary.agent(agent.name.as_str()),
        (Some((ClientId::PREFIX, _)), _) => vocabulary.client(question.subject),
        _ => vocabulary.user(question.subject), // SB-10
    }
}

#[cfg(test)]
mod tests;
