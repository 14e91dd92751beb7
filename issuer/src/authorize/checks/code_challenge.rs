//! The code challenge (RFC 7636 §4.3, §4.4.1): there is one, it is S256, and it is well-formed, for public and confidential clients
//! alike.

use crate::authorize::arrival::Arrival;
use crate::pkce::Challenge;
use crate::refusal::Refused;

pub(in crate::authorize) fn is_there(arrival: &Arrival<'_>) -> Result<(), Refused> {
    match arrival.form.one("code_challenge") {
        Some(_) => Ok(()),
        None => Err(Refused::invalid_request("code_challenge is missing; every client must use PKCE")),
    }
}

/// No method means `plain`, which hides nothing.
pub(in crate::authorize) fn is_s256(arrival: &Arrival<'_>) -> Result<(), Refused> {
    match arrival.form.one("code_challenge_method") {
        Some("S256") => Ok(()),
        _ => Err(Refused::invalid_request("transform algorithm not supported; send code_challenge_method=S256")),
    }
}

pub(in crate::authorize) fn well_formed(arrival: &Arrival<'_>) -> Result<Challenge, Refused> {
    let text = arrival.form.one("code_challenge").unwrap_or_default();
    Challenge::parse(text).ok_or_else(|| Refused::invalid_request("code_challenge must be SHA-256 in base64url: 43 characters"))
}
