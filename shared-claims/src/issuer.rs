//! For the issuer only: what it needs to write the revocation list that verifiers read.
//!
//! A resource server does not need this module: [`revocation`](crate::revocation) has everything to read the list.
//!
//! ```
//! use shared_claims::issuer::contract;
//!
//! assert_eq!(contract::key(contract::DEFAULT_PREFIX, contract::EPOCH), "{revoked}:epoch");
//! ```

#[cfg(feature = "redis")]
pub use crate::revocation::redis::{RedisAddress, RedisNode, RedisNotFound};

/// The constants of the revocation list on which issuer and verifiers have to agree: names in Redis, fields, times and
/// limits. A client in another language needs the same values; `docs/revocation.md` explains the protocol.
///
/// ```
/// use shared_claims::{issuer::contract, revocation::RevocationKind};
///
/// // One round trip tells whether a user's tokens are revoked.
/// let keys = [contract::EPOCH, contract::AS_OF].map(|name| contract::key(contract::DEFAULT_PREFIX, name));
/// assert_eq!(keys, ["{revoked}:epoch", "{revoked}:as_of"]);
/// assert_eq!(contract::fact_key(contract::DEFAULT_PREFIX, RevocationKind::Sub, "ada"), "{revoked}:sub:ada");
/// ```
pub mod contract {
    pub use crate::revocation::contract::{
        AS_OF, DATABASE, DEFAULT_BOUND_S, DEFAULT_PREFIX, EPOCH, EVENTS, FACT_OUTLIVES_TOKENS_S, FIELD_AT,
        FIELD_EXP, FIELD_ID, FIELD_KIND, MAX_ACCESS_TOKEN_LIFE_S, MAX_CLOCK_STEP_MS, MAX_FACT_LIFE_S,
        MAX_FEED_ENTRIES, MAX_FEED_WAIT_S, MAX_KEY_FACT_LIFE_S, MAX_KEY_SET_AGE_S, MAX_LEEWAY_S, PRESENT,
        epoch, fact_expiry_s, fact_key, is_epoch_of, key,
    };
}
