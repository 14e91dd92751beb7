//! One resource: its address, its scopes, which of them each tool needs, and what stands behind it.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::{ResourceUrl, Scope, ScopeSet, Slug};

use super::declared::{Declared, DeclaredSecret};
use super::objects::{is_reserved, named};
use super::problem::Place;
use super::reader::{Cursor, Section};
use super::secret::Secrets;
use super::upstream::upstream;
use super::values;
use crate::definition::{Definition, ResourceDefinition};
use crate::{ADMIN_NAME, ADMIN_SCOPES, SignInDemand, Tool};

/// The names of resources are noted even where the rest is wrong, so that no policy is told it is about nothing.
pub(super) fn resource(cursor: &Cursor<'_>, base: &str, names: &mut BTreeSet<Slug>, secrets: Secrets<'_>) -> Option<Declared> {
    cursor.section(|section| {
        let name = section.required("name", "name: bank", named);
        names.extend(name.iter().map(|(name, _)| name.clone()));
        let url = section.optional("url", "url: https://gw.example.com/mcp/bank", placed(|cursor| cursor.parsed(values::resource_url)));
        let title = section.optional("title", "title: Bank", |cursor| cursor.text().map(str::to_owned));
        let scopes = section.optional("scopes", "scopes: { \"bank:read\": See balances }", scopes);
        let known = scopes.as_ref().map(|scopes| scopes.iter().flatten().map(|(scope, _)| scope.clone()).collect::<ScopeSet>());
        let default_scope =
            section.optional("default_scope", "default_scope: \"bank:read\"", |cursor| known_scopes(cursor, known.as_ref()));
        let strict = section.optional("strict", "strict: true", Cursor::flag);
        let tools =
            section.optional("tools", "tools: { account_balance: { scope: \"bank:read\" } }", |cursor| tools(cursor, known.as_ref()));
        let listing = section.optional("listing", "listing: granted", |cursor| cursor.parsed(values::listing));
        let sign_in = section.optional("sign_in", "sign_in: { max_age: 15m }", |cursor| cursor.section(sign_in));
        let upstream = section.optional("upstream", "upstream: { url: http://127.0.0.1:9001/mcp }", |cursor| {
            cursor.section(|section| upstream(section, secrets, name.as_ref().map(|(name, _)| name)))
        });
        let algorithm = section.optional("token_signing_alg", "token_signing_alg: RS256", |cursor| cursor.parsed(values::algorithm));
        let dpop = section.optional("dpop", "dpop: required", |cursor| cursor.parsed(values::dpop));
        let require_agent = section.optional("require_agent", "require_agent: true", Cursor::flag);

        let (name, at) = name?;
        if name.as_str() == ADMIN_NAME {
            cursor.complain(format!("`{ADMIN_NAME}` is what policies call the admin API"), "choose another name");
            return None;
        }
        let (url, url_at) = match url? {
            Some((url, at)) => (url, at),
            None => (default_url(base, &name), at.clone()),
        };
        let (upstream, audience_at) = upstream?.map_or((None, at.clone()), |(upstream, at)| (Some(upstream), at));
        let sealed = upstream.as_ref().filter(|upstream| !upstream.secrets.is_empty());
        let secret = sealed.map(|upstream| DeclaredSecret::Sealed(upstream.secrets.to_text()));
        let definition = ResourceDefinition {
            url,
            title: title?.unwrap_or_else(|| name.to_string()),
            scopes: scopes?.unwrap_or_default(),
            default_scope: default_scope?.unwrap_or_default(),
            strict: strict?.unwrap_or(false),
            tools: tools?.unwrap_or_default(),
            listing: listing?.unwrap_or_default(),
            sign_in: sign_in?.unwrap_or_default(),
            upstream,
            require_agent: require_agent?.unwrap_or(false),
            token_signing_alg: algorithm?.unwrap_or_default(),
            dpop: dpop?.unwrap_or_default(),
        };
        let places = vec![("url", url_at), ("audience", audience_at)];
        Some(Declared { places, secret, ..Declared::new(name, Definition::Resource(Box::new(definition)), at) })
    })
}

