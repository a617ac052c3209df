//! A source of randomness that is passed as a parameter.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::{StdRng, SysRng};
use rand::{CryptoRng, Rng, SeedableRng, rand_core::UnwrapErr};
use shared_claims::claims::TokenId;
use uuid::{Builder, Uuid};

/// A source of cryptographic randomness. Tests use a seeded one.
#[derive(Clone)]
pub struct Random(Arc<Mutex<Box<dyn CryptoRng + Send>>>);

impl Random {
    /// Uses the operating system's generator.
    pub fn system() -> Self {
        Self::from_rng(UnwrapErr(SysRng))
    }

    /// Uses this generator.
    pub fn from_rng(rng: impl CryptoRng + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(rng))))
    }

    /// Returns `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        // A panic elsewhere cannot leave the generator's state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// Returns a new generator, seeded from this one, for work that needs many bytes.
    pub fn fork(&self) -> StdRng {
        StdRng::from_seed(self.bytes())
    }

    /// Returns a random UUID.
    pub fn uuid(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// Returns a token id with this time (milliseconds since the Unix epoch).
    pub fn token_id(&self, ms: i64) -> TokenId {
        TokenId::new(ms, self.bytes())
    }

    /// Returns a UUIDv7 with this time (milliseconds since the Unix epoch).
    pub fn uuid_at(&self, ms: i64) -> Uuid {
        Builder::from_unix_timestamp_millis(u64::try_from(ms).unwrap_or(0), &self.bytes()).into_uuid()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let seeded = || Random::from_rng(StdRng::from_seed([1; 32]));
        assert_eq!(seeded().bytes::<16>(), seeded().bytes::<16>());
        assert_ne!(Random::system().bytes::<16>(), Random::system().bytes::<16>());
    }

    #[test]
    fn a_timed_id_holds_its_time() {
        let id = Random::system().uuid_at(1_700_000_000_123);
        assert_eq!(TokenId::parse(&id.to_string()).map(TokenId::time_ms), Ok(1_700_000_000_123));
        assert_eq!(Random::system().token_id(1_700_000_000_123).time_ms(), 1_700_000_000_123);
    }
}
