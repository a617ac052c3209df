//! Refresh tokens: opaque, and consumed by their first use.
//!
//! A token contains the id of its session and a tag that only the issuer can compute. So a token that was used long
//! ago is recognised without being stored, and a forged one is refused without a database query.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::opaque_secret::{OpaqueKind, OpaqueSecret, RANDOM_BYTES, SecretHash};
use super::{Device, MinuteCount};

const SESSION_BYTES: usize = 16;
/// The length of the tag, the first bytes of an HMAC-SHA-256. A guessed tag would only allow ending a session.
const TAG_BYTES: usize = 16;

/// A refresh token in plain.
pub type RefreshTokenPlain = OpaqueSecret<RefreshToken>;

/// The hash of a refresh token.
pub type RefreshTokenHash = SecretHash<RefreshToken>;

/// The parts of a refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshTokenContent {
    session_id: [u8; SESSION_BYTES],
    random: [u8; RANDOM_BYTES],
    tag: [u8; TAG_BYTES],
}

impl OpaqueKind for RefreshToken {
    const PREFIX: &'static str = "lkr_";
    type Content = RefreshTokenContent;

    fn read(bytes: &[u8]) -> Option<RefreshTokenContent> {
        let (session_id, rest) = bytes.split_first_chunk()?;
        let (random, tag) = rest.split_first_chunk()?;
        Some(RefreshTokenContent { session_id: *session_id, random: *random, tag: tag.try_into().ok()? })
    }
}

impl RefreshTokenPlain {
    /// Makes the first token of a session.
    pub fn first(session_id: Uuid, random: [u8; RANDOM_BYTES], key: &hmac::Key) -> Self {
        Self::assemble(session_id.into_bytes(), random, key)
    }

    fn assemble(session_id: [u8; SESSION_BYTES], random: [u8; RANDOM_BYTES], key: &hmac::Key) -> Self {
        let tag = tag(&session_id, &random, key);
        let bytes = [&session_id[..], &random, &tag].concat();
        Self::of(&bytes, RefreshTokenContent { session_id, random, tag })
    }

    /// The session that the token belongs to; `None` if this issuer did not make the token.
    pub fn session_id(&self, key: &hmac::Key) -> Option<Uuid> {
        let RefreshTokenContent { session_id, random, tag: presented } = &self.content;
        let expected = tag(session_id, random, key);
        bool::from(expected.ct_eq(presented)).then(|| Uuid::from_bytes(*session_id))
    }

    /// Derives the successor of this token. The derivation is deterministic, so the same successor can be returned
    /// again without being stored.
    #[must_use]
    pub fn child(&self, key: &hmac::Key) -> Self {
        let derived = hmac::sign(key, &[b"child".as_slice(), self.expose().as_bytes()].concat());
        let mut random = [0; RANDOM_BYTES];
        random.copy_from_slice(derived.as_ref());
        Self::assemble(self.content.session_id, random, key)
    }

    /// A keyed hash of the caller's device, to tell whether two requests with this token came from the same caller.
    /// It is useful for this comparison only.
    pub fn caller_mark(&self, device: &Device, key: &hmac::Key) -> i64 {
        let [agent, address] =
            [&device.user_agent, &device.address].map(|text| text.as_deref().unwrap_or(""));
        // An address contains no space, so address and agent cannot be confused.
        let whole = hmac::sign(key, format!("caller {address} {agent} {}", self.expose()).as_bytes());
        let mut mark = [0; 8];
        mark.iter_mut().zip(whole.as_ref()).for_each(|(byte, of_whole)| *byte = *of_whole);
        i64::from_be_bytes(mark)
    }
}

fn tag(session_id: &[u8; SESSION_BYTES], random: &[u8; RANDOM_BYTES], key: &hmac::Key) -> [u8; TAG_BYTES] {
    let whole = hmac::sign(key, &[b"token".as_slice(), session_id, random].concat());
    let mut tag = [0; TAG_BYTES];
    tag.iter_mut().zip(whole.as_ref()).for_each(|(byte, of_whole)| *byte = *of_whole);
    tag
}

