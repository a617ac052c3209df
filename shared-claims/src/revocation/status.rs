//! What a revocation source says of itself, for `/readyz`, metrics and logs.

/// The state of a revocation source at one moment.
///
/// ```
/// use shared_claims::revocation::RevocationStatus;
///
/// fn line(list: &RevocationStatus) -> String {
///     match list.age_ms {
///         Some(age) => format!("{}: {} facts, complete {age} ms ago", list.source, list.entries),
///         None => format!("{}: {}", list.source, list.last_error.as_deref().unwrap_or("not read yet")),
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationStatus {
    /// What is followed: `redis`, `feed`, `lookup`, `hand` or `custom`.
    pub source: &'static str,
    /// Whether the source answered the last time it was asked.
    pub connected: bool,
    /// Whether it can be known now what is revoked. When not, tokens get [`Verdict::Unknown`](super::Verdict::Unknown).
    pub current: bool,
    /// How long ago the list was complete, milliseconds; `None` before the first complete list.
    pub age_ms: Option<u64>,
    /// Whether the list was found under an epoch that holds.
    pub epoch_known: bool,
    /// How many facts are held.
    pub entries: usize,
    /// How often the list was read again from its beginning.
    pub resyncs: u64,
    /// How many malformed entries were met. One is enough to refuse until the list is rebuilt.
    pub malformed: u64,
    /// How many times reading failed.
    pub errors: u64,
    /// How often what follows the source panicked and was begun anew.
    pub restarts: u64,
    /// The last failure, without secrets; `None` while all is well.
    pub last_error: Option<String>,
}
