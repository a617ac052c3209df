//! `auth-service healthcheck`.

use service_kit::health;

use super::Failure;
use crate::config::Settings;

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    Ok(health::request_readiness(settings.http.bind)?)
}
