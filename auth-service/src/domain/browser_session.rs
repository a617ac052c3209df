//! Browser sessions: a person who signed in on a hosted page. Sessions of clients come from them through codes.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::opaque_secret::only_random;
use super::{Device, OpaqueKind, OpaqueSecret, SecretHash};

/// How long the handle before the last sign-in still names the session, in milliseconds: long enough for a request that
/// was under way, and for the second post of a double click.
pub const PREVIOUS_HANDLE_MS: i64 = 60_000;

/// How long a session waits for its first use after it was opened, in milliseconds.
const FIRST_USE_MS: i64 = 600_000;

/// The shortest interval between two updates of the last use, in milliseconds.
const NOTED_EVERY_MS: i64 = 60_000;

/// The handle of a browser session: held by the browser's cookie, and stored as a hash.
pub type Handle = OpaqueSecret<BrowserSession>;

/// The stored hash of a handle.
pub type HandleHash = SecretHash<BrowserSession>;

impl OpaqueKind for BrowserSession {
    const PREFIX: &'static str = "lkb_";
    type Content = ();

    fn read(bytes: &[u8]) -> Option<()> {
        only_random(bytes)
    }
}

/// The handle that a sign-in replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousHandle {
    /// Its hash.
    pub hash: HandleHash,
    /// When the user had signed in by then, in milliseconds: a sign-in that came after it does not count for who holds it.
    pub signed_in_at_ms: i64,
    /// When it was replaced.
    pub replaced_at_ms: i64,
}

/// A browser session as it stands in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// The id, which is the `sid` of `id_token`s.
    pub id: Uuid,
    /// The user. A session never changes its user.
    pub user_id: Uuid,
    /// The hash of the current handle.
    pub handle: HandleHash,
    /// The handle before it.
    pub previous: Option<PreviousHandle>,
    /// The version of the user's credentials at the last sign-in.
    pub credentials_version: i64,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// When the user authenticated last, in milliseconds.
    pub signed_in_at_ms: i64,
    /// When it was opened.
    pub created_at_ms: i64,
    /// When it was last used. May be up to a minute too early.
    pub last_used_at_ms: i64,
    /// When it ends if it is not used before. May be up to a minute too late.
    pub idle_expires_at_ms: i64,
    /// Its absolute end. Nothing that it gives lives longer.
    pub expires_at_ms: i64,
    /// When it ends if it is never used; `None` after the first use.
    pub unused_expires_at_ms: Option<i64>,
    /// When it was ended.
    pub ended_at_ms: Option<i64>,
    /// The browser that signed in.
    pub device: Device,
    /// The clients that got a code from it.
    pub client_ids: BTreeSet<String>,
}

/// Limits on the life of browser sessions.
#[derive(Clone, Copy, Debug)]
pub struct BrowserSessionLimits {
    /// How long one may be unused, in seconds.
    pub idle_s: i64,
    /// The maximum age, in seconds.
    pub max_age_s: i64,
}

/// A sign-in that a browser session is opened with or renewed by.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The hash of the new handle.
    pub handle: HandleHash,
    /// The version of the credentials that were verified.
    pub credentials_version: i64,
    /// How the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// The browser.
    pub device: Device,
}

impl BrowserSession {
    /// A session that is opened by a sign-in now.
    pub fn open(id: Uuid, user_id: Uuid, sign_in: SignIn, limits: BrowserSessionLimits, now_ms: i64) -> Self {
        let expires_at_ms = now_ms.saturating_add(limits.max_age_s.saturating_mul(1000));
        Self {
            id,
            user_id,
            handle: sign_in.handle,
            previous: None,
            credentials_version: sign_in.credentials_version,
            amr: sign_in.amr,
            signed_in_at_ms: now_ms,
            created_at_ms: now_ms,
            last_used_at_ms: now_ms,
            idle_expires_at_ms: idle_end_ms(limits, now_ms).min(expires_at_ms),
            expires_at_ms,
            unused_expires_at_ms: Some(now_ms.saturating_add(FIRST_USE_MS)),
            ended_at_ms: None,
            device: sign_in.device,
            client_ids: BTreeSet::new(),
        }
    }

    /// Notes that its user signed in again: it keeps its id and its absolute end, and gets a new handle.
    pub fn renew(&mut self, sign_in: SignIn, limits: BrowserSessionLimits, now_ms: i64) {
        self.previous = Some(PreviousHandle {
            hash: self.handle,
            signed_in_at_ms: self.signed_in_at_ms,
            replaced_at_ms: now_ms,
        });
        self.handle = sign_in.handle;
        self.credentials_version = sign_in.credentials_version;
        self.amr = sign_in.amr;
        self.device = sign_in.device;
        self.signed_in_at_ms = now_ms;
        self.last_used_at_ms = now_ms;
        self.idle_expires_at_ms = idle_end_ms(limits, now_ms).min(self.expires_at_ms);
        self.unused_expires_at_ms = None;
    }

