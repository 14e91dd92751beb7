//! The `registration` section: who may register a client at run time, and as what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chancery_core::{Secret, Slug};
use chancery_crypto::jose::KeySet;

use super::documents::documents;
use super::problem::Complaint;
use super::reader::{Cursor, Section};
use super::secret::{Secrets, secret};
use super::values;
use crate::{Dynamic, GrantType, Keys, Platform, Proxy, Quotas, Registration, SignIns, StatementIssuer};

/// More than this from one source is no quota.
const MOST: u32 = 1_000_000;

/// What a file may speak of here: its agents, its identity providers, and where its secrets lie.
pub(super) struct Known<'a> {
    pub agents: &'a BTreeSet<Slug>,
    pub providers: &'a BTreeSet<Slug>,
    pub secrets: Secrets<'a>,
}

/// The rules, and the credential of registration by proxy.
pub(super) fn registration(section: &mut Section<'_>, known: &Known<'_>) -> Option<(Registration, Option<Secret<String>>)> {
    let agents = known.agents;
    let dynamic = section.required("dynamic", "dynamic: closed", |cursor| cursor.parsed(dynamic));
    let quarantine = section.optional("quarantine", "quarantine: \"bank:read\"", |cursor| cursor.parsed(values::scopes));
    let quotas = quotas(section);
    let statements = section.items("statements", "statements: [ { issuer: https://vendor.example.com, jwks_uri: … } ]");
    let statements: Vec<_> = statements.iter().map(|item| item.section(statement_issuer)).collect();
    let platforms =
        section.items("platforms", "platforms: [ { name: ci, issuer: https://ci.example.com, claims: { … }, agent: deployer } ]");
    let platforms: Vec<_> = platforms.iter().map(|item| item.section(|section| platform(section, agents))).collect();

    let documents =
        section.optional("documents", "documents: { enabled: true }", |cursor| cursor.section(|section| documents(section, known.secrets)));
    let example = "proxy: { provider: corp, credential: env:REGISTRATION_TOKEN }";
    let proxy = section.optional("proxy", example, |cursor| cursor.section(|section| proxy(section, known)));

    let (proxy, credential) = proxy?.unzip();
    let registration = Registration {
        dynamic: dynamic?,
        quarantine: quarantine?,
        quotas: quotas?,
        statements: statements.into_iter().collect::<Option<_>>()?,
        platforms: platforms.into_iter().collect::<Option<_>>()?,
        documents: documents?.unwrap_or_default(),
        proxy,
    };
    Some((registration, credential))
}

fn proxy(section: &mut Section<'_>, known: &Known<'_>) -> Option<(Proxy, Secret<String>)> {
    let provider = section.required("provider", "provider: corp", |cursor| {
        let name = cursor.parsed(values::name)?;
        if known.providers.contains(&name) {
            return Some(name);
        }
        cursor.complain(format!("there is no identity provider `{name}`"), "write the name of one of `identity_providers`");
        None
    });
    let endpoint =
        section.optional("endpoint", "endpoint: https://acme.okta.com/oauth2/v1/clients", |cursor| cursor.parsed(values::upstream_url));
    let scheme = section.optional("scheme", "scheme: SSWS", |cursor| cursor.parsed(scheme));
    let found = section.required("credential", "credential: env:REGISTRATION_TOKEN", |cursor| secret(cursor, known.secrets, 0));
    let scheme = scheme?.unwrap_or_else(|| "Bearer".to_owned());
    Some((Proxy { provider: provider?, endpoint: endpoint?, scheme }, found?))
}

/// A token (RFC 9110 §11.1).
fn scheme(text: &str) -> Result<String, Complaint> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(text.to_owned());
    }
    Err(Complaint::new(
        format!("`{text}` is not the name of an HTTP authentication scheme"),
        "write `Bearer`, or for Okta's API tokens `SSWS`",
    ))
}

fn dynamic(text: &str) -> Result<Dynamic, Complaint> {
    Dynamic::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
        let words = Dynamic::ALL.map(Dynamic::as_str).join(", ");
        Complaint::new(format!("`{text}` is not a way to govern registration"), format!("write one of: {words}"))
    })
}

fn quotas(section: &mut Section<'_>) -> Option<Quotas> {
    let default = Quotas::default();
    let per_source = per_source(section, ["per_source: { most: 100, per: 1h }", "most: 100", "per: 1h"]);
    let never_used = section.optional("never_used", "never_used: 10000", |cursor| cursor.number(MOST));
    let forget_after = section.optional("forget_after", "forget_after: 180d", |cursor| cursor.parsed(values::duration));
    let (per_source, per) = per_source?.unwrap_or((default.per_source, default.per));
    Some(Quotas {
        per_source,
        per,
        never_used: never_used?.unwrap_or(default.never_used),
        forget_after: forget_after?.unwrap_or(default.forget_after),
    })
}

/// `sign_ins`: how many may begin.
pub(super) fn sign_ins(section: &mut Section<'_>) -> Option<SignIns> {
    let default = SignIns::default();
    let per_source = per_source(section, ["per_source: { most: 1000, per: 10m }", "most: 1000", "per: 10m"]);
    let under_way = section.optional("under_way", "under_way: 20000", |cursor| cursor.number(MOST));
    let (per_source, per) = per_source?.unwrap_or((default.per_source, default.per));
    Some(SignIns { per_source, per, under_way: under_way?.unwrap_or(default.under_way) })
}

