//! Randomness as an argument: an endpoint draws it once, and a pure `decide` takes what it needs from it in order.

use zeroize::Zeroize;

/// Where random bytes come from: the operating system's generator, by way of the crypto room; a seeded one in tests.
pub trait Rng: Send + Sync + 'static {
    fn fill(&self, bytes: &mut [u8]);
}

/// The randomness of one request. Bytes are handed out once and in order, so the same entropy gives the same outcome.
pub struct Entropy {
    bytes: [u8; Self::BYTES],
    taken: usize,
}

impl Entropy {
    /// More than any one request takes: a few ids (10 bytes each) and secrets (32 bytes each).
    pub const BYTES: usize = 384;

    pub fn draw(rng: &dyn Rng) -> Self {
        let mut bytes = [0; Self::BYTES];
        rng.fill(&mut bytes);
        Self::from_bytes(bytes)
    }

    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self { bytes, taken: 0 }
    }

    /// The next `N` bytes.
    ///
    /// # Panics
    /// When a request takes more than [`Entropy::BYTES`]: to hand out bytes twice would be worse.
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        let (from, to) = (self.taken, self.taken + N);
        assert!(to <= Self::BYTES, "one request took more than {} random bytes", Self::BYTES);
        self.taken = to;
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes[from..to]);
        out
    }
}

impl Drop for Entropy {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_handed_out_twice() {
        let mut bytes = [0; Entropy::BYTES];
        bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at % 251) as u8);
        let mut entropy = Entropy::from_bytes(bytes);
        assert_eq!(entropy.take::<2>(), [0, 1]);
        assert_eq!(entropy.take::<3>(), [2, 3, 4]);
    }
}
