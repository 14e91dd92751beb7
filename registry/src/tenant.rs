//! A tenant at one version, whole: what every endpoint reads.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_core::{AgentId, ClientId, Issuer, Person, ResourceId, ScopeSet, Secret, Slug, SubjectKey, TenantId, Timestamp};
use chancery_policy::{AgentRef, PolicySet};
use chancery_store::repo::vouchers::Checked;
use serde::{Deserialize, Serialize};

use crate::{Access, AccessRule, Client, Origin, Registration, Resource, ScopeLimit, SignIns, access, metadata};

/// An isolated issuer and all that an operator said about it. It never changes: a new version is a new value.
pub struct Tenant {
    pub id: TenantId,
    pub name: Slug,
    /// The public base URL, without a trailing slash. It is fixed at the first apply.
    pub base: String,
    /// `{base}/t/{name}`.
    pub issuer: Issuer,
    pub version: i64,
    pub providers: Vec<IdentityProvider>,
    pub resources: Vec<Arc<Resource>>,
    pub agents: Vec<Arc<Agent>>,
    /// Those of the file; [`crate::Registry::client`] knows the registered ones too.
    pub clients: HashMap<ClientId, Arc<Client>>,
    pub policy: Arc<PolicySet>,
    pub registration: Registration,
    /// By which clients are registered at the provider that its rules name.
    pub registrar: Option<Secret<String>>,
    pub sign_ins: SignIns,
    pub lifetimes: Lifetimes,
    pub sign_out: SignOut,
    /// Who may have what, by group.
    pub access: Vec<AccessRule>,
    pub(crate) documents: Documents,
}

/// What is served over and over: the bytes of the metadata documents.
#[derive(Default)]
pub(crate) struct Documents {
    authorization_server: Bytes,
    protected_resources: HashMap<ResourceId, Bytes>,
}

impl Documents {
    pub(crate) fn of(tenant: &Tenant) -> Self {
        let bytes = |document: serde_json::Value| Bytes::from(document.to_string());
        let documents = tenant.resources.iter().map(|resource| (resource.id, bytes(metadata::protected_resource(tenant, resource))));
        Self { protected_resources: documents.collect(), authorization_server: bytes(metadata::authorization_server(tenant)) }
    }
}

/// The company's OIDC provider, at which we are a confidential client. It has no `Debug`: it holds a secret.
#[derive(Clone)]
pub struct IdentityProvider {
    pub name: Slug,
    /// What people read where they choose among several.
    pub title: String,
    pub issuer: Issuer,
    pub client_id: String,
    pub client_secret: Secret<String>,
    /// What to ask for; the profile's, where nothing is said.
    pub scopes: Option<ScopeSet>,
    /// What kind of provider it is, where the issuer does not tell.
    pub profile: Option<String>,
    /// Whose people may sign in, where one discovery document speaks for several issuers.
    pub issuers: Vec<Issuer>,
    /// The domains of its people's addresses, in lower case.
    pub domains: Vec<String>,
    /// The claim with the person's groups, where it is not the profile's.
    pub groups_claim: Option<String>,
}

impl IdentityProvider {
    /// The issuers whose people may sign in by it: its own, unless the file lists them.
    pub fn vouching(&self) -> impl Iterator<Item = &Issuer> {
        let own = self.issuers.is_empty().then_some(&self.issuer);
        own.into_iter().chain(&self.issuers)
    }
}

/// A workload with an identity of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    pub id: AgentId,
    pub name: Slug,
    /// The person or team that answers for it.
    pub owner: String,
}

impl<'a> From<&'a Agent> for AgentRef<'a> {
    fn from(agent: &'a Agent) -> Self {
        Self { id: &agent.id, name: &agent.name }
    }
}

/// What comes of a sign-out: by a person here, or at the identity provider, which tells us.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    /// What was allowed in the session ends with it.
    pub ends_grants: bool,
    /// Who signs out here is sent to sign out at the identity provider too, where it has a way.
    pub at_provider: bool,
}

impl Default for SignOut {
    fn default() -> Self {
        Self { ends_grants: true, at_provider: true }
    }
}

