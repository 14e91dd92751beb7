//! What a revocation request must pass before anything is decided about its token (RFC 7009 §2.1). The table is the code.

use chancery_core::oauth::Code;
use chancery_core::{Event, Field, Kind, Timestamp};
use chancery_tokens::{NamedToken, Presented, RefreshTokenKeys, TokenTrouble, Verifier};

use crate::client_auth::AuthenticatedClient;
use crate::moment::Moment;
use crate::posted::Posted;
use crate::refusal::{ByRow, Refused};

/// Every step of the revocation endpoint, in order. The endpoint runs this table from the top.
#[rustfmt::skip]
const STEPS: &[Step] = &[
    //   step                        row
    step(form_post_only,            "OA-07"),
    step(no_doubled_parameters,     "OA-06"),
    step(one_client_authentication, "OA-11"),
    step(client_is_who_it_says,     "RV-04"),
    step(a_token_is_there,          "RV-01"),
    step(of_a_kind_that_ends_early, "RV-01"),
];

/// What arrived, read once, and what its token is held against. Nothing of it is believed yet.
pub(super) struct Arrival<'a> {
    pub posted: Posted<'a>,
    pub keys: &'a RefreshTokenKeys,
    pub verifier: &'a Verifier,
    pub now: Timestamp,
}

/// A revocation request that passed every step: who asks, and for which token.
pub(super) struct Admitted {
    pub by: AuthenticatedClient,
    pub token: Token,
}

/// What was presented, known by itself.
pub(super) enum Token {
    /// A refresh token whose MAC is ours, of whatever generation.
    Refresh(Presented),
    /// An access token of ours that is good now.
    Access(NamedToken),
    /// Garbage, a stranger's, or one that is over: nothing is left to be revoked.
    Nothing,
}

pub(super) fn admit(arrival: &Arrival<'_>) -> Result<Admitted, Refused> {
    for step in STEPS {
        (step.check)(arrival).row(step.row)?;
    }
    Ok(Admitted { by: arrival.posted.authenticated()?, token: token(arrival)? })
}

/// The log hears of it where the client proved who it is, and somebody vouches for it. Others are counted.
pub(super) fn witnessed(refused: Refused, arrival: &Arrival<'_>, moment: &mut Moment) -> Refused {
    let Ok(by) = arrival.posted.authenticated() else { return refused };
    if !by.is_somebody() {
        return refused;
    }
    let event = Event::new(Kind::RevocationRefused, arrival.posted.tenant.id, moment.now, &mut moment.entropy)
        .with(Field::Client, by.id())
        .with_some(Field::Agent, by.agent())
        .with(Field::Outcome, refused.error().code())
        .with(Field::Reason, refused.reason())
        .with(Field::Row, refused.row());
    refused.recording(event)
}

fn form_post_only(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.is_a_form()
}

fn no_doubled_parameters(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.form.nothing_doubled()
}

fn one_client_authentication(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.claim().map(drop)
}

fn client_is_who_it_says(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.authenticated().map(drop)
}

fn a_token_is_there(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.form.required("token").map(drop)
}

fn of_a_kind_that_ends_early(arrival: &Arrival<'_>) -> Result<(), Refused> {
    token(arrival).map(drop)
}

/// An ID token is a statement about a sign-in: whoever holds it has read it, and nobody asks us about it again.
fn token(arrival: &Arrival<'_>) -> Result<Token, Refused> {
    let (tenant, text) = (arrival.posted.tenant, arrival.posted.form.required("token")?);
    if let Some(presented) = arrival.keys.read(&tenant.id, text) {
        return Ok(Token::Refresh(presented));
    }
    match arrival.verifier.own(tenant, text, arrival.now) {
        // Whether it was ended already matters to nobody who ends it.
        Ok(token) | Err(TokenTrouble::Unsure(token)) => Ok(Token::Access(token)),
        Err(TokenTrouble::WrongType) => Err(Refused::new(
            Code::UnsupportedTokenType,
            "tokens of this kind cannot be revoked; send the refresh token, which ends all that came of it, or the access token",
        )),
        Err(_) => Ok(Token::Nothing),
    }
}

struct Step {
    check: fn(&Arrival<'_>) -> Result<(), Refused>,
    row: &'static str,
}

const fn step(check: fn(&Arrival<'_>) -> Result<(), Refused>, row: &'static str) -> Step {
    Step { check, row }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rv_04_nothing_is_said_of_a_token_before_its_bearer_authenticated() {
        let rows: Vec<_> = STEPS.iter().map(|step| step.row).collect();
        assert_eq!(rows, ["OA-07", "OA-06", "OA-11", "RV-04", "RV-01", "RV-01"]);
    }
}
