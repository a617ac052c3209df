//! The constants of the revocation list on which issuer and verifiers have to agree: names in Redis, fields, times and
//! limits. Both sides read them here, and the issuer's scripts for Redis get the names from here. Other crates find them in
//! `shared_claims::issuer::contract`.

use super::RevocationKind;

/// What every key of the list begins with, unless a prefix is configured. The braces keep all keys in one hash slot of a
/// cluster.
///
/// ```
/// assert_eq!(shared_claims::revocation::DEFAULT_PREFIX, "{revoked}");
/// ```
pub const DEFAULT_PREFIX: &str = "{revoked}";

/// The key (without the prefix) of the list's epoch, as [`epoch`] writes it.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::EPOCH, "epoch");
/// ```
pub const EPOCH: &str = "epoch";

/// The key (without the prefix) of the moment before which every committed fact is in the list: milliseconds on Redis's clock.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::AS_OF, "as_of");
/// ```
pub const AS_OF: &str = "as_of";

/// The key (without the prefix) of the id of the database that the list was made from. Verifiers do not read it.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::DATABASE, "database");
/// ```
pub const DATABASE: &str = "database";

/// The key (without the prefix) of the stream of all live facts.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::EVENTS, "events");
/// ```
pub const EVENTS: &str = "events";

/// The field of a stream entry that holds the fact's [`RevocationKind`].
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::FIELD_KIND, "kind");
/// ```
pub const FIELD_KIND: &str = "kind";

/// The field of a stream entry that holds the identifier which is revoked.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::FIELD_ID, "id");
/// ```
pub const FIELD_ID: &str = "id";

/// The field of a stream entry that holds the cut, milliseconds since the Unix epoch; only where [`RevocationKind::has_cut`].
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::FIELD_AT, "at");
/// ```
pub const FIELD_AT: &str = "at";

/// The field of a stream entry that holds when the fact may be forgotten, seconds since the Unix epoch.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::FIELD_EXP, "exp");
/// ```
pub const FIELD_EXP: &str = "exp";

/// The value at the key of a fact without a cut.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::PRESENT, "1");
/// ```
pub const PRESENT: &str = "1";

/// The widest leeway that a verifier may grant on `exp`, `nbf` and `iat`, seconds.
///
/// ```
/// assert_eq!(shared_claims::revocation::MAX_LEEWAY_S, 30);
/// ```
pub const MAX_LEEWAY_S: i64 = 30;

/// How much longer than the last token it concerns a fact is kept, seconds. The leeway on `exp` (at most [`MAX_LEEWAY_S`])
/// and the difference between the clocks of issuer and verifier have to fit in here.
///
/// ```
/// use shared_claims::issuer::contract::{FACT_OUTLIVES_TOKENS_S, fact_expiry_s};
///
/// assert_eq!(FACT_OUTLIVES_TOKENS_S, 60);
/// assert_eq!(fact_expiry_s(1_700_000_900), 1_700_000_960);
/// ```
pub const FACT_OUTLIVES_TOKENS_S: i64 = 60;

/// The longest life of an access token, seconds.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::MAX_ACCESS_TOKEN_LIFE_S, 24 * 3_600);
/// ```
pub const MAX_ACCESS_TOKEN_LIFE_S: i64 = 24 * 3_600;

/// The longest time for which a verifier may use a key set that it cannot refresh, seconds. A revoked key stays in the list for
/// at least as long.
///
/// ```
/// assert_eq!(shared_claims::revocation::MAX_KEY_SET_AGE_S, 30 * 24 * 3_600);
/// ```
pub const MAX_KEY_SET_AGE_S: i64 = 30 * 24 * 3_600;

/// The longest time for which a fact counts after its arrival at a verifier, whatever its `exp` is, seconds. For a fact about a
/// signing key it is [`MAX_KEY_FACT_LIFE_S`]. See [`RevocationKind::counts_for_s`].
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::MAX_FACT_LIFE_S, 25 * 3_600);
/// ```
pub const MAX_FACT_LIFE_S: i64 = MAX_ACCESS_TOKEN_LIFE_S + 3_600;

