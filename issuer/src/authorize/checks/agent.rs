//! A resource may give its tokens to registered agents only. A public client proves nothing, so it is none (AT-04).

use chancery_core::oauth::Code;

use super::resource;
use crate::authorize::arrival::Arrival;
use crate::client_auth::acting_agent;
use crate::refusal::Refused;

pub(in crate::authorize) fn where_one_is_needed(arrival: &Arrival<'_>) -> Result<(), Refused> {
    let is_agent = arrival.client.and_then(|client| acting_agent(client)).is_some();
    match resource::registered(arrival)?.iter().find(|resource| resource.require_agent && !is_agent) {
        None => Ok(()),
        Some(resource) => Err(Refused::new(
            Code::AccessDenied,
            format!("{} gives tokens to registered agents only; register this client as an agent's, with a secret", resource.url),
        )),
    }
}
