//! What the room's tests begin with: a tenant with a bank and an exchange, its clients, and alice.

use std::sync::Arc;
use std::time::Duration;

use chancery_core::{
    AgentId, Authentication, ClientId, Entropy, GrantId, ResourceId, Secret, SessionId, SignedIn, SubjectId, TenantId, Timestamp,
};
use chancery_crypto::digest::sha256;
use chancery_crypto::jose::Algorithm;
use chancery_policy::PolicySet;
use chancery_registry::{About, Agent, Client, ClientAuthentication, Dynamic, GrantType, Origin, Resource, ScopeLimit, Standing, Tenant};
use chancery_store::repo::grants::{AllowedResource, Grant};

use crate::client_auth::{AuthenticatedClient, Material, claim};
use crate::form::Form;
use crate::moment::Moment;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
pub(crate) const BANK: &str = "https://gw.example/mcp/bank";
pub(crate) const EXCHANGE: &str = "https://gw.example/mcp/exchange";
pub(crate) const CALLBACK: &str = "https://desk.example/cb";
pub(crate) const DESK: &str = "cli_desk";
pub(crate) const REPORTER: &str = "cli_reporter";
pub(crate) const SECRET: &str = "a-secret-of-the-reporter";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) fn moment() -> Moment {
    at(NOW)
}

pub(crate) fn at(now: Timestamp) -> Moment {
    Moment { now, entropy: entropy(9) }
}

/// Each seed gives other ids.
pub(crate) fn entropy(seed: u8) -> Entropy {
    Entropy::from_bytes(std::array::from_fn(|at| seed.wrapping_mul(31).wrapping_add((at % 251) as u8)))
}

/// A public client `desk`, and `reporter`, whose secret proves it to be the agent of that name.
pub(crate) fn tenant() -> Tenant {
    let mut tenant = Tenant::new(TenantId::mint(NOW, &mut entropy(1)), "acme".parse().expect("a slug"), "https://gw.example".to_owned());
    tenant.resources = vec![resource(2, BANK, "bank:read bank:move"), resource(3, EXCHANGE, "exchange:convert")];
    tenant.agents = vec![Arc::new(Agent {
        id: AgentId::mint(NOW, &mut entropy(4)),
        name: "reporter".parse().expect("a slug"),
        owner: "finance".to_owned(),
    })];
    tenant.providers = vec![corp()];
    tenant.registration = Dynamic::Open.into();
    tenant
}

pub(crate) fn with_policy(mut tenant: Tenant, cedar: &str) -> Tenant {
    tenant.policy = Arc::new(PolicySet::parse(cedar).expect("policies"));
    tenant
}

/// Its first scope is the default one.
fn resource(seed: u8, url: &str, scopes: &str) -> Arc<Resource> {
    let name = url.rsplit('/').next().expect("a path");
    Arc::new(Resource {
        id: ResourceId::mint(NOW, &mut entropy(seed)),
        name: name.parse().expect("a slug"),
        url: url.parse().expect("a URL"),
        title: name.to_uppercase(),
        scopes: scopes.split(' ').map(|scope| (scope.parse().expect("a scope"), format!("Words for {scope}"))).collect(),
        default_scope: scopes.split(' ').next().expect("a scope").parse().expect("a scope"),
        strict: false,
        tools: [].into(),
        listing: chancery_registry::Listing::default(),
        sign_in: chancery_registry::SignInDemand::default(),
        upstream: None,
        require_agent: false,
        algorithm: Algorithm::Es256,
        dpop: chancery_registry::Dpop::Optional,
    })
}

pub(crate) fn desk() -> Arc<Client> {
    Arc::new(Client { origin: Origin::File, redirect_uris: vec![CALLBACK.to_owned()], ..stranger(DESK) })
}

/// A client that registered itself: nobody vouches for it.
pub(crate) fn stranger(id: &str) -> Client {
    Client::dynamic(ClientId::claimed(id), "Desk".to_owned(), vec![CALLBACK.to_owned(), "http://127.0.0.1/cb".to_owned()], NOW)
}

