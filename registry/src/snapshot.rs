//! From rows to tenants, and all tenants of an installation at one moment.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chancery_core::{ClientId, Issuer, ScopeSet, Secret, TenantId, Timestamp};
use chancery_crypto::seal::{Place, SealError, Sealer};
use chancery_policy::PolicySet;
use chancery_store::StoreError;
use chancery_store::repo::objects::{Object, ObjectKind};
use chancery_store::repo::tenants;

use crate::client::{About, Client, ClientAuthentication, GrantType, Origin, ScopeLimit, Standing};
use crate::definition::{ClientDefinition, Definition, ProviderDefinition, ResourceDefinition, SettingsDefinition};
use crate::resource::authority_of;
use crate::tenant::{Agent, Documents, IdentityProvider, Tenant};
use crate::{Registration, Resource, UpstreamSecrets, client_document};

/// Why the registry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the {kind} `{name}` cannot be read from the store: {why}. Was it written by hand, or by a newer version?")]
    Unreadable { kind: &'static str, name: String, why: String },
}

impl RegistryError {
    pub(crate) fn unreadable(object: &Object, why: impl ToString) -> Self {
        Self::Unreadable { kind: object.kind.as_str(), name: object.name.clone(), why: why.to_string() }
    }
}

/// A resource, and whose it is.
pub(crate) type Served = (Arc<Tenant>, Arc<Resource>);

/// All tenants, and the ways to find one. It never changes: a new version of a tenant makes a new one.
#[derive(Default)]
pub(crate) struct Snapshot {
    by_name: HashMap<String, Arc<Tenant>>,
    by_id: HashMap<TenantId, Arc<Tenant>>,
    /// By path, and then by host and port: a resource is known by its whole URL, but a proxy may call us by another host.
    by_path: HashMap<String, HashMap<String, Served>>,
    /// The names, without ports, under which tenants and resources are public.
    hosts: HashSet<String>,
}

impl Snapshot {
    pub(crate) fn of(tenants: impl IntoIterator<Item = Arc<Tenant>>) -> Self {
        let mut snapshot = Self::default();
        for tenant in tenants {
            snapshot.hosts.extend(host_of(tenant.issuer.as_str()).map(str::to_owned));
            for resource in &tenant.resources {
                snapshot.hosts.extend(host_of(resource.url.as_str()).map(str::to_owned));
                let hosts = snapshot.by_path.entry(resource.path().to_owned()).or_default();
                hosts.insert(authority_of(&resource.url).to_owned(), (Arc::clone(&tenant), Arc::clone(resource)));
            }
            snapshot.by_name.insert(tenant.name.to_string(), Arc::clone(&tenant));
            snapshot.by_id.insert(tenant.id, tenant);
        }
        snapshot
    }

    /// The same with this tenant as it is now, unless it is known at a later version already: reads may overtake each other.
    pub(crate) fn with(&self, tenant: &Arc<Tenant>) -> Self {
        let newest = match self.by_id.get(&tenant.id) {
            Some(known) if known.version > tenant.version => known,
            _ => tenant,
        };
        let others = self.by_id.values().filter(|known| known.id != tenant.id);
        Self::of(others.chain([newest]).map(Arc::clone))
    }

    pub(crate) fn tenant(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.by_name.get(name)
    }

    pub(crate) fn tenant_by_id(&self, id: &TenantId) -> Option<&Arc<Tenant>> {
        self.by_id.get(id)
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.by_id.values()
    }

    pub(crate) fn is_public_at(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }

    /// The resource at this host and path. Where one resource alone has the path, the host may be another: a proxy's for us. That it is
    /// one of ours at all was seen before.
    pub(crate) fn resource_at(&self, host: &str, path: &str) -> Option<&Served> {
        let hosts = self.by_path.get(path)?;
        let only = || hosts.values().next().filter(|_| hosts.len() == 1);
        hosts.get(&*as_in_urls(host)).or_else(only)
    }
}

/// A `Host` as URLs are written here: in lower case, without the scheme's own port.
fn as_in_urls(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) { host.to_ascii_lowercase().into() } else { host.into() }
}

/// The host of a URL as URLs are written here, without its port.
fn host_of(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    Some(port.map_or(authority, |(host, _)| host))
}

/// A tenant from its rows.
pub(crate) async fn assemble(row: tenants::Tenant, objects: &[Object], sealer: &Sealer) -> Result<Tenant, RegistryError> {
    let mut tenant = Tenant { version: row.version, ..Tenant::new(row.id, row.name, row.base_url) };
    let (mut policies, mut given) = (String::new(), ScopeSet::default());
    // Agents come first in the order of kinds, so clients find theirs.
    for object in objects {
        match Definition::of(object)? {
            Definition::Agent(agent) => tenant.agents.push(Arc::new(Agent { id: id(object)?, name: name(object)?, owner: agent.owner })),
            Definition::Client(client) => {
                let client = static_client(object, client, &tenant, row.created_at)?;
                tenant.clients.insert(client.id.clone(), Arc::new(client));
            }
            Definition::IdentityProvider(definition) => tenant.providers.push(provider(object, definition, sealer).await?),
            Definition::Policy(policy) => policies.extend([&*policy.text, "\n"]),
            Definition::Resource(definition) => tenant.resources.push(Arc::new(resource(object, *definition, sealer).await?)),
            Definition::Settings(settings) => {
                let SettingsDefinition { access, registration, sign_ins, lifetimes, sign_out } = *settings;
                given = access.iter().fold(ScopeSet::default(), |all, rule| all.union(&rule.scopes));
                tenant.clients.extend(pinned(&registration, row.created_at));
                if registration.proxy.is_some() {
                    tenant.registrar = Some(open_secret(object, sealer).await?);
                }
                (tenant.access, tenant.registration, tenant.lifetimes, tenant.sign_out) = (access, registration, lifetimes, sign_out);
                tenant.sign_ins = sign_ins;
            }
        }
    }
    tenant.policy = Arc::new(policy(&policies)?);
    tenant.be_administered(&given, row.created_at);
    tenant.documents = Documents::of(&tenant);
    Ok(tenant)
}

