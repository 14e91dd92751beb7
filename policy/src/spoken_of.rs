//! What of a question's circumstances a set of policies speaks of. Nobody needs to put together what nobody looks at: that would be most of
//! what a decision costs.

use std::collections::BTreeSet;

use cedar_policy::PolicySet;
use serde_json::Value;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SpokenOf {
    These(BTreeSet<String>),
    /// A policy takes the circumstances as a whole, or cannot be looked into.
    Everything,
}

impl SpokenOf {
    pub(crate) fn by(policies: &PolicySet) -> Self {
        let mut these = BTreeSet::new();
        let is_whole = |policy: &cedar_policy::Policy| policy.to_json().map_or(true, |json| takes_whole(&json, &mut these));
        if policies.policies().map(is_whole).fold(false, |any, is| any | is) { Self::Everything } else { Self::These(these) }
    }

    pub(crate) fn has(&self, attribute: &str) -> bool {
        match self {
            Self::These(these) => these.contains(attribute),
            Self::Everything => true,
        }
    }
}

/// Whether there is a `context` in this part of a policy's JSON form that is not asked for one attribute; those asked for are `these`.
fn takes_whole(part: &Value, these: &mut BTreeSet<String>) -> bool {
    match part {
        Value::Object(members) if members.get("Var").is_some_and(|variable| variable == "context") => true,
        Value::Object(members) => {
            let asked = [".", "has"].iter().filter_map(|operator| members.get(*operator));
            let attributes: Vec<_> = asked.filter_map(attribute_of_context).collect();
            if members.len() == 1 && !attributes.is_empty() {
                these.extend(attributes);
                return false;
            }
            members.values().fold(false, |any, member| takes_whole(member, these) | any)
        }
        Value::Array(members) => members.iter().fold(false, |any, member| takes_whole(member, these) | any),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Of `context.x` and `context has x`. A path after `has` is asked step by step, so its first step counts.
fn attribute_of_context(access: &Value) -> Option<String> {
    let attribute = access.get("attr")?;
    let first = attribute.as_array().map_or(Some(attribute), |path| path.first())?;
    (access.get("left")?.get("Var")? == "context").then(|| first.as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken_of(text: &str) -> SpokenOf {
        SpokenOf::by(&text.parse().expect("policies"))
    }

    fn these(names: &[&str]) -> SpokenOf {
        SpokenOf::These(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_policies_ask_of_the_circumstances_is_known() {
        assert_eq!(spoken_of("permit(principal, action, resource);"), these(&[]));
        let text = "forbid(principal, action, resource) when { context.hour < 8 || context[\"week\\u{64}ay\"] > 5 } \
                    unless { context has acr && context.acr == \"context\" && [context.client, \"x\"].contains(\"y\") };";
        assert_eq!(spoken_of(text), these(&["hour", "weekday", "acr", "client"]));
        assert_eq!(
            spoken_of("permit(principal, action, resource) when { if context has roles then context.amr.contains(\"otp\") else false };"),
            these(&["roles", "amr"])
        );
        assert_eq!(spoken_of("permit(principal, action, resource) when { context has arguments.names };"), these(&["arguments"]));
    }

    #[test]
    fn who_takes_them_whole_gets_them_whole() {
        for text in [
            "context == {hour: 8}",
            "[context].contains({hour: 8})",
            "{a: context}.a.hour == 8",
            "(if true then context else context).hour == 8",
        ] {
            assert_eq!(spoken_of(&format!("permit(principal, action, resource) when {{ {text} }};")), SpokenOf::Everything, "{text}");
        }
    }
}