/// A refresh token as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its session, which is the token family.
    pub session_id: Uuid,
    /// When it was issued.
    pub issued_at_ms: i64,
    /// When it expires. Each rotation sets a later time, up to the session's absolute end.
    pub expires_at_ms: i64,
    /// When it was consumed.
    pub consumed_at_ms: Option<i64>,
    /// The [mark of the caller](RefreshTokenPlain::caller_mark) that first got this token. `None` for the first token
    /// of a session.
    pub first_caller: Option<i64>,
    /// How often this token was returned again for its parent, later than [`RETRIES_MS`] after the parent's use.
    pub late_replays: i64,
    /// The number of refreshes of its session in the current minute. The newest token has the count, and passes it on
    /// to its successor.
    pub refreshes: MinuteCount,
}

/// For this long after a token's use, every replay is answered: the network may have lost a response, or two browser
/// tabs may refresh at once. In milliseconds.
const RETRIES_MS: i64 = 5_000;
/// The number of later replays that are answered.
const LATE_REPLAYS: i64 = 3;

/// The decision on a refresh token that is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokenUse {
    /// The token is unused: consume it and issue its child.
    Rotate,
    /// The token was used a short time ago, and the response may have been lost: return its child again.
    Replay {
        /// Whether this replay counts towards the limit of late replays.
        is_late: bool,
    },
    /// The limit of late replays is reached. The request is refused; the session continues.
    TooManyReplays,
    /// The token was used before, too long ago for a retry, or its child was used: end the session.
    Reuse,
    /// The token has expired.
    Expired,
}

impl RefreshToken {
    /// Decides on the use of this token at `now_ms`. `child` is its successor in the database, if the token was used.
    pub fn classify(&self, child: Option<&Self>, now_ms: i64, replay_ms: i64) -> RefreshTokenUse {
        let Some(consumed_at_ms) = self.consumed_at_ms else {
            return if now_ms < self.expires_at_ms {
                RefreshTokenUse::Rotate
            } else {
                RefreshTokenUse::Expired
            };
        };
        // If the clock was set back, the age is negative, which counts as just used.
        let age_ms = now_ms.saturating_sub(consumed_at_ms);
        match child.filter(|child| child.consumed_at_ms.is_none() && age_ms < replay_ms) {
            None => RefreshTokenUse::Reuse,
            Some(_) if age_ms < RETRIES_MS => RefreshTokenUse::Replay { is_late: false },
            Some(child) if child.late_replays < LATE_REPLAYS => RefreshTokenUse::Replay { is_late: true },
            Some(_) => RefreshTokenUse::TooManyReplays,
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn token(consumed_at_ms: Option<i64>) -> RefreshToken {
        RefreshToken {
            session_id: Uuid::nil(),
            issued_at_ms: 0,
            expires_at_ms: 10_000,
            consumed_at_ms,
            first_caller: None,
            late_replays: 0,
            refreshes: MinuteCount::default(),
        }
    }

    const SESSION: Uuid = Uuid::from_u128(0x018b_cfe5_6800_7000_8000_0000_0000_0001);

    fn key(byte: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32])
    }

    fn plain() -> RefreshTokenPlain {
        RefreshTokenPlain::first(SESSION, [7; 32], &key(1))
    }

    #[test]
    fn a_token_reads_back_and_strangers_do_not() {
        let plain = plain();
        assert_eq!(RefreshTokenPlain::parse(plain.expose()), Some(plain.clone()));
        let cut = &plain.expose()[..plain.expose().len() - 1];
        for text in
            ["", "lkr_", "lkr_AAAA", "AAAA", &plain.expose()[4..], &format!("{}A", plain.expose()), cut]
        {
            assert_eq!(RefreshTokenPlain::parse(text), None, "{text:?}");
        }
        assert_eq!(format!("{plain:?}"), "lkr_[redacted]");
    }

