//! What is particular to each identity provider, as data: one file each in `federation/profiles/`, compiled in. Code goes by a profile's
//! switches and never by its name, so another provider is another file.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chancery_core::{Issuer, ScopeSet};
use chancery_registry::IdentityProvider;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

/// How to treat one kind of provider, and what to tell who registers us there.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What the file calls it: `profile: entra`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Hosts of issuers, where they are the same for all its customers; `*` stands for one or more labels.
    #[serde(default)]
    hosts: Vec<String>,
    /// Where in an issuer's path it is known by.
    #[serde(default)]
    paths: Vec<String>,
    /// What in its metadata it is known by, where its host is the company's own.
    #[serde(default)]
    marks: Vec<Mark>,
    pub issuer: IssuerForm,
    /// A key of its set may say whose it is, and signs for nobody else.
    #[serde(default)]
    pub keys_name_issuers: bool,
    /// The claims that together name a person for ever.
    pub key: Vec<String>,
    /// What to ask for, where the operator says nothing else.
    pub scopes: ScopeSet,
    pub offline: Offline,
    /// The `prompt` by which a person signs in anew.
    pub prompt: String,
    /// The claims that name the person's groups and roles; dots lead into objects.
    pub groups: Vec<String>,
    /// Claims that say that groups were left out of the token.
    #[serde(default)]
    pub groups_left_out: Vec<String>,
    /// Claims that must have this value.
    #[serde(default)]
    pub required: BTreeMap<String, String>,
    /// Which organisation a person is of, at a provider that everybody has an account with.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// What it answers to a refresh, besides the codes of OpenID Connect, where it wants to see the person (`error` or `suberror`).
    #[serde(default)]
    pub sign_in_again: Vec<String>,
    pub logout: Logout,
    pub back_channel_logout: BackChannelLogout,
    /// Its logout tokens may come without a `typ` of their own (Back-Channel Logout §2.4 only recommends one).
    #[serde(default)]
    pub logout_tokens_may_be_untyped: bool,
    /// What to do there, in words, a step each; the redirect URI is shown beside.
    pub register: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    member: String,
    contains: Option<String>,
}

/// How a token's `iss` is held against the issuer that the operator wrote.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum IssuerForm {
    Plain(PlainIssuer),
    /// The metadata may name a form of issuers: each token's is the form with this claim in the place of `template`.
    Template {
        template: String,
        claim: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlainIssuer {
    Exact,
    SchemeMayBeMissing,
}

/// How a refresh token of the provider's is had.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offline {
    /// By the scope `offline_access`.
    Scope,
    /// The same, where its metadata lists that scope.
    ScopeIfListed,
    /// One comes without asking.
    OfItself,
    /// By parameters of the authorization request.
    Parameters(BTreeMap<String, String>),
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    pub claim: String,
    pub parameter: String,
}

/// How a person is signed out there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Logout {
    /// RP-initiated logout: `id_token_hint` and `post_logout_redirect_uri`.
    EndSession,
    ClientIdAndLogoutUri,
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackChannelLogout {
    Always,
    IfAdvertised,
    Never,
}

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    let read = |text| toml::from_str::<Profile>(text).expect("the profiles of this crate are well formed, as a test shows");
    TEXTS.iter().map(|text| read(text)).collect()
});

/// The last is for whom no other is.
const TEXTS: [&str; 7] = [
    include_str!("../profiles/entra.toml"),
    include_str!("../profiles/okta.toml"),
    include_str!("../profiles/cognito.toml"),
    include_str!("../profiles/auth0.toml"),
    include_str!("../profiles/google.toml"),
    include_str!("../profiles/keycloak.toml"),
    include_str!("../profiles/oidc.toml"),
];

impl Profile {
    /// All that there are, the one for any other provider last.
    pub fn all() -> &'static [Self] {
        &PROFILES
    }

    /// The one of this name in the file.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|profile| profile.name == name)
    }

    /// By the issuer alone, or by its metadata as well, which tells more where the host is the company's own.
    pub fn recognise(issuer: &str, metadata: Option<&Value>) -> &'static Self {
        let url = Url::parse(issuer).ok();
        let by_issuer = |profile: &&Self| url.as_ref().is_some_and(|url| profile.has_issuer(url));
        let by_metadata = |profile: &&Self| metadata.is_some_and(|metadata| profile.marks.iter().any(|mark| mark.is_in(metadata)));
        let all = || Self::all().iter();
        all().find(by_issuer).or_else(|| all().find(by_metadata)).unwrap_or_else(|| any())
    }

    /// Whether a provider of this kind gives a refresh token to who asks for these scopes, or for the profile's where the operator wrote none.
    pub fn gives_refresh_tokens(&self, scopes: Option<&str>, offers_offline: bool) -> bool {
        let asks = |scopes: &str| scopes.split(' ').any(|scope| scope == "offline_access");
        match &self.offline {
            Offline::OfItself | Offline::Parameters(_) => true,
            Offline::Scope => scopes.is_none_or(asks),
            Offline::ScopeIfListed => scopes.map_or(offers_offline, asks),
        }
    }

    /// Whether it tells us of sessions that it ends, as far as its metadata says.
    pub fn tells_of_logouts(&self, metadata: &Value) -> bool {
        match self.back_channel_logout {
            BackChannelLogout::Always => true,
            BackChannelLogout::IfAdvertised => metadata["backchannel_logout_supported"] == true,
            BackChannelLogout::Never => false,
        }
    }

    /// Whether people can be sent there to sign out.
    pub fn signs_people_out(&self, metadata: &Value) -> bool {
        self.logout != Logout::None && metadata["end_session_endpoint"].is_string()
    }

    fn has_issuer(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.hosts.iter().any(|known| is_like(host, known)) || self.paths.iter().any(|path| url.path().contains(path.as_str()))
    }
}

fn any() -> &'static Profile {
    PROFILES.last().expect("there are seven")
}

/// The one that the file names, or else the one that its issuer is known by.
pub(crate) fn of(provider: &IdentityProvider) -> &'static Profile {
    let named = provider.profile.as_deref().and_then(Profile::named);
    named.unwrap_or_else(|| Profile::recognise(provider.issuer.as_str(), None))
}

impl Mark {
    fn is_in(&self, metadata: &Value) -> bool {
        let Some(member) = metadata.get(&self.member) else { return false };
        let Some(wanted) = &self.contains else { return !member.is_null() };
        let texts = |value: &Value| value.as_str().is_some_and(|text| text.contains(wanted));
        texts(member) || member.as_array().is_some_and(|list| list.iter().any(texts))
    }
}

fn is_like(host: &str, known: &str) -> bool {
    match known.split_once('*') {
        Some((head, tail)) => host.len() > head.len() + tail.len() && host.starts_with(head) && host.ends_with(tail),
        None => host == known,
    }
}

impl IssuerForm {
    /// The issuer that speaks by `iss`, of those that may: byte for byte, but for what this form allows.
    pub(crate) fn of<'a>(&self, provider: &'a IdentityProvider, iss: &str) -> Option<&'a Issuer> {
        let without_scheme = |issuer: &Issuer| issuer.as_str().split_once("://").is_some_and(|(_, rest)| rest == iss);
        let lenient = *self == Self::Plain(PlainIssuer::SchemeMayBeMissing);
        provider.vouching().find(|issuer| issuer.as_str() == iss || (lenient && without_scheme(issuer)))
    }
}

#[cfg(test)]
mod tests;
