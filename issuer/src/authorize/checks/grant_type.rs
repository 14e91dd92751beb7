//! The client may use the code flow (RFC 6749 §4.1.2.1, `unauthorized_client`).

use chancery_core::oauth::Code;
use chancery_registry::GrantType;

use crate::authorize::arrival::Arrival;
use crate::refusal::Refused;

pub(in crate::authorize) fn code_is_allowed(arrival: &Arrival<'_>) -> Result<(), Refused> {
    let allowed = arrival.client.is_some_and(|client| client.grant_types.contains(&GrantType::AuthorizationCode));
    if allowed { Ok(()) } else { Err(Refused::new(Code::UnauthorizedClient, "this client is not registered for the code flow")) }
}
