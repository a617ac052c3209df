//! The use cases around tokens: issue, refresh, revoke and check.
//!
//! Each use case decides inside one write transaction, and reads the clock after it has taken the user's lock. So an
//! issue either sees a cut, or is finished before the cut takes its time.

mod account;
mod authorization_code;
mod browser_sessions;
mod id_token;
mod inspect;
mod issue;
mod login;
mod logout;
mod new_code;
mod notices;
mod password_change;
mod policy;
mod refresh;
mod revoke;
mod userinfo;

use std::sync::Arc;

use aws_lc_rs::hmac;
use service_kit::database::DatabaseError;
use shared_claims::scope::Scopes;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::account::Application;
pub use self::authorization_code::{RedeemOutcome, RedeemRequest};
pub(crate) use self::browser_sessions::{
    end_browser_session, end_offline_sessions_of_client, end_sessions_over_limit,
};
pub use self::id_token::{ACR_ONE_FACTOR, ID_TOKEN_TYPE};
pub use self::inspect::{DatabaseRevocationCheck, LiveRefreshToken};
pub use self::issue::{IssuedRefreshToken, IssuedTokens};
pub use self::login::{LoginOutcome, VerifiedCredentials};
pub use self::logout::CutRules;
pub(crate) use self::logout::Step;
pub use self::new_code::{CodeOutcome, NewCode};
pub(crate) use self::password_change::end_others_at_password_change;
pub use self::policy::{AccessRequest, ExceedsGrant, GrantedAccess, TokenPolicy};
pub use self::refresh::RefreshOutcome;
pub use self::revoke::RevokeOutcome;
use crate::domain::{RefreshTokenPlain, SessionLimits};
use crate::keys::{KeyStore, KeysError};
use crate::random::Random;
use crate::storage::UnitOfWork;
use crate::throttle::Throttle;

/// The settings for tokens.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The `iss` of tokens, which is also an audience of every first-party token.
    pub issuer: String,
    /// The other audience of first-party tokens.
    pub audience: String,
    /// The scope of a login that requests no narrower scope.
    pub default_scope: Scopes,
    /// The lifetime of an access token, in seconds.
    pub access_ttl_s: i64,
    /// The lifetime of a refresh token from its issue, in seconds.
    pub refresh_ttl_s: i64,
    /// How long a used refresh token may be replayed, in seconds.
    pub refresh_replay_s: i64,
    /// The limits on the lifetime and the number of sessions.
    pub sessions: SessionLimits,
    /// The rate limits.
    pub limits: Limits,
    /// The most by which the clocks of replicas may differ, in milliseconds.
    pub clock_skew_ms: i64,
    /// Whether the userinfo response has an e-mail address that nobody proved to own.
    pub shows_unverified_email: bool,
}

/// Rate limits per minute; `None` for no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// The most refreshes of one session, including replays.
    pub refreshes_of_session: Option<u32>,
    /// The most codes redeemed for one user.
    pub codes_of_user: Option<u32>,
}

impl TokenSettings {
    fn cuts(&self) -> CutRules {
        CutRules { clock_skew_ms: self.clock_skew_ms, access_ttl_s: self.access_ttl_s }
    }
}

/// The parts that [`Tokens`] is built from.
pub struct TokenParts {
    /// Commits changes.
    pub unit_of_work: UnitOfWork,
    /// The signing keys.
    pub keys: KeyStore,
    /// The key from which child refresh tokens are derived.
    pub refresh_derivation: Zeroizing<[u8; 32]>,
    /// Counts revocations.
    pub throttle: Throttle,
    /// The settings for tokens.
    pub settings: TokenSettings,
}

/// The use cases around tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    unit_of_work: UnitOfWork,
    random: Random,
    keys: KeyStore,
    refresh_derivation: hmac::Key,
    throttle: Throttle,
    settings: TokenSettings,
}

impl Tokens {
    /// Builds the use cases from their parts.
    pub fn new(parts: TokenParts) -> Self {
        Self {
            inner: Arc::new(Inner {
                random: parts.unit_of_work.random().clone(),
                unit_of_work: parts.unit_of_work,
                keys: parts.keys,
                refresh_derivation: hmac::Key::new(hmac::HMAC_SHA256, parts.refresh_derivation.as_slice()),
                throttle: parts.throttle,
                settings: parts.settings,
            }),
        }
    }

    /// The scope of a login that requests no narrower scope.
    pub fn default_scope(&self) -> &Scopes {
        &self.inner.settings.default_scope
    }

    /// The session id in a refresh token; `None` if this issuer did not make the token. The session may have ended.
    pub fn session_of(&self, token: &RefreshTokenPlain) -> Option<Uuid> {
        token.session_id(&self.inner.refresh_derivation)
    }

    /// The `iss` of tokens.
    pub fn issuer(&self) -> &str {
        &self.inner.settings.issuer
    }
}

/// Why a use case failed, if it is not the fault of the caller.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The database failed or had no free connection.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The token could not be signed.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl TokenError {
    /// Whether a retry may succeed soon: 503 with `Retry-After`.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) | Self::Keys(KeysError::Database(error)) => error.is_transient(),
            Self::Keys(_) => false,
        }
    }
}
