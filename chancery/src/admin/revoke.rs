//! Revoking: one Unit that ends a thing, says in the log who wanted it and why, and tells every node.
//!
//! Tokens die by the set of what was ended, within a second on every node; refresh tokens by their grant's row, which outlasts that set.

use chancery_audit::{Change, CommitError, Draft, Topic};
use chancery_core::{ClientId, Entropy, Event, Field, Kind, TenantId, Timestamp};
use chancery_registry::{Origin, Plan, Removed, Tenant};
use chancery_store::repo;
use chancery_tokens::{end_of_agent, end_of_client, end_of_grant, end_of_issuer, end_of_key, end_of_subject, end_of_token};

use super::message::{Answer, Revocable, Revoke};
use super::{Administration, Administrator, unavailable};
use crate::exit::{Exit, Failure};

/// What ends, and what whoever ended it should know.
struct Ending {
    draft: Draft,
    note: &'static str,
}

impl Administration {
    /// Ends something at once and everywhere. To end twice is harmless.
    ///
    /// # Errors
    /// [`Exit::Refused`] where nothing of the kind has this id, [`Exit::Storage`] where the store does not answer.
    pub async fn revoke(&self, asked: &Revoke, by: &Administrator) -> Result<Answer, Failure> {
        let (tenant, now) = (self.tenant(&asked.tenant)?, self.clock.now());
        let Ending { draft, note } = self.ending(&tenant, asked, now).await?.ok_or_else(|| nothing(asked))?;
        let event = self
            .revoked(tenant.id, field_of(asked.kind), &asked.id, now)
            .with(Field::Reason, &asked.reason)
            .with(Field::Administrator, &by.0);
        let _receipt = self.journal.commit(&tenant.id, draft.recording(event)).await.map_err(|error| match error {
            CommitError::GuardFailed(_) => nothing(asked),
            CommitError::Unavailable(error) => unavailable(&error),
        })?;
        Ok(Answer::Revoked { tenant: tenant.name.to_string(), kind: asked.kind, id: asked.id.clone(), note: note.to_owned() })
    }

    /// What an apply ends: a client or agent that is declared no more acts no more, and whom a provider of before vouched for is unknown.
    pub(super) fn ends(&self, plan: &Plan, by: &Administrator) -> Draft {
        const REASON: &str = "removed from the file";
        let (tenant, now) = (&plan.tenant, self.clock.now());
        plan.removed.iter().fold(Draft::default(), |mut all, removed| {
            let (field, id, draft) = match removed {
                Removed::Client(client) => (Field::Client, client.to_string(), end_of_client(tenant, client, REASON, now)),
                Removed::Agent(agent) => (Field::Agent, agent.to_string(), end_of_agent(tenant, agent, REASON, now)),
                Removed::Provider { name, issuer } => {
                    (Field::IdentityProvider, format!("{name} ({issuer})"), end_of_issuer(tenant, name, issuer, REASON, now))
                }
            };
            all.writes.extend(draft.writes);
            all.changes.extend(draft.changes);
            all.recording(self.revoked(*tenant, field, &id, now).with(Field::Reason, REASON).with(Field::Administrator, &by.0))
        })
    }

    /// None where nothing of the kind has this id.
    async fn ending(&self, tenant: &Tenant, asked: &Revoke, now: Timestamp) -> Result<Option<Ending>, Failure> {
        let (store, of, id, reason) = (&self.store, &tenant.id, asked.id.as_str(), asked.reason.as_str());
        let found = |draft: Draft, note: &'static str| Some(Ending { draft, note });
        Ok(match asked.kind {
            Revocable::Subject => {
                let Ok(id) = id.parse() else { return Ok(None) };
                let known = repo::subjects::by_id(store, of, &id).await.map_err(|error| unavailable(&error))?;
                known.and_then(|_| found(end_of_subject(of, &id, reason, now), "who may sign in at the identity provider can come back"))
            }
            Revocable::Agent => {
                let Ok(id) = id.parse() else { return Ok(None) };
                tenant
                    .agent(&id)
                    .and_then(|_| found(end_of_agent(of, &id, reason, now), "take it out of the file to keep it from coming back"))
            }
            Revocable::Client => self.client(tenant, &ClientId::claimed(id), reason, now).await?,
            Revocable::Grant => {
                let Ok(id) = id.parse() else { return Ok(None) };
                let known = repo::grants::by_id(store, of, &id).await.map_err(|error| unavailable(&error))?;
                known.and_then(|_| found(end_of_grant(of, &id, reason, now), ""))
            }
            Revocable::Token => {
                id.parse().ok().and_then(|id| found(end_of_token(of, &id, now), "what it was issued for can still be refreshed"))
            }
            Revocable::Session => {
                let Ok(id) = id.parse() else { return Ok(None) };
                found(Draft::default().writing(repo::sessions::end_by_id(of, &id, now)), "what was allowed from this browser goes on")
            }
            Revocable::Key => {
                let keys = repo::keys::of_tenant(store, of).await.map_err(|error| unavailable(&error))?;
                let Some(key) = keys.iter().find(|key| key.id.to_string() == id) else { return Ok(None) };
                let ended = end_of_key(key, &self.sealer, now, &*self.rng).await;
                let draft = ended.map_err(|error| Failure::new(Exit::Storage, "no new key could be made").because(error))?;
                found(draft, "a new key has taken its place")
            }
        })
    }

    /// One that registered itself is gone afterwards; one of the file is the file's.
    async fn client(&self, tenant: &Tenant, id: &ClientId, reason: &str, now: Timestamp) -> Result<Option<Ending>, Failure> {
        let known = self.registry.client(tenant, id).await.map_err(|error| unavailable(&error))?;
        let ended = end_of_client(&tenant.id, id, reason, now);
        Ok(known.map(|client| match client.origin {
            Origin::File => Ending { draft: ended, note: "take it out of the file to keep it from coming back" },
            Origin::Document => Ending { draft: ended, note: "block its host under `registration` to keep it from coming back" },
            Origin::Dynamic => {
                let gone = ended.writing(repo::clients::remove(&tenant.id, id));
                Ending { draft: gone.telling(Change { topic: Topic::Client, key: id.to_string() }), note: "its registration is deleted" }
            }
        }))
    }

    fn revoked(&self, tenant: TenantId, field: Field, id: &str, now: Timestamp) -> Event {
        Event::new(Kind::Revoked, tenant, now, &mut Entropy::draw(&*self.rng)).with(field, id)
    }
}

/// The event's field that names what was revoked.
const fn field_of(kind: Revocable) -> Field {
    match kind {
        Revocable::Subject => Field::Subject,
        Revocable::Agent => Field::Agent,
        Revocable::Client => Field::Client,
        Revocable::Grant => Field::Grants,
        Revocable::Token => Field::Token,
        Revocable::Session => Field::Session,
        Revocable::Key => Field::Key,
    }
}

fn nothing(asked: &Revoke) -> Failure {
    Failure::new(Exit::Refused, format!("nothing was revoked: tenant {} has no {} {:?}", asked.tenant, asked.kind.as_str(), asked.id))
        .because("it never was, or it is over already")
        .remedy("give its whole id, as `chancery audit tail` shows it")
}
