//! How much each caller has under way, and how much they may: streams live for hours, and one person's or one client's must not be all.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::refusal::Refusal;

/// Of one resource. Who somebody is, is kept as a keyed hash: nothing is copied, and nobody else can aim at a collision.
#[derive(Default)]
pub struct Crowd {
    hasher: RandomState,
    inside: Mutex<HashMap<u64, u32>>,
}

/// Room for one, given back when it is dropped.
pub struct Place {
    crowd: Arc<Crowd>,
    keys: [u64; 2],
}

impl Crowd {
    pub fn enter(self: &Arc<Self>, (subject, of_subject): (&str, u32), (client, of_client): (&str, u32)) -> Result<Place, Refusal> {
        let keys = [self.hasher.hash_one(("subject", subject)), self.hasher.hash_one(("client", client))];
        let mut inside = self.inside();
        for (key, most, whose) in [(keys[0], of_subject, "person"), (keys[1], of_client, "client")] {
            if inside.get(&key).is_some_and(|count| *count >= most) {
                return Err(Refusal::too_many_at_once(whose, most));
            }
        }
        keys.iter().for_each(|key| *inside.entry(*key).or_default() += 1);
        Ok(Place { crowd: self.clone(), keys })
    }

    fn inside(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        for key in self.keys {
            if let Some(count) = inside.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    inside.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_person_and_each_client_has_so_many_at_once() {
        let crowd = Arc::new(Crowd::default());
        let enter = |subject: &str, client: &str| crowd.enter((subject, 2), (client, 3));
        let first = enter("alice", "desk").expect("room");
        let _second = enter("alice", "desk").expect("room");
        assert!(enter("alice", "other").is_err_and(|refusal| refusal.reason == "too_many_at_once"));
        let _third = enter("bob", "desk").expect("room");
        assert!(enter("carol", "desk").is_err());
        drop(first);
        assert!(enter("alice", "desk").is_ok());
        assert_eq!(crowd.inside().len(), 3, "who has left is forgotten");
    }
}
