//! What ends (RFC 7009 §2.1). The answer is the same in every case, so that nobody learns from it which tokens there are.
//!
//! - A refresh token ends its grant: every access token that came of it, and the family. So does one of an older generation: it was good
//!   once, whoever leaves with it means to leave, and to whoever stole it this gives no more than presenting it at the token endpoint,
//!   which ends the grant as well (OA-13).
//! - An access token ends alone. Its grant goes on, and its refresh token brings another.
//! - Another client's token stays as it is.

use chancery_audit::Draft;
use chancery_core::{Event, Field, Kind, TenantId};
use chancery_store::repo::families::{self, Family};
use chancery_store::repo::grants::Grant;
use chancery_store::{Store, StoreError};
use chancery_tokens::{NamedToken, end_of_grant, end_of_token};

use super::steps::{Admitted, Token};
use crate::client_auth::AuthenticatedClient;
use crate::moment::Moment;

/// What one read of the store knows about the token.
pub(super) struct Facts {
    pub found: Option<(Family, Grant)>,
}

/// What is written, and what the count says where that is nothing.
pub(super) struct Outcome {
    pub draft: Draft,
    pub word: &'static str,
    pub row: &'static str,
}

pub(super) fn decide(asked: &Admitted, tenant: TenantId, facts: &Facts, moment: &mut Moment) -> Outcome {
    match (&asked.token, &facts.found) {
        (Token::Refresh(_), Some((_, grant))) if !grant.is_alive(moment.now) => nothing("already_over"),
        (Token::Refresh(_), Some((family, grant))) if family.client != *asked.by.id() => foreign(&asked.by, tenant, moment) // RV-02
            .naming(Field::Grants, grant.id),
        (Token::Refresh(presented), Some((family, grant))) => grant_ends(&asked.by, family, grant, presented.generation, moment), // RV-01, RV-03
        (Token::Access(token), _) if token.claims().client_id != *asked.by.id() => foreign(&asked.by, tenant, moment) // RV-02
            .naming(Field::Token, token.claims().jti),
        (Token::Access(token), _) => token_ends(&asked.by, tenant, token, moment), // RV-01
        (Token::Refresh(_) | Token::Nothing, _) => nothing("nothing_to_revoke"),   // RV-01
    }
}

fn grant_ends(by: &AuthenticatedClient, family: &Family, grant: &Grant, generation: u64, moment: &mut Moment) -> Outcome {
    let reason = match family.generation {
        newest if newest == generation => "refresh token revoked by its client".to_owned(),
        newest => format!("refresh token revoked by its client: generation {generation} presented, {newest} is the newest"),
    };
    let event = revoked(by, family.tenant, moment)
        .with(Field::Subject, &grant.subject)
        .with(Field::Grants, grant.id)
        .with(Field::Family, family.id)
        .with(Field::Outcome, "grant_ended")
        .with(Field::Reason, &reason);
    Outcome::of(end_of_grant(&family.tenant, &grant.id, &reason, moment.now).recording(event), "revoked", "RV-01")
}

fn token_ends(by: &AuthenticatedClient, tenant: TenantId, token: &NamedToken, moment: &mut Moment) -> Outcome {
    let claims = token.claims();
    let event = revoked(by, tenant, moment)
        .with(Field::Subject, &claims.sub)
        .with_actors(claims.act.as_ref())
        .with(Field::Resource, &claims.aud)
        .with_grants(&claims.grants)
        .with(Field::Token, claims.jti)
        .with(Field::Outcome, "token_ended");
    Outcome::of(end_of_token(&tenant, &claims.jti, moment.now).recording(event), "revoked", "RV-01")
}

/// The token lives, and somebody else has it: the log should know.
fn foreign(by: &AuthenticatedClient, tenant: TenantId, moment: &mut Moment) -> Outcome {
    let event = Event::new(Kind::RevocationRefused, tenant, moment.now, &mut moment.entropy)
        .with(Field::Client, by.id())
        .with_some(Field::Agent, by.agent())
        .with(Field::Reason, "the token is another client's")
        .with(Field::Row, "RV-02");
    Outcome::of(Draft::default().recording(event), "another_clients_token", "RV-02")
}

fn nothing(word: &'static str) -> Outcome {
    Outcome::of(Draft::default(), word, "RV-01")
}

fn revoked(by: &AuthenticatedClient, tenant: TenantId, moment: &mut Moment) -> Event {
    Event::new(Kind::TokenRevoked, tenant, moment.now, &mut moment.entropy).with(Field::Client, by.id()).with_some(Field::Agent, by.agent())
}

impl Outcome {
    const fn of(draft: Draft, word: &'static str, row: &'static str) -> Self {
        Self { draft, word, row }
    }

    fn naming(mut self, field: Field, what: impl std::fmt::Display) -> Self {
        self.draft.events = self.draft.events.into_iter().map(|event| event.with(field, &what)).collect();
        self
    }
}

impl Facts {
    pub async fn load(store: &Store, tenant: &TenantId, token: &Token) -> Result<Self, StoreError> {
        let found = match token {
            Token::Refresh(presented) => {
                families::with_grant(store, tenant, &presented.family).await?.map(|found| (found.family, found.grant))
            }
            Token::Access(_) | Token::Nothing => None,
        };
        Ok(Self { found })
    }
}
