//! How much each caller has under way, and how much they may: streams live for hours, and one person's or one client's must not be all.
//!
//! What the upstream has said in full is under way no more; but where the client does not take it, it is held here. So it has a limit of
//! its own, and what is beyond that counts as if it were under way.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::refusal::Refusal;

/// So many answers that have ended may wait for one person to take them, and so many for a client, which may be many people's; but no more
/// than may be under way.
const UNTAKEN: [u32; 2] = [32, 512];

/// Of one resource. Who somebody is, is kept as a keyed hash: nothing is copied, and nobody else can aim at a collision.
#[derive(Default)]
pub struct Crowd {
    hasher: RandomState,
    inside: Mutex<Inside>,
}

type Inside = HashMap<(Kind, u64), u32>;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    UnderWay,
    /// The upstream has done its part; the client has not.
    Untaken,
}

/// Room for one, given back when it is dropped.
pub struct Place {
    crowd: Arc<Crowd>,
    kind: Kind,
    /// The person's and the client's,
    keys: [u64; 2],
    /// of whom so many may be under way.
    most: [u32; 2],
}

impl Crowd {
    pub fn enter(self: &Arc<Self>, (subject, of_subject): (&str, u32), (client, of_client): (&str, u32)) -> Result<Place, Refusal> {
        let keys = [self.hasher.hash_one(("subject", subject)), self.hasher.hash_one(("client", client))];
        let most = [of_subject, of_client];
        take(&mut self.inside(), Kind::UnderWay, keys, most)
            .map_err(|full| Refusal::too_many_at_once(["person", "client"][full], most[full]))?;
        Ok(Place { crowd: self.clone(), kind: Kind::UnderWay, keys, most })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Exchanges it for one among those that have ended and wait for the client, if there is room, and says whether it is such a one now.
    pub fn set_aside(&mut self) -> bool {
        if self.kind == Kind::UnderWay {
            let mut inside = self.crowd.inside();
            let most = [UNTAKEN[0].min(self.most[0]), UNTAKEN[1].min(self.most[1])];
            if take(&mut inside, Kind::Untaken, self.keys, most).is_err() {
                return false;
            }
            give_back(&mut inside, self.kind, self.keys);
            self.kind = Kind::Untaken;
        }
        true
    }
}

/// Of both or of neither: then it says which of them has no room.
fn take(inside: &mut Inside, kind: Kind, keys: [u64; 2], most: [u32; 2]) -> Result<(), usize> {
    let is_full = |which: &usize| inside.get(&(kind, keys[*which])).is_some_and(|count| *count >= most[*which]);
    if let Some(full) = (0..keys.len()).find(is_full) {
        return Err(full);
    }
    keys.iter().for_each(|key| *inside.entry((kind, *key)).or_default() += 1);
    Ok(())
}

fn give_back(inside: &mut Inside, kind: Kind, keys: [u64; 2]) {
    for key in keys {
        if let Some(count) = inside.get_mut(&(kind, key)) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&(kind, key));
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        give_back(&mut self.crowd.inside(), self.kind, self.keys);
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

    #[test]
    fn so_many_of_each_wait_to_be_taken_and_the_rest_count_as_under_way() {
        for (most, aside) in [(100, 32), (2, 2)] {
            let crowd = Arc::new(Crowd::default());
            let enter = || crowd.enter(("alice", most), ("desk", 1000));
            let mut all: Vec<Place> = (0..aside).map(|_| enter().expect("room")).collect();
            assert!(all.iter_mut().all(Place::set_aside) && all.iter_mut().all(Place::set_aside), "once is enough");
            all.extend((0..most).map(|_| enter().expect("what waits is not under way")));
            let last = all.last_mut().expect("one");
            assert!(!last.set_aside() && enter().is_err(), "it is under way as before");

            drop(all.remove(0));
            assert!(enter().is_err(), "another's place was given back");
            assert!(all.last_mut().expect("one").set_aside() && enter().is_ok());
            drop(all);
            assert!(crowd.inside().is_empty(), "who has left is forgotten");
        }
    }

    #[test]
    fn what_one_client_s_people_do_not_take_is_bounded_too() {
        let crowd = Arc::new(Crowd::default());
        let people: Vec<String> = (0..=512).map(|each| each.to_string()).collect();
        let mut all: Vec<Place> = people.iter().map(|name| crowd.enter((name, 1), ("desk", 1000)).expect("room")).collect();
        let set_aside = all.iter_mut().filter_map(|place| place.set_aside().then_some(())).count();
        assert_eq!(set_aside, 512);
    }
}
