//! The last step before a client is written: the company's provider learns of it, where it must (design §4, registration by proxy). How the
//! two are kept together is the header of federation's `proxy`.

use chancery_core::EnrolTrouble;
use chancery_core::oauth::Code;
use chancery_registry::{Client, GrantType, Tenant};

use crate::refusal::Refused;
use crate::server::Server;

/// A client that sends nobody to sign in is no matter of the provider's.
pub(super) async fn enrolled(server: &Server, tenant: &Tenant, client: &Client) -> Result<(), Refused> {
    if !client.grant_types.contains(&GrantType::AuthorizationCode) {
        return Ok(());
    }
    let outcome = server.sign_in.enrol(&tenant.id, &client.id, &client.name).await;
    outcome.map_err(|trouble| {
        tracing::warn!(tenant = %tenant.name, client = %client.id, %trouble, "a client could not be registered at the identity provider");
        not_enrolled(&trouble).because(trouble.to_string())
    })
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
