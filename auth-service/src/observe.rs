//! What the service tells of itself: checks behind `/readyz`, numbers for Prometheus.

mod locks;
mod pruning;
mod queue;
mod throttle;

use std::sync::Arc;

use service_kit::database::Database;
use service_kit::health::{CheckResult, HealthChecks};
use service_kit::metrics::{LabeledValue, Metrics};
use service_kit::timestamp::rfc3339;
use shared_claims::clock::SharedClock;
use shared_claims::metrics::MetricKind;

pub(crate) use self::locks::watch_locks;
pub(crate) use self::pruning::watch_pruning;
pub(crate) use self::queue::watch_queue;
pub(crate) use self::throttle::watch_throttle;
use crate::clients::{Clients, RegistryStatus};
use crate::domain::signing_key::{KeyState, first_next};
use crate::keys::KeyStore;
use crate::passwords::{BreachCheckStatus, HashPoolStatus, PasswordPolicy, Passwords};
use crate::revocation::feed::{Feed, FeedStatus};
use crate::revocation::{ProjectionState, ProjectionStatus, Revocations};

/// From this age on a reading of the keys is worth mentioning; they are read twice a second.
const KEYS_UNREAD_MS: u64 = 10_000;

/// The checks: without the database nothing works, without Redis verifiers follow the feed or refuse.
pub(crate) fn checks(database: &Database, keys: &KeyStore, revocations: &Revocations) -> HealthChecks {
    let keys = keys.clone();
    let health = HealthChecks::new().database(database).required("signing_key", move || {
        let found = signing_key(&keys);
        async move { found }
    });
    let continuity = revocations.continuity().clone();
    let health = health.required("revocation_log", move || {
        let is_older = continuity.is_older();
        async move {
            if is_older {
                CheckResult::down("the database is an older state of itself: run after-restore")
            } else {
                CheckResult::ok()
            }
        }
    });
    if revocations.status().is_none() {
        return health;
    }
    let revocations = revocations.clone();
    health.reported("redis", move || {
        let found = revocations.status().map_or_else(CheckResult::ok, projection);
        async move { found }
    })
}

/// Without a key that it can open, or a look at the table, this process signs nothing.
fn signing_key(keys: &KeyStore) -> CheckResult {
    let finding = match keys.age_ms() {
        _ if !keys.can_sign() => CheckResult::down("cannot be opened"),
        age_ms if age_ms > KEYS_UNREAD_MS => CheckResult::degraded("not read for a while"),
        _ => CheckResult::ok(),
    };
    let finding = finding.with("kid", keys.active_kid());
    match first_next(&keys.lifecycles()) {
        None => finding,
        Some(next) => {
            finding.with("next", next.kid.clone()).with("next_activates_at", rfc3339(next.activates_at_ms))
        }
    }
}

fn projection(status: ProjectionStatus) -> CheckResult {
    let state = status.state.as_str();
    let finding = match status.state {
        ProjectionState::Current if status.is_full => CheckResult::degraded("memory_full"),
        ProjectionState::Current => CheckResult::ok(),
        ProjectionState::Starting
        | ProjectionState::Conflict
        | ProjectionState::Contested
        | ProjectionState::Full
        | ProjectionState::MayEvict
        | ProjectionState::DatabaseUnavailable
        | ProjectionState::Panicked => CheckResult::degraded(state),
        ProjectionState::RedisUnavailable | ProjectionState::Older => CheckResult::down(state),
    };
    finding.with("delivered", status.delivered).with("evicted_keys", status.evicted_keys)
}

/// Registers the service's own numbers.
pub(crate) fn watch(
    metrics: &Metrics,
    passwords: &Passwords,
    policy: &PasswordPolicy,
    revocations: &Revocations,
) -> prometheus::Result<()> {
    watch_passwords(metrics, passwords)?;
    watch_breach_check(metrics, policy)?;
    if revocations.status().is_some() { watch_projection(metrics, revocations) } else { Ok(()) }
}

