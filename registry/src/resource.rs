//! Resources: what a token is good for, which scopes it knows, and which of them a tool needs.

use std::collections::BTreeMap;

use chancery_core::{ResourceId, ResourceUrl, Scope, ScopeSet, Slug};
use chancery_crypto::jose::Algorithm;
use chancery_policy::ResourceRef;
use serde::{Deserialize, Serialize};

use crate::{ADMIN_NAME, SignInDemand, Upstream};

/// An MCP server or an API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resource {
    pub id: ResourceId,
    pub name: Slug,
    /// What clients configure and `aud` says, byte for byte.
    pub url: ResourceUrl,
    pub title: String,
    /// Each scope in the words that the consent page shows.
    pub scopes: BTreeMap<Scope, String>,
    /// What a client gets that asks for nothing, and what a tool needs that the map does not name.
    pub default_scope: ScopeSet,
    /// Tools that the map does not name are refused.
    pub strict: bool,
    pub tools: BTreeMap<String, Tool>,
    pub listing: Listing,
    /// How people must have proved who they are whose data it is about.
    pub sign_in: SignInDemand,
    /// What stands behind the gateway; none for a resource that checks tokens itself.
    pub upstream: Option<Upstream>,
    /// Only registered agents get tokens.
    pub require_agent: bool,
    /// What its tokens are signed with.
    pub algorithm: Algorithm,
    pub dpop: Dpop,
}

/// What a tool needs, and whether it changes anything: an upstream's own hint is not believed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub scope: ScopeSet,
    pub read_only: bool,
    #[serde(skip_serializing_if = "SignInDemand::is_none", default)]
    pub sign_in: SignInDemand,
}

/// Which entries a list shows of those that nothing forbids.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// Those of the token's scope: what this caller may call.
    #[default]
    Granted,
    /// Those whose scope its person may still authorize, too: what nobody sees nobody asks for.
    Obtainable,
}

/// Whether its tokens must be bound to a key of their client's (RFC 9449). One that is bound is of no use without a proof either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dpop {
    /// Bound tokens are taken, and others too.
    #[default]
    Optional,
    /// No token that is anybody's who holds it.
    Required,
}

impl Dpop {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Listing {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl<'a> From<&'a Resource> for ResourceRef<'a> {
    fn from(resource: &'a Resource) -> Self {
        Self { id: &resource.id, name: &resource.name, url: &resource.url }
    }
}

/// A strict resource has no scope for this tool, so nobody may call it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this resource allows only the tools that its registration names, and this is none of them")]
pub struct NotMapped;

impl Resource {
    /// The scopes that calling `tool` takes.
    ///
    /// # Errors
    /// [`NotMapped`] for an unnamed tool of a strict resource.
    pub fn scope_for_tool(&self, tool: &str) -> Result<&ScopeSet, NotMapped> {
        match self.tools.get(tool) {
            Some(tool) => Ok(&tool.scope),
            None if self.strict => Err(NotMapped),
            None => Ok(&self.default_scope),
        }
    }

    /// All that it and its tools demand.
    pub(crate) fn sign_in_demands(&self) -> impl Iterator<Item = &SignInDemand> {
        std::iter::once(&self.sign_in).chain(self.tools.values().map(|tool| &tool.sign_in))
    }

    /// How whoever calls this tool must have signed in: what the tool says, else what the resource says.
    pub fn sign_in_for_tool(&self, tool: &str) -> SignInDemand {
        self.tools.get(tool).map_or_else(|| self.sign_in.clone(), |tool| tool.sign_in.or(&self.sign_in))
    }

    /// Whether the registry says that `tool` changes nothing.
    pub fn is_read_only(&self, tool: &str) -> bool {
        self.tools.get(tool).is_some_and(|tool| tool.read_only)
    }

    /// Whether its tokens are checked by us, not by itself: then we know what is taken there.
    pub(crate) fn is_guarded_here(&self) -> bool {
        self.upstream.is_some() || self.name.as_str() == ADMIN_NAME
    }

    /// All of its scopes.
    pub fn all_scopes(&self) -> ScopeSet {
        self.scopes.keys().cloned().collect()
    }

    /// The path under which the gateway serves it; `/` for a URL without one.
    pub fn path(&self) -> &str {
        path_of(&self.url)
    }

    /// Where its metadata lies: the well-known path stands between host and path, and a path of `/` alone is left out (RFC 9728 §3.1;
    /// PR-01).
    pub fn metadata_url(&self) -> String {
        let (origin, path) = split(&self.url);
        format!("{origin}/.well-known/oauth-protected-resource{}", if path == "/" { "" } else { path })
    }
}

/// The host and port of a resource's URL, as a request names them that asks for it there.
pub(crate) fn authority_of(url: &ResourceUrl) -> &str {
    let (origin, _) = split(url);
    origin.split_once("://").map_or(origin, |(_, authority)| authority)
}

/// The path of a resource's URL; `/` for one without.
pub(crate) fn path_of(url: &ResourceUrl) -> &str {
    match split(url) {
        (_, "") => "/",
        (_, path) => path,
    }
}

/// The URL as its origin and the rest. It is cut as a string: what was written is what is compared.
fn split(url: &ResourceUrl) -> (&str, &str) {
    let url = url.as_str();
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    url.split_at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank(strict: bool) -> Resource {
        let scopes = |text: &str| text.parse::<ScopeSet>().expect("scopes");
        Resource {
            id: ResourceId::mint(chancery_core::Timestamp::from_millis(1), &mut chancery_core::Entropy::from_bytes([7; 384])),
            name: "bank".parse().expect("a name"),
            url: "https://gw.example/mcp/bank".parse().expect("a URL"),
            title: "Bank".to_owned(),
            scopes: BTreeMap::new(),
            default_scope: scopes("bank:read"),
            strict,
            tools: BTreeMap::from([(
                "transfer".to_owned(),
                Tool { scope: scopes("bank:move"), read_only: false, sign_in: SignInDemand::default() },
            )]),
            listing: Listing::default(),
            sign_in: SignInDemand::default(),
            upstream: None,
            require_agent: false,
            algorithm: Algorithm::Es256,
            dpop: Dpop::default(),
        }
    }

    #[test]
    fn mc_01_an_unnamed_tool_needs_the_default_scope_unless_the_resource_is_strict() {
        let needs = |resource: &Resource, tool: &str| resource.scope_for_tool(tool).map(ToString::to_string);
        assert_eq!(needs(&bank(false), "transfer"), Ok("bank:move".to_owned()));
        assert_eq!(needs(&bank(false), "statement"), Ok("bank:read".to_owned()));
        assert_eq!(needs(&bank(true), "transfer"), Ok("bank:move".to_owned()));
        assert_eq!(needs(&bank(true), "statement"), Err(NotMapped));
    }

    #[test]
    fn a_member_that_this_version_does_not_know_could_be_a_restriction() {
        assert!(serde_json::from_str::<Tool>(r#"{"scope":"bank:move","read_only":false,"approved_by":"treasury"}"#).is_err());
    }
}
