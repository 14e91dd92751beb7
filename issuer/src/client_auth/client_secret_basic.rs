//! `client_secret_basic` (RFC 6749 §2.3.1): id and secret, each form-encoded, in an `Authorization: Basic` header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery_core::{ClientId, Secret};

use super::{Claim, Material, Method};
use crate::refusal::Refused;

pub(super) const METHOD: Method = Method { claim };

fn claim(material: &Material<'_>) -> Option<Result<Claim, Refused>> {
    material.authorization.map(|header| {
        let (id, secret) = credentials(header)
            .ok_or_else(|| Refused::invalid_client("the Authorization header is not Basic with a form-encoded id and secret"))?;
        // Some clients repeat their id in the body.
        match material.form.one("client_id") {
            Some(other) if other != id => Err(Refused::invalid_request("client_id differs between the Authorization header and the body")),
            _ => Ok(Claim { client: ClientId::claimed(id), secret: Some(Secret::new(secret)) }),
        }
    })
}

fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret))) // OA-12
}

/// `+` and `%xx` stand for what they stand for in a form.
fn form_decoded(text: &str) -> String {
    // A lone `&` or `=` cannot stand in form-encoded text; from clients that do not encode, they stand for themselves.
    let text = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
