//! Converts the settings of the configuration to the settings of the components.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use service_kit::database::Database;
use service_kit::http::Network;
use shared_claims::issuer::RedisAddress;
use shared_claims::issuer::contract::FACT_OUTLIVES_TOKENS_S;
use shared_claims::scope::{InvalidScope, Scopes};

use crate::accounts::AccountPolicy;
use crate::clients::AdministrationSettings;
use crate::config::{
    DescribedScope, MailTransport, RegistrationMode, SessionSettings, Settings, ThrottleSettings,
};
use crate::domain::signing_key::RotationRules;
use crate::domain::{BrowserSessionLimits, PasswordRules, SessionLimits};
use crate::http::revocations::FeedAccess;
use crate::keys::KeyStoreSettings;
use crate::outbound::OutboundSettings;
use crate::pages::{PageSettings, ScopeText, ScopeTexts};
use crate::passwords::HashSettings;
use crate::pruning::PruneRules;
use crate::revocation::ProjectionSettings;
use crate::throttle::{CounterStore, ThrottleRules};
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
        is_local: settings.is_local(),
    }
}

/// Which addresses may be called that somebody else chose.
pub(super) fn outbound_settings(settings: &Settings) -> OutboundSettings {
    let is_local = settings.is_local();
    let mut allowed_networks = settings.backchannel.allowed_networks.clone();
    if is_local && allowed_networks.is_empty() {
        allowed_networks
            .extend(["127.0.0.0/8", "::1"].iter().filter_map(|network| network.parse::<Network>().ok()));
    }
    OutboundSettings { allowed_networks, allows_http: is_local }
}

/// For addresses that the operator wrote into the configuration: any may be called, also one of the own network.
pub(super) fn outbound_to_configured_urls() -> OutboundSettings {
    let networks = ["0.0.0.0/0", "::/0"].iter().filter_map(|network| network.parse::<Network>().ok());
    OutboundSettings { allowed_networks: networks.collect(), allows_http: true }
}

/// Which requests the revocation feed accepts. Without a token it accepts requests from this machine, but only if
/// there is no proxy (all requests would come from its address) and the issuer is a loopback address (an issuer with
/// a public name is meant to be reached from other machines).
pub(super) fn feed_access(settings: &Settings) -> FeedAccess {
    match &settings.revocation.feed_token {
        Some(token) => FeedAccess::Token(Arc::new(token.clone())),
        None if settings.is_local() && settings.http.trusted_proxies.is_empty() => FeedAccess::Loopback,
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
        max_wait: Duration::from_millis(settings.passwords.max_wait_ms),
    }
}

pub(super) fn password_rules(settings: &Settings) -> PasswordRules {
    PasswordRules { min_length: settings.passwords.min_length, max_length: settings.passwords.max_length }
}

/// Who may register and log in, and whether mail is sent.
pub(crate) fn account_policy(settings: &Settings) -> AccountPolicy {
    AccountPolicy {
        is_registration_open: settings.registration.mode == RegistrationMode::Open,
        requires_verified_email: settings.registration.require_verified_email,
        sends_mail: sends_mail(settings),
    }
}

/// Whether a transport for mail is configured.
pub(crate) fn sends_mail(settings: &Settings) -> bool {
    settings.mail_transport() != MailTransport::None
}

/// What the consent page says about scopes, by their names.
pub(super) fn scope_texts(scopes: &[DescribedScope]) -> HashMap<String, ScopeTexts> {
    let texts = |scope: &DescribedScope| ScopeTexts {
        general: ScopeText { title: scope.title.clone(), sentence: scope.sentence.clone() },
        german_title: scope.title_de.clone(),
        german_sentence: scope.sentence_de.clone(),
    };
    scopes.iter().map(|scope| (scope.name.clone(), texts(scope))).collect()
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

/// The limits that are counted for addresses and names; `None` if nothing is limited.
pub(super) fn throttle_rules(settings: &Settings) -> Option<ThrottleRules> {
    let throttle = &settings.throttle;
    throttle.enabled.then(|| ThrottleRules {
        logins_per_minute: throttle.logins_per_address_per_minute,
        failures_per_name: throttle.failures_per_name,
        failure_counts: Duration::from_secs(throttle.lock_seconds),
        registrations_per_hour: throttle.registrations_per_hour,
        mails_per_hour: throttle.mails_per_hour,
        client_failures_per_minute: throttle.client_failures_per_minute,
        revocations_per_client_per_minute: throttle.revocations_per_client_per_minute,
        max_wait: Duration::from_millis(settings.passwords.max_wait_ms),
    })
}

/// Where the counters of the throttle stand: in Redis where it is configured, else in the database.
pub(super) fn counter_store(settings: &Settings, database: &Database) -> CounterStore {
    let url = settings.revocation.redis_url.as_ref();
    // The URL was checked with the settings.
    match url.and_then(|url| RedisAddress::parse(url.expose()).ok()) {
        Some(address) => CounterStore::Redis { address, prefix: settings.throttle.prefix.clone() },
        None => CounterStore::Database(database.clone()),
    }
}

/// The rate limits.
pub fn limits(settings: &ThrottleSettings) -> Limits {
    let if_enabled = |limit: u32| settings.enabled.then_some(limit);
    Limits {
        refreshes_of_session: if_enabled(settings.refreshes_per_session_per_minute),
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
