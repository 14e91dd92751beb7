//! `identity_providers`: where people sign in. What is particular to a kind of provider is federation's; here stands what an operator may
//! say of theirs.

use std::collections::BTreeMap;

use chancery_core::{ScopeSet, Slug};

use super::declared::{Declared, DeclaredSecret};
use super::nearest::nearest;
use super::objects::named;
use super::problem::{Complaint, Problems};
use super::reader::{Cursor, Section};
use super::secret::{Secrets, secret};
use super::values;
use crate::definition::{Definition, ProviderDefinition};

/// The kinds of providers there are data for (`federation/profiles/`; a test there holds the two together).
pub const PROFILES: [&str; 7] = ["entra", "okta", "cognito", "auth0", "google", "keycloak", "oidc"];

pub(super) fn identity_provider(cursor: &Cursor<'_>, secrets: Secrets<'_>) -> Option<Declared> {
    cursor.section(|section| {
        let name = section.required("name", "name: corp", named);
        let title = section.optional("title", "title: Employees", |cursor| cursor.text().map(str::to_owned));
        let issuer = section.required("issuer", "issuer: https://login.example.com", |cursor| cursor.parsed(values::provider_issuer));
        let client_id = section.required("client_id", "client_id: chancery", |cursor| cursor.text().map(str::to_owned));
        let found = section.required("client_secret", "client_secret: env:CORP_CLIENT_SECRET", |cursor| secret(cursor, secrets, 0));
        let scopes = section.optional("scopes", "scopes: openid profile email", |cursor| cursor.parsed(provider_scopes));
        let profile = section.optional("profile", "profile: entra", |cursor| cursor.parsed(profile));
        let issuers = texts(section, "issuers", "issuers: [ https://login.microsoftonline.com/…/v2.0 ]", values::provider_issuer);
        let domains = texts(section, "domains", "domains: [ example.com ]", domain);
        let groups = section.optional("groups_claim", "groups_claim: groups", |cursor| cursor.text().map(str::to_owned));

        let (name, at) = name?;
        let definition = ProviderDefinition {
            title: title?,
            issuer: issuer?,
            client_id: client_id?,
            scopes: scopes?,
            profile: profile?,
            issuers: issuers?,
            domains: domains?,
            groups_claim: groups?,
        };
        let secret = Some(DeclaredSecret::Sealed(found?));
        Some(Declared { secret, ..Declared::new(name, Definition::IdentityProvider(definition), at) })
    })
}

/// A domain leads to one provider: who could sign in by two would be two people.
pub(super) fn one_domain_each(declared: &[Declared], problems: &Problems) {
    let mut seen: BTreeMap<&str, &Slug> = BTreeMap::new();
    for provider in declared {
        let Definition::IdentityProvider(definition) = &provider.definition else { continue };
        for domain in &definition.domains {
            if let Some(other) = seen.insert(domain, &provider.name).filter(|other| **other != provider.name) {
                let what = format!("the domain `{domain}` is that of `{other}` already");
                problems.add(&provider.at, Complaint::new(what, "give each domain to one identity provider"));
            }
        }
    }
}

fn texts(
    section: &mut Section<'_>,
    key: &'static str,
    example: &'static str,
    read: fn(&str) -> Result<String, Complaint>,
) -> Option<Vec<String>> {
    let items = section.optional(key, example, Cursor::list)?.unwrap_or_default();
    let texts: Vec<_> = items.iter().map(|item| item.parsed(read)).collect();
    texts.into_iter().collect()
}

fn provider_scopes(text: &str) -> Result<ScopeSet, Complaint> {
    let scopes = values::scopes(text)?;
    if scopes.iter().any(|scope| scope.as_str() == "openid") {
        return Ok(scopes);
    }
    Err(Complaint::new("without the scope `openid` the provider does not say who signed in", format!("write `openid {scopes}`")))
}

fn profile(text: &str) -> Result<String, Complaint> {
    if PROFILES.contains(&text) {
        return Ok(text.to_owned());
    }
    let remedy = match nearest(text, &PROFILES) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known are {}; any other provider is `oidc`", PROFILES.join(", ")),
    };
    Err(Complaint::new(format!("`{text}` is not a kind of identity provider"), remedy))
}

/// As it stands behind the @ of an address.
fn domain(text: &str) -> Result<String, Complaint> {
    let lower = text.to_ascii_lowercase();
    let label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if lower.len() <= 253 && lower.split('.').all(label) {
        return Ok(lower);
    }
    Err(Complaint::new(format!("`{text}` is not a domain"), "write what stands behind the @ of people's addresses, such as example.com"))
}
