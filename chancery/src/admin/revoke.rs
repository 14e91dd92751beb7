//! Revoking: one Unit that ends a thing, says in the log who wanted it and why, and tells every node.
//!
//! 1. The thing is found, by its id or by a name that it alone has.
//! 2. What ends is drafted. A dry run counts what the draft would end, and stops here.
//! 3. The Unit commits; the rows that its ends changed are what is counted and said.
//!
//! Tokens die by the set of what was ended, within a second on every node; refresh tokens by their grant's row, which outlasts that set.

use std::collections::BTreeMap;

use chancery_audit::{Change, CommitError, Draft, Receipt, Topic};
use chancery_core::{Entropy, Event, Field, Kind, TenantId, Timestamp};
use chancery_registry::{Origin, Plan, Removed, Tenant};
use chancery_store::repo::grants::Of;
use chancery_store::repo::subjects::Standing;
use chancery_store::repo::{self, grants, sessions};
use chancery_tokens::{
    end_of_agent, end_of_client, end_of_gone_agent, end_of_gone_client, end_of_grant, end_of_issuer, end_of_key, end_of_session,
    end_of_subject, end_of_token,
};

use super::found::Found;
use super::message::{Answer, Revocable, Revoke, Revoked, Stand};
use super::{Administration, Administrator, TRIES, unavailable};
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
    /// [`Exit::Refused`] where nothing of the kind has this id or name, or several have this name; [`Exit::Storage`] where the store does
    /// not answer.
    pub async fn revoke(&self, asked: &Revoke, by: &Administrator) -> Result<Answer, Failure> {
        let tenant = self.tenant(&asked.tenant)?;
        let found = self.found(&tenant, asked.kind, &asked.id).await?;
        let id = found.id();
        let answer = |ended, note: &str| {
            let (tenant, note, kind, dry_run) = (tenant.name.to_string(), note.to_owned(), asked.kind, asked.dry_run);
            Ok(Answer::Revoked(Revoked { tenant, kind, id: id.clone(), ended, note, dry_run }))
        };
        if asked.dry_run {
            return answer(self.would_end(&tenant, &found).await?, "");
        }
        let mut tries = 1;
        loop {
            let Ending { draft, note } = self.ending(&tenant, &found, &asked.reason).await?;
            let event =
                self.revoked(tenant.id, field_of(asked.kind), &id).with(Field::Reason, &asked.reason).with(Field::Administrator, by.name());
            match self.end(&tenant.id, draft.recording(event), asked.kind, &id).await {
                // What is allowed in a session may grow as it is ended.
                Err(failure) if asked.kind == Revocable::Session && failure.exit == Exit::Refused && tries < TRIES => tries += 1,
                ended => return answer(ended?, note),
            }
        }
    }

    /// Suspends a person, and with that ends all that is theirs; or lets them sign in again.
    ///
    /// # Errors
    /// As [`Administration::revoke`]; also where that is how they stand already.
    pub async fn stand(&self, asked: &Stand, by: &Administrator) -> Result<Answer, Failure> {
        let (tenant, now) = (self.tenant(&asked.tenant)?, self.clock.now());
        let Found::Subject(subject) = self.found(&tenant, Revocable::Subject, &asked.subject).await? else {
            return Err(super::found::nothing(&tenant.name, Revocable::Subject, &asked.subject));
        };
        // Their standing first: whoever is signing in meanwhile finds it, or is found by what ends.
        let (kind, standing, ends, note) = if asked.suspended {
            let ends = end_of_subject(&tenant.id, &subject, &asked.reason, now);
            (Kind::SubjectSuspended, Standing::Suspended, ends, "nobody can sign in as this person until they are reinstated")
        } else {
            (Kind::SubjectReinstated, Standing::Active, Draft::default(), "this person may sign in again; what had ended stays ended")
        };
        let event = Event::new(kind, tenant.id, now, &mut Entropy::draw(&*self.rng))
            .with(Field::Subject, subject)
            .with(Field::Reason, &asked.reason)
            .with(Field::Administrator, by.name());
        let draft = Draft::default().writing(repo::subjects::stand(&tenant.id, &subject, standing)).with(ends).recording(event);
        let id = subject.to_string();
        let ended = self.end(&tenant.id, draft, Revocable::Subject, &id).await.map_err(|failure| match failure.exit {
            Exit::Refused => Failure::new(Exit::Refused, format!("nothing was changed: {id} is {} already", standing.as_str())),
            _ => failure,
        })?;
        let (tenant, note) = (tenant.name.to_string(), note.to_owned());
        Ok(Answer::Revoked(Revoked { tenant, kind: Revocable::Subject, id, ended, note, dry_run: false }))
    }

    /// What an apply ends: a client or agent that is declared no more acts no more, and whom a provider of before vouched for is unknown.
    pub(super) fn ends(&self, plan: &Plan, by: &Administrator) -> Draft {
        const REASON: &str = "removed from the file";
        let (tenant, now) = (&plan.tenant, self.clock.now());
        plan.removed.iter().fold(Draft::default(), |mut all, removed| {
            let (field, id, draft) = match removed {
                Removed::Client(client) => (Field::Client, client.to_string(), end_of_gone_client(tenant, client, REASON, now)),
                Removed::Agent(agent) => (Field::Agent, agent.to_string(), end_of_gone_agent(tenant, agent, REASON, now)),
                Removed::Provider { name, issuer } => {
                    (Field::IdentityProvider, format!("{name} ({issuer})"), end_of_issuer(tenant, name, issuer, REASON, now))
                }
            };
            all.writes.extend(draft.writes);
            all.changes.extend(draft.changes);
            all.recording(self.revoked(*tenant, field, &id).with(Field::Reason, REASON).with(Field::Administrator, by.name()))
        })
    }

    async fn ending(&self, tenant: &Tenant, found: &Found, reason: &str) -> Result<Ending, Failure> {
        let (of, now) = (&tenant.id, self.clock.now());
        let ending = |draft: Draft, note: &'static str| Ending { draft, note };
        Ok(match found {
            Found::Subject(id) => ending(end_of_subject(of, id, reason, now), "who may sign in at the identity provider can come back"),
            Found::Agent(id) => ending(end_of_agent(of, id, reason, now), "take it out of the file to keep it from coming back"),
            Found::Client(client) => {
                let ended = || end_of_client(of, &client.id, reason, now);
                match client.origin {
                    Origin::Document => ending(ended(), "block its host under `registration` to keep it from coming back"),
                    Origin::File => ending(ended(), "take it out of the file to keep it from coming back"),
                    // One that registered itself is gone afterwards; one of the file is the file's.
                    Origin::Dynamic => {
                        let gone = end_of_gone_client(of, &client.id, reason, now).writing(repo::clients::remove(of, &client.id));
                        ending(gone.telling(Change { topic: Topic::Client, key: client.id.to_string() }), "its registration is deleted")
                    }
                }
            }
            Found::Grant(id) => ending(end_of_grant(of, id, reason, now), ""),
            Found::Token(id) => ending(end_of_token(of, id, now), "what it was issued for can still be refreshed"),
            Found::Session(id) if tenant.sign_out.ends_grants => {
                let grants = grants::of_session(&self.store, of, id).await.map_err(|error| unavailable(&error))?;
                ending(end_of_session(of, id, Some(&grants), reason, now), "what was allowed from this browser ended with it")
            }
            Found::Session(id) => ending(
                end_of_session(of, id, None, reason, now),
                "what was allowed from this browser goes on, since `sign_out.ends_grants` is false",
            ),
            Found::Key(key) => {
                let ended = end_of_key(key, &self.sealer, now, &*self.rng).await;
                let draft = ended.map_err(|error| Failure::new(Exit::Storage, "no new key could be made").because(error))?;
                ending(draft, "a new key has taken its place")
            }
        })
    }

    async fn end(&self, tenant: &TenantId, draft: Draft, kind: Revocable, id: &str) -> Result<BTreeMap<String, u64>, Failure> {
        let counted: Vec<Option<&str>> = draft.writes.iter().map(counted_as).collect();
        let receipt: Receipt = self.journal.commit(tenant, draft).await.map_err(|error| match error {
            CommitError::GuardFailed(_) => super::found::over(kind, id),
            CommitError::Unavailable(error) => unavailable(&error),
        })?;
        let mut ended = BTreeMap::new();
        for (what, changed) in counted.into_iter().zip(receipt.changed()) {
            if let Some(what) = what {
                *ended.entry(what.to_owned()).or_default() += changed;
            }
        }
        Ok(ended)
    }

    async fn would_end(&self, tenant: &Tenant, found: &Found) -> Result<BTreeMap<String, u64>, Failure> {
        let count = |of| grants::not_ended(&self.store, &tenant.id, of);
        let (subject, one) = (found.id(), |what: &str| BTreeMap::from([(what.to_owned(), 1)]));
        let counted = match found {
            Found::Subject(_) => count(Of::Subject(&subject)).await,
            Found::Client(client) => count(Of::Client(&client.id)).await,
            Found::Agent(agent) => count(Of::Agent(agent)).await,
            Found::Grant(_) => return Ok(one("grants")),
            Found::Session(id) => {
                let mut ended = one("sessions");
                if tenant.sign_out.ends_grants {
                    let grants = grants::of_session(&self.store, &tenant.id, id).await.map_err(|error| unavailable(&error))?;
                    ended.insert("grants".to_owned(), grants.len() as u64);
                }
                return Ok(ended);
            }
            Found::Token(_) | Found::Key(_) => return Ok(BTreeMap::new()),
        };
        Ok(BTreeMap::from([("grants".to_owned(), counted.map_err(|error| unavailable(&error))?)]))
    }

    fn revoked(&self, tenant: TenantId, field: Field, id: &str) -> Event {
        Event::new(Kind::Revoked, tenant, self.now(), &mut Entropy::draw(&*self.rng)).with(field, id)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
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

/// What the rows are that a write of these changes.
fn counted_as(write: &chancery_audit::Write) -> Option<&'static str> {
    match write {
        write if grants::is_end(write) => Some("grants"),
        write if sessions::is_end(write) => Some("sessions"),
        _ => None,
    }
}
