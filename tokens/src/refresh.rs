//! Refresh tokens (RFC 6749 §6): the token of generation g is a MAC over (family, g). Nothing that could be stolen is stored, and the
//! same generation is always the same token, so a retry gets the same successor.
//!
//! `chancery_rt1.{key id}.{family id}.{generation}.{tag}`, the tag in base64url. The version and the key stand in front, so the format
//! and the key can change while old tokens are about.

use std::fmt::Write as _;

use chancery_core::{FamilyId, KeyId, Secret, TenantId};
use chancery_crypto::digest;
use chancery_crypto::mac::MacKey;

const VERSION: &str = "chancery_rt1";
/// No token is longer: two ids, a number of at most 20 digits, and a tag of 43.
const LONGEST: usize = 160;

/// A tenant's keys for refresh tokens, newest first. Any of them reads, the newest issues.
pub struct RefreshTokenKeys {
    keys: Vec<(KeyId, MacKey)>,
}

/// A refresh token whose MAC is ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Presented {
    pub family: FamilyId,
    pub generation: u64,
}

impl RefreshTokenKeys {
    /// `None` without any key.
    pub fn new(newest_first: Vec<(KeyId, MacKey)>) -> Option<Self> {
        (!newest_first.is_empty()).then_some(Self { keys: newest_first })
    }

    /// The token of this generation.
    pub fn issue(&self, tenant: &TenantId, family: &FamilyId, generation: u64) -> Secret<String> {
        write(&self.keys[0], tenant, family, generation)
    }

    /// Whose and which token this is, if we issued it. A token has one spelling: what was presented is compared, in constant time, with
    /// what we would have written.
    pub fn read(&self, tenant: &TenantId, token: &str) -> Option<Presented> {
        let mut parts = token.strip_prefix(VERSION)?.strip_prefix('.')?.split('.');
        let id: KeyId = parts.next()?.parse().ok()?;
        let family = parts.next()?.parse().ok()?;
        let generation = parts.next()?.parse().ok()?;
        let key = self.keys.iter().find(|(known, _)| *known == id)?;
        let ours = write(key, tenant, &family, generation);
        digest::same(ours.expose().as_bytes(), token.as_bytes()).then_some(Presented { family, generation })
    }
}

fn write((id, key): &(KeyId, MacKey), tenant: &TenantId, family: &FamilyId, generation: u64) -> Secret<String> {
    let (tenant, family) = (tenant.to_string(), family.to_string());
    let tag = key.tag(&[VERSION.as_bytes(), tenant.as_bytes(), family.as_bytes(), &generation.to_be_bytes()]);
    let mut token = String::with_capacity(LONGEST); // a text that grows leaves copies of itself behind
    write!(token, "{VERSION}.{id}.{family}.{generation}.{}", digest::base64url(&tag)).expect("a text takes what it is given");
    Secret::new(token)
}

#[cfg(test)]
mod tests;
