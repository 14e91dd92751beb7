//! What a file says of the world around this server: whom it sends people to, and where it can be met. For who goes and looks.

use std::collections::BTreeMap;

use super::Config;
use crate::definition::{Definition, ProviderDefinition};
use crate::{Tool, Upstream};

/// What every kind of provider is asked for, where the file does not say.
const USUAL_SCOPES: &str = "openid profile email";

/// An identity provider, as far as a visitor needs to know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderOutline {
    pub name: String,
    pub issuer: String,
    /// What must be registered there.
    pub redirect_uri: String,
    /// Where it may say that it ended a session, and where people come back to from signing out there.
    pub back_channel_logout: String,
    pub signed_out: String,
    pub scopes: String,
    /// The same, where the file says so.
    pub written_scopes: Option<String>,
    /// What the file calls its kind.
    pub profile: Option<String>,
}

/// A resource, likewise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceOutline {
    pub name: String,
    pub url: String,
    /// What the gateway forwards to, where it does.
    pub upstream: Option<Upstream>,
    /// What its tools need, and whether those that are not named are refused.
    pub tools: BTreeMap<String, Tool>,
    pub strict: bool,
}

impl Config {
    /// The tenant's issuer.
    pub fn issuer(&self) -> String {
        format!("{}/t/{}", self.base_url, self.tenant)
    }

    pub fn providers(&self) -> Vec<ProviderOutline> {
        let outline = |name: &str, provider: &ProviderDefinition| {
            let written_scopes = provider.scopes.as_ref().map(ToString::to_string);
            ProviderOutline {
                name: name.to_owned(),
                issuer: provider.issuer.to_string(),
                redirect_uri: format!("{}/callback/{name}", self.issuer()),
                back_channel_logout: format!("{}/backchannel-logout/{name}", self.issuer()),
                signed_out: format!("{}/signed-out", self.issuer()),
                scopes: written_scopes.clone().unwrap_or_else(|| USUAL_SCOPES.to_owned()),
                written_scopes,
                profile: provider.profile.clone(),
            }
        };
        let all = self.declared.iter().filter_map(|declared| match &declared.definition {
            Definition::IdentityProvider(provider) => Some(outline(declared.name.as_str(), provider)),
            _ => None,
        });
        all.collect()
    }

    pub fn resources(&self) -> Vec<ResourceOutline> {
        let all = self.declared.iter().filter_map(|declared| match &declared.definition {
            Definition::Resource(resource) => Some(ResourceOutline {
                name: declared.name.to_string(),
                url: resource.url.to_string(),
                upstream: resource.upstream.clone(),
                tools: resource.tools.clone(),
                strict: resource.strict,
            }),
            _ => None,
        });
        all.collect()
    }
}
