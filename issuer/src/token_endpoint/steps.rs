//! What a token request must pass before its grant decides. The table is the code, so it cannot lie: a glance says what is checked, in
//! which order, and for which grant.

use chancery_core::oauth::Code;
use chancery_registry::GrantType;
use chancery_tokens::RefreshTokenKeys;

use crate::binding::{self, Binding, Proofs};
use crate::client_auth::AuthenticatedClient;
use crate::grants::{self, Asked, Asking, code_verifier};
use crate::moment::Moment;
use crate::posted::Posted;
use crate::refusal::{ByRow, Refused};

const YES: bool = true;
const NO: bool = false;

/// Every step of the token endpoint, in order, and the grants it applies to. The endpoint runs this table from the top.
#[rustfmt::skip]
const STEPS: &[Step] = &[
    //   step                           code  refresh  credentials   row
    step(form_post_only,               [YES,  YES,     YES],         "OA-07"),
    step(no_doubled_parameters,        [YES,  YES,     YES],         "OA-06"),
    step(known_grant_type,             [YES,  YES,     YES],         "OA-05"),
    step(one_client_authentication,    [YES,  YES,     YES],         "OA-11"),
    step(client_is_who_it_says,        [YES,  YES,     YES],         "OA-11"),
    step(confidential_client,          [NO,   NO,      YES],         "OA-16"),
    step(client_may_use_the_grant,     [YES,  YES,     YES],         "OA-17"),
    step(well_formed_verifier,         [YES,  NO,      NO ],         "PK-03"),
    step(one_resource_at_most,         [YES,  YES,     YES],         "RI-06"),
    step(one_proof_that_holds,         [YES,  YES,     YES],         "DP-02"),
    step(bound_if_registered_for_it,   [YES,  YES,     YES],         "DP-01"),
];

/// What arrived, read once, and what was loaded to judge it by. Nothing of it is believed yet.
pub(super) struct Arrival<'a> {
    pub posted: Posted<'a>,
    pub keys: &'a RefreshTokenKeys,
    pub proofs: &'a Proofs,
}

/// A token request that passed every step: who asks, and what for.
pub(super) struct Admitted {
    pub by: AuthenticatedClient,
    pub asked: Asked,
    pub binding: Binding,
}

/// Runs the table, then takes from the arrival what the table looked at.
pub(super) fn admit(arrival: &Arrival<'_>) -> Result<Admitted, Refused> {
    let grant = grant_type(arrival).ok();
    for step in STEPS.iter().filter(|step| step.applies_to(grant)) {
        (step.check)(arrival).row(step.row)?;
    }
    let asked = Asked::read(grant_type(arrival)?, &arrival.posted.form, &arrival.posted.tenant.id, arrival.keys)?;
    Ok(Admitted { by: authenticated(arrival)?, asked, binding: binding(arrival)?.clone() })
}

/// The log hears of it where the client is somebody in particular, though its request was not worth deciding.
pub(super) fn witnessed(refused: Refused, arrival: &Arrival<'_>, moment: &mut Moment) -> Refused {
    match authenticated(arrival) {
        Ok(by) => grants::witnessed(refused, Asking { tenant: arrival.posted.tenant, by: &by, binding: &Binding::None }, None, moment),
        Err(_) => refused,
    }
}

fn form_post_only(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.is_a_form()
}

fn no_doubled_parameters(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.form.nothing_doubled()
}

fn known_grant_type(arrival: &Arrival<'_>) -> Result<(), Refused> {
    grant_type(arrival).map(drop)
}

fn one_client_authentication(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.posted.claim().map(drop)
}

fn client_is_who_it_says(arrival: &Arrival<'_>) -> Result<(), Refused> {
    authenticated(arrival).map(drop)
}

/// Who proves nothing has no authority of its own.
fn confidential_client(arrival: &Arrival<'_>) -> Result<(), Refused> {
    if authenticated(arrival)?.is_proven() {
        return Ok(());
    }
    Err(Refused::new(Code::UnauthorizedClient, "a public client gets no token of its own; have this one registered with a secret"))
}

fn client_may_use_the_grant(arrival: &Arrival<'_>) -> Result<(), Refused> {
    let (client, grant) = (authenticated(arrival)?, grant_type(arrival)?);
    if client.client().grant_types.contains(&grant) {
        return Ok(());
    }
    Err(Refused::new(Code::UnauthorizedClient, format!("this client is not registered for the grant {}", grant.as_str())))
}

fn well_formed_verifier(arrival: &Arrival<'_>) -> Result<(), Refused> {
    code_verifier(&arrival.posted.form).map(drop)
}

/// A token has one audience (AT-04).
fn one_resource_at_most(arrival: &Arrival<'_>) -> Result<(), Refused> {
    match arrival.posted.form.all("resource").nth(1) {
        None => Ok(()),
        Some(_) => Err(Refused::invalid_target("a token is for one resource; ask for each of them by itself")),
    }
}

/// What is verified costs something, so nobody's proof is looked at before its client authenticated.
fn one_proof_that_holds(arrival: &Arrival<'_>) -> Result<(), Refused> {
    binding(arrival).map(drop)
}

fn bound_if_registered_for_it(arrival: &Arrival<'_>) -> Result<(), Refused> {
    let bound_only = authenticated(arrival)?.client().about.dpop_bound_access_tokens;
    if bound_only && *binding(arrival)? == Binding::None { Err(binding::registered_for_it()) } else { Ok(()) }
}

fn binding<'a>(arrival: &'a Arrival<'_>) -> Result<&'a Binding, Refused> {
    arrival.proofs.binding(arrival.posted.tenant)
}

fn grant_type(arrival: &Arrival<'_>) -> Result<GrantType, Refused> {
    let name = arrival.posted.form.required("grant_type")?;
    GrantType::ALL.into_iter().find(|grant| grant.as_str() == name).ok_or_else(|| {
        Refused::new(
            Code::UnsupportedGrantType,
            "this grant type is not offered here; grant_types_supported of the metadata has those that are",
        )
    })
}

fn authenticated(arrival: &Arrival<'_>) -> Result<AuthenticatedClient, Refused> {
    arrival.posted.authenticated()
}

struct Step {
    check: fn(&Arrival<'_>) -> Result<(), Refused>,
    grants: [bool; GrantType::ALL.len()],
    row: &'static str,
}

const fn step(check: fn(&Arrival<'_>) -> Result<(), Refused>, grants: [bool; GrantType::ALL.len()], row: &'static str) -> Step {
    Step { check, grants, row }
}

impl Step {
    /// Until the grant is known, what every grant needs applies.
    fn applies_to(&self, grant: Option<GrantType>) -> bool {
        match grant {
            Some(grant) => GrantType::ALL.iter().zip(self.grants).any(|(of, applies)| *of == grant && applies),
            None => self.grants.iter().all(|applies| *applies),
        }
    }
}

#[cfg(test)]
mod tests;
