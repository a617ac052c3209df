//! Converts the settings of the configuration to the settings of the components.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use service_kit::http::is_loopback_url;
use shared_claims::issuer::contract::FACT_OUTLIVES_TOKENS_S;
use shared_claims::scope::{InvalidScope, Scopes};
use url::Url;

use crate::clients::AdministrationSettings;
use crate::config::{DescribedScope, SessionSettings, Settings, ThrottleSettings};
use crate::domain::signing_key::RotationRules;
use crate::domain::{BrowserSessionLimits, PasswordRules, SessionLimits};
use crate::http::revocations::FeedAccess;
use crate::keys::KeyStoreSettings;
use crate::pages::{PageSettings, ScopeText};
use crate::passwords::HashSettings;
use crate::pruning::PruneRules;
use crate::revocation::ProjectionSettings;
use crate::tokens::{CutRules, Limits, TokenSettings};

/// The settings of the keystore. A cache may keep the key set for its max-age, and a verifier behind the cache for as
/// long again. The publishing time also includes the clock skew of replicas, and the second within which each of them
/// notices a change.
pub fn key_settings(settings: &Settings) -> KeyStoreSettings {
    const NOTICE_MS: i64 = 1000;
    /// The leeway of a verifier (at most 30 s), and as much for its clock.
    const LEEWAY_MS: i64 = 1000 * FACT_OUTLIVES_TOKENS_S;
    const DAY_MS: i64 = 86_400_000;
    let skew_ms = settings.revocation.clock_skew_ms;
    let days = i64::from(settings.keys.rotate_after_days);
    KeyStoreSettings {
        rsa_bits: settings.keys.rsa_bits,
        rules: RotationRules {
            publish_ms: 2000 * i64::from(settings.keys.jwks_max_age_seconds) + NOTICE_MS + skew_ms,
            rotate_after_ms: (days > 0).then_some(days * DAY_MS),
            keep_ms: LEEWAY_MS + skew_ms,
        },
    }
}

/// How long rows are kept.
pub fn prune_rules(settings: &Settings) -> PruneRules {
    const DAY_MS: i64 = 86_400_000;
    let days = i64::from(settings.audit.retention_days);
    PruneRules {
        refresh_replay_ms: settings.tokens.refresh_replay_seconds.saturating_mul(1000),
        audit_ms: (days > 0).then_some(days * DAY_MS),
    }
}

pub(crate) fn client_settings(settings: &Settings) -> AdministrationSettings {
    AdministrationSettings {
        audience: settings.tokens.audience.clone(),
        access_ttl_s: settings.tokens.access_ttl_seconds,
        clock_skew_ms: settings.revocation.clock_skew_ms,
    }
}

/// Which requests the revocation feed accepts. Without a token it accepts requests from this machine, but only if
/// there is no proxy (all requests would come from its address) and the issuer is a loopback address (an issuer with
/// a public name is meant to be reached from other machines).
pub(super) fn feed_access(settings: &Settings) -> FeedAccess {
    let is_local = Url::parse(&settings.issuer).is_ok_and(|issuer| is_loopback_url(&issuer));
    match &settings.revocation.feed_token {
        Some(token) => FeedAccess::Token(Arc::new(token.clone())),
        None if is_local && settings.http.trusted_proxies.is_empty() => FeedAccess::Loopback,
        None => FeedAccess::Closed,
    }
}

pub(crate) fn projection(settings: &Settings) -> Option<ProjectionSettings> {
    let revocation = &settings.revocation;
    revocation.redis_url.as_ref().map(|url| ProjectionSettings {
        url: url.expose().to_owned(),
        prefix: revocation.prefix.clone(),
        list_ttl: Duration::from_secs(revocation.list_ttl_seconds),
        allow_eviction: revocation.allow_eviction,
    })
}

pub(crate) fn hash_settings(settings: &Settings) -> HashSettings {
    let workers = match settings.passwords.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    HashSettings {
        bcrypt_cost: settings.passwords.bcrypt_cost,
        workers,
        queue_limit: settings.passwords.queue_limit,
    }
}

pub(crate) fn password_rules(settings: &Settings) -> PasswordRules {
    PasswordRules { min_length: settings.passwords.min_length, max_length: settings.passwords.max_length }
}

/// What the consent page says about scopes, by their names. The pages are in English only.
pub(super) fn scope_texts(scopes: &[DescribedScope]) -> HashMap<String, ScopeText> {
    let text =
        |scope: &DescribedScope| ScopeText { title: scope.title.clone(), sentence: scope.sentence.clone() };
    scopes.iter().map(|scope| (scope.name.clone(), text(scope))).collect()
}

pub(super) fn page_settings(settings: &Settings) -> PageSettings {
    let pages = settings.pages.clone();
    PageSettings {
        name: pages.name,
        accent: pages.accent,
        accent_dark: pages.accent_dark,
        logo: pages.logo,
        logo_dark: pages.logo_dark,
        support: pages.support,
        issuer_host: settings.issuer_host().to_owned(),
        base_path: settings.base_path().to_owned(),
        min_password_length: settings.passwords.min_length,
    }
}

/// The clock skew and token lifetime that a cut against a user has to cover.
pub fn cut_rules(settings: &Settings) -> CutRules {
    CutRules {
        clock_skew_ms: settings.revocation.clock_skew_ms,
        access_ttl_s: settings.tokens.access_ttl_seconds,
    }
}

/// The limits on the lifetime and the number of sessions.
pub fn session_limits(settings: &SessionSettings) -> SessionLimits {
    SessionLimits {
        max_age_s: settings.max_age_seconds,
        idle_s: (settings.idle_seconds > 0).then_some(settings.idle_seconds),
        max_per_user: (settings.max_per_user > 0).then_some(settings.max_per_user),
        browser: BrowserSessionLimits {
            idle_s: settings.browser_idle_seconds,
            max_age_s: settings.browser_max_age_seconds,
        },
    }
}

/// The rate limits.
pub fn limits(settings: &ThrottleSettings) -> Limits {
    let if_enabled = |limit: u32| settings.enabled.then_some(limit);
    Limits {
        refreshes_of_session: if_enabled(settings.refreshes_per_session_per_minute),
        revocations_of_client: if_enabled(settings.revocations_per_client_per_minute),
        codes_of_user: if_enabled(settings.codes_per_user_per_minute),
    }
}

pub(super) fn token_settings(settings: &Settings) -> Result<TokenSettings, InvalidScope> {
    Ok(TokenSettings {
        issuer: settings.issuer.clone(),
        audience: settings.tokens.audience.clone(),
        default_scope: Scopes::parse(&settings.tokens.default_scope)?,
        access_ttl_s: settings.tokens.access_ttl_seconds,
        refresh_ttl_s: settings.tokens.refresh_ttl_seconds,
        refresh_replay_s: settings.tokens.refresh_replay_seconds,
        sessions: session_limits(&settings.sessions),
        limits: limits(&settings.throttle),
        clock_skew_ms: settings.revocation.clock_skew_ms,
        shows_unverified_email: settings.claims.unverified_email,
    })
}
