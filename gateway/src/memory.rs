//! What messages take of a node's memory while all of one has to be there: a request's body, a list of an upstream's. Each is bounded by
//! itself, but there may be as many as connections and streams, so there is a bound for all together, and one for each person, so that
//! nobody is everybody. What is small is not counted: connections have a bound of their own.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chancery_core::TenantId;

/// So many bytes of a message cost nothing.
const SMALL: usize = 64 * 1024;
/// So many bytes of the rest a node holds at once,
const MOST: usize = 256 * 1024 * 1024;
/// and so many of one person's.
const MOST_OF_ONE: usize = MOST / 8;

/// Of one node. Cloning shares it.
#[derive(Clone, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    hasher: RandomState,
    taken: Mutex<Taken>,
}

/// Who somebody is, is kept as a keyed hash: nothing is copied, and nobody else can aim at a collision.
#[derive(Default)]
struct Taken {
    all: usize,
    by_person: HashMap<u64, usize>,
}

/// One message's part, given back when it is dropped.
pub struct Part {
    memory: Memory,
    person: u64,
    counted: usize,
}

/// Why a message may not be longer now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Full {
    /// Others of the same person take all that one may have.
    OfOne,
    /// The node holds as much as it may.
    OfAll,
}

impl Memory {
    /// For a message of which nothing is there yet. `person` is whose it is, with their tenant.
    pub fn part(&self, person: (&TenantId, &str)) -> Part {
        Part { memory: self.clone(), person: self.0.hasher.hash_one(person), counted: 0 }
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
        let mut taken = self.memory.taken();
        let all = taken.all - self.counted + wanted;
        let own = taken.by_person.get(&self.person).copied().unwrap_or_default() - self.counted + wanted;
        if wanted > self.counted && own > MOST_OF_ONE {
            return Err(Full::OfOne);
        }
        if wanted > self.counted && all > MOST {
            return Err(Full::OfAll);
        }
        taken.all = all;
        if own == 0 {
            taken.by_person.remove(&self.person);
        } else {
            taken.by_person.insert(self.person, own);
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

    fn of(memory: &Memory, person: &str) -> Part {
        memory.part((&tenant_id(1), person))
    }

    #[test]
    fn one_person_is_not_everybody_and_all_have_a_bound() {
        let memory = Memory::default();
        let mut people: Vec<Part> = (0..9).map(|each| of(&memory, &each.to_string())).collect();
        for one in &mut people[..8] {
            one.hold(MOST_OF_ONE + SMALL).expect("there is room");
        }
        assert_eq!(of(&memory, "0").hold(SMALL + 1), Err(Full::OfOne));
        assert_eq!(people[8].hold(SMALL + 1), Err(Full::OfAll));
        of(&memory, "0").hold(SMALL).expect("what is small passes always");

        people[0].hold(MIB).expect("less is never refused");
        people[8].hold(MIB).expect("there is room again");
        of(&memory, "0").hold(MIB).expect("theirs, too");
    }

    #[test]
    fn what_is_refused_changes_nothing_and_what_is_gone_is_given_back() {
        let memory = Memory::default();
        let mut growing = of(&memory, "alice");
        for bytes in (0..=4 * MIB).step_by(100_000) {
            growing.hold(bytes).expect("there is room");
        }
        assert_eq!(growing.hold(MOST), Err(Full::OfOne));
        let before = memory.taken().all;
        drop((of(&memory, "bob"), growing));
        assert!(before > 3 * MIB);
        let taken = memory.taken();
        assert_eq!((taken.all, taken.by_person.len()), (0, 0));
    }
}
