//! Detects secrets that can be guessed.

use std::collections::HashSet;

/// The fewest different bytes in a secret. A random text of 16 or more characters has more than this.
const MIN_VARIETY: usize = 8;

/// Whether a text may be random, which means it has enough different bytes.
pub(super) fn is_varied(secret: &str) -> bool {
    secret.bytes().collect::<HashSet<_>>().len() >= MIN_VARIETY
}

/// Whether a text may serve as a shared token: it fits into a header and cannot be guessed easily.
pub(super) fn is_token(secret: &str) -> bool {
    secret.len() >= 16 && secret.bytes().all(|byte| byte.is_ascii_graphic()) && is_varied(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_are_not_random_are_refused() {
        for weak in ["", "a", &"a".repeat(32), &"0".repeat(64), &"ab".repeat(32), "changeme", "short-1234"] {
            assert!(!is_token(weak), "{weak}");
        }
        for random in ["9f86d081884c7d659a2feaa0c55ad015", "a-feed-token-of-some-length"] {
            assert!(is_token(random), "{random}");
        }
        assert!(!is_token("with a blank 0123456789"));
    }
}
