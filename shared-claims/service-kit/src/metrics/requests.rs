//! Metrics of HTTP: requests by method, route and status class, and connections.
//!
//! Each worker thread has its own counters of requests, to which no other thread writes, and `/metrics` adds them up. A
//! request then costs only a few additions, without a look-up and without waiting for another processor's cache.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use actix_web::http::Method;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{IntCounter, IntGauge, Opts, Registry};

/// Methods that are used as labels. All others are counted as `other`, so that a client cannot create new time series.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The upper bounds of the histogram's buckets, seconds. One more bucket has no bound.
const BOUNDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The counters of all workers.
#[derive(Default)]
pub(super) struct Requests {
    routes: Mutex<Vec<Arc<RouteCounts>>>,
    workers: Mutex<Vec<Arc<AtomicI64>>>,
}

/// The counters of one route in one worker. Only the worker's thread writes to them.
pub(crate) struct RouteCounts {
    route: String,
    methods: [OnceLock<Box<MethodCounts>>; METHODS.len()],
}

#[derive(Default)]
struct MethodCounts {
    classes: [AtomicU64; CLASSES.len()],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// The number of requests in progress in one worker. Only its thread writes to it.
pub(crate) struct InFlight(Arc<AtomicI64>);

impl InFlight {
    pub(crate) fn add(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

impl RouteCounts {
    /// Counts a response.
    pub(crate) fn count(&self, method: &Method, status: u16, took: Duration) {
        let method = match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::POST => 2,
            Method::PUT => 3,
            Method::PATCH => 4,
            Method::DELETE => 5,
            Method::OPTIONS => 6,
            _ => 7,
        };
        let Some(counts) = self.methods.get(method) else { return };
        let counts = counts.get_or_init(Box::default);
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        for counter in [counts.classes.get(class), counts.buckets.get(bucket)].into_iter().flatten() {
            add(counter, 1);
        }
        add(&counts.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Adds without a locked instruction, because only the worker's own thread writes to its counters.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

impl Requests {
    /// The counters of a route in one worker.
    pub(super) fn route(&self, route: &str) -> Arc<RouteCounts> {
        let counts = Arc::new(RouteCounts { route: route.to_owned(), methods: Default::default() });
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counts));
        counts
    }

    /// The gauge of one worker.
    pub(super) fn worker(&self) -> InFlight {
        let running = Arc::new(AtomicI64::new(0));
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&running));
        InFlight(running)
    }

    /// The sums of all workers, by method and route.
    fn sums(&self) -> BTreeMap<(&'static str, String), Sum> {
        let mut sums: BTreeMap<_, Sum> = BTreeMap::new();
        for route in self.routes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (method, counts) in METHODS.iter().zip(&route.methods) {
                if let Some(counts) = counts.get() {
                    sums.entry((*method, route.route.clone())).or_default().add(counts);
                }
            }
        }
        sums
    }

    fn in_flight(&self) -> i64 {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|running| running.load(Ordering::Relaxed)).sum()
    }
}

#[derive(Default)]
struct Sum {
    classes: [u64; CLASSES.len()],
    buckets: [u64; BOUNDS.len() + 1],
    nanoseconds: u64,
}

impl Sum {
    fn add(&mut self, counts: &MethodCounts) {
        let classes = self.classes.iter_mut().zip(&counts.classes);
        let buckets = self.buckets.iter_mut().zip(&counts.buckets);
        for (sum, count) in classes.chain(buckets) {
            *sum += count.load(Ordering::Relaxed);
        }
        self.nanoseconds = self.nanoseconds.wrapping_add(counts.nanoseconds.load(Ordering::Relaxed));
    }

    fn histogram(&self) -> Histogram {
        let mut counted = 0;
        let bounds = BOUNDS.iter().copied().chain([f64::INFINITY]);
        let buckets = bounds.zip(self.buckets).map(|(bound, count)| {
            counted += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(counted);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counted);
        histogram.set_sample_sum(Duration::from_nanos(self.nanoseconds).as_secs_f64());
        histogram
    }
}

/// Exposes the counters to a registry.
pub(super) struct RequestsCollector {
    requests: Arc<Requests>,
    answered: Desc,
    seconds: Desc,
    in_flight: Desc,
}

impl RequestsCollector {
    pub(super) fn new(requests: Arc<Requests>) -> prometheus::Result<Self> {
        let desc = |name: &str, help: &str, labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            let opts = Opts::new(name, help);
            Desc::new(opts.fq_name(), opts.help, labels, std::collections::HashMap::new())
        };
        Ok(Self {
            requests,
            answered: desc(
                "latchkey_http_requests_total",
                "Responses, by method, route and class of status.",
                &["method", "route", "status"],
            )?,
            seconds: desc(
                "latchkey_http_request_duration_seconds",
                "Time from the head of the request to the head of the response.",
                &["method", "route"],
            )?,
            in_flight: desc("latchkey_http_requests_in_flight", "Requests in progress.", &[])?,
        })
    }
}

impl Collector for RequestsCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.answered, &self.seconds, &self.in_flight]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (mut answered, mut seconds) = (Vec::new(), Vec::new());
        for ((method, route), sum) in self.requests.sums() {
            for (class, count) in CLASSES.iter().zip(sum.classes).filter(|(_, count)| *count > 0) {
                let mut counter = Counter::default();
                counter.set_value(number(count));
                let mut metric =
                    Metric::from_label(labels(&[("method", method), ("route", &route), ("status", class)]));
                metric.set_counter(counter);
                answered.push(metric);
            }
            let mut metric = Metric::from_label(labels(&[("method", method), ("route", &route)]));
            metric.set_histogram(sum.histogram());
            seconds.push(metric);
        }
        let mut gauge = Gauge::default();
        gauge.set_value(number(u64::try_from(self.requests.in_flight()).unwrap_or(0)));
        vec![
            family(&self.answered, MetricType::COUNTER, answered),
            family(&self.seconds, MetricType::HISTOGRAM, seconds),
            family(&self.in_flight, MetricType::GAUGE, vec![Metric::from_gauge(gauge)]),
        ]
    }
}

fn family(desc: &Desc, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    pairs.iter().map(pair).collect()
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floats")]
fn number(count: u64) -> f64 {
    count as f64
}

/// The counters of all connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    open: IntGauge,
    stalled: IntCounter,
    refused: IntCounter,
}

/// An open connection, counted until it is dropped.
pub(crate) struct OpenConnection(Connections);

impl Connections {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let open = IntGauge::new("latchkey_http_connections", "Connections that are open.")?;
        let stalled = IntCounter::new(
            "latchkey_http_connections_stalled_total",
            "Connections closed because the client did not read its response or did not complete its request.",
        )?;
        let refused = IntCounter::new(
            "latchkey_http_connections_refused_total",
            "Connections closed at once because their address had reached its limit.",
        )?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(stalled.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self { open, stalled, refused })
    }

    pub(crate) fn opened(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.clone())
    }

    pub(crate) fn refused(&self) {
        self.refused.inc();
    }
}

impl OpenConnection {
    /// Counts the error if it is a time-out of the peer, set by the service or by the kernel.
    pub(crate) fn stalled(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::TimedOut {
            self.0.stalled.inc();
        }
        error
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.dec();
    }
}
