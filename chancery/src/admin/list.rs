//! Lists for administrators: a page at a time, nothing secret in them.

use chancery_core::{ClientId, Person};
use chancery_registry::{Client, Origin, Tenant};
use chancery_store::repo::grants::{Grant, Of};
use chancery_store::repo::{self, keys::Key, objects::Object, sessions::Session, subjects::Subject};

use super::message::{
    AllowedItem, Answer, ClientItem, Clients, GrantItem, Grants, KeyItem, Keys, List, Listed, ObjectItem, Objects, Revocable, SessionItem,
    Sessions, SubjectItem, Subjects,
};
use super::{Administration, found};
use crate::exit::{Exit, Failure};

/// No page is longer.
pub const LONGEST_PAGE: u32 = 500;

impl Administration {
    /// # Errors
    /// [`Exit::Refused`] where what is asked for by name is not there.
    pub async fn list(&self, asked: &List) -> Result<Answer, Failure> {
        let tenant = self.tenant(&asked.tenant)?;
        Ok(match asked.what {
            Listed::Objects => {
                let rows = self.read(repo::objects::of_tenant(&self.store, &tenant.id)).await?;
                Answer::Objects(Objects { objects: rows.into_iter().map(object).collect(), next: None })
            }
            Listed::Clients => Answer::Clients(self.clients(&tenant, asked).await?),
            Listed::Grants => Answer::Grants(self.grants(&tenant, asked).await?),
            Listed::Subjects => Answer::Subjects(self.subjects(&tenant, asked).await?),
            Listed::Sessions => {
                let Some(name) = &asked.subject else { return Err(whose()) };
                let subject = self.subject(&tenant, name).await?.ok_or_else(|| found::nothing(&tenant.name, Revocable::Subject, name))?;
                let rows = self.read(repo::sessions::of_subject(&self.store, &tenant.id, &subject.id, LONGEST_PAGE)).await?;
                Answer::Sessions(Sessions { sessions: rows.iter().map(session).collect(), next: None })
            }
            Listed::Keys => {
                let rows = self.read(repo::keys::of_tenant(&self.store, &tenant.id)).await?;
                Answer::Keys(Keys { keys: rows.iter().map(key).collect(), next: None })
            }
        })
    }

    /// The file's clients lead the first page; those that registered follow in the order of their ids.
    async fn clients(&self, tenant: &Tenant, asked: &List) -> Result<Clients, Failure> {
        if let Some(name) = &asked.client {
            let only = self.client(tenant, name).await?.ok_or_else(|| found::nothing(&tenant.name, Revocable::Client, name))?;
            return Ok(Clients { clients: vec![client(&only)], next: None });
        }
        let after = asked.after.as_ref().map(ClientId::claimed);
        let mut clients: Vec<ClientItem> = match after {
            None => tenant.clients.values().map(|known| client(known)).collect(),
            Some(_) => Vec::new(),
        };
        clients.sort_by(|one, other| one.name.cmp(&other.name));
        let limit = within(asked.limit);
        let rows = self.read(repo::clients::page(&self.store, &tenant.id, after.as_ref(), limit)).await?;
        let next = rows.last().filter(|_| is_full(rows.len(), limit)).map(|row| row.id.to_string());
        for row in rows {
            clients.extend(self.read(self.registry.client(tenant, &row.id)).await?.map(|known| client(&known)));
        }
        Ok(Clients { clients, next })
    }

    async fn grants(&self, tenant: &Tenant, asked: &List) -> Result<Grants, Failure> {
        let subject = match &asked.subject {
            Some(name) => {
                let known = self.subject(tenant, name).await?;
                // An agent or client that acts as itself is a subject too, by its id.
                Some(known.map_or_else(|| name.clone(), |known| known.id.to_string()))
            }
            None => None,
        };
        let client = match &asked.client {
            Some(name) => Some(self.client(tenant, name).await?.map_or_else(|| ClientId::claimed(name), |known| known.id.clone())),
            None => None,
        };
        let of = match (&subject, &client) {
            (Some(subject), _) => Of::Subject(subject),
            (None, Some(client)) => Of::Client(client),
            (None, None) => Of::Anybody,
        };
        let (after, limit) = (read_after(asked)?, within(asked.limit));
        let rows = self.read(repo::grants::page(&self.store, &tenant.id, of, after.as_ref(), limit)).await?;
        let next = rows.last().filter(|_| is_full(rows.len(), limit)).map(|row| row.id.to_string());
        let both = |row: &&Grant| client.as_ref().is_none_or(|client| row.client == *client);
        Ok(Grants { grants: rows.iter().filter(both).map(grant).collect(), next })
    }