/// Clients whose documents stand in the file. One that an earlier version could read and this one cannot is not known.
fn pinned(registration: &Registration, at: Timestamp) -> impl Iterator<Item = (ClientId, Arc<Client>)> {
    let pinned = registration.documents.pinned.iter().filter(|_| registration.documents.enabled);
    pinned.filter_map(move |(id, document)| {
        let client = client_document::client(&ClientId::claimed(id), document.as_bytes(), at).ok()?;
        Some((client.id.clone(), Arc::new(client)))
    })
}

/// Where an object's secret may be opened.
pub(crate) fn place<'a>(tenant: &'a TenantId, row: &'a str, version: i64) -> Place<'a> {
    Place { tenant, table: "objects", row, version }
}

/// The key of an object's row within its tenant, as seals know it.
pub(crate) fn row_key(kind: ObjectKind, name: &str) -> String {
    format!("{}/{name}", kind.as_str())
}

/// Opens an identity provider's secret.
pub(crate) async fn open_secret(object: &Object, sealer: &Sealer) -> Result<Secret<String>, RegistryError> {
    let sealed = object.secret.as_deref().ok_or_else(|| RegistryError::unreadable(object, "its secret is missing"))?;
    let row = row_key(object.kind, &object.name);
    let opened = sealer.open(&place(&object.tenant, &row, object.version), sealed).await?;
    let text = String::from_utf8(opened.expose().clone());
    text.map(Secret::new).map_err(|_| RegistryError::unreadable(object, "its secret is not text"))
}

async fn provider(object: &Object, definition: ProviderDefinition, sealer: &Sealer) -> Result<IdentityProvider, RegistryError> {
    let name = name(object)?;
    Ok(IdentityProvider {
        title: definition.title.unwrap_or_else(|| name.to_string()),
        name,
        issuer: Issuer::foreign(definition.issuer),
        client_id: definition.client_id,
        client_secret: open_secret(object, sealer).await?,
        scopes: definition.scopes,
        profile: definition.profile,
        issuers: definition.issuers.into_iter().map(Issuer::foreign).collect(),
        domains: definition.domains,
        groups_claim: definition.groups_claim,
    })
}

async fn resource(object: &Object, definition: ResourceDefinition, sealer: &Sealer) -> Result<Resource, RegistryError> {
    let mut upstream = definition.upstream;
    if let (Some(upstream), true) = (&mut upstream, object.secret.is_some()) {
        let opened = open_secret(object, sealer).await?;
        let secrets = UpstreamSecrets::of_text(&opened);
        upstream.secrets =
            secrets.ok_or_else(|| RegistryError::unreadable(object, "its secrets are in no form that this version knows"))?;
    }
    Ok(Resource {
        id: id(object)?,
        name: name(object)?,
        url: definition.url,
        title: definition.title,
        scopes: definition.scopes,
        default_scope: definition.default_scope,
        strict: definition.strict,
        tools: definition.tools,
        listing: definition.listing,
        sign_in: definition.sign_in,
        upstream,
        require_agent: definition.require_agent,
        algorithm: definition.token_signing_alg,
        dpop: definition.dpop,
    })
}

fn static_client(
    object: &Object,
    definition: ClientDefinition,
    tenant: &Tenant,
    created_at: chancery_core::Timestamp,
) -> Result<Client, RegistryError> {
    let agent = match &definition.agent {
        Some(name) => {
            let agent = tenant.agents.iter().find(|agent| agent.name == *name);
            Some(agent.ok_or_else(|| RegistryError::unreadable(object, format!("there is no agent `{name}`")))?.id)
        }
        None => None,
    };
    let authentication = match &object.secret {
        Some(digest) => {
            let digest = digest.as_slice().try_into();
            ClientAuthentication::Secret { digest: digest.map_err(|_| RegistryError::unreadable(object, "its secret is no SHA-256"))? }
        }
        None => ClientAuthentication::None,
    };
    Ok(Client {
        id: chancery_core::ClientId::claimed(&object.id),
        name: object.name.clone(),
        origin: Origin::File,
        redirect_uris: definition.redirect_uris,
        authentication,
        grant_types: definition.grants.unwrap_or_else(|| GrantType::OF_THE_CODE_FLOW.into()),
        agent,
        scopes: definition.scopes.map_or(ScopeLimit::Unlimited, ScopeLimit::Only),
        standing: Standing::Active,
        about: About {
            backchannel_logout_uri: definition.backchannel_logout_uri,
            dpop_bound_access_tokens: definition.dpop_bound_access_tokens, // DP-01
            ..About::default()
        },
        created_at,
        keep_until: None,
    })
}

fn policy(text: &str) -> Result<PolicySet, RegistryError> {
    PolicySet::parse(text).map_err(|errors| {
        let why = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        RegistryError::Unreadable { kind: ObjectKind::Policy.as_str(), name: "policies".to_owned(), why }
    })
}

fn id<T: std::str::FromStr<Err: ToString>>(object: &Object) -> Result<T, RegistryError> {
    object.id.parse().map_err(|error: T::Err| RegistryError::unreadable(object, error.to_string()))
}

fn name(object: &Object) -> Result<chancery_core::Slug, RegistryError> {
    object.name.parse().map_err(|error| RegistryError::unreadable(object, error))
}
