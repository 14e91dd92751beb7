//! What in a file contradicts what is stored, or what other tenants have.

use chancery_core::{Issuer, ResourceUrl, Slug};
use chancery_store::repo::objects::Object;
use chancery_store::repo::tenants;

use super::{FILE, is};
use crate::config::{Complaint, Config, Declared};
use crate::definition::Definition;
use crate::resource::{authority_of, path_of};
use crate::snapshot::Snapshot;
use crate::{ADMIN_NAME, Problem, RegistryError};

/// A public address that somebody has.
struct Taken<'a> {
    tenant: &'a Slug,
    resource: String,
    url: ResourceUrl,
    audience: Option<String>,
}

/// Everything that is wrong, in the order of the file.
pub(super) fn find(
    config: &Config,
    tenant: Option<&tenants::Tenant>,
    stored: &[Object],
    others: &Snapshot,
) -> Result<Vec<Problem>, RegistryError> {
    let mut problems = Vec::new();
    problems.extend(tenant.and_then(|tenant| base_url(config, tenant)));
    problems.extend(config.declared.iter().filter_map(|declared| owner(declared, stored)));

    let mut taken = of_others(config, others);
    taken.extend(of_administration(config, others));
    taken.extend(of_the_api(config, stored)?);
    for declared in &config.declared {
        let Definition::Resource(resource) = &declared.definition else { continue };
        problems.extend(taken.iter().find_map(|taken| address(declared, &resource.url, taken)));
        taken.push(Taken {
            tenant: &config.tenant,
            resource: declared.name.to_string(),
            url: resource.url.clone(),
            audience: resource.upstream.as_ref().map(|upstream| upstream.audience.clone()),
        });
    }
    problems.extend(config.declared.iter().filter_map(|declared| audience(declared, &config.tenant, &taken)));
    Ok(problems)
}

/// Clients key their credentials by the issuer, which begins with the base URL, so it never changes.
fn base_url(config: &Config, tenant: &tenants::Tenant) -> Option<Problem> {
    (tenant.base_url != config.base_url).then(|| {
        let what = format!("the first apply fixed the base URL of the tenant `{}` as {}", tenant.name, tenant.base_url);
        let remedy = format!("write `{}`; or choose another tenant name, whose clients and grants begin anew", tenant.base_url);
        config.base_url_at.problem(Complaint::new(what, remedy))
    })
}

/// What was made through the API is changed through the API.
fn owner(declared: &Declared, stored: &[Object]) -> Option<Problem> {
    let theirs = stored.iter().find(|object| is(object, declared) && !object.owner.starts_with(FILE))?;
    let what = format!("the {} `{}` was made through the admin API", theirs.kind.as_str().replace('_', " "), theirs.name);
    Some(declared.at.problem(Complaint::new(what, "choose another name, or remove it there first")))
}

/// Tokens are told apart by the URL, requests by its host and path: behind a proxy that ends TLS nobody sees the scheme.
fn address(declared: &Declared, url: &ResourceUrl, taken: &Taken<'_>) -> Option<Problem> {
    let place = |url| (authority_of(url), path_of(url));
    (place(&taken.url) == place(url)).then(|| {
        let what = format!("the URL {} is that of the resource `{}` of the tenant `{}` already", taken.url, taken.resource, taken.tenant);
        declared.place("url").problem(Complaint::new(what, "give this one a `url` of its own"))
    })
}

/// A token for an upstream must be good for nothing but the upstream.
fn audience(declared: &Declared, tenant: &Slug, all: &[Taken<'_>]) -> Option<Problem> {
    let Definition::Resource(resource) = &declared.definition else { return None };
    if let Some(upstream) = &resource.upstream
        && let Some(public) = all.iter().find(|public| public.url.is_meant_by(&upstream.audience))
    {
        let what = format!("tokens for this upstream would be good for the public resource `{}` too", public.resource);
        return Some(declared.place("audience").problem(Complaint::new(what, "give `upstream` an `audience` that only the upstream has")));
    }
    let mut others = all.iter().filter(|other| (other.tenant, &*other.resource) != (tenant, declared.name.as_str()));
    let other = others.find(|other| other.audience.as_ref().is_some_and(|audience| resource.url.is_meant_by(audience)))?;
    let what = format!("tokens for the upstream of the resource `{}` of the tenant `{}` say this URL", other.resource, other.tenant);
    Some(declared.place("url").problem(Complaint::new(what, "choose another `url`, or give that upstream another `audience`")))
}

fn of_others<'a>(config: &Config, others: &'a Snapshot) -> Vec<Taken<'a>> {
    let tenants = others.tenants().filter(|tenant| tenant.name != config.tenant);
    tenants
        .flat_map(|tenant| {
            tenant.resources.iter().filter(|resource| resource.name.as_str() != ADMIN_NAME).map(|resource| Taken {
                tenant: &tenant.name,
                resource: resource.name.to_string(),
                url: resource.url.clone(),
                audience: resource.upstream.as_ref().map(|upstream| upstream.audience.clone()),
            })
        })
        .collect()
}

/// Each tenant's admin API has an address, whether somebody is given its scopes yet or not.
fn of_administration<'a>(config: &'a Config, others: &'a Snapshot) -> Vec<Taken<'a>> {
    let own = (&config.tenant, config.base_url.as_str());
    let all = others.tenants().filter(|tenant| tenant.name != config.tenant).map(|tenant| (&tenant.name, tenant.base.as_str()));
    let taken = all.chain([own]).filter_map(|(tenant, base)| {
        let url = format!("{}/admin", Issuer::of(base, tenant)).parse().ok()?;
        Some(Taken { tenant, resource: ADMIN_NAME.to_owned(), url, audience: None })
    });
    taken.collect()
}

fn of_the_api<'a>(config: &'a Config, stored: &[Object]) -> Result<Vec<Taken<'a>>, RegistryError> {
    let mut taken = Vec::new();
    for object in stored.iter().filter(|object| !object.owner.starts_with(FILE)) {
        if let Definition::Resource(resource) = Definition::of(object)? {
            let audience = resource.upstream.map(|upstream| upstream.audience);
            taken.push(Taken { tenant: &config.tenant, resource: object.name.clone(), url: resource.url, audience });
        }
    }
    Ok(taken)
}
