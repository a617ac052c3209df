//! Asks a service whether a password is known from a data leak, by k-anonymity: the service learns the first five
//! hexadecimal digits of the password's SHA-1, and answers with all known hashes that begin so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

use crate::domain::Password;
use crate::outbound::{AnswerBounds, CALLS_PER_HOST, CallError, Outbound};

/// How long a person waits for the service at most, together with the wait for a turn.
const TIME: Duration = Duration::from_secs(2);
/// The most bytes of an answer. The largest ranges of the well-known service have about 80 KiB with padding.
const MOST_BYTES: usize = 512 * 1024;
/// The digits of the hash that the service learns.
const PREFIX: usize = 5;
/// The digits of a line of the answer.
const SUFFIX: usize = 40 - PREFIX;
/// Lines that are no real hashes fill each answer up, so that its size tells an onlooker nothing. Their count is 0.
const PADDING: (&str, &str) = ("Add-Padding", "true");

/// How the checks since the start ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreachCheckStatus {
    /// The service does not know the password.
    pub clear: u64,
    /// The service knows the password.
    pub known: u64,
    /// The service gave no usable answer in time.
    pub failed: u64,
}

/// Why a check failed. The text is for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the answer is no list of hashes")]
    Unreadable,
}

/// The check. Cheap to clone. Nothing of what the service says is kept.
#[derive(Clone)]
pub struct BreachCheck {
    inner: Arc<Inner>,
}

struct Inner {
    outbound: Outbound,
    url: Url,
    turns: Semaphore,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    clear: AtomicU64,
    known: AtomicU64,
    failed: AtomicU64,
}

impl BreachCheck {
    /// Builds the check. The prefix of a hash is appended to the URL as the last segment of its path.
    pub fn new(outbound: Outbound, url: Url) -> Self {
        let turns = Semaphore::new(CALLS_PER_HOST);
        Self { inner: Arc::new(Inner { outbound, url, turns, counts: Counts::default() }) }
    }

    /// Whether the service knows the password. A failure of the service is logged and counted, and counts as "no".
    pub async fn knows(&self, password: &Password) -> bool {
        let Inner { counts, .. } = &*self.inner;
        let asked = tokio::time::timeout(TIME, self.ask(password)).await;
        let (count, is_known) = match asked.unwrap_or(Err(CheckError::Call(CallError::TimedOut))) {
            Ok(false) => (&counts.clear, false),
            Ok(true) => (&counts.known, true),
            Err(error) => {
                tracing::warn!(%error, "passwords.breach_check_failed: the password was accepted without it");
                (&counts.failed, false)
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        is_known
    }

    async fn ask(&self, password: &Password) -> Result<bool, CheckError> {
        let Inner { outbound, url, turns, .. } = &*self.inner;
        let hash = hash_of(password);
        let (prefix, suffix) = hash.split_at(PREFIX);
        // The semaphore is never closed, so this cannot fail.
        let _turn = turns.acquire().await.map_err(|_| CallError::Busy)?;
        let bounds = AnswerBounds { time: TIME, bytes: MOST_BYTES };
        let answer = outbound.get_text(&range_of(url, prefix), &[PADDING], bounds).await?;
        find(&answer, suffix)
    }

    /// How the checks since the start ended.
    pub fn status(&self) -> BreachCheckStatus {
        let Counts { clear, known, failed } = &self.inner.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        BreachCheckStatus { clear: read(clear), known: read(known), failed: read(failed) }
    }
}

/// The SHA-1 of the password, in capital hexadecimal digits. The services collect hashes of UTF-8.
fn hash_of(password: &Password) -> Zeroizing<String> {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.normal().as_bytes());
    Zeroizing::new(hex::encode_upper(hash))
}

fn range_of(url: &Url, prefix: &str) -> Url {
    let mut range = url.clone();
    if let Ok(mut path) = range.path_segments_mut() {
        path.pop_if_empty().push(prefix);
    }
    range
}

/// Looks for a hash in an answer, which has a line `SUFFIX:COUNT` for each hash. A line with the count 0 is padding. An
/// answer with any other line is that of something else than a range service.
fn find(answer: &str, suffix: &str) -> Result<bool, CheckError> {
    let mut is_known = false;
    for line in answer.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (hash, count) = line.split_once(':').ok_or(CheckError::Unreadable)?;
        let is_hash = hash.len() == SUFFIX && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let count = count.trim().parse::<u64>().ok().filter(|_| is_hash).ok_or(CheckError::Unreadable)?;
        is_known |= count > 0 && hash.eq_ignore_ascii_case(suffix);
    }
    Ok(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIX_OF_PASSWORD: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";

    #[test]
    fn the_service_learns_five_digits_of_the_hash() {
        let hash = hash_of(&Password::presented("password"));
        assert_eq!(hash.as_str(), format!("5BAA6{SUFFIX_OF_PASSWORD}"));
        for (base, range) in [
            ("https://api.example/range", "https://api.example/range/5BAA6"),
            ("https://api.example/range/", "https://api.example/range/5BAA6"),
            ("http://10.0.0.7:8080", "http://10.0.0.7:8080/5BAA6"),
        ] {
            assert_eq!(range_of(&Url::parse(base).unwrap(), &hash[..5]).as_str(), range);
        }
    }

    #[test]
    fn a_hash_is_found_by_its_line_and_padding_is_not_a_hash() {
        let other = "0018A45C4D1DEF81644B54AB7F969B88D65:10";
        for (answer, expected) in [
            (format!("{other}\r\n{SUFFIX_OF_PASSWORD}:3\r\n"), Ok(true)),
            (format!("{}:3", SUFFIX_OF_PASSWORD.to_lowercase()), Ok(true)),
            (format!("{other}\n{SUFFIX_OF_PASSWORD}:0\n"), Ok(false)),
            (other.to_owned(), Ok(false)),
            (String::new(), Ok(false)),
            ("<!doctype html><p>Wi-Fi: sign in here".to_owned(), Err(CheckError::Unreadable)),
            (format!("{SUFFIX_OF_PASSWORD}:3\n{SUFFIX_OF_PASSWORD}"), Err(CheckError::Unreadable)),
            (format!("{SUFFIX_OF_PASSWORD}:-1"), Err(CheckError::Unreadable)),
            ("{\"error\": 1}".to_owned(), Err(CheckError::Unreadable)),
        ] {
            assert_eq!(find(&answer, SUFFIX_OF_PASSWORD), expected, "{answer}");
        }
    }
}
