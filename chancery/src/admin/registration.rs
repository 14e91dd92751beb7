//! Governing registration by hand: initial access tokens, and the word that lets a waiting client in or keeps it out.

use std::time::Duration;

use chancery_audit::{Change, CommitError, Draft, Topic};
use chancery_core::{ClientId, Entropy, Event, Field, Kind, Timestamp};
use chancery_crypto::digest::{hex, secret_text, sha256};
use chancery_registry::{Registered, Standing, Tenant};
use chancery_store::repo::clients;
use chancery_store::repo::registration_tokens::{self, RegistrationToken};

use super::message::{
    self, Answer, Approve, Deny, Judged, MakeToken, Registering, Registration, RegistrationTokenEnded, RegistrationTokenItem,
    RegistrationTokens, SentSecret, Waiting, WaitingClient,
};
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
            Registering::List => self.waiting(&tenant).await,
            Registering::Show(id) => self.waits(&tenant, id).await,
            Registering::Approve(Approve { id, seen }) => self.judge(&tenant, (id, Standing::Active), Some(seen), by).await,
            Registering::Deny(Deny { id }) => self.judge(&tenant, (id, Standing::Denied), None, by).await,
            Registering::MakeToken(asked) => self.make_token(&tenant, asked, by).await,
            Registering::Tokens => self.tokens(&tenant).await,
            Registering::EndToken(asked) => self.end_token(&tenant, &asked.id, by).await,
        }
    }

    async fn make_token(&self, tenant: &Tenant, asked: &MakeToken, by: &Administrator) -> Result<Answer, Failure> {
        let (uses, lasts, label) = (asked.uses, Duration::from_secs(asked.lasts), &asked.label);
        if uses == 0 || lasts.is_zero() || lasts > LONGEST_TOKEN {
            return Err(Failure::new(Exit::Refused, "no token was made")
                .because("it would be good for nothing, or for longer than a year")
                .remedy("give it at least one use, and a life between a second and 366 days"));
        }
        let (now, mut entropy) = (self.clock.now(), Entropy::draw(&*self.rng));
        let token = secret_text(entropy.take());
        let hash = sha256(token.expose().as_bytes());
        let row =
            RegistrationToken { tenant: tenant.id, hash, label: label.clone(), uses_left: uses, created_at: now, expires_at: now + lasts };
        let event = Event::new(Kind::RegistrationTokenMade, tenant.id, now, &mut entropy)
            .with(Field::Reason, label)
            .with(Field::Count, uses)
            .with(Field::Administrator, by.name());
        self.written(tenant, Draft::default().writing(registration_tokens::insert(&row)).recording(event)).await?;
        let (tenant, token, id) = (tenant.name.to_string(), SentSecret(token), shown_id(&row));
        let (label, expires_at) = (row.label, row.expires_at.millis());
        Ok(Answer::RegistrationToken(message::RegistrationToken { tenant, label, id, uses, expires_at, token }))
    }

    async fn tokens(&self, tenant: &Tenant) -> Result<Answer, Failure> {
        let rows = self.read(registration_tokens::good(&self.store, &tenant.id, self.clock.now(), MOST_LISTED)).await?;
        let item = |row: &RegistrationToken| RegistrationTokenItem {
            id: shown_id(row),
            label: row.label.clone(),
            uses_left: row.uses_left,
            created_at: row.created_at.millis(),
            expires_at: row.expires_at.millis(),
        };
        Ok(Answer::RegistrationTokens(RegistrationTokens { tenant: tenant.name.to_string(), tokens: rows.iter().map(item).collect() }))
    }

    async fn end_token(&self, tenant: &Tenant, id: &str, by: &Administrator) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let rows = self.read(registration_tokens::good(&self.store, &tenant.id, now, MOST_LISTED)).await?;
        let row = rows.into_iter().find(|row| shown_id(row) == id).ok_or_else(|| no_token(tenant, id))?;
        let event = Event::new(Kind::RegistrationTokenEnded, tenant.id, now, &mut Entropy::draw(&*self.rng))
            .with(Field::Reason, &row.label)
            .with(Field::Count, row.uses_left)
            .with(Field::Administrator, by.name());
        self.written(tenant, Draft::default().writing(registration_tokens::end(&row)).recording(event)).await?;
        let (tenant, id) = (tenant.name.to_string(), id.to_owned());
        Ok(Answer::RegistrationTokenEnded(RegistrationTokenEnded { tenant, id, label: row.label, uses_left: row.uses_left }))
    }

    async fn waiting(&self, tenant: &Tenant) -> Result<Answer, Failure> {
        let rows = clients::waiting(&self.store, &tenant.id, MOST_LISTED).await.map_err(|error| unavailable(&error))?;
        let read: Result<Vec<_>, _> = rows.into_iter().map(|row| Registered::try_from(row).map(|it| shown(&it))).collect();
        Ok(Answer::Waiting(Waiting { tenant: tenant.name.to_string(), clients: read.map_err(|error| unavailable(&error))? }))
    }

    async fn waits(&self, tenant: &Tenant, id: &str) -> Result<Answer, Failure> {
        let id = ClientId::claimed(id);
        let found = self.registry.registered(&tenant.id, &id).await.map_err(|error| unavailable(&error))?;
        let found = found.filter(|found| found.client.standing != Standing::Active).ok_or_else(|| nothing(tenant, &id))?;
        Ok(Answer::Waiting(Waiting { tenant: tenant.name.to_string(), clients: vec![shown(&found)] }))
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
            Standing::Active => found.approve(&tenant.id, by.name(), keep_until), // DR-08
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

/// What an initial access token is called by: of its hash, so it leads nowhere.
fn shown_id(token: &RegistrationToken) -> String {
    hex(&token.hash[..8])
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

fn no_token(tenant: &Tenant, id: &str) -> Failure {
    Failure::new(Exit::Refused, format!("nothing was ended: tenant {} has no initial access token {id:?}", tenant.name))
        .because("it never was, is used up or expired, or was ended already")
        .remedy("`chancery registration tokens` shows those that are good")
}

fn nothing(tenant: &Tenant, id: &ClientId) -> Failure {
    Failure::new(Exit::Refused, format!("nothing was changed: no client {:?} waits in tenant {}", id.as_str(), tenant.name))
        .because("it never registered, was judged so already, or was forgotten since")
        .remedy("`chancery registration list` shows those that wait; `chancery revoke client` ends one that was approved")
}