fn per_source(section: &mut Section<'_>, [example, most, per]: [&'static str; 3]) -> Option<Option<(u32, Duration)>> {
    section.optional("per_source", example, |cursor| {
        cursor.section(|section| {
            let most = section.required("most", most, |cursor| cursor.number(MOST));
            let per = section.required("per", per, |cursor| cursor.parsed(values::duration));
            let per = per.filter(|per| !per.is_zero());
            Some((most?, per?))
        })
    })
}

fn statement_issuer(section: &mut Section<'_>) -> Option<StatementIssuer> {
    let issuer = section.required("issuer", "issuer: https://vendor.example.com", |cursor| cursor.text().map(str::to_owned));
    let keys = keys(section);
    let software = section.optional("software", "software: [ 4NRB1-0XZABZI9E6-5SM3R ]", names);
    if keys == Some(None) {
        section.complain(
            "jwks_uri",
            "nothing says where the keys of this issuer are",
            "add `jwks_uri` with their address, or `jwks` with the set",
        );
        return None;
    }
    Some(StatementIssuer { issuer: issuer?, keys: keys??, software: software? })
}

fn platform(section: &mut Section<'_>, agents: &BTreeSet<Slug>) -> Option<Platform> {
    let name = section.required("name", "name: ci", |cursor| cursor.parsed(values::name));
    let issuer = section.required("issuer", "issuer: https://ci.example.com", |cursor| cursor.parsed(values::provider_issuer));
    let keys = keys(section);
    let audience = section.optional("audience", "audience: https://gw.example.com/t/acme", |cursor| cursor.text().map(str::to_owned));
    let claims = section.required("claims", "claims: { repository: \"acme/*\" }", claims);
    let agent = section.required("agent", "agent: deployer", |cursor| agent(cursor, agents));
    let grants = section.optional("grants", "grants: [ client_credentials ]", grants);
    let scopes = section.required("scopes", "scopes: \"bank:read\"", |cursor| cursor.parsed(values::scopes));
    Some(Platform {
        name: name?,
        issuer: issuer?,
        keys: keys?,
        audience: audience?,
        claims: claims?,
        agent: agent?,
        grants: grants?.unwrap_or_else(|| [GrantType::ClientCredentials].into()),
        scopes: scopes?,
    })
}

/// `jwks_uri` or `jwks`; `Some(None)` where there is neither.
fn keys(section: &mut Section<'_>) -> Option<Option<Keys>> {
    let uri = section.optional("jwks_uri", "jwks_uri: https://ci.example.com/jwks", |cursor| cursor.parsed(values::upstream_url));
    let set = section.optional("jwks", "jwks: '{\"keys\":[…]}'", |cursor| cursor.parsed(key_set));
    match (uri?, set?) {
        (Some(_), Some(_)) => {
            section.complain("jwks", "`jwks_uri` says where the keys are already", "leave one of the two out");
            None
        }
        (Some(uri), None) => Some(Some(Keys::Uri(uri))),
        (None, Some(set)) => Some(Some(Keys::Set(set))),
        (None, None) => Some(None),
    }
}

fn key_set(text: &str) -> Result<String, Complaint> {
    match KeySet::from_jwks(text.as_bytes()) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Complaint::new("this is not a set of public keys", "write it as JSON: '{\"keys\":[…]}'")),
    }
}

/// Everybody has an account at the large platforms, so a rule says whose workloads are meant.
fn claims(cursor: &Cursor<'_>) -> Option<BTreeMap<String, String>> {
    let read = |(name, value): (&str, Cursor<'_>)| Some((name.to_owned(), value.text()?.to_owned()));
    let claims: Option<BTreeMap<_, _>> = cursor.entries()?.into_iter().map(read).collect();
    let claims = claims?;
    if claims.values().all(|pattern| pattern.chars().all(|c| c == '*')) {
        cursor.complain(
            "with no claim that says whose workload it is, everybody with an account at this platform could register",
            "say what its tokens must hold, such as `claims: { repository: \"acme/*\" }`",
        );
        return None;
    }
    Some(claims)
}

fn agent(cursor: &Cursor<'_>, agents: &BTreeSet<Slug>) -> Option<Slug> {
    let agent = cursor.parsed(values::name)?;
    if !agents.contains(&agent) {
        cursor.complain(format!("there is no agent `{agent}`"), "add it under `agents`, with its owner");
        return None;
    }
    Some(agent)
}

/// The grants that a client may use.
pub(super) fn grants(cursor: &Cursor<'_>) -> Option<BTreeSet<GrantType>> {
    let read = |text: &str| {
        GrantType::ALL.into_iter().find(|grant| grant.as_str() == text).ok_or_else(|| {
            let words = GrantType::ALL.map(GrantType::as_str).join(", ");
            Complaint::new(format!("`{text}` is not a grant that is offered here"), format!("write some of: {words}"))
        })
    };
    let grants: Vec<_> = cursor.list()?.iter().map(|item| item.parsed(read)).collect();
    let grants: BTreeSet<_> = grants.into_iter().collect::<Option<_>>()?;
    if grants.is_empty() {
        cursor.complain("a client without a grant can get no token", "name at least one, such as client_credentials");
        return None;
    }
    Some(grants)
}

fn names(cursor: &Cursor<'_>) -> Option<BTreeSet<String>> {
    let names: Vec<_> = cursor.list()?.iter().map(|item| item.text().map(str::to_owned)).collect();
    names.into_iter().collect()
}
