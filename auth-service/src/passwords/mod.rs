//! Judges new passwords, and hashes and verifies passwords on a bounded pool of threads.

mod breaches;
pub mod common;
mod policy;
mod pool;
mod queue;
mod scheme;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;

pub use self::breaches::{BreachCheck, BreachCheckStatus};
pub use self::policy::{PasswordOwner, PasswordPolicy};
use self::pool::{HashPool, PoolSettings};
pub use self::pool::{HashPoolStatus, Overloaded};
use self::scheme::Scheme;
use crate::domain::{CallerNetwork, Device, Password, PasswordHash};
use crate::random::Random;

/// Why a password could not be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The turn of the request would come too late: 503 with `Retry-After`.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The hash function itself failed.
    #[error("bcrypt: {0}")]
    Hash(#[from] bcrypt::BcryptError),
    /// The hashing thread panicked.
    #[error("password hashing panicked")]
    Panicked,
}

/// The settings of password hashing.
#[derive(Clone, Copy, Debug)]
pub struct HashSettings {
    /// bcrypt's cost: the binary logarithm of its rounds.
    pub bcrypt_cost: u32,
    /// The number of hashes computed at the same time.
    pub workers: usize,
    /// The number of requests that may wait for a hash. Further ones are refused.
    pub queue_limit: usize,
    /// The longest time that a request may wait for a hash. Whoever would wait longer is refused at once.
    pub max_wait: Duration,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The password is wrong, or there is no such user.
    Wrong,
    /// The password is right. Includes a new hash of it if the stored one has an older scheme or another cost.
    Right {
        /// The hash to store instead of the old one.
        upgraded: Option<PasswordHash>,
    },
}

/// Hashes and verifies passwords for one caller. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    inner: Arc<Inner>,
    caller: CallerNetwork,
}

struct Inner {
    pepper: hmac::Key,
    cost: u32,
    /// The hash that the password of an unknown user is verified against.
    dummy: PasswordHash,
    random: Random,
    pool: HashPool,
}

impl Passwords {
    /// Builds the pool. `pepper` is the HMAC key of the pre-hash.
    pub fn new(pepper: &[u8; 32], settings: HashSettings, random: Random) -> Self {
        let pepper = hmac::Key::new(hmac::HMAC_SHA384, pepper);
        let dummy = Scheme::dummy(settings.bcrypt_cost);
        let HashSettings { bcrypt_cost: cost, workers, queue_limit, max_wait } = settings;
        let pool = HashPool::new(PoolSettings { workers, queue_limit, max_wait });
        let inner = Arc::new(Inner { pepper, cost, dummy, random, pool });
        Self { inner, caller: CallerNetwork::Unknown }
    }

    /// The same, for a caller with this device. Callers of different networks take turns.
    #[must_use]
    pub fn asked_by(&self, device: &Device) -> Self {
        Self { inner: Arc::clone(&self.inner), caller: CallerNetwork::of(device.address.as_deref()) }
    }

    /// Computes one hash, so that the pool knows how long that takes, and returns the time.
    pub async fn measure(&self) -> Result<Duration, PasswordError> {
        self.verify(Password::presented(""), None).await?;
        Ok(self.status().turn)
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordError> {
        let inner = Arc::clone(&self.inner);
        self.inner.pool.run(self.caller, move |count| inner.hash(&password, count)).await
    }

    /// Verifies a password against the user's hash. Without a hash the cost is the same and the result is always
    /// wrong.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Verification, PasswordError> {
        let inner = Arc::clone(&self.inner);
        self.inner.pool.run(self.caller, move |count| inner.verify(&password, stored.as_ref(), count)).await
    }

    /// How busy the pool is, for metrics.
    pub fn status(&self) -> HashPoolStatus {
        self.inner.pool.status()
    }
}

impl Inner {
    fn hash(&self, password: &Password, count: &pool::Counter) -> Result<PasswordHash, PasswordError> {
        count.hash();
        Ok(Scheme::hash(&self.pepper, password, self.cost, self.random.bytes())?)
    }

    fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
        count: &pool::Counter,
    ) -> Result<Verification, PasswordError> {
        count.hash();
        let compared = stored.unwrap_or(&self.dummy);
        let is_right = if let Some(scheme) = Scheme::of(compared) {
            scheme.verify(&self.pepper, password, compared)?
        } else {
            // A newer version made the hash with a scheme that is unknown here. The cost is the same, and the result
            // is wrong.
            tracing::error!("password.unknown_scheme");
            Scheme::PepperedBcrypt.verify(&self.pepper, password, &self.dummy)?;
            false
        };
        match stored.filter(|_| is_right) {
            None => {
                Scheme::add_missing_rounds(compared, self.cost)?;
                Ok(Verification::Wrong)
            }
            Some(stored) if Scheme::is_current(stored, self.cost) => {
                Ok(Verification::Right { upgraded: None })
            }
            Some(_) => Ok(Verification::Right { upgraded: Some(self.hash(password, count)?) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared_claims::clock::{Clock, SystemClock};

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn passwords(cost: u32) -> Passwords {
        let settings = HashSettings { bcrypt_cost: cost, workers: 2, queue_limit: 8, max_wait: LONG };
        Passwords::new(&[5; 32], settings, Random::system())
    }

    async fn hashed(passwords: &Passwords, text: &str) -> PasswordHash {
        passwords.hash(Password::presented(text)).await.unwrap()
    }

    async fn is_right(passwords: &Passwords, text: &str, hash: &PasswordHash) -> bool {
        let found = passwords.verify(Password::presented(text), Some(hash.clone())).await.unwrap();
        found == Verification::Right { upgraded: None }
    }

    #[tokio::test]
    async fn long_passwords_and_nul_bytes_are_hashed_completely() {
        let passwords = passwords(4);
        for length in [71, 72, 73, 200] {
            let text = "x".repeat(length);
            let hash = hashed(&passwords, &text).await;
            assert!(is_right(&passwords, &text, &hash).await);
            assert!(!is_right(&passwords, &text[..length - 1], &hash).await, "{length}");
            assert!(!is_right(&passwords, &format!("{text}x"), &hash).await, "{length}");
        }
        let hash = hashed(&passwords, "a").await;
        assert!(!is_right(&passwords, "a\0a", &hash).await);
        assert!(!is_right(&passwords, "a\0", &hash).await);
    }

    #[tokio::test]
    async fn another_unicode_form_is_the_same_password() {
        let passwords = passwords(4);
        let hash = hashed(&passwords, "caf\u{e9} ﬁne").await;
        assert!(is_right(&passwords, "cafe\u{301} fine", &hash).await);
    }

    #[tokio::test]
    async fn an_unknown_user_costs_one_hash_and_is_never_right() {
        let passwords = passwords(4);
        let before = passwords.status().hashes;
        let found = passwords.verify(Password::presented("anything"), None).await.unwrap();
        assert_eq!(found, Verification::Wrong);
        assert_eq!(passwords.status().hashes, before + 1);
    }

    #[tokio::test]
    async fn plain_bcrypt_and_older_costs_are_upgraded() {
        let passwords = passwords(5);
        let plain =
            PasswordHash { scheme: "bcrypt".into(), value: bcrypt::hash("correct horse", 4).unwrap() };
        let cheap = hashed(&self::passwords(4), "correct horse").await;
        for old in [plain, cheap] {
            let found =
                passwords.verify(Password::presented("correct horse"), Some(old.clone())).await.unwrap();
            let Verification::Right { upgraded: Some(new) } = found else { panic!("{found:?}") };
            assert!(is_right(&passwords, "correct horse", &new).await);
            let wrong = passwords.verify(Password::presented("battery"), Some(old)).await.unwrap();
            assert_eq!(wrong, Verification::Wrong);
        }
    }

    /// Imported hashes often have a lower cost. A wrong password must not be refused faster for them.
    #[tokio::test]
    async fn a_wrong_password_takes_as_long_with_a_cheap_hash_as_with_none() {
        let passwords = passwords(10);
        let cheap =
            PasswordHash { scheme: "bcrypt".into(), value: bcrypt::hash("correct horse", 6).unwrap() };
        let clock = SystemClock;
        let mut least = [u64::MAX; 2];
        for _ in 0..5 {
            for (least, stored) in least.iter_mut().zip([None, Some(cheap.clone())]) {
                let before = clock.boot_ms();
                let found = passwords.verify(Password::presented("battery"), stored).await.unwrap();
                assert_eq!(found, Verification::Wrong);
                *least = (*least).min(clock.boot_ms() - before);
            }
        }
        let [nobody, cheap] = least;
        // Without the compensation the cheap hash would take a sixteenth of the time of the other.
        assert!(cheap * 2 > nobody && cheap < nobody * 2, "{nobody} ms, {cheap} ms");
    }

    /// bcrypt hashes of other systems depend on the first 72 bytes only. The first login stores a hash of the whole
    /// password, so later logins need all of it.
    #[tokio::test]
    async fn after_the_first_login_all_bytes_of_a_long_imported_password_count() {
        let passwords = passwords(4);
        let (long, other) = ("x".repeat(80), format!("{}y", "x".repeat(72)));
        let plain = PasswordHash { scheme: "bcrypt".into(), value: bcrypt::hash(&long, 4).unwrap() };
        for typed in [&long, &other] {
            let found = passwords.verify(Password::presented(typed), Some(plain.clone())).await.unwrap();
            let Verification::Right { upgraded: Some(new) } = found else { panic!("{found:?}") };
            for again in [&long, &other] {
                assert_eq!(is_right(&passwords, again, &new).await, again == typed);
            }
        }
        let short = passwords.verify(Password::presented(&"x".repeat(71)), Some(plain)).await.unwrap();
        assert_eq!(short, Verification::Wrong);
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_never_right() {
        let passwords = passwords(4);
        for (scheme, value) in
            [("bcrypt", "rubbish"), ("argon2id", "$argon2id$x"), ("hmac-sha384+bcrypt", "")]
        {
            let hash = PasswordHash { scheme: scheme.into(), value: value.into() };
            let found = passwords.verify(Password::presented("x"), Some(hash)).await.unwrap();
            assert_eq!(found, Verification::Wrong, "{scheme}");
        }
    }
}
