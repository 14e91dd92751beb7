//! A tenant's policies, parsed and checked as a whole before they can decide anything.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicyId, ValidationError, ValidationMode, Validator};

use crate::spoken_of::SpokenOf;
use crate::vocabulary::{BUILT_IN, BUILT_IN_ID, Vocabulary};

/// What is wrong with a policy, and where: the line counts from 1 within the text that was parsed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct PolicyError {
    pub line: usize,
    pub message: String,
    /// What would be right, where Cedar knows.
    pub remedy: Option<String>,
}

/// The built-in policy and a tenant's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicySet {
    pub(crate) cedar: cedar_policy::PolicySet,
    /// The same without those that speak of arguments, where some do.
    pub(crate) of_any_arguments: Option<cedar_policy::PolicySet>,
    /// What refusals say of each of the tenant's policies.
    pub(crate) labels: BTreeMap<PolicyId, Label>,
    /// What of a question's circumstances they speak of.
    pub(crate) spoken_of: SpokenOf,
    resources: BTreeSet<String>,
    agents: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Label {
    pub name: String,
    pub advice: Option<String>,
}

impl PolicySet {
    /// What a tenant without policies has: scopes alone decide.
    pub fn default_set() -> Self {
        Self::parse("").expect("the built-in policy is valid")
    }

    /// Parses a tenant's policies and checks them against the schema. A policy that could never apply is refused too: it is a
    /// `forbid` with a typing error more often than not, and would let through what it was written against.
    ///
    /// # Errors
    /// What is wrong, in the order of the text, once a line.
    pub fn parse(text: &str) -> Result<Self, Vec<PolicyError>> {
        let own: cedar_policy::PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
            errors.iter().map(|error| located(text, &DetailedError::from(error))).collect::<Vec<_>>()
        })?;
        let mut errors = misfits(text, &own);
        let labels = labels(&own, text, &mut errors);
        if !errors.is_empty() {
            return Err(once_a_line(errors));
        }

        let literals: Vec<_> = own.policies().flat_map(Policy::entity_literals).collect();
        let named = |is_kind: fn(&Vocabulary, &cedar_policy::EntityUid) -> bool| {
            literals.iter().filter(|entity| is_kind(Vocabulary::get(), entity)).map(|entity| entity.id().unescaped().to_owned()).collect()
        };
        let (resources, agents) = (named(Vocabulary::names_resource), named(Vocabulary::names_agent));
        let of_any_arguments = without_arguments(&own).map(with_built_in);
        let cedar = with_built_in(own);
        let spoken_of = SpokenOf::by(&cedar);
        Ok(Self { cedar, of_any_arguments, labels, spoken_of, resources, agents })
    }

    /// Whether a policy speaks of arguments; else nobody needs to read them.
    pub const fn reads_arguments(&self) -> bool {
        self.of_any_arguments.is_some()
    }

    /// The resources that policies name, to be compared with those there are.
    pub const fn resources_named(&self) -> &BTreeSet<String> {
        &self.resources
    }

    /// The agents that policies name, to be compared with those there are.
    pub const fn agents_named(&self) -> &BTreeSet<String> {
        &self.agents
    }
}

fn with_built_in(mut own: cedar_policy::PolicySet) -> cedar_policy::PolicySet {
    let built_in = Policy::parse(Some(PolicyId::new(BUILT_IN_ID)), BUILT_IN).expect("the built-in policy parses");
    own.add(built_in).expect("Cedar names parsed policies `policy0`, `policy1`, …");
    own
}

/// Those that do not speak of arguments, where others do.
fn without_arguments(own: &cedar_policy::PolicySet) -> Option<cedar_policy::PolicySet> {
    let (with, without): (Vec<_>, Vec<_>) = own.policies().partition(|policy| speaks_of_arguments(policy));
    let without = cedar_policy::PolicySet::from_policies(without.into_iter().cloned()).expect("they were a set before");
    (!with.is_empty()).then_some(without)
}

/// As its JSON form has it, an attribute's name is written in one way.
fn speaks_of_arguments(policy: &Policy) -> bool {
    policy.to_json().map_or(true, |json| json.to_string().contains("\"arguments\""))
}

/// Cedar complains once for every action that a policy could be about, and goes on where the first complaint has said it all.
fn once_a_line(mut errors: Vec<PolicyError>) -> Vec<PolicyError> {
    errors.sort_by_key(|error| error.line);
    errors.dedup_by_key(|error| error.line);
    errors
}

/// What the schema has against the policies. Warnings count: each is of a policy that does not do what it seems to.
fn misfits(text: &str, own: &cedar_policy::PolicySet) -> Vec<PolicyError> {
    let checked = Validator::new(Vocabulary::get().schema.clone()).validate(own, ValidationMode::Strict);
    let mut errors: Vec<_> = checked.validation_errors().map(|error| misfit(text, error)).collect();
    errors.sort_by(|one, other| one.message.cmp(&other.message));
    let warnings = checked.validation_warnings().map(|warning| located(text, &DetailedError::from(warning)));
    let templates = own.templates().map(|template| PolicyError {
        line: line_of(text, &template.to_string()),
        message: "a policy with a slot (`?principal`, `?resource`) is a template, and nothing fills it".to_owned(),
        remedy: Some("name the principal or resource itself, or leave the scope open and use `when`".to_owned()),
    });
    errors.into_iter().chain(warnings).chain(templates).collect()
}

fn misfit(text: &str, error: &ValidationError) -> PolicyError {
    let told = located(text, &DetailedError::from(error));
    // Cedar proposes the nearest attribute, however far it is.
    let unknown = matches!(error, ValidationError::UnsafeAttributeAccess(_));
    PolicyError { remedy: if unknown { Some(ATTRIBUTES.to_owned()) } else { told.remedy }, ..told }
}

const ATTRIBUTES: &str = "context has client, agent, roles, scope, acr, amr, auth_age, hour and weekday; \
                          address, where the policy does not name issue_token; and target and arguments, \
                          where it names the actions call_tool, read_resource or get_prompt";

fn labels(own: &cedar_policy::PolicySet, text: &str, errors: &mut Vec<PolicyError>) -> BTreeMap<PolicyId, Label> {
    let mut seen = BTreeSet::new();
    let mut labels = BTreeMap::new();
    for policy in own.policies() {
        let line = line_of(text, &policy.to_string());
        let id = policy.annotation("id");
        if id.is_some_and(|id| !seen.insert(id)) {
            let message = format!("another policy has the @id `{}` too", id.unwrap_or_default());
            errors.push(PolicyError { line, message, remedy: Some("give each policy its own: refusals name policies by it".to_owned()) });
        }
        let name = id.map_or_else(|| format!("policy at line {line}"), str::to_owned);
        labels.insert(policy.id().clone(), Label { name, advice: policy.annotation("advice").map(str::to_owned) });
    }
    labels
}

/// Cedar's words, at the line they are about.
fn located(text: &str, error: &DetailedError) -> PolicyError {
    let place = error.source_locations.first();
    let line = line_at(text, place.map_or(0, |label| label.loc.start));
    let said = error.message.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")).map_or(&*error.message, |(_, said)| said);
    let expected = place.and_then(|label| label.label.as_deref()).map(|label| format!(": {label}")).unwrap_or_default();
    PolicyError { line, message: format!("{said}{expected}"), remedy: error.help.clone() }
}

/// The line on which a policy's own text begins.
fn line_of(text: &str, policy: &str) -> usize {
    line_at(text, text.find(policy).unwrap_or(0))
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests;
