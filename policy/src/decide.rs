//! One decision. Pure: the same set, question, time and entropy give the same answer.

use cedar_policy::{AuthorizationError, Authorizer, Context, Decision, EntityUid, PolicyId, Request, Response, RestrictedExpression};
use chancery_core::{AgentId, ClientId, DecisionId, Entropy, Timestamp};

use crate::set::Label;
use crate::vocabulary::Vocabulary;
use crate::{Denied, Permit, PolicySet, Question};

impl PolicySet {
    /// May they? Every answer has an id, by which the log and the one who asked speak of it.
    ///
    /// # Errors
    /// The policies that say no. A policy that cannot be evaluated says no as well.
    pub fn decide(&self, question: &Question<'_>, now: Timestamp, entropy: &mut Entropy) -> Result<Permit, Denied> {
        let decision = DecisionId::mint(now, entropy);
        let response = Authorizer::new().is_authorized(&request(question, now), &self.cedar, &Vocabulary::get().entities);
        match response.decision() {
            Decision::Allow if response.diagnostics().errors().next().is_none() => Ok(Permit::of(question, decision)),
            Decision::Allow => Err(self.unevaluated(decision, &response)),
            Decision::Deny => Err(self.denied(decision, &response)),
        }
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

fn request(question: &Question<'_>, now: Timestamp) -> Request {
    let vocabulary = Vocabulary::get();
    let checked = cfg!(debug_assertions).then_some(&vocabulary.schema);
    let (action, resource) = (vocabulary.action(question.action), vocabulary.resource(question.resource.name.as_str()));
    Request::new(principal(question), action, resource, context(question, now), checked).expect("questions fit the schema")
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

fn context(question: &Question<'_>, now: Timestamp) -> Context {
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let mut pairs = vec![
        ("client", text(question.client.as_str())),
        ("roles", RestrictedExpression::new_set(question.roles.iter().map(|role| text(role)))),
        ("scope", RestrictedExpression::new_set(question.scope.iter().map(|scope| text(scope.as_str())))),
        ("hour", RestrictedExpression::new_long(hour_of(now))),
        ("weekday", RestrictedExpression::new_long(weekday_of(now))),
    ];
    if let Some(agent) = question.agent {
        pairs.push(("agent", text(agent.name.as_str())));
    }
    if question.action.has_target() {
        pairs.push(("target", text(question.target.unwrap_or_default())));
    }
    Context::from_pairs(pairs.into_iter().map(|(key, value)| (key.to_owned(), value))).expect("no key comes twice")
}

const fn hour_of(now: Timestamp) -> i64 {
    now.seconds().rem_euclid(86_400) / 3_600
}

/// 1 is Monday; 1970 began on a Thursday.
const fn weekday_of(now: Timestamp) -> i64 {
    (now.seconds().div_euclid(86_400) + 3).rem_euclid(7) + 1
}

#[cfg(test)]
mod tests;
