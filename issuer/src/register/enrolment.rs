//! Where the company's provider must know our clients, it learns of one before it is written here (design §4, registration by proxy). How the two
//! are kept together is the header of federation's `proxy`.
//!
//! 1. What lets the client in is consumed, by itself: whoever is refused here is nobody at the provider.
//! 2. The provider is asked. It refuses or does not answer, or the rules of registration are others by then: what was consumed is given back, and
//!    the log hears why.
//! 3. The client is written. Where it was not, what was consumed is given back, unless the client may be there all the same.
//!
//! All three are one task of its own: whoever hangs up cuts it off nowhere. If they have before 3, it is as if the provider had refused, and what
//! the provider made is left to be removed; if they have before 2, it is not asked.
//!
//! A node that is lost in between has used up the credential; the log has the beginning then, and no client.

use std::sync::Arc;

use chancery_audit::{Draft, Receipt};
use chancery_core::oauth::Code;
use chancery_core::{EnrolTrouble, Event, Field, Kind};
use chancery_registry::{Client, GrantType, Standing, Tenant};
use tokio_util::sync::CancellationToken;

use super::ENDPOINT;
use super::admission::Use;
use crate::answer::Answer;
use crate::refusal::Refused;
use crate::server::Server;
use crate::unanswered::Unanswered;

/// A client that sends nobody to sign in is no matter of the provider's, and one that waits is not yet.
pub(super) fn is_wanted(tenant: &Tenant, client: &Client) -> bool {
    let signs_in = client.grant_types.contains(&GrantType::AuthorizationCode);
    tenant.registration.proxy.is_some() && signs_in && client.standing == Standing::Active // DR-06
}

/// The client, written; or what is answered instead, which is written too.
pub(super) async fn enrolled_and_written(
    server: &Arc<Server>,
    tenant: &Arc<Tenant>,
    (client, consumes): (Client, Option<Use>),
    draft: Draft,
) -> Result<Result<Receipt, Answer>, Unanswered> {
    let hung_up = CancellationToken::new();
    let _waits = hung_up.clone().drop_guard();
    let enrolling = Enrolling { server: Arc::clone(server), tenant: Arc::clone(tenant), client, consumes, hung_up };
    server.unfinished.spawn(enrolling.run(draft)).await.unwrap_or_else(|lost| Err(Unanswered::Lost(lost.to_string())))
}

/// One client on its way.
struct Enrolling {
    server: Arc<Server>,
    tenant: Arc<Tenant>,
    client: Client,
    consumes: Option<Use>,
    /// Thrown when nobody waits for the answer any more.
    hung_up: CancellationToken,
}

impl Enrolling {
    async fn run(self, draft: Draft) -> Result<Result<Receipt, Answer>, Unanswered> {
        let Self { server, tenant, .. } = &self;
        if let Some(used) = &self.consumes {
            let begun = Draft::default().writing(used.take.clone()).recording(self.event(Kind::EnrolmentBegun));
            let _: Receipt = server.journal.commit(&tenant.id, begun).await?; // DR-05
        }
        match self.enrolled().await {
            Ok(()) => self.written(draft).await.map(Ok),
            Err(refused) => server.refused(tenant, ENDPOINT, self.giving_back(refused)).await.map(Err),
        }
    }

    /// The provider has it, somebody waits to hear of it, and it is let in by the rules of now.
    async fn enrolled(&self) -> Result<(), Refused> {
        let Self { server, tenant, client, .. } = self;
        self.is_waited_for()?;
        if let Err(trouble) = server.sign_in.enrol(&tenant.id, &client.id, &client.name).await {
            tracing::warn!(tenant = %tenant.name, client = %client.id, %trouble, "a client could not be registered at the identity provider");
            return Err(not_enrolled(&trouble).because(trouble.to_string()));
        }
        self.is_waited_for()?;
        let now = server.registry.tenant_by_id(&tenant.id);
        if now.is_some_and(|now| now.registration == tenant.registration) { Ok(()) } else { Err(ruled_anew()) } // DR-06
    }

    fn is_waited_for(&self) -> Result<(), Refused> {
        if self.hung_up.is_cancelled() { Err(nobody_waits()) } else { Ok(()) }
    }

    async fn written(&self, draft: Draft) -> Result<Receipt, Unanswered> {
        let Self { server, tenant, client, consumes, .. } = self;
        let written = server.journal.commit(&tenant.id, draft).await;
        if let Err(error) = &written {
            let given_back = match consumes {
                // DR-05: of a client that may be there, the use is one.
                Some(used) if !error.is_unknown() => {
                    Some(server.journal.commit(&tenant.id, Draft::default().writing(used.give_back.clone())).await.map(drop))
                }
                _ => None,
            };
            tracing::warn!(tenant = %tenant.name, client = %client.id, %error, ?given_back, "an enrolled client could not be written");
        }
        Ok(written?)
    }

    fn giving_back(&self, refused: Refused) -> Refused {
        let Some(used) = &self.consumes else { return refused };
        let event = self.event(Kind::RegistrationRefused);
        let event = event.with(Field::Outcome, refused.error().code()).with(Field::Reason, refused.reason());
        refused.with(Draft::default().writing(used.give_back.clone()).recording(event))
    }

    fn event(&self, kind: Kind) -> Event {
        let Self { server, tenant, client, .. } = self;
        let mut moment = server.moment();
        Event::new(kind, tenant.id, moment.now, &mut moment.entropy)
            .with(Field::Client, &client.id)
            .with(Field::ClientName, &client.name)
            .with_some(Field::Agent, client.agent)
            .with_some(Field::IdentityProvider, tenant.registration.proxy.as_ref().map(|proxy| &proxy.provider))
    }
}

/// Its id and its secrets are said once, so a client that was not told them would be nobody's.
fn nobody_waits() -> Refused {
    Refused::new(Code::TemporarilyUnavailable, "the connection was closed before the client was registered; try again")
        .because("whoever asked hung up before the client was registered")
}

/// Who lets clients in may have closed the door meanwhile, or want them otherwise; what holds for this one is found when it asks again.
fn ruled_anew() -> Refused {
    let words = "the rules of registration changed while this client was registered; try again, and the new ones tell whether it may";
    Refused::new(Code::TemporarilyUnavailable, words).because("the rules of registration changed while the identity provider was asked")
}

fn not_enrolled(trouble: &EnrolTrouble) -> Refused {
    match trouble {
        EnrolTrouble::Unreachable(_) | EnrolTrouble::Store(_) => {
            let words =
                "the organisation's identity provider must know this client too and cannot be reached just now; try again in a minute";
            Refused::new(Code::TemporarilyUnavailable, words)
        }
        EnrolTrouble::Refused(_) => {
            let words = "the organisation's identity provider must know this client too and did not register it; tell who runs this server";
            Refused::new(Code::ServerError, words)
        }
    }
}
