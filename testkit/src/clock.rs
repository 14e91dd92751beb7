//! A clock that is turned by hand, and randomness that can be repeated.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chancery_core::{Clock, Rng, SystemClock, Timestamp};
use chancery_crypto::digest;

/// Moves when it is turned, and by a millisecond whenever somebody looks, so that what happens one after the other is recorded so.
#[derive(Debug)]
pub struct HandClock {
    millis: AtomicI64,
    /// Added to this clock, where it goes by itself.
    running: Option<SystemClock>,
}

impl HandClock {
    /// A Monday morning.
    pub const START: Timestamp = Timestamp::from_seconds(1_764_579_600);

    pub fn new() -> Self {
        Self { millis: AtomicI64::new(Self::START.millis()), running: None }
    }

    /// It goes with the machine's, ahead of it by what it is turned: for tests that stand on servers whose clock nobody turns.
    pub const fn running() -> Self {
        Self { millis: AtomicI64::new(0), running: Some(SystemClock) }
    }

    pub fn turn(&self, by: Duration) {
        self.millis.fetch_add(i64::try_from(by.as_millis()).expect("a test turns the clock by less than an age"), Ordering::SeqCst);
    }

    /// As a node sees it whose clock is behind that of the one which acted before.
    pub fn turn_back(&self, by: Duration) {
        self.millis.fetch_sub(i64::try_from(by.as_millis()).expect("a test turns the clock by less than an age"), Ordering::SeqCst);
    }
}

impl Default for HandClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        let looked = self.millis.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_millis(self.running.map_or(0, |clock| clock.now().millis()) + looked)
    }
}

/// The bytes that a seed gives, in order: block n is the digest of seed and n. Not for anything but tests.
#[derive(Debug)]
pub struct SeededRng {
    seed: u64,
    block: AtomicU64,
}

impl SeededRng {
    pub const fn new(seed: u64) -> Self {
        Self { seed, block: AtomicU64::new(0) }
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = self.block.fetch_add(1, Ordering::SeqCst);
            let digest = digest::sha256(&[self.seed.to_be_bytes(), block.to_be_bytes()].concat());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}
