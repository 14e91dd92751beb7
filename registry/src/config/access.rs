//! `access`: which groups have which roles, and may have which scopes.

use std::collections::BTreeSet;

use chancery_core::{Scope, ScopeSet};

use super::declared::Declared;
use super::problem::{Complaint, Place, Problems};
use super::reader::{Cursor, Section};
use super::values;
use crate::definition::Definition;
use crate::{ADMIN_SCOPES, AccessRule};

pub(super) fn access(section: &mut Section<'_>) -> Option<Vec<(AccessRule, Place)>> {
    let rules = section.items("access", "access: [ { groups: [ treasury ], scopes: [ \"bank:write\" ] } ]");
    let rules: Vec<_> = rules.iter().map(|cursor| Some((rule(cursor)?, cursor.place.clone()))).collect();
    rules.into_iter().collect()
}

fn rule(cursor: &Cursor<'_>) -> Option<AccessRule> {
    let rule = cursor.section(|section| {
        let groups = section.required("groups", "groups: [ treasury ]", words);
        let provider = section.optional("provider", "provider: corp", |cursor| cursor.parsed(values::name));
        let roles = section.optional("roles", "roles: [ approver ]", words);
        let scopes = section.optional("scopes", "scopes: [ \"bank:write\" ]", scopes);
        Some(AccessRule { groups: groups?, provider: provider?, roles: roles?.unwrap_or_default(), scopes: scopes?.unwrap_or_default() })
    })?;
    if rule.groups.is_empty() {
        cursor.complain("this rule is for nobody", "name at least one group, as the provider calls it: `groups: [ treasury ]`");
        return None;
    }
    if rule.roles.is_empty() && rule.scopes.is_empty() {
        cursor.complain("this rule gives nothing", "add `roles: [ … ]`, `scopes: [ … ]`, or both");
        return None;
    }
    Some(rule)
}

fn words(cursor: &Cursor<'_>) -> Option<BTreeSet<String>> {
    let words: Vec<_> = cursor.list()?.iter().map(|item| item.text().map(str::to_owned)).collect();
    words.into_iter().collect()
}

fn scopes(cursor: &Cursor<'_>) -> Option<ScopeSet> {
    let scopes: Vec<_> = cursor.list()?.iter().map(|item| item.parsed(values::scope)).collect();
    scopes.into_iter().collect::<Option<Vec<_>>>().map(|scopes| scopes.into_iter().collect())
}

/// A rule about what is not there restricts nothing, and nobody would notice. The scopes of the admin API are the server's own.
pub(super) fn strangers(rules: &[(AccessRule, Place)], declared: &[Declared], problems: &Problems) {
    let (mut known, mut providers) = (ScopeSet::default(), Vec::new());
    for object in declared {
        match &object.definition {
            Definition::Resource(resource) => known = known.union(&resource.scopes.keys().cloned().collect()),
            Definition::IdentityProvider(_) => providers.push(object.name.clone()),
            _ => {}
        }
    }
    for (rule, place) in rules {
        for scope in rule.scopes.iter().filter(|scope| !known.contains(scope) && !is_administration(scope)) {
            let remedy = "add it under a resource's `scopes`, or correct it here";
            problems.add(place, Complaint::new(format!("no resource has a scope `{scope}`"), remedy));
        }
        for provider in rule.provider.iter().filter(|provider| !providers.contains(provider)) {
            problems.add(place, Complaint::new(format!("there is no identity provider `{provider}`"), "name one of `identity_providers`"));
        }
    }
}

fn is_administration(scope: &Scope) -> bool {
    ADMIN_SCOPES.iter().any(|(ours, _)| *ours == scope.as_str())
}
