//! Waits for a condition instead of for a fixed time.

use std::future::Future;
use std::time::Duration;

/// Waits until `condition` holds; checks it every few milliseconds.
///
/// ```
/// use std::time::Duration;
/// use shared_claims::testing::eventually;
/// use shared_claims::verifier::Verifier;
///
/// async fn is_ready(verifier: &Verifier) {
///     eventually("the keys are there", Duration::from_secs(5), || async { verifier.status().is_ready() }).await;
/// }
/// ```
pub async fn eventually<F: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> F,
) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(limit, waiting).await.is_ok(), "not fulfilled within {limit:?}: {what}");
}
