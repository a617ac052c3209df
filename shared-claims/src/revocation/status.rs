//! The state that a revocation source reports for `/readyz`, metrics and logs.

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
    /// The kind of source: `redis`, `feed`, `lookup`, `hand` or `custom`.
    pub source: &'static str,
    /// Whether the source answered the last request.
    pub connected: bool,
    /// Whether the source can say at the moment what is revoked. If not, tokens get
    /// [`Verdict::Unknown`](super::Verdict::Unknown).
    pub current: bool,
    /// Time since the list was last known to be complete, milliseconds; `None` before the first complete list.
    pub age_ms: Option<u64>,
    /// Whether the list was read under a valid epoch.
    pub epoch_known: bool,
    /// The number of facts in memory.
    pub entries: usize,
    /// How often the list was read again from its beginning.
    pub resyncs: u64,
    /// The number of malformed entries that were read. A list that contains one does not count as complete.
    pub malformed: u64,
    /// How often reading the list failed.
    pub errors: u64,
    /// How often the task that follows the source panicked and was restarted.
    pub restarts: u64,
    /// The last failure, without secrets; `None` if the last attempt succeeded.
    pub last_error: Option<String>,
}
