//! The scopes (RFC 6749 §3.3, RFC 8707 §2): each is known to a resource that was asked for, and each resource gets those of its own.

use chancery_core::ScopeSet;
use chancery_registry::Resource;
use chancery_store::repo::grants::AllowedResource;

use super::resource;
use crate::authorize::arrival::Arrival;
use crate::identity_scope::{heard, identity_of, without_identity};
use crate::refusal::Refused;

/// What is asked of each resource. `openid` goes with all of them: it is about the person.
pub(in crate::authorize) fn shared_out(arrival: &Arrival<'_>) -> Result<Vec<AllowedResource>, Refused> {
    let resources = resource::registered(arrival)?;
    let asked: Result<ScopeSet, _> = arrival.form.one("scope").unwrap_or_default().parse();
    let asked = heard(&asked.map_err(|_| Refused::invalid_scope("scope has characters that no scope has"))?);
    let (identity, asked) = (identity_of(&asked), without_identity(&asked));

    let known = resources.iter().fold(ScopeSet::default(), |known, resource| known.union(&resource.all_scopes()));
    let unknown = asked.difference(&known);
    if !unknown.is_empty() {
        return Err(Refused::invalid_scope(format!("no resource that was asked for knows: {unknown}; it knows: {known}")));
    }
    let allowed = |resource: &Resource| {
        let scope = of_client(of_resource(resource, &asked)?, arrival)?.union(&identity);
        Ok(AllowedResource { resource: resource.url.clone(), resource_id: resource.id, scope })
    };
    resources.iter().map(|resource| allowed(resource)).collect()
}

/// Its part of what was asked; what it gives by default, if nothing was.
fn of_resource(resource: &Resource, asked: &ScopeSet) -> Result<ScopeSet, Refused> {
    if asked.is_empty() {
        return Ok(resource.default_scope.clone());
    }
    let scope = asked.intersection(&resource.all_scopes());
    if scope.is_empty() {
        return Err(Refused::invalid_scope(format!(
            "none of the scopes is for {}; leave that resource out, or ask for a scope of it",
            resource.url
        )));
    }
    Ok(scope)
}

/// What of it this client may have, whoever allows it (DR-06).
fn of_client(asked: ScopeSet, arrival: &Arrival<'_>) -> Result<ScopeSet, Refused> {
    let Some(client) = arrival.client else { return Ok(asked) };
    let scope = arrival.tenant.scopes_for(client, &asked);
    if scope.is_empty() && !asked.is_empty() {
        let description =
            format!("an app that registered itself may not have {asked} here; ask who runs this server to register it by hand");
        return Err(Refused::invalid_scope(description).by_row("DR-06"));
    }
    Ok(scope)
}
