//! Runs one fault from its injection to its repair.

use std::time::Duration;

use tokio::time::sleep;

use crate::deployment::{BOUND_MS, Deployment};
use crate::fault::Fault;
use crate::promise::PathState;

/// How long a fault lasts: longer than the bound, after which no revoked token may be accepted.
const FAULT_DURATION: Duration = Duration::from_millis(BOUND_MS + 1_000);
/// The time after a repair until the parts count as connected again and revocations are timed.
const RECOVERY_TIME: Duration = Duration::from_millis(3_200);
/// The second that a timed revocation may take, and a margin.
const REVOCATION_WATCH: Duration = Duration::from_millis(1_300);

pub(crate) async fn run(fault: Fault) {
    let mut deployment = Deployment::start(fault.issuers(), fault.needs_database_proxy()).await;
    deployment.revoke(3, 0).await;
    deployment.wait_until_settled().await;

    let (path_state, channels) = fault.path_state();
    deployment.set_path_state(path_state, &channels);
    fault.inject(&mut deployment).await;
    deployment.verifiers("new ").await;
    if let Some(issuer) = fault.revoking_issuer() {
        deployment.revoke(2, issuer).await;
    }
    if fault.lasts() {
        sleep(FAULT_DURATION).await;
    }
    fault.repair(&mut deployment).await;
    deployment.set_path_state(PathState::Good, &channels);
    deployment.revoke(1, 0).await;
    sleep(RECOVERY_TIME).await;
    deployment.revoke(3, 0).await;
    sleep(REVOCATION_WATCH).await;

    deployment.wait_until_settled().await;
    let counts = deployment.check();
    let asked_all_the_time = counts.answers > 2_000 && counts.accepted > 500 && counts.refused > 500;
    assert!(asked_all_the_time, "{counts:?}");
}
