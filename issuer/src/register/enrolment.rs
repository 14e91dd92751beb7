//! Where the company's provider must know our clients, it learns of one before it is written here (design §4, registration by proxy). How the two
//! are kept together is the header of federation's `proxy`.
//!
//! 1. What lets the client in is consumed, by itself: whoever is refused here is nobody at the provider.
//! 2. The provider is asked. It refuses or does not answer: what was consumed is given back, and the log hears why.
//! 3. The client is written.
//!
//! A node that is lost in between has used up the credential; the log has the beginning then, and no client.

use chancery_audit::{CommitError, Draft, Receipt};
use chancery_core::oauth::Code;
use chancery_core::{EnrolTrouble, Event, Field, Kind};
use chancery_registry::{Client, GrantType, Standing, Tenant};

use super::admission::Use;
use crate::refusal::Refused;
use crate::server::Server;

/// A client that sends nobody to sign in is no matter of the provider's, and one that waits is not yet.
pub(super) fn is_wanted(tenant: &Tenant, client: &Client) -> bool {
    let signs_in = client.grant_types.contains(&GrantType::AuthorizationCode);
    tenant.registration.proxy.is_some() && signs_in && client.standing == Standing::Active // DR-06
}

pub(super) async fn enrolled_and_written(
    server: &Server,
    tenant: &Tenant,
    (client, consumes): (&Client, Option<&Use>),
    draft: Draft,
) -> Result<Result<Receipt, Refused>, CommitError> {
    if let Some(used) = consumes {
        let begun = Draft::default().writing(used.take.clone()).recording(event(server, tenant, client, Kind::EnrolmentBegun));
        let _: Receipt = server.journal.commit(&tenant.id, begun).await?; // DR-05
    }
    if let Err(trouble) = server.sign_in.enrol(&tenant.id, &client.id, &client.name).await {
        tracing::warn!(tenant = %tenant.name, client = %client.id, %trouble, "a client could not be registered at the identity provider");
        let refused = not_enrolled(&trouble).because(trouble.to_string());
        return Ok(Err(match consumes {
            Some(used) => {
                let event = event(server, tenant, client, Kind::RegistrationRefused)
                    .with(Field::Outcome, refused.error().code())
                    .with(Field::Reason, refused.reason());
                refused.with(Draft::default().writing(used.give_back.clone()).recording(event))
            }
            None => refused,
        }));
    }
    let written = server.journal.commit(&tenant.id, draft).await;
    if let (Err(error), Some(used)) = (&written, consumes) {
        let given_back = server.journal.commit(&tenant.id, Draft::default().writing(used.give_back.clone())).await.map(drop);
        tracing::warn!(tenant = %tenant.name, client = %client.id, %error, ?given_back, "an enrolled client could not be written");
    }
    written.map(Ok)
}

fn event(server: &Server, tenant: &Tenant, client: &Client, kind: Kind) -> Event {
    let mut moment = server.moment();
    Event::new(kind, tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Client, &client.id)
        .with(Field::ClientName, &client.name)
        .with_some(Field::Agent, client.agent)
        .with_some(Field::IdentityProvider, tenant.registration.proxy.as_ref().map(|proxy| &proxy.provider))
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
