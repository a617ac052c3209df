//! `auth-service serve`.

use service_kit::{server, telemetry};

use super::Failure;
use crate::config::Settings;
use crate::startup::{Application, World};

pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let _log = telemetry::init(&settings.log)?;
    server::raise_open_file_limit();
    let application = Application::build(settings, World::system()).await?;
    tracing::info!(port = application.port(), version = env!("CARGO_PKG_VERSION"), "server.listening");
    Ok(application.run_until_stopped().await?)
}
