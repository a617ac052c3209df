//! Tests the verifier's side of the revocation list with real Redis processes, a proxy that misbehaves, and a scripted
//! feed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod feed;
mod feed_server;
mod forged_facts;
mod lookup;
mod mirror;
mod mirror_faults;
mod outbound;
mod panics;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use shared_claims::claims::{SessionId, TokenId};
use shared_claims::clock::{ManualClock, SystemClock};
use shared_claims::issuer::contract;
use shared_claims::revocation::{
    MirrorSettings, RedisSettings, RevocationFact, RevocationKind, RevocationQuery, Verdict,
};
use shared_claims::testing::{ListWriter, RedisProcess};

/// The time limit for events that normally happen at once.
const SOON: Duration = Duration::from_secs(10);

/// Point 4 of CONTRACT §6: a valid token is accepted again within this time after all parts are connected.
const RECOVERY: Duration = Duration::from_secs(3);

/// Longer than the staleness bound of 30 s.
const LONG_MS: u64 = 31_000;

const REVOKED: Verdict = Verdict::Revoked(RevocationKind::Jti);

fn now_s() -> i64 {
    use shared_claims::clock::Clock as _;
    SystemClock.now_seconds()
}

/// A token id made from a number.
fn jti(number: u128) -> TokenId {
    TokenId::new(i64::try_from(number).unwrap(), [0; 10])
}

/// A token made from a number.
fn token(number: u128) -> RevocationQuery<'static> {
    let exp = now_s() + 900;
    RevocationQuery { jti: jti(number), sid: None, sub: "user", client_id: "client", kid: "key", exp }
}

fn revocation_of(number: u128) -> RevocationFact {
    RevocationFact { kind: RevocationKind::Jti, id: jti(number).to_string(), at: None, exp: now_s() + 960 }
}

/// A manual clock that starts at the current time.
fn manual_clock() -> Arc<ManualClock> {
    ManualClock::at(now_s() * 1_000)
}

fn under(clock: &Arc<ManualClock>) -> MirrorSettings {
    MirrorSettings::default().clock(clock.clone())
}

fn settings(address: &str) -> RedisSettings {
    RedisSettings::new(&format!("redis://{address}")).unwrap()
}

async fn list_in(redis: &RedisProcess) -> ListWriter {
    let mut list = ListWriter::new(redis.connection().await, contract::DEFAULT_PREFIX);
    list.rebuild().await;
    list
}
