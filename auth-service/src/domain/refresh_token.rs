//! The opaque handle that gives the next access token, once.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// What secret scanners look for.
const PREFIX: &str = "lkr_";
const RANDOM_BYTES: usize = 32;

/// A refresh token in plain: shown once, stored nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshTokenPlain(String);

impl RefreshTokenPlain {
    /// The first of its family.
    pub fn from_random(random: [u8; RANDOM_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// Reads what a caller presents; `None` for what was never one.
    pub fn parse(text: &str) -> Option<Self> {
        let random = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (random.len() == RANDOM_BYTES).then(|| Self(text.to_owned()))
    }

    /// The token that follows this one. Derived, so that the same one can be given again without being stored.
    #[must_use]
    pub fn child(&self, key: &hmac::Key) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(hmac::sign(key, self.0.as_bytes()))))
    }

    /// What is stored.
    pub fn hash(&self) -> RefreshTokenHash {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        RefreshTokenHash(hash)
    }

    /// The token: for the answer alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshTokenPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshTokenPlain([redacted])")
    }
}

/// The SHA-256 of a token: as good as the token for finding it, and good for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshTokenHash([u8; 32]);

impl RefreshTokenHash {
    /// The digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A refresh token as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its family.
    pub session_id: Uuid,
    /// When it was given.
    pub issued_at_ms: i64,
    /// When it ends: slides with each rotation, up to the session's absolute end.
    pub expires_at_ms: i64,
    /// When it was used.
    pub consumed_at_ms: Option<i64>,
}

/// What presenting a token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// It is to be consumed and followed by its child.
    Rotate,
    /// Its answer was lost, perhaps: its child is given again.
    Replay,
    /// It was used before, and not just now: the family ends.
    Reuse,
    /// Its time is over.
    Expired,
}

impl RefreshToken {
    /// Judges the use of this token at `now_ms`. `child` is what follows it in the database, if it was used.
    pub fn present(&self, child: Option<&Self>, now_ms: i64, replay_ms: i64) -> Presented {
        let Some(consumed_at_ms) = self.consumed_at_ms else {
            return if now_ms < self.expires_at_ms { Presented::Rotate } else { Presented::Expired };
        };
        let child_is_unused = child.is_some_and(|child| child.consumed_at_ms.is_none());
        // A clock that was set back makes the age negative: as young as can be.
        if child_is_unused && now_ms.saturating_sub(consumed_at_ms) < replay_ms {
            Presented::Replay
        } else {
            Presented::Reuse
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(consumed_at_ms: Option<i64>) -> RefreshToken {
        RefreshToken { session_id: Uuid::nil(), issued_at_ms: 0, expires_at_ms: 10_000, consumed_at_ms }
    }

    #[test]
    fn a_token_reads_back_and_strangers_do_not() {
        let plain = RefreshTokenPlain::from_random([7; 32]);
        assert_eq!(RefreshTokenPlain::parse(plain.expose()), Some(plain.clone()));
        for text in ["", "lkr_", "lkr_AAAA", "AAAA", &plain.expose()[4..], &format!("{}A", plain.expose())] {
            assert_eq!(RefreshTokenPlain::parse(text), None, "{text:?}");
        }
        assert!(!format!("{plain:?}").contains("Bwc"));
    }

    #[test]
    fn a_child_is_always_the_same_and_never_its_parent() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let parent = RefreshTokenPlain::from_random([7; 32]);
        assert_eq!(parent.child(&key), parent.child(&key));
        assert_ne!(parent.child(&key), parent);
        assert!(RefreshTokenPlain::parse(parent.child(&key).expose()).is_some());
    }

    #[test]
    fn an_unused_token_rotates_until_its_end() {
        assert_eq!(token(None).present(None, 9_999, 60), Presented::Rotate);
        assert_eq!(token(None).present(None, 10_000, 60), Presented::Expired);
    }

    #[test]
    fn a_used_token_is_forgiven_while_its_child_is_unused_and_the_time_is_not_over() {
        let used = token(Some(100));
        assert_eq!(used.present(Some(&token(None)), 159, 60), Presented::Replay);
        assert_eq!(used.present(Some(&token(None)), 160, 60), Presented::Reuse);
        assert_eq!(used.present(Some(&token(None)), 100, 0), Presented::Reuse);
        assert_eq!(used.present(Some(&token(Some(120))), 130, 60), Presented::Reuse);
        assert_eq!(used.present(None, 130, 60), Presented::Reuse);
    }
}
