//! A quick hash for names. Owns nothing but the arithmetic.

use std::hash::{BuildHasher as _, RandomState};

/// Hashes names with a secret of this process, so that a stranger who chooses names cannot choose collisions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hasher(u64);

impl Hasher {
    pub(super) fn new() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }

    /// Folds eight bytes at a time into the product of two 64-bit words.
    pub(super) fn hash(self, name: &[u8]) -> u32 {
        /// 2^64 divided by the golden ratio; odd, and half of its bits are set.
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let fold = |state: u64, word: u64| {
            let wide = u128::from(state ^ word) * u128::from(ODD ^ self.0 << 1);
            (wide as u64) ^ ((wide >> 64) as u64)
        };
        let mut state = self.0 ^ name.len() as u64;
        let mut words = name.chunks_exact(8);
        for word in words.by_ref() {
            state = fold(state, u64::from_le_bytes(word.try_into().expect("chunks of eight")));
        }
        let mut tail = [0; 8];
        tail[..words.remainder().len()].copy_from_slice(words.remainder());
        (fold(fold(state, u64::from_le_bytes(tail)), self.0) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike_are_spread() {
        let hasher = Hasher::new();
        for pattern in ["{}", "snapshot-{}.vhd", "0123456789abcdef-{}"] {
            let mut buckets = [0_u32; 1024];
            for n in 0..10_240 {
                let hash = hasher.hash(pattern.replace("{}", &n.to_string()).as_bytes());
                buckets[(hash >> 22) as usize] += 1;
            }
            // Ten are expected in each; with chance alone, about 30 are the most.
            assert!(buckets.iter().all(|count| *count < 60), "{pattern}: {:?}", buckets.iter().max());
        }
    }
}
