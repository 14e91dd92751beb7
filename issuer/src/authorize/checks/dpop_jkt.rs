//! The key that the code will be good with (RFC 9449 §10): its thumbprint, where the client names one.

use chancery_crypto::digest::from_base64url;

use crate::authorize::arrival::Arrival;
use crate::refusal::Refused;

pub(in crate::authorize) fn well_formed(arrival: &Arrival<'_>) -> Result<Option<String>, Refused> {
    match arrival.form.one("dpop_jkt") {
        Some(jkt) if from_base64url(jkt).is_none_or(|digest| digest.len() != 32) => {
            Err(Refused::invalid_request("dpop_jkt must be the SHA-256 thumbprint of a JWK in base64url: 43 characters"))
        }
        jkt => Ok(jkt.map(str::to_owned)),
    }
}