    async fn subjects(&self, tenant: &Tenant, asked: &List) -> Result<Subjects, Failure> {
        if let Some(name) = &asked.subject {
            let only = self.subject(tenant, name).await?.ok_or_else(|| found::nothing(&tenant.name, Revocable::Subject, name))?;
            return Ok(Subjects { subjects: vec![subject(&only)], next: None });
        }
        let (after, limit) = (read_after(asked)?, within(asked.limit));
        let rows = self.read(repo::subjects::page(&self.store, &tenant.id, after.as_ref(), limit)).await?;
        let next = rows.last().filter(|_| is_full(rows.len(), limit)).map(|row| row.id.to_string());
        Ok(Subjects { subjects: rows.iter().map(subject).collect(), next })
    }
}

fn within(limit: u32) -> u32 {
    limit.clamp(1, LONGEST_PAGE)
}

fn is_full(rows: usize, limit: u32) -> bool {
    u32::try_from(rows).is_ok_and(|rows| rows == limit)
}

fn read_after<T: std::str::FromStr>(asked: &List) -> Result<Option<T>, Failure> {
    let parsed = asked.after.as_deref().map(str::parse).transpose();
    parsed.map_err(|_| Failure::new(Exit::Refused, "`after` is no id of this list").remedy("give the `next` of the page before"))
}

fn whose() -> Failure {
    Failure::new(Exit::Refused, "sessions are listed of one person").remedy("say whose: by id, username or email address")
}

fn object(row: Object) -> ObjectItem {
    let Object { kind, name, id, owner, body, secret, version, .. } = row;
    let definition = serde_json::from_str(&body).unwrap_or_default();
    ObjectItem { kind: kind.as_str().to_owned(), name, id, owner, version, has_secret: secret.is_some(), definition }
}

fn client(known: &Client) -> ClientItem {
    ClientItem {
        id: known.id.to_string(),
        name: known.name.clone(),
        origin: origin(known.origin).to_owned(),
        public: known.is_public(),
        agent: known.agent.map(|agent| agent.to_string()),
        redirect_uris: known.redirect_uris.clone(),
        created_at: known.created_at.millis(),
    }
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "file",
        Origin::Dynamic => "dynamic",
        Origin::Document => "document",
    }
}

fn grant(row: &Grant) -> GrantItem {
    let allowed =
        |allowed: &repo::grants::AllowedResource| AllowedItem { resource: allowed.resource.to_string(), scope: allowed.scope.to_string() };
    GrantItem {
        id: row.id.to_string(),
        subject: row.subject.clone(),
        client: row.client.to_string(),
        agent: row.agent.map(|agent| agent.to_string()),
        resources: row.resources.iter().map(allowed).collect(),
        created_at: row.created_at.millis(),
        expires_at: row.expires_at.millis(),
        ended_at: row.ended_at.map(|at| at.millis()),
        end_reason: row.end_reason.clone(),
    }
}

fn subject(row: &Subject) -> SubjectItem {
    let Person { username, email, groups, .. } = serde_json::from_str(&row.claims).unwrap_or_default();
    let (id, provider, status) = (row.id.to_string(), row.provider.to_string(), row.status.as_str().to_owned());
    SubjectItem { id, provider, status, username, email, groups, seen_at: row.seen_at.millis() }
}

fn session(row: &Session) -> SessionItem {
    SessionItem {
        id: row.id.to_string(),
        subject: row.subject.to_string(),
        provider: row.provider.to_string(),
        created_at: row.created_at.millis(),
        expires_at: row.expires_at.millis(),
        ended_at: row.ended_at.map(|at| at.millis()),
    }
}

fn key(row: &Key) -> KeyItem {
    KeyItem {
        id: row.id.to_string(),
        purpose: row.purpose.as_str().to_owned(),
        algorithm: row.algorithm.clone(),
        created_at: row.created_at.millis(),
        active_at: row.active_at.millis(),
        retired_at: row.retired_at.map(|at| at.millis()),
    }
}