fn default_url(base: &str, name: &Slug) -> ResourceUrl {
    format!("{base}/mcp/{name}").parse().expect("a base URL and a name make a URL")
}

/// Each scope and what it allows, in words for the consent page.
fn scopes(cursor: &Cursor<'_>) -> Option<BTreeMap<Scope, String>> {
    let read = |(name, words): (&str, Cursor<'_>)| {
        let scope = values::scope(name).map_err(|complaint| words.complain(complaint.what, complaint.remedy)).ok();
        if scope.as_ref().is_some_and(is_reserved) {
            words.complain(format!("`{name}` belongs to OpenID Connect, not to a resource"), "choose another scope, such as `bank:read`"); // PR-04
            return None;
        }
        if ADMIN_SCOPES.iter().any(|(known, _)| *known == name) {
            words.complain(format!("`{name}` is the admin API's"), "choose another scope, such as `bank:admin`");
            return None;
        }
        Some((scope?, words.text()?.to_owned()))
    };
    all(cursor.entries()?.into_iter().map(read))
}

/// Scopes that the resource has. With `known` missing, what it has could not be read, and that was said.
fn known_scopes(cursor: &Cursor<'_>, known: Option<&ScopeSet>) -> Option<ScopeSet> {
    let scopes = cursor.parsed(values::scopes)?;
    let unknown = scopes.difference(known?);
    if unknown.is_empty() {
        return Some(scopes);
    }
    cursor.complain(
        format!("this resource has no scope `{unknown}`"),
        "add it under the resource's `scopes`, with words for the consent page",
    );
    None
}

fn tools(cursor: &Cursor<'_>, known: Option<&ScopeSet>) -> Option<BTreeMap<String, Tool>> {
    all(cursor.entries()?.into_iter().map(|(name, tool)| tool.section(|section| Some((name.to_owned(), self::tool(section, known)?)))))
}

fn tool(section: &mut Section<'_>, known: Option<&ScopeSet>) -> Option<Tool> {
    let scope = section.required("scope", "scope: \"bank:read\"", |cursor| known_scopes(cursor, known));
    let read_only = section.optional("read_only", "read_only: true", Cursor::flag);
    let sign_in = section.optional("sign_in", "sign_in: { max_age: 15m }", |cursor| cursor.section(sign_in));
    Some(Tool { scope: scope?, read_only: read_only?.unwrap_or(false), sign_in: sign_in?.unwrap_or_default() })
}

/// How, and how recently.
fn sign_in(section: &mut Section<'_>) -> Option<SignInDemand> {
    let max_age = section.optional("max_age", "max_age: 15m", |cursor| cursor.parsed(values::max_age));
    let acr = section.optional("acr", "acr: [phr]", |cursor| {
        let values: Option<Vec<String>> = cursor.list()?.iter().map(|value| value.parsed(values::acr)).collect();
        values
    });
    let demand = SignInDemand { acr: acr?.unwrap_or_default(), max_age: max_age? };
    if demand.is_none() {
        section.complain("max_age", "this demands nothing", "say how recently (`max_age: 15m`), or how (`acr: [phr]`)");
        return None;
    }
    Some(demand)
}

/// What was read, and where it stands.
pub(super) fn placed<'a, T>(read: impl FnOnce(&Cursor<'a>) -> Option<T>) -> impl FnOnce(&Cursor<'a>) -> Option<(T, Place)> {
    |cursor| read(cursor).map(|value| (value, cursor.place.clone()))
}

/// All, or nothing if one of them was complained about; all are read either way.
pub(super) fn all<K: Ord, V>(read: impl Iterator<Item = Option<(K, V)>>) -> Option<BTreeMap<K, V>> {
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}
