//! `/metrics`.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, http::header};
use prometheus::{Encoder, TextEncoder};

use super::Metrics;
use crate::http::{HttpError, resource};

/// Registers `/metrics`.
pub fn configure(config: &mut ServiceConfig, metrics: &Metrics) {
    config.app_data(web::Data::new(metrics.clone())).service(resource("/metrics").get(show));
}

async fn show(metrics: web::Data<Metrics>) -> Result<HttpResponse, HttpError> {
    let text = render(&metrics).map_err(HttpError::internal)?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, prometheus::TEXT_FORMAT)).body(text))
}

/// All metrics in Prometheus' text format.
pub fn render(metrics: &Metrics) -> prometheus::Result<String> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&metrics.registry().gather(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
