//! `auth-service migrate`.

use service_kit::telemetry;

use super::Failure;
use crate::config::Settings;
use crate::startup::{self, StartError};

pub(super) async fn run(settings: &Settings) -> Result<String, Failure> {
    let _log = telemetry::init(&settings.log)?;
    startup::open(settings).await.map_err(StartError::from)?;
    Ok("The database is up to date".to_owned())
}
