//! Which workload a registered client is, as its platform said when it registered, and which rule lets such a workload in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Platform;

/// What a platform said of a workload: as much of it as the rule looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Whose word it is.
    pub issuer: String,
    pub claims: BTreeMap<String, String>,
}

impl Platform {
    /// Whether this rule lets the workload in. What the platform did not say of it fits no pattern.
    pub fn admits(&self, workload: &Workload) -> bool {
        let says = |(name, pattern): (&String, &String)| workload.claims.get(name).is_some_and(|said| matches(pattern, said));
        self.issuer == workload.issuer && self.claims.iter().all(says)
    }
}

/// Whether all of `text` is as the pattern says, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').map_or(("", rest), |(middle, last)| (middle, last));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_whole_text() {
        for (pattern, text, fits) in [
            ("acme/app", "acme/app", true),
            ("acme/app", "acme/app2", false),
            ("acme/*", "acme/app", true),
            ("acme/*", "acme", false),
            ("acme/*", "evil/acme/app", false),
            ("*/main", "refs/heads/main", true),
            ("*/main", "refs/heads/main/x", false),
            ("refs/*/main", "refs/heads/main", true),
            ("refs/*/main", "refs/main", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
