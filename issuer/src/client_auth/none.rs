//! `none` (RFC 7591 §2): a public client says who it is and proves nothing. What protects its codes and tokens is PKCE and rotation.

use chancery_core::ClientId;

use super::{Claim, Material, Method};
use crate::refusal::Refused;

pub(super) const METHOD: Method = Method { claim };

fn claim(material: &Material<'_>) -> Option<Result<Claim, Refused>> {
    let shows_nothing = material.authorization.is_none() && material.form.one("client_secret").is_none();
    let id = material.form.one("client_id").filter(|_| shows_nothing)?;
    Some(Ok(Claim { client: ClientId::claimed(id), secret: None }))
}
