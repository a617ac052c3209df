//! Requests, by method, route and kind of answer.

use std::time::Duration;

use actix_web::http::Method;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

pub(super) struct Requests {
    answered: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
}

/// Counts a request as running until it is dropped.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Requests {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let answered = IntCounterVec::new(
            Opts::new("latchkey_http_requests_total", "Requests answered, by method, route and class of status."),
            &["method", "route", "status"],
        )?;
        let buckets =
            vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        let seconds = HistogramVec::new(
            HistogramOpts::new("latchkey_http_request_duration_seconds", "Time until the answer's head was ready.")
                .buckets(buckets),
            &["method", "route"],
        )?;
        let in_flight = IntGauge::new("latchkey_http_requests_in_flight", "Requests that run.")?;
        registry.register(Box::new(answered.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        Ok(Self { answered, seconds, in_flight })
    }

    pub(super) fn began(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Labels come from a closed list: a client that makes up paths or methods makes up no time series.
    pub(super) fn ended(&self, method: &Method, route: Option<&str>, status: u16, took: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "other",
        };
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let route = route.unwrap_or("unmatched");
        self.answered.with_label_values(&[method, route, class]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}
