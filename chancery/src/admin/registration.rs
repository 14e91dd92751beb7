//! Governing registration by hand: initial access tokens, and the word that lets a waiting client in or keeps it out.

use std::time::Duration;

use chancery_audit::{Change, CommitError, Draft, Topic};
use chancery_core::{ClientId, Entropy, Event, Field, Kind, Timestamp};
use chancery_crypto::digest::{secret_text, sha256};
use chancery_registry::{Registered, Standing, Tenant};
use chancery_store::repo::clients;
use chancery_store::repo::registration_tokens::{self, RegistrationToken};

use super::message::{self, Answer, Judged, Registering, Registration, SentSecret, Waiting, WaitingClient};
use super::{Administration, Administrator, unavailable};
use crate::exit::{Exit, Failure};

/// How many are listed at most.
const MOST_LISTED: u32 = 1_000;
/// How long a client that was judged is kept if nobody uses it.
const JUDGED_CLIENTS_STAY: Duration = Duration::from_hours(30 * 24);
/// No initial access token is good for longer.
const LONGEST_TOKEN: Duration = Duration::from_hours(366 * 24);

impl Administration {
    /// Does one of the things there are to do about registration.
    ///
    /// # Errors
    /// [`Exit::Refused`] where there is nothing of that id to be judged, [`Exit::Storage`] where the store does not answer.
    pub async fn registration(&self, asked: &Registration, by: &Administrator) -> Result<Answer, Failure> {
        let tenant = self.tenant(&asked.tenant)?;
        match &asked.what {
            Registering::MakeToken { label, uses, lasts } => {
                self.make_token(&tenant, (label, *uses, Duration::from_secs(*lasts)), by).await
            }
            Registering::List => self.waiting(&tenant).await,
            Registering::Approve { id, seen } => self.judge(&tenant, (id, Standing::Active), seen.as_deref(), by).await,
            Registering::Deny { id } => self.judge(&tenant, (id, Standing::Denied), None, by).await,
        }
    }

    async fn make_token(
        &self,
        tenant: &Tenant,
        (label, uses, lasts): (&str, u32, Duration),
        by: &Administrator,
    ) -> Result<Answer, Failure> {
        if uses == 0 || lasts.is_zero() || lasts > LONGEST_TOKEN {
            return Err(Failure::new(Exit::Refused, "no token was made")
                .because("it would be good for nothing, or for longer than a year")
                .remedy("give it at least one use, and a life between a second and 366 days"));
        }
        let (now, mut entropy) = (self.clock.now(), Entropy::draw(&*self.rng));
        let token = secret_text(entropy.take());
        let hash = sha256(token.expose().as_bytes());
        let row = RegistrationToken {
            tenant: tenant.id,
            hash,
            label: label.to_owned(),
            uses_left: uses,
            created_at: now,
            expires_at: now + lasts,
        };
        let event = Event::new(Kind::RegistrationTokenMade, tenant.id, now, &mut entropy)
            .with(Field::Reason, label)
            .with(Field::Count, uses)
            .with(Field::Administrator, by.name());
        self.written(tenant, Draft::default().writing(registration_tokens::insert(&row)).recording(event)).await?;
        let (tenant, token) = (tenant.name.to_string(), SentSecret(token));
        let (label, expires_at) = (row.label, row.expires_at.millis());
        Ok(Answer::RegistrationToken(message::RegistrationToken { tenant, label, uses, expires_at, token }))
    }

    async fn waiting(&self, tenant: &Tenant) -> Result<Answer, Failure> {
        let rows = clients::waiting(&self.store, &tenant.id, MOST_LISTED).await.map_err(|error| unavailable(&error))?;
        let read: Result<Vec<_>, _> = rows.into_iter().map(|row| Registered::try_from(row).map(|it| shown(&it))).collect();
        Ok(Answer::Waiting(Waiting { tenant: tenant.name.to_string(), clients: read.map_err(|error| unavailable(&error))? }))
    }

    async fn judge(&self, tenant: &Tenant, (id, to): (&str, Standing), seen: Option<&str>, by: &Administrator) -> Result<Answer, Failure> {
        let id = ClientId::claimed(id);
        let found = self.registry.registered(&tenant.id, &id).await.map_err(|error| unavailable(&error))?;
        let waits = |found: &Registered| found.client.standing != Standing::Active && found.client.standing != to;
        let found = found.filter(waits).ok_or_else(|| nothing(tenant, &id))?;
        if seen.is_some_and(|seen| seen != found.digest()) {
            return Err(another(&id)); // DR-08
        }
        let client = &found.client;
        let (now, mut entropy) = (self.clock.now(), Entropy::draw(&*self.rng));
        let event = Event::new(Kind::ClientJudged, tenant.id, now, &mut entropy)
            .with(Field::Client, &id)
            .with(Field::ClientName, &client.name)
            .with(Field::Outcome, to.as_str())
            .with(Field::Administrator, by.name());
        let keep_until = now + JUDGED_CLIENTS_STAY;
        let judging = match to {
            Standing::Active => found.approve(&tenant.id, keep_until), // DR-08
            _ => clients::deny(&tenant.id, &id, client.standing, keep_until),
        };
        let draft = Draft::default().writing(judging).recording(event).telling(Change { topic: Topic::Client, key: id.to_string() });
        self.written(tenant, draft).await?;
        Ok(Answer::Judged(Judged { tenant: tenant.name.to_string(), id: id.to_string(), standing: to.as_str().to_owned() }))
    }

    async fn written(&self, tenant: &Tenant, draft: Draft) -> Result<(), Failure> {
        let committed = self.journal.commit(&tenant.id, draft).await;
        committed.map(drop).map_err(|error| match error {
            CommitError::GuardFailed(_) => Failure::new(Exit::Refused, "nothing was changed")
                .because("somebody else changed the same thing at this moment")
                .remedy("look at `chancery registration list`, then try again"),
            CommitError::Unavailable(error) => unavailable(&error),
        })
    }
}

/// What an administrator judges by. Nobody checked any of it but the id and the time.
fn shown(registered: &Registered) -> WaitingClient {
    let client = &registered.client;
    WaitingClient {
        digest: registered.digest(),
        id: client.id.to_string(),
        name: client.name.clone(),
        standing: client.standing.as_str().to_owned(),
        redirect_uris: client.redirect_uris.clone(),
        client_uri: client.about.client_uri.clone(),
        software_id: client.about.software_id.clone(),
        contacts: client.about.contacts.clone(),
        registered_at: Timestamp::millis(client.created_at),
    }
}

/// It may have changed while the administrator read.
fn another(id: &ClientId) -> Failure {
    Failure::new(Exit::Refused, format!("nothing was changed: client {:?} says something else of itself by now", id.as_str()))
        .because("it changed its registration after it was listed, or the digest is that of another client")
        .remedy("look at `chancery registration list` again, and approve what it shows")
}

fn nothing(tenant: &Tenant, id: &ClientId) -> Failure {
    Failure::new(Exit::Refused, format!("nothing was changed: no client {:?} waits in tenant {}", id.as_str(), tenant.name))
        .because("it never registered, was judged so already, or was forgotten since")
        .remedy("`chancery registration list` shows those that wait; `chancery revoke client` ends one that was approved")
}