/// How long things live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetimes {
    #[serde(with = "crate::duration")]
    pub access_token: Duration,
    #[serde(with = "crate::duration")]
    pub code: Duration,
    /// A refresh token that is not used for so long ends.
    #[serde(with = "crate::duration")]
    pub refresh_idle: Duration,
    /// A grant that is refreshed for so long ends all the same.
    #[serde(with = "crate::duration")]
    pub refresh_absolute: Duration,
    /// A person's signed-in browser, however much it is used.
    #[serde(with = "crate::duration")]
    pub session: Duration,
    /// One that nobody uses.
    #[serde(with = "crate::duration")]
    pub session_idle: Duration,
    /// From showing the consent page to the answer.
    #[serde(with = "crate::duration")]
    pub consent_page: Duration,
    /// How old the identity provider's word for a person may be when what they allowed is refreshed; then it is asked again.
    #[serde(with = "crate::duration")]
    pub recheck: Duration,
    /// How old it may become while the provider does not answer.
    #[serde(with = "crate::duration")]
    pub stale: Duration,
    /// How long what a person allowed is refreshed after they last signed in, where the provider gave nothing to ask it by.
    #[serde(with = "crate::duration")]
    pub unvouched: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        Self {
            access_token: Duration::from_secs(5 * MINUTE),
            code: Duration::from_secs(MINUTE),
            refresh_idle: Duration::from_secs(30 * DAY),
            refresh_absolute: Duration::from_secs(90 * DAY),
            session: Duration::from_secs(8 * 60 * MINUTE),
            session_idle: Duration::from_secs(2 * 60 * MINUTE),
            consent_page: Duration::from_secs(10 * MINUTE),
            recheck: Duration::from_secs(15 * MINUTE),
            stale: Duration::from_secs(4 * 60 * MINUTE),
            unvouched: Duration::from_secs(12 * 60 * MINUTE),
        }
    }
}

impl Lifetimes {
    /// Whether the identity provider is to be asked again. One that is in trouble is left alone for a minute.
    pub fn is_recheck_due(&self, checked: &Checked, now: Timestamp) -> bool {
        const REST: Duration = Duration::from_secs(60);
        self.is_old(checked, now) && (checked.trouble.is_none() || now >= checked.tried_at + REST)
    }

    /// Whether its word is older than it may be while all is well.
    pub fn is_old(&self, checked: &Checked, now: Timestamp) -> bool {
        now >= checked.at + self.recheck
    }

    /// Whether its word is so old that nobody goes by it.
    pub fn is_stale(&self, checked: &Checked, now: Timestamp) -> bool {
        now >= checked.at + self.recheck.max(self.stale)
    }
}

impl Tenant {
    /// A tenant of which nothing more was said.
    pub fn new(id: TenantId, name: Slug, base: String) -> Self {
        Self {
            issuer: Issuer::of(&base, &name),
            id,
            name,
            base,
            version: 0,
            providers: Vec::new(),
            resources: Vec::new(),
            agents: Vec::new(),
            clients: HashMap::new(),
            policy: Arc::new(PolicySet::default_set()),
            registration: Registration::default(),
            registrar: None,
            sign_ins: SignIns::default(),
            lifetimes: Lifetimes::default(),
            sign_out: SignOut::default(),
            access: Vec::new(),
            documents: Documents::default(),
        }
    }

    /// The resource a client means that writes `asked` (RFC 8707 §2; RI-04).
    pub fn resource_asked(&self, asked: &str) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|resource| resource.url.is_meant_by(asked))
    }

    pub fn resource(&self, id: &ResourceId) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|resource| resource.id == *id)
    }

    pub fn agent(&self, id: &AgentId) -> Option<&Arc<Agent>> {
        self.agents.iter().find(|agent| agent.id == *id)
    }

    pub fn provider(&self, name: &Slug) -> Option<&IdentityProvider> {
        self.providers.iter().find(|provider| provider.name == *name)
    }

    /// Whether a person of these roles may be allowed all of these scopes.
    pub fn gives(&self, scopes: &ScopeSet, roles: &[String]) -> bool {
        scopes.iter().all(|scope| access::is_given(&self.access, scope, roles))
    }

    /// What a person may have whom this provider speaks of like this.
    pub fn access_of(&self, person: &Person, provider: &Slug) -> Access {
        Access::of(&self.access, person, provider)
    }

    /// Whether this provider, as the file has it now, still vouches for this person. One that was taken out of the file, or that was put
    /// another issuer's, vouches for nobody it did before.
    pub fn vouches_for(&self, provider: &Slug, subject: &SubjectKey) -> bool {
        self.provider(provider).is_some_and(|provider| provider.vouching().any(|issuer| subject.is_of(issuer)))
    }

    /// What of these scopes a client's tokens may carry, whoever allows it: one that nobody vouches for stays in quarantine, where the
    /// tenant has one.
    pub fn scopes_for(&self, client: &Client, scopes: &ScopeSet) -> ScopeSet {
        match (&client.scopes, client.origin, &self.registration.quarantine) {
            (ScopeLimit::Unlimited, Origin::Dynamic | Origin::Document, Some(quarantine)) => scopes.intersection(quarantine),
            (limit, ..) => limit.within(scopes),
        }
    }

    /// The issuer's metadata, the same bytes at all three well-known addresses (D10).
    pub fn metadata(&self) -> Bytes {
        self.documents.authorization_server.clone()
    }

    /// A resource's metadata.
    pub fn resource_metadata(&self, id: &ResourceId) -> Option<Bytes> {
        self.documents.protected_resources.get(id).cloned()
    }
}
