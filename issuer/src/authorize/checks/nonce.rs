//! The nonce (OpenID Connect Core §3.1.2.1) is kept until the ID token repeats it, so it is kept short.

use crate::authorize::arrival::Arrival;
use crate::refusal::Refused;

const LONGEST: usize = 512;

pub(in crate::authorize) fn short_enough(arrival: &Arrival<'_>) -> Result<Option<String>, Refused> {
    match arrival.form.one("nonce") {
        Some(nonce) if nonce.len() > LONGEST || nonce.chars().any(char::is_control) => {
            Err(Refused::invalid_request("nonce must be 512 characters at most, and none of them a control character"))
        }
        nonce => Ok(nonce.map(str::to_owned)),
    }
}
