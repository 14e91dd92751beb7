//! What an authorization request must pass before a person is asked. The table is the code, so it cannot lie.

use chancery_registry::Client;

use super::arrival::Arrival;
use super::checks::{
    agent, client, code_challenge, dpop_jkt, grant_type, nonce, parameters, prompt, redirect_uri, resource, response_type, scope, state,
};
use super::request::AuthorizationRequest;
use super::sent::Sent;
use crate::client_auth::acting_agent;
use crate::page_refusal::PageRefusal;
use crate::refusal::{ByRow, Refused};
use crate::return_to::ReturnTo;

/// Every step of the authorization endpoint, in order, and where its refusal goes: on our own page until the redirect URI is trusted,
/// back to the client from then on (OA-04), unless nobody vouches for it ([`Sent::unasked`]).
#[rustfmt::skip]
const STEPS: &[Step] = &[
    //      check                                               row
    on_page(|it| client::known(it).map(drop),                   "OA-01"),
    on_page(client::approved,                                   "DR-06"),
    on_page(|it| redirect_uri::registered(it).map(drop),        "OA-02"),
    on_page(|it| state::short_enough(it).map(drop),             "OA-04"),
    to_client(parameters::nothing_doubled,                      "OA-06"),
    to_client(response_type::is_code,                           "OA-05"),
    to_client(response_type::mode_is_query,                     "OA-05"),
    to_client(grant_type::code_is_allowed,                      "OA-17"),
    to_client(code_challenge::is_there,                         "PK-01"),
    to_client(code_challenge::is_s256,                          "PK-02"),
    to_client(|it| code_challenge::well_formed(it).map(drop),   "PK-03"),
    to_client(|it| dpop_jkt::well_formed(it).map(drop),         "DP-06"),
    to_client(|it| resource::registered(it).map(drop),          "RI-01"),
    to_client(|it| scope::shared_out(it).map(drop),             "RI-05"),
    to_client(agent::where_one_is_needed,                       "AT-04"),
    to_client(|it| nonce::short_enough(it).map(drop),           "OA-04"),
    to_client(|it| prompt::read(it).map(drop),                  "OA-21"),
];

/// Runs the table, then builds the request from what the same checks give.
pub(super) fn checked(arrival: &Arrival<'_>) -> Result<AuthorizationRequest, Sent> {
    for step in STEPS {
        match step.check {
            Check::OnPage(check) => check(arrival).map_err(|refused| Sent::OnPage(refused.by_row(step.row)))?,
            Check::ToClient(check) => {
                let (client, to) = whom(arrival).map_err(Sent::OnPage)?;
                check(arrival).row(step.row).map_err(|refused| Sent::unasked(client, to, refused))?;
            }
        }
    }
    let (client, to) = whom(arrival).map_err(Sent::OnPage)?;
    request(arrival, client, &to).map_err(|refused| Sent::unasked(client, to, refused))
}

fn request(arrival: &Arrival<'_>, client: &Client, to: &ReturnTo) -> Result<AuthorizationRequest, Refused> {
    let prompt = prompt::read(arrival)?;
    Ok(AuthorizationRequest {
        client: client.id.clone(),
        return_to: to.clone(),
        agent: acting_agent(client),
        challenge: code_challenge::well_formed(arrival)?,
        jkt: dpop_jkt::well_formed(arrival)?,
        resources: scope::shared_out(arrival)?,
        nonce: nonce::short_enough(arrival)?,
        login_hint: arrival.form.one("login_hint").map(|hint| hint.chars().take(256).collect()),
        silent: prompt.silent,
        fresh: prompt.fresh,
        select: prompt.select,
        ask: prompt.ask,
        max_age: prompt.max_age,
        acr_values: prompt.acr_values,
    })
}

/// Who asks, and where they wait.
fn whom<'a>(arrival: &Arrival<'a>) -> Result<(&'a Client, ReturnTo), PageRefusal> {
    let uri = redirect_uri::registered(arrival)?;
    Ok((client::known(arrival)?, ReturnTo { uri, state: state::short_enough(arrival)? }))
}

struct Step {
    check: Check,
    row: &'static str,
}

enum Check {
    OnPage(fn(&Arrival<'_>) -> Result<(), PageRefusal>),
    ToClient(fn(&Arrival<'_>) -> Result<(), Refused>),
}

const fn on_page(check: fn(&Arrival<'_>) -> Result<(), PageRefusal>, row: &'static str) -> Step {
    Step { check: Check::OnPage(check), row }
}

const fn to_client(check: fn(&Arrival<'_>) -> Result<(), Refused>, row: &'static str) -> Step {
    Step { check: Check::ToClient(check), row }
}

#[cfg(test)]
mod tests;
