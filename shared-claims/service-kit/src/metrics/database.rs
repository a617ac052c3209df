//! Metrics of the database pool.

use super::{Kind, Metrics, Sample};
use crate::database::Database;

impl Metrics {
    /// Registers the metrics of a database's pool.
    pub fn watch_database(&self, database: &Database) -> prometheus::Result<()> {
        let pool = database.clone();
        self.sampled(
            Kind::Gauge,
            "latchkey_database_connections",
            "Connections of the pool, by state.",
            &["state"],
            move || {
                let status = pool.status();
                let sample = |state: &str, value| Sample { labels: vec![("state", state.to_owned())], value };
                let used = status.connections.saturating_sub(status.idle);
                vec![
                    sample("idle", f64::from(status.idle)),
                    sample("used", f64::from(used)),
                    sample("abandoned", f64::from(status.abandoned)),
                ]
            },
        )?;
        let pool = database.clone();
        self.sampled(
            Kind::Counter,
            "latchkey_database_connections_abandoned_total",
            "Connections that were given up because an answer did not come in time.",
            &[],
            #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
            move || Sample::plain(pool.status().abandoned_total as f64),
        )?;
        let pool = database.clone();
        self.sampled(
            Kind::Counter,
            "latchkey_database_transactions_repeated_total",
            "Transactions that were run again after a deadlock or a serialization failure.",
            &[],
            #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
            move || Sample::plain(pool.status().repeated_total as f64),
        )?;
        let pool = database.clone();
        self.sampled(
            Kind::Gauge,
            "latchkey_database_waiting",
            "Pieces of work that wait for a connection.",
            &[],
            move || Sample::plain(f64::from(u32::try_from(pool.status().waiting).unwrap_or(u32::MAX))),
        )
    }
}
