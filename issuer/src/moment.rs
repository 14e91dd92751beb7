//! When something is decided, and the randomness it may use: all that a pure `decide` needs besides its request and facts.

use chancery_core::{Clock, Entropy, Rng, Timestamp};

pub struct Moment {
    pub now: Timestamp,
    pub entropy: Entropy,
}

impl Moment {
    pub fn of(clock: &dyn Clock, rng: &dyn Rng) -> Self {
        Self { now: clock.now(), entropy: Entropy::draw(rng) }
    }
}
