//! What messages take of a node's memory while all of one has to be there: a request's body, a list of an upstream's. Each is bounded by
//! itself, but there may be as many as connections and streams, so there is a bound for all together, and others for each tenant and each
//! person, so that nobody is everybody. What is small is not counted: connections have a bound of their own. What grows may take twice
//! as much as is counted.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_core::TenantId;

/// So many bytes of a message cost nothing.
const SMALL: usize = 64 * 1024;

/// Of one node. Cloning shares it.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    hasher: RandomState,
    /// So many bytes there are in all.
    most: usize,
    taken: Mutex<Taken>,
}

/// By whom: a tenant or a person, as a keyed hash: nothing is copied, and nobody else can aim at a collision.
#[derive(Default)]
struct Taken {
    all: usize,
    by: HashMap<u64, usize>,
}

/// One message's part, given back when it is dropped.
pub struct Part {
    memory: Memory,
    /// The tenant, and the person of it.
    whose: [u64; 2],
    counted: usize,
}

/// Why a message may not be longer now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// Others of the same person take all that one may have.
    OfOne,
    /// The node, or the tenant in it, holds as much as it may.
    OfAll,
}

impl Memory {
    /// Of so many bytes, of which a tenant may take three quarters and a person an eighth.
    pub fn of(most: usize) -> Self {
        Self(Arc::new(Shared { hasher: RandomState::new(), most, taken: Mutex::default() }))
    }

    /// For a message of which nothing is there yet, of this person.
    pub fn part(&self, (tenant, person): (&TenantId, &str)) -> Part {
        let hasher = &self.0.hasher;
        Part { memory: self.clone(), whose: [hasher.hash_one(tenant), hasher.hash_one((tenant, person))], counted: 0 }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Of the message so many bytes are there now.
    ///
    /// # Errors
    /// When there is no room for them; then it is as before.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Full> {
        let wanted = bytes.saturating_sub(SMALL);
        if wanted == self.counted {
            return Ok(());
        }
        let most = self.memory.0.most;
        let mut taken = self.memory.taken();
        let then = |now: usize| now - self.counted + wanted;
        let all = then(taken.all);
        let [of_tenant, of_person] = self.whose.map(|whose| then(taken.by.get(&whose).copied().unwrap_or_default()));
        if wanted > self.counted {
            if of_person > most / 8 {
                return Err(Full::OfOne);
            }
            if of_tenant > most / 4 * 3 || all > most {
                return Err(Full::OfAll);
            }
        }
        taken.all = all;
        for (whose, bytes) in self.whose.into_iter().zip([of_tenant, of_person]) {
            if bytes == 0 {
                taken.by.remove(&whose);
            } else {
                taken.by.insert(whose, bytes);
            }
        }
        self.counted = wanted;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.hold(0); // less is never refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::tenant_id;

    const MIB: usize = 1024 * 1024;

    const MOST: usize = 64 * MIB;

    fn of(memory: &Memory, tenant: u8, person: &str) -> Part {
        memory.part((&tenant_id(tenant), person))
    }

    #[test]
    fn neither_one_person_nor_one_tenant_is_everybody_and_all_have_a_bound() {
        let memory = Memory::of(MOST);
        let mut people: Vec<Part> = (0..8).map(|each| of(&memory, 1 + each / 6, &each.to_string())).collect();
        for one in &mut people {
            one.hold(MOST / 8 + SMALL).expect("there is room");
        }
        assert_eq!(of(&memory, 1, "0").hold(SMALL + 1), Err(Full::OfOne));
        assert_eq!(of(&memory, 3, "0").hold(SMALL + 1), Err(Full::OfAll), "whoever it is");
        of(&memory, 1, "0").hold(SMALL).expect("what is small passes always");

        people[7].hold(MIB).expect("less is never refused");
        assert_eq!(of(&memory, 1, "another").hold(SMALL + 1), Err(Full::OfAll), "six parts of eight are a tenant's");
        of(&memory, 2, "another").hold(MIB).expect("there is room for others'");
        people[0].hold(MIB).expect("less is never refused");
        of(&memory, 1, "0").hold(MIB).expect("theirs, too");
    }

    #[test]
    fn what_is_refused_changes_nothing_and_what_is_gone_is_given_back() {
        let memory = Memory::of(MOST);
        let mut growing = of(&memory, 1, "alice");
        for bytes in (0..=4 * MIB).step_by(100_000) {
            growing.hold(bytes).expect("there is room");
        }
        assert_eq!(growing.hold(MOST), Err(Full::OfOne));
        let before = memory.taken().all;
        drop((of(&memory, 1, "bob"), growing));
        assert!(before > 3 * MIB);
        let taken = memory.taken();
        assert_eq!((taken.all, taken.by.len()), (0, 0));
    }
}