    #[test]
    fn a_token_knows_its_session_and_nobody_else_can_say_so() {
        let plain = plain();
        assert_eq!(plain.session_id(&key(1)), Some(SESSION));
        assert_eq!(plain.child(&key(1)).session_id(&key(1)), Some(SESSION));
        assert_eq!(plain.session_id(&key(2)), None);
        let bytes = URL_SAFE_NO_PAD.decode(&plain.expose()[4..]).unwrap();
        for place in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[place] ^= 1;
            let forged = format!("lkr_{}", URL_SAFE_NO_PAD.encode(forged));
            assert_eq!(RefreshTokenPlain::parse(&forged).unwrap().session_id(&key(1)), None, "{place}");
        }
    }

    #[test]
    fn a_child_is_always_the_same_and_never_its_parent() {
        let parent = plain();
        assert_eq!(parent.child(&key(1)), parent.child(&key(1)));
        assert_ne!(parent.child(&key(1)), parent);
        assert_ne!(parent.child(&key(1)), parent.child(&key(1)).child(&key(1)));
        assert_ne!(parent.child(&key(1)), parent.child(&key(2)));
        assert!(RefreshTokenPlain::parse(parent.child(&key(1)).expose()).is_some());
    }

    #[test]
    fn an_unused_token_rotates_until_its_end() {
        assert_eq!(token(None).classify(None, 9_999, 60), RefreshTokenUse::Rotate);
        assert_eq!(token(None).classify(None, 10_000, 60), RefreshTokenUse::Expired);
    }

    #[test]
    fn a_used_token_is_forgiven_while_its_child_is_unused_and_the_time_is_not_over() {
        let used = token(Some(100));
        let retry = RefreshTokenUse::Replay { is_late: false };
        assert_eq!(used.classify(Some(&token(None)), 159, 60), retry);
        assert_eq!(used.classify(Some(&token(None)), 99, 60), retry, "a clock that was set back");
        assert_eq!(used.classify(Some(&token(None)), 160, 60), RefreshTokenUse::Reuse);
        assert_eq!(used.classify(Some(&token(None)), 100, 0), RefreshTokenUse::Reuse);
        assert_eq!(used.classify(Some(&token(Some(120))), 130, 60), RefreshTokenUse::Reuse);
        assert_eq!(used.classify(None, 130, 60), RefreshTokenUse::Reuse);
    }

    #[test]
    fn after_the_first_seconds_three_replays_are_answered_and_a_further_one_ends_nothing() {
        let used = token(Some(100));
        let child = |late_replays| RefreshToken { late_replays, ..token(None) };
        let classify = |late_replays, now_ms| used.classify(Some(&child(late_replays)), now_ms, 30_000);
        assert_eq!(classify(3, 5_099), RefreshTokenUse::Replay { is_late: false });
        assert_eq!(classify(2, 5_100), RefreshTokenUse::Replay { is_late: true });
        assert_eq!(classify(3, 5_100), RefreshTokenUse::TooManyReplays);
        assert_eq!(classify(3, 30_099), RefreshTokenUse::TooManyReplays);
        assert_eq!(classify(0, 30_100), RefreshTokenUse::Reuse);
    }

    #[test]
    fn a_caller_is_told_from_another_by_address_or_agent() {
        let device = |agent: &str, address: &str| Device {
            user_agent: Some(agent.to_owned()),
            address: Some(address.to_owned()),
        };
        let mark = |device: &Device| plain().caller_mark(device, &key(1));
        let one = device("tab", "192.0.2.1");
        assert_eq!(mark(&one), mark(&one));
        for other in [device("thief", "192.0.2.1"), device("tab", "192.0.2.2"), Device::default()] {
            assert_ne!(mark(&one), mark(&other));
        }
        assert_ne!(mark(&one), plain().caller_mark(&one, &key(2)));
    }
}
