//! Metrics whose values are read from elsewhere when `/metrics` is requested.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Error, Opts};

use super::Metrics;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up.
    Counter,
}

/// One value with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Names and values of the labels.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// A single value without labels.
    pub fn plain(value: f64) -> Vec<Self> {
        vec![Self { labels: Vec::new(), value }]
    }
}

struct Sampled<F> {
    desc: Desc,
    kind: Kind,
    read: F,
}

impl<F: Fn() -> Vec<Sample> + Send + Sync> Collector for Sampled<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(match self.kind {
            Kind::Gauge => MetricType::GAUGE,
            Kind::Counter => MetricType::COUNTER,
        });
        let metrics: Vec<Metric> =
            (self.read)().into_iter().map(|sample| metric(self.kind, sample)).collect();
        family.set_metric(metrics);
        vec![family]
    }
}

fn metric(kind: Kind, sample: Sample) -> Metric {
    let mut metric = Metric::default();
    let labels: Vec<LabelPair> = sample
        .labels
        .into_iter()
        .map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(value);
            pair
        })
        .collect();
    metric.set_label(labels);
    match kind {
        Kind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(sample.value);
            metric.set_gauge(gauge);
        }
        Kind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(sample.value);
            metric.set_counter(counter);
        }
    }
    metric
}

impl Metrics {
    /// Registers a metric whose value `read` returns at each request for `/metrics`.
    pub fn sampled(
        &self,
        kind: Kind,
        name: &str,
        help: &str,
        labels: &[&str],
        read: impl Fn() -> Vec<Sample> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let opts = Opts::new(name, help);
        let desc = Desc::new(opts.fq_name(), opts.help, labels, std::collections::HashMap::new())?;
        self.register(Sampled { desc, kind, read })
    }
}
