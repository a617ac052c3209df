//! The numbers of locked accounts.

use service_kit::metrics::{LabeledValue, Metrics};
use shared_claims::metrics::MetricKind;

use super::number;
use crate::accounts::Accounts;

/// Registers how many locks began.
pub(crate) fn watch_locks(metrics: &Metrics, accounts: &Accounts) -> prometheus::Result<()> {
    let accounts = accounts.clone();
    metrics.register_callback(
        MetricKind::Counter,
        "latchkey_throttle_locks_total",
        "Locks of accounts, and of identifiers that nobody has, which failed logins began.",
        &[],
        move || LabeledValue::unlabeled(number(accounts.locks_begun())),
    )
}
