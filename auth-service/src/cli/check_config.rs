//! `auth-service check-config`.

use service_kit::config;

use super::Failure;
use crate::config::Settings;
use crate::keys::MasterKey;
use crate::startup;

/// Checks what else would stop a start. The settings themselves were validated when they were loaded. Nothing is
/// created or changed.
pub(super) fn run(settings: &Settings) -> Result<String, Failure> {
    if settings.keys.encryption_key.is_none() {
        MasterKey::check_file(&settings.keys.master_key_path)?;
    }
    startup::pages(settings)?;
    Ok(config::render(settings)?.trim_end().to_owned())
}