fn watch_passwords(metrics: &Metrics, passwords: &Passwords) -> prometheus::Result<()> {
    type Read = fn(HashPoolStatus) -> f64;
    let numbers: [(MetricKind, &str, &str, Read); 6] = [
        (MetricKind::Counter, "latchkey_password_hashes_total", "Password hashes computed.", |status| {
            number(status.hashes)
        }),
        (
            MetricKind::Counter,
            "latchkey_password_hashes_refused_total",
            "Requests refused: their turn to be hashed would have come too late.",
            |status| number(status.refused),
        ),
        (MetricKind::Gauge, "latchkey_password_hashes_waiting", "Hashes that wait for a worker.", |status| {
            number(u64::try_from(status.waiting).unwrap_or(u64::MAX))
        }),
        (MetricKind::Gauge, "latchkey_password_hashes_running", "Workers that hash.", |status| {
            number(u64::try_from(status.running).unwrap_or(u64::MAX))
        }),
        (
            MetricKind::Counter,
            "latchkey_password_hashes_wait_seconds_total",
            "How long hashes have waited for a worker, all together.",
            |status| status.waited.as_secs_f64(),
        ),
        (MetricKind::Gauge, "latchkey_password_hash_seconds", "How long a hash takes.", |status| {
            status.turn.as_secs_f64()
        }),
    ];
    for (kind, name, help, read) in numbers {
        let passwords = passwords.clone();
        metrics.register_callback(kind, name, help, &[], move || {
            LabeledValue::unlabeled(read(passwords.status()))
        })?;
    }
    Ok(())
}

/// Registers how the checks for leaked passwords ended, if a service is asked.
fn watch_breach_check(metrics: &Metrics, policy: &PasswordPolicy) -> prometheus::Result<()> {
    let Some(breaches) = policy.breaches().cloned() else { return Ok(()) };
    metrics.register_callback(
        MetricKind::Counter,
        "latchkey_password_breach_checks_total",
        "Checks of new passwords at the service for leaked ones, by result.",
        &["result"],
        move || {
            let BreachCheckStatus { clear, known, failed } = breaches.status();
            let sample = |(result, count): (&str, u64)| LabeledValue {
                labels: vec![("result", result.to_owned())],
                value: number(count),
            };
            [("clear", clear), ("known", known), ("failed", failed)].map(sample).to_vec()
        },
    )
}

/// Registers what is worth an alarm about the signing keys.
pub(crate) fn watch_keys(metrics: &Metrics, keys: &KeyStore, clock: &SharedClock) -> prometheus::Result<()> {
    let counted = keys.clone();
    metrics.register_callback(
        MetricKind::Gauge,
        "latchkey_signing_keys",
        "Keys of the key set, by state.",
        &["state"],
        move || {
            let keys = counted.lifecycles();
            let states = [KeyState::Next, KeyState::Active, KeyState::Retired];
            let count = |state| keys.iter().filter(|key| key.state == state).count();
            let sample = |state: KeyState| LabeledValue {
                labels: vec![("state", state.as_str().to_owned())],
                value: number(u64::try_from(count(state)).unwrap_or(u64::MAX)),
            };
            states.map(sample).to_vec()
        },
    )?;
    let (active, clock) = (keys.clone(), Arc::clone(clock));
    metrics.register_callback(
        MetricKind::Gauge,
        "latchkey_signing_key_age_seconds",
        "For how long the active key has signed.",
        &[],
        move || {
            let keys = active.lifecycles();
            let began = keys.iter().find(|key| key.state == KeyState::Active);
            let age_ms = began.map_or(0, |life| clock.now_ms().saturating_sub(life.activates_at_ms));
            LabeledValue::unlabeled(number(u64::try_from(age_ms / 1000).unwrap_or(0)))
        },
    )?;
    let read = keys.clone();
    metrics.register_callback(
        MetricKind::Gauge,
        "latchkey_signing_keys_read_age_seconds",
        "How old the last reading of the keys is.",
        &[],
        move || LabeledValue::unlabeled(number(read.age_ms() / 1000)),
    )
}

