//! Shared by the tests: verifiers with one key, and tokens for them.

use std::sync::Arc;

use shared_claims::clock::ManualClock;
use shared_claims::testing::{ScriptedSource, TestKey, TokenBuilder};
use shared_claims::verifier::{KeySet, KeySetHandle, Verifier, VerifierBuilder};
use shared_claims::{required_role, required_scope};

pub(crate) const ISSUER: &str = "http://localhost:8000";
pub(crate) const COOKIE: &str = "__Host-access_token";
pub(crate) const LISTED: &str = "https://app.example";
/// The `sub` of the user whose tokens are revoked in a test with a revocation source.
pub(crate) const MALLORY: &str = "mallory";

required_scope!(pub(crate) TodosWrite, "todos:write");
required_role!(pub(crate) Admin, "admin");

/// The revocation source of a verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// No source: a check never waits.
    None,
    /// A source for which a check has to wait.
    Waited,
}

pub(crate) fn token() -> TokenBuilder {
    TestKey::shared(0).token(ISSUER, "todo-service", &*clock())
}

pub(crate) async fn verifier(source: Source) -> Verifier {
    let handle = KeySetHandle::new();
    handle.set(KeySet::from_keys([TestKey::shared(0).public()]));
    let builder = builder(handle);
    match source {
        Source::None => builder.without_revocation(),
        Source::Waited => builder.revocation(mallory_is_revoked().revocation()),
    }
    .build()
    .await
    .unwrap()
}

/// A verifier without keys.
pub(crate) async fn without_keys() -> Verifier {
    builder(KeySetHandle::new()).without_revocation().build().await.unwrap()
}

pub(crate) fn builder(keys: KeySetHandle) -> VerifierBuilder {
    Verifier::builder(ISSUER).audience("todo-service").keys(keys).clock(clock())
}

fn mallory_is_revoked() -> ScriptedSource {
    ScriptedSource::revoking(shared_claims::revocation::RevocationKind::Sub, MALLORY)
}

fn clock() -> Arc<ManualClock> {
    ManualClock::at(1_767_225_600_500)
}
