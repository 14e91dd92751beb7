//! A person's groups, as an ID token tells them. What cannot be told is never "none": a token that leaves groups out, or has them in a form
//! nobody knows, makes them withheld, and whoever decides by groups then refuses.

use chancery_registry::IdentityProvider;
use serde_json::{Map, Value};

use crate::profiles::Profile;

/// The groups, and whether that is not all of them.
pub(crate) fn of(claims: &Map<String, Value>, provider: &IdentityProvider, profile: &Profile) -> (Vec<String>, bool) {
    let names = match &provider.groups_claim {
        Some(claim) => std::slice::from_ref(claim),
        None => profile.groups.as_slice(),
    };
    let (mut groups, mut withheld) = (Vec::new(), left_out(claims, names, profile));
    for name in names {
        match found(claims, name).map(texts) {
            None => {}
            Some(Some(texts)) => groups.extend(texts),
            Some(None) => withheld = true,
        }
    }
    groups.sort();
    groups.dedup();
    (groups, withheld)
}

/// Elsewhere (OpenID Connect Core §5.6.2), or nowhere.
fn left_out(claims: &Map<String, Value>, names: &[String], profile: &Profile) -> bool {
    let elsewhere = |name: &String| claims.get("_claim_names").is_some_and(|names| names.get(name).is_some());
    let said = |claim: &String| found(claims, claim).is_some_and(|value| *value != Value::Bool(false));
    names.iter().any(elsewhere) || (names == profile.groups && profile.groups_left_out.iter().any(said))
}

/// By the whole name first: names with dots are common. Else dots lead into objects.
fn found<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let within = || {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |object, part| object.get(part))
    };
    claims.get(name).or_else(within).filter(|value| !value.is_null())
}

/// A list of texts, or one.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
