//! How the projection to Redis stands, for `/readyz` and `/metrics`.

/// What the projector found in its last round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectionState {
    /// No round has ended yet.
    #[default]
    Starting,
    /// The list in Redis is whole and its proof was renewed.
    Current,
    /// The list was renewed, and another issuer, with another database, keeps a list under the same keys: each replaces the
    /// other's again and again.
    Contested,
    /// Redis is so full that facts cannot be delivered: they wait in the database, and the proof is not renewed, so
    /// verifiers come to refuse.
    Full,
    /// Redis may drop facts: the proof is not renewed, so verifiers come to refuse.
    MayEvict,
    /// Redis did not answer, or failed.
    RedisUnavailable,
    /// The database did not answer, or failed.
    DatabaseUnavailable,
    /// Other auth-services were always a step ahead; the next round tries again.
    Outrun,
    /// The round panicked; the next one begins anew.
    Panicked,
}

impl ProjectionState {
    /// The name shown in `/readyz`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Current => "ok",
            Self::Contested => "contested",
            Self::Full => "full",
            Self::MayEvict => "may_evict",
            Self::RedisUnavailable => "unavailable",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::Outrun => "outrun",
            Self::Panicked => "panicked",
        }
    }
}

/// The projection's state and its counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProjectionStatus {
    /// What the last round found.
    pub state: ProjectionState,
    /// The place in the log up to which Redis was seen to have it.
    pub delivered: i64,
    /// Rounds that ended with a renewed proof.
    pub renewals: u64,
    /// Rounds that failed.
    pub failures: u64,
    /// Lists put in place under a new epoch.
    pub rebuilds: u64,
    /// How often the list was replaced by another issuer's.
    pub contests: u64,
    /// Whether Redis has reached its `maxmemory`.
    pub is_full: bool,
    /// Whether Redis may evict.
    pub may_evict: bool,
    /// Keys that Redis evicted, as it counts them since its start.
    pub evicted_keys: u64,
    /// When the proof was last renewed, milliseconds since the Unix epoch on our clock; 0 for never.
    pub renewed_at_ms: i64,
}
