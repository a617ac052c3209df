//! Metrics whose values are read from elsewhere when `/metrics` is requested.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Error, Opts};
use shared_claims::metrics::MetricKind;

use super::Metrics;
use crate::database::Database;

/// One value with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct LabeledValue {
    /// Names and values of the labels.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

impl LabeledValue {
    /// A single value without labels.
    pub fn unlabeled(value: f64) -> Vec<Self> {
        vec![Self { labels: Vec::new(), value }]
    }
}

/// A metric whose values a function returns.
struct Callback<F> {
    desc: Desc,
    kind: MetricKind,
    read: F,
}

impl<F: Fn() -> Vec<LabeledValue> + Send + Sync> Collector for Callback<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(match self.kind {
            MetricKind::Counter => MetricType::COUNTER,
            // The enum is `non_exhaustive`, but it has only these two kinds.
            _ => MetricType::GAUGE,
        });
        family.set_metric((self.read)().into_iter().map(|value| metric(self.kind, value)).collect());
        vec![family]
    }
}

fn metric(kind: MetricKind, LabeledValue { labels, value }: LabeledValue) -> Metric {
    let label = |(name, value): (&str, String)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value);
        pair
    };
    let mut metric = Metric::default();
    metric.set_label(labels.into_iter().map(label).collect());
    if kind == MetricKind::Counter {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

impl Metrics {
    /// Registers a metric whose value `read` returns at each request for `/metrics`.
    pub fn register_callback(
        &self,
        kind: MetricKind,
        name: &str,
        help: &str,
        labels: &[&str],
        read: impl Fn() -> Vec<LabeledValue> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let opts = Opts::new(name, help);
        let desc = Desc::new(opts.fq_name(), opts.help, labels, std::collections::HashMap::new())?;
        self.register(Callback { desc, kind, read })
    }
}

impl Metrics {
    /// Registers the metrics of a database's pool.
    pub fn watch_database(&self, database: &Database) -> prometheus::Result<()> {
        let pool = database.clone();
        self.register_callback(
            MetricKind::Gauge,
            "latchkey_database_connections",
            "Connections of the pool, by state.",
            &["state"],
            move || {
                let status = pool.status();
                let sample =
                    |state: &str, value| LabeledValue { labels: vec![("state", state.to_owned())], value };
                let used = status.connections.saturating_sub(status.idle);
                vec![
                    sample("idle", f64::from(status.idle)),
                    sample("used", f64::from(used)),
                    sample("abandoned", f64::from(status.abandoned)),
                ]
            },
        )?;
        let pool = database.clone();
        self.register_callback(
            MetricKind::Counter,
            "latchkey_database_connections_abandoned_total",
            "Connections that were given up because the database did not respond in time.",
            &[],
            #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
            move || LabeledValue::unlabeled(pool.status().abandoned_total as f64),
        )?;
        let pool = database.clone();
        self.register_callback(
            MetricKind::Counter,
            "latchkey_database_transactions_repeated_total",
            "Transactions that were run again after a deadlock or a serialization failure.",
            &[],
            #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
            move || LabeledValue::unlabeled(pool.status().repeated_total as f64),
        )?;
        let pool = database.clone();
        self.register_callback(
            MetricKind::Gauge,
            "latchkey_database_waiting",
            "Operations that wait for a connection.",
            &[],
            move || {
                LabeledValue::unlabeled(f64::from(u32::try_from(pool.status().waiting).unwrap_or(u32::MAX)))
            },
        )
    }
}
