//! What an administrator means: by its id, or, of people, agents and clients, by a name that only one of them has.

use std::sync::Arc;

use chancery_core::{AgentId, ClientId, GrantId, Person, SessionId, Slug, SubjectId, TokenId};
use chancery_registry::{Client, Origin, Tenant, names_document};
use chancery_store::repo::keys::Key;
use chancery_store::repo::{self, subjects::Subject};

use super::message::Revocable;
use super::{Administration, unavailable};
use crate::exit::{Exit, Failure};

/// More than one is too many; these many are named.
const NAMED: u32 = 50;

/// A thing that was found.
pub(super) enum Found {
    Subject(SubjectId),
    Agent(AgentId),
    Client(Arc<Client>),
    Grant(GrantId),
    Token(TokenId),
    Session(SessionId),
    Key(Box<Key>),
}

impl Found {
    pub fn id(&self) -> String {
        match self {
            Self::Subject(id) => id.to_string(),
            Self::Agent(id) => id.to_string(),
            Self::Client(client) => client.id.to_string(),
            Self::Grant(id) => id.to_string(),
            Self::Token(id) => id.to_string(),
            Self::Session(id) => id.to_string(),
            Self::Key(key) => key.id.to_string(),
        }
    }
}

impl Administration {
    pub(super) async fn found(&self, tenant: &Tenant, kind: Revocable, name: &str) -> Result<Found, Failure> {
        let found = match kind {
            Revocable::Subject => self.subject(tenant, name).await?.map(|subject| Found::Subject(subject.id)),
            Revocable::Agent => {
                let called = |agent: &&Arc<chancery_registry::Agent>| agent.id.to_string() == name || agent.name.as_str() == name;
                tenant.agents.iter().find(called).map(|agent| Found::Agent(agent.id))
            }
            Revocable::Client => self.client(tenant, name).await?.map(Found::Client),
            Revocable::Grant => match name.parse() {
                Ok(id) => self.read(repo::grants::by_id(&self.store, &tenant.id, &id)).await?.map(|grant| Found::Grant(grant.id)),
                Err(_) => None,
            },
            // No row says which tokens there are, and an end of one that never was harms nobody.
            Revocable::Token => name.parse().ok().map(Found::Token),
            Revocable::Session => name.parse().ok().map(Found::Session),
            Revocable::Key => {
                let keys = self.read(repo::keys::of_tenant(&self.store, &tenant.id)).await?;
                keys.into_iter().find(|key| key.id.to_string() == name).map(|key| Found::Key(Box::new(key)))
            }
        };
        found.ok_or_else(|| nothing(&tenant.name, kind, name))
    }

    /// A person by id, or by the username or email address that the provider last gave.
    pub(super) async fn subject(&self, tenant: &Tenant, name: &str) -> Result<Option<Subject>, Failure> {
        if let Ok(id) = name.parse() {
            return self.read(repo::subjects::by_id(&self.store, &tenant.id, &id)).await;
        }
        let mut found =
            if name.is_empty() { Vec::new() } else { self.read(repo::subjects::saying(&self.store, &tenant.id, name, NAMED)).await? };
        found.retain(|subject| {
            let person: Person = serde_json::from_str(&subject.claims).unwrap_or_default();
            person.username.as_deref() == Some(name) || person.email.as_deref() == Some(name)
        });
        only(found, name, |subject| format!("{} at {}", subject.id, subject.provider))
    }

    /// A client by id, or by its name in the file or the one it gave itself.
    pub(super) async fn client(&self, tenant: &Tenant, name: &str) -> Result<Option<Arc<Client>>, Failure> {
        let id = ClientId::claimed(name);
        if names_document(&id) {
            // Whatever its document says now, and whether it can be had at all.
            let unseen = Client::dynamic(id, name.to_owned(), Vec::new(), self.clock.now());
            return Ok(Some(Arc::new(Client { origin: Origin::Document, keep_until: None, ..unseen })));
        }
        if let Some(client) = self.read(self.registry.client(tenant, &ClientId::claimed(name))).await? {
            return Ok(Some(client));
        }
        let mut found: Vec<Arc<Client>> = tenant.clients.values().filter(|client| client.name == name).cloned().collect();
        let rows =
            if name.is_empty() { Vec::new() } else { self.read(repo::clients::saying(&self.store, &tenant.id, name, NAMED)).await? };
        for row in rows {
            found.extend(self.read(self.registry.client(tenant, &row.id)).await?.filter(|client| client.name == name));
        }
        only(found, name, |client| client.id.to_string())
    }

    pub(super) async fn read<T, E: std::fmt::Display>(&self, reading: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        reading.await.map_err(|error| unavailable(&error))
    }
}

fn only<T>(mut found: Vec<T>, name: &str, id: impl Fn(&T) -> String) -> Result<Option<T>, Failure> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let ids: Vec<String> = found.iter().map(id).collect();
    let what = format!("{} are called {name:?}, so it is not clear which one is meant", found.len());
    Err(Failure::new(Exit::Refused, what).because(ids.join("\n")).remedy("say which one by its id"))
}

pub(super) fn nothing(tenant: &Slug, kind: Revocable, name: &str) -> Failure {
    Failure::new(Exit::Refused, format!("nothing was revoked: tenant {tenant} has no {} {name:?}", kind.as_str()))
        .because("it never was, or it is over already")
        .remedy("give its whole id, as `chancery audit tail` shows it, or the name of a person, an agent or a client")
}

pub(super) fn over(kind: Revocable, id: &str) -> Failure {
    Failure::new(Exit::Refused, format!("nothing was revoked: the tenant has no {} {id:?} any more", kind.as_str()))
        .because("it is over already")
}