pub(crate) fn reporter(tenant: &Tenant) -> Arc<Client> {
    Arc::new(Client {
        id: ClientId::claimed(REPORTER),
        name: "reporter".to_owned(),
        origin: Origin::File,
        redirect_uris: vec![CALLBACK.to_owned(), "http://127.0.0.1/cb".to_owned()],
        authentication: ClientAuthentication::Secret { digest: sha256(SECRET.as_bytes()) },
        grant_types: GrantType::ALL.into(),
        agent: Some(tenant.agents[0].id),
        scopes: ScopeLimit::Unlimited,
        standing: Standing::Active,
        about: About::default(),
        created_at: NOW,
        keep_until: None,
    })
}

pub(crate) fn by_desk() -> AuthenticatedClient {
    authenticated(&desk(), "client_id=cli_desk")
}

pub(crate) fn by_reporter(tenant: &Tenant) -> AuthenticatedClient {
    by(&reporter(tenant))
}

/// A client with the reporter's id and secret.
pub(crate) fn by(client: &Arc<Client>) -> AuthenticatedClient {
    authenticated(client, &format!("client_id={REPORTER}&client_secret={SECRET}"))
}

fn authenticated(client: &Arc<Client>, form: &str) -> AuthenticatedClient {
    let form = Form::read(form.as_bytes());
    let claim = claim(&Material { authorization: None, form: &form }).expect("a claim");
    claim.proven_by(Some(client)).expect("a client that proves who it is")
}

pub(crate) fn allowed(tenant: &Tenant, at: usize, scope: &str) -> AllowedResource {
    let resource = &tenant.resources[at];
    AllowedResource { resource: resource.url.clone(), resource_id: resource.id, scope: scope.parse().expect("scopes") }
}

/// Alice's grant to `client`: both scopes of the bank, and an ID token. The reporter was allowed to act as its agent.
pub(crate) fn grant(tenant: &Tenant, client: &str) -> Grant {
    Grant {
        tenant: tenant.id,
        id: GrantId::mint(NOW, &mut entropy(5)),
        parent: None,
        subject: alice().subject.to_string(),
        client: ClientId::claimed(client),
        agent: (client == REPORTER).then_some(tenant.agents[0].id),
        resources: vec![allowed(tenant, 0, "bank:read bank:move openid")],
        authentication: Some(alice().authentication),
        session: Some(alice().session),
        their_session: alice().their_session,
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(90 * 24 * 3600),
        ended_at: None,
        end_reason: None,
    }
}

pub(crate) fn alice() -> SignedIn {
    person(6)
}

pub(crate) fn bob() -> SignedIn {
    person(7)
}

fn person(seed: u8) -> SignedIn {
    SignedIn {
        subject: SubjectId::mint(NOW, &mut entropy(seed)),
        session: SessionId::mint(NOW, &mut entropy(seed)),
        their_session: Some(format!("theirs-{seed}")),
        provider: "corp".parse().expect("a slug"),
        authentication: Authentication {
            auth_time: Some(NOW - Duration::from_secs(100)),
            acr: Some("mfa".to_owned()),
            amr: vec!["otp".to_owned()],
        },
    }
}

pub(crate) fn form<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Form {
    Form::read(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().as_bytes())
}

/// The seal keys of a tenant, as its keyring has them.
pub(crate) fn page_keys(seed: u8) -> chancery_crypto::seal::InFlightKeys {
    let id = chancery_core::KeyId::mint(NOW, &mut entropy(seed));
    chancery_crypto::seal::InFlightKeys::new(vec![chancery_crypto::seal::InFlightKey::new(id, Secret::new([seed; 32]))])
}

/// What the store has beside Alice's grants.
pub(crate) fn beside() -> chancery_store::repo::subjects::Beside {
    chancery_store::repo::subjects::Beside {
        provider: "corp".parse().expect("a slug"),
        key: chancery_core::SubjectKey::stored("https://idp.example alice"),
        status: chancery_store::repo::subjects::Standing::Active,
        seen_at: NOW,
        claims: "{}".to_owned(),
    }
}

/// The company's identity provider.
fn corp() -> chancery_registry::IdentityProvider {
    provider("corp", &[])
}

/// Its people have addresses in these domains.
pub(crate) fn provider(name: &str, domains: &[&str]) -> chancery_registry::IdentityProvider {
    chancery_registry::IdentityProvider {
        name: name.parse().expect("a slug"),
        title: name.to_uppercase(),
        issuer: chancery_core::Issuer::foreign("https://idp.example"),
        client_id: "chancery".to_owned(),
        client_secret: Secret::new(String::new()),
        scopes: None,
        profile: None,
        issuers: Vec::new(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        groups_claim: None,
    }
}