/// Registers what is known of OAuth clients.
pub(crate) fn watch_clients(metrics: &Metrics, clients: &Clients) -> prometheus::Result<()> {
    type Read = fn(RegistryStatus) -> u64;
    let numbers: [(MetricKind, &str, &str, Read); 4] = [
        (MetricKind::Gauge, "latchkey_clients_known", "OAuth clients in the last reading.", |status| {
            u64::try_from(status.clients).unwrap_or(u64::MAX)
        }),
        (
            MetricKind::Gauge,
            "latchkey_clients_unreadable",
            "Rows of OAuth clients and their secrets that this version cannot read.",
            |status| u64::try_from(status.unreadable).unwrap_or(u64::MAX),
        ),
        (
            MetricKind::Counter,
            "latchkey_clients_reads_total",
            "Looks at whether clients changed.",
            |status| status.reads,
        ),
        (MetricKind::Counter, "latchkey_clients_read_failures_total", "Such looks that failed.", |status| {
            status.failures
        }),
    ];
    for (kind, name, help, read) in numbers {
        let clients = clients.clone();
        metrics.register_callback(kind, name, help, &[], move || {
            LabeledValue::unlabeled(number(read(clients.status())))
        })?;
    }
    Ok(())
}

/// Registers what the feed counts.
pub(crate) fn watch_feed(metrics: &Metrics, feed: &Feed) -> prometheus::Result<()> {
    type Read = fn(FeedStatus) -> f64;
    let numbers: [(MetricKind, &str, &str, Read); 4] = [
        (MetricKind::Gauge, "latchkey_feed_followers", "Requests to the feed that are open.", |status| {
            number(u64::try_from(status.followers).unwrap_or(u64::MAX))
        }),
        (MetricKind::Counter, "latchkey_feed_reads_total", "Reads of the log for the feed.", |status| {
            number(status.reads)
        }),
        (
            MetricKind::Counter,
            "latchkey_feed_answers_total",
            "Requests to the feed that were answered with a page of the list.",
            |status| number(status.answers),
        ),
        (
            MetricKind::Gauge,
            "latchkey_feed_last_read_age_seconds",
            "How long ago the last good read of the log for the feed began; 0 before the first.",
            |status| status.read_age.as_secs_f64(),
        ),
    ];
    for (kind, name, help, read) in numbers {
        let feed = feed.clone();
        metrics
            .register_callback(kind, name, help, &[], move || LabeledValue::unlabeled(read(feed.status())))?;
    }
    Ok(())
}

fn watch_projection(metrics: &Metrics, revocations: &Revocations) -> prometheus::Result<()> {
    type Read = fn(ProjectionStatus) -> u64;
    let numbers: [(MetricKind, &str, &str, Read); 9] = [
        (
            MetricKind::Gauge,
            "latchkey_revocation_list_current",
            "1 while the list in Redis is proven whole.",
            |status| u64::from(matches!(status.state, ProjectionState::Current | ProjectionState::Contested)),
        ),
        (
            MetricKind::Gauge,
            "latchkey_revocation_list_redis_full",
            "1 while Redis has reached its maxmemory.",
            |status| u64::from(status.is_full),
        ),
        (
            MetricKind::Gauge,
            "latchkey_revocation_list_redis_memory_permille",
            "How much of its maxmemory Redis uses, in thousandths.",
            |status| status.memory_permille,
        ),
        (
            MetricKind::Counter,
            "latchkey_revocation_list_contests_total",
            "Lists replaced by another issuer's.",
            |status| status.contests,
        ),
        (
            MetricKind::Gauge,
            "latchkey_revocation_list_may_evict",
            "1 while Redis may drop revocations.",
            |status| u64::from(status.may_evict),
        ),
        (MetricKind::Counter, "latchkey_revocation_list_renewals_total", "Proofs renewed.", |status| {
            status.renewals
        }),
        (MetricKind::Counter, "latchkey_revocation_list_failures_total", "Rounds that failed.", |status| {
            status.failures
        }),
        (
            MetricKind::Counter,
            "latchkey_revocation_list_rebuilds_total",
            "Lists put in place anew.",
            |status| status.rebuilds,
        ),
        (
            MetricKind::Counter,
            "latchkey_revocation_list_evicted_keys_total",
            "Keys that Redis evicted.",
            |status| status.evicted_keys,
        ),
    ];
    for (kind, name, help, read) in numbers {
        let revocations = revocations.clone();
        metrics.register_callback(kind, name, help, &[], move || {
            LabeledValue::unlabeled(number(revocations.status().map_or(0, read)))
        })?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floats")]
fn number(count: u64) -> f64 {
    count as f64
}
