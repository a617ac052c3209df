//! Data for the benchmarks: tokens as the issuer writes them, and a verifier with a million facts in its mirror.
#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod report;
pub(crate) mod wrk;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shared_claims::claims::TokenId;
use shared_claims::clock::{Clock as _, SystemClock};
use shared_claims::revocation::{Mirror, MirrorSettings, RevocationFact, RevocationKind};
use shared_claims::testing::{TestKey, token_id};
use shared_claims::verifier::{KeySet, KeySetHandle, Verifier};

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "todo-service";

/// The number of facts in the mirror: most are about tokens, some about sessions, users and clients.
const FACTS: u32 = 1_000_000;

/// The signing key.
pub(crate) fn key() -> &'static TestKey {
    TestKey::shared(0)
}

/// Valid tokens, each with its own user and session, and with every claim that the issuer writes.
pub(crate) fn tokens(count: usize) -> Vec<String> {
    let now = SystemClock.now_seconds();
    let token = |_| {
        let token = key().token(ISSUER, AUDIENCE, &SystemClock);
        let token = token.claim("aud", json!([AUDIENCE, ISSUER])).claim("sid", id().to_string());
        let token = token.claim("sub", id().to_string());
        let token = token.claim("exp", now + 86_400).claim("auth_time", now).claim("amr", json!(["pwd"]));
        token.claim("acr", "1").claim("roles", json!([])).sign()
    };
    (0..count).map(token).collect()
}

fn id() -> TokenId {
    token_id(SystemClock.now_ms())
}

/// The facts. None of them revokes a token of [`tokens`].
pub(crate) fn facts() -> impl Iterator<Item = RevocationFact> {
    let (now_ms, exp) = (SystemClock.now_ms(), SystemClock.now_seconds() + 86_400);
    (0..FACTS).map(move |number| {
        let kind = match number {
            0..10 => RevocationKind::Client,
            10..10_000 => RevocationKind::Sub,
            10_000..50_000 => RevocationKind::Sid,
            _ => RevocationKind::Jti,
        };
        let id = if kind == RevocationKind::Client { format!("client-{number}") } else { id().to_string() };
        RevocationFact { kind, id, at: kind.has_cut().then_some(now_ms), exp }
    })
}

/// A mirror with these facts that stays current for as long as a benchmark runs.
pub(crate) fn mirror(facts: impl Iterator<Item = RevocationFact>) -> Mirror {
    let clock = Arc::new(SystemClock);
    let settings = MirrorSettings::default().max_staleness(Duration::from_secs(86_400)).clock(clock);
    let (mirror, writer) = Mirror::by_hand(settings);
    let began = SystemClock.boot_ms();
    facts.for_each(|fact| writer.add(&fact).unwrap());
    writer.complete_as_of(began);
    mirror
}

/// A verifier that uses this mirror, with a token cache of this size.
pub(crate) async fn verifier(mirror: &Mirror, cached: usize) -> Verifier {
    let keys = KeySetHandle::new();
    keys.set(KeySet::from_keys([key().public()]));
    let builder = Verifier::builder(ISSUER).audience(AUDIENCE).keys(keys);
    builder.token_cache_entries(cached).revocation(mirror.clone().into()).build().await.unwrap()
}

/// A runtime for the few calls that must be awaited.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