/// As [`MAX_FACT_LIFE_S`], for a fact about a signing key, seconds.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::MAX_KEY_FACT_LIFE_S, 31 * 24 * 3_600);
/// ```
pub const MAX_KEY_FACT_LIFE_S: i64 = MAX_KEY_SET_AGE_S + 24 * 3_600;

/// The default of two settings, seconds: the bound within which a revocation reaches every verifier, and the time for which a
/// proof of the list counts.
///
/// ```
/// assert_eq!(shared_claims::revocation::DEFAULT_BOUND_S, 30);
/// ```
pub const DEFAULT_BOUND_S: u64 = 30;

/// How far Redis's clock may be behind a moment that was read from it before, milliseconds. A greater difference shows that the
/// clock was set back. Then the moment proves nothing to a verifier, and the issuer rebuilds the list.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::MAX_CLOCK_STEP_MS, 1_000);
/// ```
pub const MAX_CLOCK_STEP_MS: i64 = 1_000;

/// The longest time for which the feed holds a request, seconds.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::MAX_FEED_WAIT_S, 30);
/// ```
pub const MAX_FEED_WAIT_S: u64 = 30;

/// The most entries of one response of the feed.
///
/// ```
/// assert_eq!(shared_claims::issuer::contract::MAX_FEED_ENTRIES, 10_000);
/// ```
pub const MAX_FEED_ENTRIES: usize = 10_000;

// The limits of verifiers must be longer than the times that the issuer needs.
const _: () = {
    assert!(MAX_LEEWAY_S < FACT_OUTLIVES_TOKENS_S);
    assert!(MAX_ACCESS_TOKEN_LIFE_S + FACT_OUTLIVES_TOKENS_S < MAX_FACT_LIFE_S);
    assert!(MAX_KEY_SET_AGE_S + FACT_OUTLIVES_TOKENS_S < MAX_KEY_FACT_LIFE_S);
};

/// The full key of a name such as [`EPOCH`] or [`EVENTS`].
///
/// ```
/// use shared_claims::issuer::contract;
///
/// assert_eq!(contract::key("{staging}", contract::EVENTS), "{staging}:events");
/// ```
pub fn key(prefix: &str, name: &str) -> String {
    format!("{prefix}:{name}")
}

/// The key of one fact.
///
/// ```
/// use shared_claims::{issuer::contract, revocation::RevocationKind};
///
/// assert_eq!(contract::fact_key("{revoked}", RevocationKind::Client, "app"), "{revoked}:client:app");
/// ```
pub fn fact_key(prefix: &str, kind: RevocationKind, id: &str) -> String {
    format!("{prefix}:{}:{id}", kind.as_str())
}

/// The value of the epoch: the `run_id` of the Redis process in which the list was found whole, and an id that is new whenever
/// the list is rebuilt.
///
/// ```
/// use shared_claims::issuer::contract;
///
/// let epoch = contract::epoch("a1b2", "list-7");
/// assert_eq!(epoch, "a1b2:list-7");
/// assert!(contract::is_epoch_of(&epoch, "a1b2") && !contract::is_epoch_of(&epoch, "a1"));
/// ```
pub fn epoch(run_id: &str, list_id: &str) -> String {
    format!("{run_id}:{list_id}")
}

/// Whether the list with that epoch was found whole in the Redis process `run_id`.
///
/// ```
/// use shared_claims::issuer::contract::is_epoch_of;
///
/// assert!(is_epoch_of("a1b2:list-7", "a1b2"));
/// assert!(!is_epoch_of("a1b2:list-7", "c3d4"), "Redis was restarted, or failed over");
/// ```
pub fn is_epoch_of(epoch: &str, run_id: &str) -> bool {
    epoch.strip_prefix(run_id).is_some_and(|rest| rest.starts_with(':'))
}

/// When a fact may be forgotten, seconds since the Unix epoch; `last_token_exp_s` is the expiry of the last token that it
/// concerns.
///
/// ```
/// use shared_claims::issuer::contract::fact_expiry_s;
///
/// assert_eq!(fact_expiry_s(1_700_000_900), 1_700_000_960);
/// ```
pub const fn fact_expiry_s(last_token_exp_s: i64) -> i64 {
    last_token_exp_s.saturating_add(FACT_OUTLIVES_TOKENS_S)
}
