//! What a person may have, by the groups that their identity provider tells: roles for tokens and policies, and the scopes that not
//! everybody may have. Decided from what the provider last said, each time a scope is allowed or a token is made.

use std::collections::BTreeSet;

use chancery_core::{Person, Scope, ScopeSet, Slug};
use serde::{Deserialize, Serialize};

/// One rule of the file: whoever is in one of the groups has the roles, and may have the scopes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessRule {
    pub groups: BTreeSet<String>,
    /// The provider whose groups are meant; any, where none is named.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<Slug>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub roles: BTreeSet<String>,
    #[serde(skip_serializing_if = "ScopeSet::is_empty", default)]
    pub scopes: ScopeSet,
}

/// What the rules come to for one person.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    pub roles: Vec<String>,
    /// The scopes that a rule names: not everybody may have them.
    governed: ScopeSet,
    /// Those of them that a rule gives this person.
    given: ScopeSet,
}

impl Access {
    /// Groups that the provider withheld give nothing: nobody knows them (E4).
    pub(crate) fn of(rules: &[AccessRule], person: &Person, provider: &Slug) -> Self {
        let is_meant = |rule: &&AccessRule| {
            let of_the_provider = rule.provider.as_ref().is_none_or(|meant| meant == provider);
            of_the_provider && !person.groups_withheld && person.groups.iter().any(|group| rule.groups.contains(group))
        };
        let mine: Vec<_> = rules.iter().filter(is_meant).collect();
        let union = |all: ScopeSet, rule: &AccessRule| all.union(&rule.scopes);
        let roles: BTreeSet<_> = mine.iter().flat_map(|rule| &rule.roles).collect();
        Self {
            roles: roles.into_iter().cloned().collect(),
            governed: rules.iter().fold(ScopeSet::default(), union),
            given: mine.into_iter().fold(ScopeSet::default(), union),
        }
    }

    /// A scope that no rule names is open to all.
    pub fn may(&self, scope: &Scope) -> bool {
        !self.governed.contains(scope) || self.given.contains(scope)
    }

    /// What of it this person may have.
    pub fn narrowed(&self, scope: &ScopeSet) -> ScopeSet {
        scope.iter().filter(|scope| self.may(scope)).cloned().collect()
    }
}

/// Whether a person of these roles may have the scope: a token tells roles, not groups, so a rule without roles tells nothing here.
pub(crate) fn is_given(rules: &[AccessRule], scope: &Scope, roles: &[String]) -> bool {
    let theirs = |rule: &AccessRule| !rule.roles.is_empty() && rule.roles.iter().all(|role| roles.contains(role));
    let mut governing = rules.iter().filter(|rule| rule.scopes.contains(scope)).peekable();
    governing.peek().is_none() || governing.any(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(groups: &str, provider: Option<&str>, roles: &str, scopes: &str) -> AccessRule {
        let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        AccessRule {
            groups: words(groups),
            provider: provider.map(|name| name.parse().expect("a name")),
            roles: words(roles),
            scopes: scopes.parse().expect("scopes"),
        }
    }

    fn access(groups: &[&str], withheld: bool, provider: &str) -> (Vec<String>, String) {
        let rules = [
            rule("treasury audit", None, "approver", "bank:write"),
            rule("treasury", Some("corp"), "treasurer", "bank:close"),
            rule("everyone", None, "member", ""),
        ];
        let person =
            Person { groups: groups.iter().map(|group| (*group).to_owned()).collect(), groups_withheld: withheld, ..Person::default() };
        let access = Access::of(&rules, &person, &provider.parse().expect("a name"));
        let scopes = access.narrowed(&"bank:close bank:read bank:write".parse().expect("scopes"));
        (access.roles, scopes.to_string())
    }

    #[test]
    fn a_scope_that_a_rule_names_is_for_those_whom_a_rule_gives_it() {
        for (groups, provider, roles, scopes) in [
            (vec![], "corp", vec![], "bank:read"),
            (vec!["Treasury", "treasury ", "treasur"], "corp", vec![], "bank:read"),
            (vec!["audit"], "corp", vec!["approver"], "bank:read bank:write"),
            (vec!["treasury", "everyone"], "corp", vec!["approver", "member", "treasurer"], "bank:close bank:read bank:write"),
            (vec!["treasury"], "partner", vec!["approver"], "bank:read bank:write"),
        ] {
            let (had, may) = access(&groups, false, provider);
            assert_eq!((had, may.as_str()), (roles.into_iter().map(str::to_owned).collect(), scopes), "{groups:?} at {provider}");
        }
    }

    #[test]
    fn roles_tell_what_may_be_authorized() {
        let rules = [rule("treasury", None, "approver", "bank:write"), rule("board", None, "", "bank:close")];
        let given = |scope: &str, roles: &[&str]| {
            is_given(&rules, &scope.parse().expect("a scope"), &roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>())
        };
        assert!(given("bank:read", &[]) && given("bank:write", &["approver", "x"]));
        assert!(!given("bank:write", &["x"]) && !given("bank:close", &["approver"]));
    }

    #[test]
    fn groups_that_nobody_knows_give_nothing() {
        assert_eq!(access(&["treasury"], true, "corp"), (Vec::new(), "bank:read".to_owned()));
    }
}
