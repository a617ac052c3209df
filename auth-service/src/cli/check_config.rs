//! `auth-service check-config`.

use service_kit::config;

use super::Failure;
use crate::config::Settings;

pub(super) fn run(settings: &Settings) -> Result<String, Failure> {
    Ok(config::render(settings)?.trim_end().to_owned())
}
