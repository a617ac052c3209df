//! `auth-service check-config`.

use service_kit::config;

use super::Failure;
use crate::config::Settings;
use crate::keys::MasterKey;

/// The settings were found to be good when they were loaded; what else would stop a start is looked at here, and nothing is
/// made or changed.
pub(super) fn run(settings: &Settings) -> Result<String, Failure> {
    if settings.keys.encryption_key.is_none() {
        MasterKey::check_file(&settings.keys.master_key_path)?;
    }
    Ok(config::render(settings)?.trim_end().to_owned())
}
