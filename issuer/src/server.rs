//! What every endpoint works with, and how a refusal gets its record.

use std::sync::Arc;

use axum::http::HeaderMap;
use chancery_audit::{Counter, Counters, Draft, Journal, Receipt, Recorded};
use chancery_core::oauth::Error;
use chancery_core::{ClientId, Clock, Field, Rng, SignIn, Source};
use chancery_registry::{Client, ClientTrouble, DocumentFault, IssuerKeys, Registry, Tenant};
use chancery_store::{Guard, Store};
use chancery_tokens::{Keyring, Signer, TenantKeys, Verifier};
use tokio_util::task::TaskTracker;

use crate::answer::Answer;
use crate::limits::Limits;
use crate::moment::Moment;
use crate::refusal::Refused;
use crate::unanswered::Unanswered;
use crate::visit::Visitor;

pub(crate) struct Server {
    pub registry: Registry,
    pub keyring: Keyring,
    pub signer: Signer,
    pub verifier: Verifier,
    pub journal: Journal,
    pub store: Store,
    pub counters: Counters,
    pub issuer_keys: IssuerKeys,
    pub limits: Limits,
    pub sign_in: Arc<dyn SignIn>,
    pub unfinished: TaskTracker,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

impl Server {
    pub fn moment(&self) -> Moment {
        Moment::of(&*self.clock, &*self.rng)
    }

    /// The tenant that an address names, and its keys.
    pub fn tenant(&self, name: &str, endpoint: &'static str) -> Result<(Arc<Tenant>, Arc<TenantKeys>), Unanswered> {
        let Some(tenant) = self.registry.tenant(name) else {
            self.counters.count(None, Counter { endpoint, reason: "unknown_tenant", row: "MD-01" });
            return Err(Unanswered::NotHere);
        };
        let keys = self.keyring.tenant(&tenant.id).ok_or(Unanswered::NoKeys(tenant.id))?;
        Ok((tenant, keys))
    }

    /// Whether a tenant that was looked up a while ago still is so.
    pub fn is_as_now(&self, tenant: &Tenant) -> bool {
        self.registry.tenant_by_id(&tenant.id).is_some_and(|now| now.version == tenant.version)
    }

    /// The client that a request names; or why it cannot be had from its document, for the endpoint's table to say.
    pub async fn client(
        &self,
        tenant: &Tenant,
        id: &ClientId,
        source: Option<Source>,
    ) -> Result<(Option<Arc<Client>>, Option<DocumentFault>), Unanswered> {
        match self.registry.client_for(tenant, id, source).await {
            Err(ClientTrouble::Document(fault)) => Ok((None, Some(fault))),
            known => Ok((known?, None)),
        }
    }

    /// Who is signed in in this browser. Their session is used by being looked at here.
    pub async fn visitor(&self, tenant: &Tenant, headers: &HeaderMap, moment: &Moment) -> Result<Option<Visitor>, Unanswered> {
        let Some((visitor, seen)) = Visitor::of(tenant, headers, &self.store, moment).await? else { return Ok(None) };
        if let Some(seen) = seen {
            let _: Receipt = self.journal.commit(&tenant.id, Draft::default().writing(seen)).await?;
        }
        Ok(Some(visitor))
    }

    /// A refusal, recorded and answered directly.
    pub async fn refused(&self, tenant: &Tenant, endpoint: &'static str, refused: Refused) -> Result<Answer, Unanswered> {
        let (error, record) = self.recorded(tenant, endpoint, refused).await?;
        Ok(Answer::refused(&error, record))
    }

    pub async fn recorded(&self, tenant: &Tenant, endpoint: &'static str, refused: Refused) -> Result<(Error, Recorded), Unanswered> {
        let (error, row, draft) = refused.into_parts();
        tracing::debug!(tenant = %tenant.name, endpoint, row, %error, "refused");
        let record = self.record(tenant, Counter { endpoint, reason: error.code().as_str(), row }, draft).await?;
        Ok((error, record))
    }

    /// Commits what a refusal writes. One without an event is of nobody in particular: it is counted, whatever else it writes.
    pub async fn record(&self, tenant: &Tenant, refusal: Counter, draft: Draft) -> Result<Recorded, Unanswered> {
        let draft = if self.says_too_much(tenant, &draft) { Draft { events: Vec::new(), ..draft } } else { draft };
        let (is_event, writes) = (!draft.events.is_empty(), !draft.writes.is_empty());
        let committed = if is_event || writes { Some(self.journal.commit(&tenant.id, draft).await?) } else { None };
        match committed {
            Some(receipt) if is_event => Ok(receipt.into()),
            _ => Ok(self.counters.count(Some(tenant.id), refusal).into()),
        }
    }

    /// What uses something up is told each time, since there is only so much of it. Of what can be tried for ever, by a client that made
    /// itself, there are only so many events; what it writes besides, it writes, and that is right whatever it finds.
    fn says_too_much(&self, tenant: &Tenant, draft: &Draft) -> bool {
        let again = draft.changes.is_empty() && draft.writes.iter().all(|write| write.guard == Guard::Any);
        let of = draft.events.first().and_then(|event| event.field(Field::Client)).filter(|_| again);
        of.is_some_and(|client| !self.limits.tell(tenant, &ClientId::claimed(client)))
    }
}
