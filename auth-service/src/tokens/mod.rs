//! The use cases around tokens: issue, refresh, revoke, and what of them still counts.
//!
//! Each decides inside one write transaction that holds the user's lock, and reads the clock after it got it: so a cut
//! is either seen by an issue, or waits for it and then takes its own moment.

mod ask;
mod begin;
mod check;
mod code;
mod cut;
mod error;
mod inspect;
mod issue;
mod issue_to_client;
mod logout;
mod logout_all;
mod mint;
mod redeem;
mod refresh;
mod replay;
mod revoke;
mod terms;

use std::sync::Arc;

use aws_lc_rs::hmac;
use service_kit::database::Database;
use shared_claims::clock::SharedClock;
use shared_claims::scope::Scopes;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::ask::{Ask, Given, TooMuch};
pub use self::check::OwnTokens;
pub use self::code::{CodeGrant, Consent};
pub use self::cut::CutRules;
pub(crate) use self::cut::UserCut;
pub use self::error::TokenError;
pub use self::inspect::LiveRefreshToken;
pub use self::issue::{Login, Proven};
pub use self::mint::{RefreshAnswer, TokenAnswer};
pub use self::redeem::{CodeRequest, Redeemed};
pub use self::refresh::Refreshed;
pub use self::revoke::TokenRevocation;
pub use self::terms::Terms;
use crate::audit::Recorder;
use crate::domain::{RefreshTokenPlain, SessionLimits};
use crate::keys::KeyStore;
use crate::random::Random;
use crate::revocation::Revocations;
use crate::throttle::Counters;

/// How tokens are made.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// `iss`, and an audience of every first-party token.
    pub issuer: String,
    /// The other audience of first-party tokens.
    pub audience: String,
    /// What a login gives when it asks for nothing narrower.
    pub default_scope: Scopes,
    /// Life of an access token.
    pub access_ttl_s: i64,
    /// Life of a refresh token, from its issue.
    pub refresh_ttl_s: i64,
    /// For how long a refresh token's parent is forgiven.
    pub refresh_replay_s: i64,
    /// How long sessions last, and how many there may be.
    pub sessions: SessionLimits,
    /// What is limited.
    pub limits: Limits,
    /// How far the clocks of replicas may be apart.
    pub clock_skew_ms: i64,
}

/// How often a minute something may be asked for; `None` for any number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Refreshes of one session, replays included.
    pub refreshes_of_session: Option<u32>,
    /// Revocations of a client's tokens in its own name, for each replica.
    pub revocations_of_client: Option<u32>,
    /// Codes redeemed for one user.
    pub codes_of_user: Option<u32>,
}

impl TokenSettings {
    fn cuts(&self) -> CutRules {
        CutRules { clock_skew_ms: self.clock_skew_ms, access_ttl_s: self.access_ttl_s }
    }
}

/// What [`Tokens`] works with.
pub struct TokenParts {
    /// The truth.
    pub database: Database,
    /// Who signs.
    pub keys: KeyStore,
    /// Who carries revocations to verifiers.
    pub revocations: Revocations,
    /// Keys the derivation of child refresh tokens.
    pub refresh_derivation: Zeroizing<[u8; 32]>,
    /// The time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: Random,
    /// The record of events.
    pub recorder: Recorder,
    /// How tokens are made.
    pub settings: TokenSettings,
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    keys: KeyStore,
    revocations: Revocations,
    refresh_derivation: hmac::Key,
    clock: SharedClock,
    random: Random,
    recorder: Recorder,
    revocations_of_client: Counters,
    settings: TokenSettings,
}

impl Tokens {
    /// The use cases over these parts.
    pub fn new(parts: TokenParts) -> Self {
        Self {
            inner: Arc::new(Inner {
                database: parts.database,
                keys: parts.keys,
                revocations: parts.revocations,
                refresh_derivation: hmac::Key::new(hmac::HMAC_SHA256, parts.refresh_derivation.as_slice()),
                clock: parts.clock,
                random: parts.random,
                recorder: parts.recorder,
                revocations_of_client: Counters::default(),
                settings: parts.settings,
            }),
        }
    }

    /// What a login gives when it asks for nothing narrower.
    pub fn default_scope(&self) -> &Scopes {
        &self.inner.settings.default_scope
    }

    /// The session that a refresh token names; `None` for one that we did not make. It may have ended.
    pub fn session_of(&self, token: &RefreshTokenPlain) -> Option<Uuid> {
        token.session_id(&self.inner.refresh_derivation)
    }

    /// What tokens carry as `iss`.
    pub fn issuer(&self) -> &str {
        &self.inner.settings.issuer
    }

    /// Waits, at most a second, until verifiers in touch know of it.
    async fn announce(&self, seq: i64) {
        self.inner.revocations.announce(seq).await;
    }
}
