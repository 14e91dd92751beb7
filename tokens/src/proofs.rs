//! The proofs that were used on this node (RFC 9449 §11.1): none is good twice. They are kept in memory, until they are too old to be
//! good anywhere, and no longer; two nodes do not share them.
//!
//! Requests that overtake each other, or a clock that was set back, bring times from before something was forgotten. Nobody knows then
//! what was used, so nothing is taken that is as old as what was forgotten.
//!
//! There is an end to how many are kept, and nothing is forgotten before its time to make room: who comes then is asked to come again.
//! Each person or machine has a share of the room, through however many clients and keys, and a tenant has half of it at most: so none
//! takes the others' away.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use chancery_core::{Caller, TenantId, Timestamp};
use chancery_crypto::digest;
use chancery_crypto::jose::dpop::Proof;

/// Some 20 MB. A proof is kept for a minute, and for two where its client's clock is ahead.
const ALL: usize = 262_144;
const SHARE: u32 = 32_768;

/// Why a proof is not taken that holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It was used, or is so old that nobody knows.
    Already,
    /// Nobody could say, the next time, that it was used.
    NoRoom,
}

pub struct Proofs {
    used: Mutex<Used>,
    all: usize,
    share: u32,
}

#[derive(Default)]
struct Used {
    proofs: HashSet<Short>,
    /// How many of them each subject has.
    shares: HashMap<Short, Share>,
    tenants: HashMap<TenantId, usize>,
    /// What may be forgotten when, and whose it is.
    until: BTreeMap<Timestamp, Vec<(Short, Short)>>,
    /// Up to when what was good may be forgotten. It never moves back, whatever the clock does.
    forgotten: Option<Timestamp>,
}

struct Share {
    tenant: TenantId,
    proofs: u32,
}

/// Half of a SHA-256: enough to tell apart what nobody can choose to be alike.
type Short = [u8; 16];

impl Default for Proofs {
    fn default() -> Self {
        Self::of(ALL, SHARE)
    }
}

impl Proofs {
    pub fn of(all: usize, share: u32) -> Self {
        Self { used: Mutex::default(), all, share }
    }

    /// Uses a proof that holds.
    ///
    /// # Errors
    /// When it was used, or there is no room to remember it in.
    pub fn take(&self, proof: &Proof, by: &Caller, now: Timestamp) -> Result<(), Taken> {
        let key = short(proof.single_use_key().as_bytes());
        let whose = short(format!("{} {}", by.tenant, by.subject).as_bytes());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget(now);
        if used.may_have_forgotten(proof) || used.proofs.contains(&key) {
            return Err(Taken::Already); // DP-02
        }
        if !self.has_room(&used, &by.tenant, &whose) {
            return Err(Taken::NoRoom); // DP-02
        }
        used.proofs.insert(key);
        used.shares.entry(whose).or_insert(Share { tenant: by.tenant, proofs: 0 }).proofs += 1;
        *used.tenants.entry(by.tenant).or_default() += 1;
        used.until.entry(proof.good_until).or_default().push((key, whose));
        Ok(())
    }

    fn has_room(&self, used: &Used, tenant: &TenantId, whose: &Short) -> bool {
        let of_tenant = used.tenants.get(tenant).copied().unwrap_or(0);
        let own = used.shares.get(whose).map_or(0, |share| share.proofs);
        used.proofs.len() < self.all && of_tenant < self.all / 2 && own < self.share
    }
}

impl Used {
    fn may_have_forgotten(&self, proof: &Proof) -> bool {
        self.forgotten.is_some_and(|forgotten| proof.good_until <= forgotten)
    }

    /// Those alone that are too old by now.
    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.until.first_entry().filter(|oldest| *oldest.key() <= now) {
            self.forgotten = self.forgotten.max(Some(*oldest.key()));
            for (key, whose) in oldest.remove() {
                self.proofs.remove(&key);
                self.give_back(&whose);
            }
        }
    }

    fn give_back(&mut self, whose: &Short) {
        let Some(share) = self.shares.get_mut(whose) else { return };
        let tenant = share.tenant;
        share.proofs -= 1;
        if share.proofs == 0 {
            self.shares.remove(whose);
        }
        if let Some(of_tenant) = self.tenants.get_mut(&tenant) {
            *of_tenant -= 1;
            if *of_tenant == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }
}

fn short(text: &[u8]) -> Short {
    let digest = digest::sha256(text);
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests;
