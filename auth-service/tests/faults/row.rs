//! Runs one fault from its injection to its repair.

use std::time::Duration;

use tokio::time::sleep;

use crate::fault::Fault;
use crate::judge::Way;
use crate::site::{BOUND_MS, Site};

/// How long a fault lasts: longer than the bound, after which no revoked token may be accepted.
const HOLD: Duration = Duration::from_millis(BOUND_MS + 1_000);
/// The time after a repair until the parts count as connected again and revocations are timed.
const CALM: Duration = Duration::from_millis(3_200);
/// The second that a timed revocation may take, and a margin.
const WATCHED: Duration = Duration::from_millis(1_300);

pub(crate) async fn run(fault: Fault) {
    let mut site = Site::start(fault.issuers(), fault.is_of_the_database()).await;
    site.revoke(3, 0).await;
    site.settled().await;

    let (way, carriers) = fault.ways();
    site.turn(way, &carriers);
    fault.inject(&mut site).await;
    site.verifiers("new ").await;
    if let Some(issuer) = fault.asked() {
        site.revoke(2, issuer).await;
    }
    if fault.lasts() {
        sleep(HOLD).await;
    }
    fault.mend(&mut site).await;
    site.turn(Way::Well, &carriers);
    site.revoke(1, 0).await;
    sleep(CALM).await;
    site.revoke(3, 0).await;
    sleep(WATCHED).await;

    site.settled().await;
    let counted = site.judge();
    let asked_all_the_time = counted.answers > 2_000 && counted.accepted > 500 && counted.refused > 500;
    assert!(asked_all_the_time, "{counted:?}");
}