    /// Keeps it through a change of the password that it asked for: it gets a new handle, and the handle before names nobody,
    /// so that a copy of the cookie ends here.
    pub fn keep_through_password_change(&mut self, handle: HandleHash, credentials_version: i64) {
        self.previous = None;
        self.handle = handle;
        self.credentials_version = credentials_version;
    }

    /// Whether it has not ended. Whether its user may still sign in is another question.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.ended_at_ms.is_none()
            && now_ms < self.expires_at_ms
            && now_ms < self.idle_expires_at_ms
            && self.unused_expires_at_ms.is_none_or(|end| now_ms < end)
    }

    /// When the holder of this handle signed in, in milliseconds; `None` if the handle does not name this session now.
    pub fn signed_in_at_ms_for(&self, handle: &HandleHash, now_ms: i64) -> Option<i64> {
        if self.handle == *handle {
            return Some(self.signed_in_at_ms);
        }
        let previous = self.previous.filter(|previous| previous.hash == *handle)?;
        let is_recent = now_ms < previous.replaced_at_ms.saturating_add(PREVIOUS_HANDLE_MS);
        is_recent.then_some(previous.signed_in_at_ms)
    }

    /// Notes a use. Returns whether the row is to be updated.
    #[must_use]
    pub fn note_use(&mut self, limits: BrowserSessionLimits, now_ms: i64) -> bool {
        let is_first = self.unused_expires_at_ms.take().is_some();
        let is_due = now_ms.saturating_sub(self.last_used_at_ms) >= NOTED_EVERY_MS;
        if is_first || is_due {
            self.last_used_at_ms = self.last_used_at_ms.max(now_ms);
            let end_ms = idle_end_ms(limits, now_ms).min(self.expires_at_ms);
            self.idle_expires_at_ms = self.idle_expires_at_ms.max(end_ms);
        }
        is_first || is_due
    }
}

fn idle_end_ms(limits: BrowserSessionLimits, now_ms: i64) -> i64 {
    now_ms.saturating_add(limits.idle_s.saturating_mul(1000)).saturating_add(NOTED_EVERY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BrowserSessionLimits = BrowserSessionLimits { idle_s: 1000, max_age_s: 5000 };

    fn handle(byte: u8) -> HandleHash {
        Handle::from_random([byte; 32]).hash()
    }

    fn sign_in(byte: u8) -> SignIn {
        SignIn {
            handle: handle(byte),
            credentials_version: 1,
            amr: vec!["pwd".to_owned()],
            device: Device::default(),
        }
    }

    fn session() -> BrowserSession {
        BrowserSession::open(Uuid::nil(), Uuid::nil(), sign_in(1), LIMITS, 0)
    }

    #[test]
    fn it_ends_unused_idle_old_or_by_word() {
        let mut session = session();
        assert!(session.is_live(599_999) && !session.is_live(600_000), "nobody came back");
        assert!(session.note_use(LIMITS, 0), "the first use is noted at once");
        assert!(!session.note_use(LIMITS, 59_999));
        assert!(session.is_live(1_059_999) && !session.is_live(1_060_000), "idle");
        for now_ms in (0..6_000_000).step_by(500_000) {
            let _ = session.note_use(LIMITS, now_ms);
        }
        assert!(session.is_live(4_999_999) && !session.is_live(5_000_000), "old");
        session.ended_at_ms = Some(1);
        assert!(!session.is_live(0));
    }

    #[test]
    fn the_handle_before_names_it_for_a_minute_with_the_sign_in_that_it_knew() {
        let mut session = session();
        session.renew(sign_in(2), LIMITS, 10_000);
        assert_eq!(session.signed_in_at_ms_for(&handle(2), 10_000), Some(10_000));
        assert_eq!(session.signed_in_at_ms_for(&handle(1), 69_999), Some(0));
        assert_eq!(session.signed_in_at_ms_for(&handle(1), 70_000), None);
        assert_eq!(session.signed_in_at_ms_for(&handle(3), 10_000), None);
        session.renew(sign_in(3), LIMITS, 20_000);
        assert_eq!(session.signed_in_at_ms_for(&handle(1), 20_000), None, "only the last one before");
        assert_eq!(session.expires_at_ms, 5_000_000, "a sign-in does not prolong the session");
    }
}
