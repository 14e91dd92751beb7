//! `client_secret_post` (RFC 6749 §2.3.1): id and secret in the body.

use chancery_core::{ClientId, Secret};

use super::{Claim, Material, Method};
use crate::refusal::Refused;

pub(super) const METHOD: Method = Method { claim };

fn claim(material: &Material<'_>) -> Option<Result<Claim, Refused>> {
    material.form.one("client_secret").map(|secret| {
        let id = material.form.one("client_id").ok_or_else(|| Refused::invalid_client("client_secret came without client_id"))?;
        Ok(Claim { client: ClientId::claimed(id), secret: Some(Secret::new(secret.to_owned())) })
    })
}
