//! `auth-service healthcheck`.

use service_kit::healthcheck;

use super::Failure;
use crate::config::Settings;

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    Ok(healthcheck::ask(settings.http.bind)?)
}
