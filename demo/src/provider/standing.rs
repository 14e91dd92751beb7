//! What a company does to its people: disables them, and moves them between groups. Only who holds the provider can; there is no
//! endpoint for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{MutexGuard, PoisonError};

use super::Provider;
use crate::Person;

#[derive(Default)]
pub struct Standing {
    disabled: BTreeSet<&'static str>,
    groups: HashMap<&'static str, Vec<String>>,
    lenient: bool,
}

impl Standing {
    pub fn is_disabled(&self, person: Person) -> bool {
        self.disabled.contains(person.id())
    }

    pub fn groups(&self, person: Person) -> Vec<String> {
        self.groups.get(person.id()).cloned().unwrap_or_default()
    }

    pub const fn is_lenient(&self) -> bool {
        self.lenient
    }
}

impl Provider {
    /// Nobody signs in or refreshes as this person any more. Sessions are not told: whoever asks learns.
    pub fn disable(&self, person: Person) {
        self.standing().disabled.insert(person.id());
    }

    pub fn enable(&self, person: Person) {
        self.standing().disabled.remove(person.id());
    }

    /// From now on this person is in these groups, and in no others.
    pub fn put_in_groups(&self, person: Person, groups: &[&str]) {
        self.standing().groups.insert(person.id(), groups.iter().map(|&group| group.to_owned()).collect());
    }

    /// Whether refresh tokens stay good after their use, and no new ones are given.
    pub fn be_lenient(&self, lenient: bool) {
        self.standing().lenient = lenient;
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
