//! `auth-service backup` and `auth-service restore`, for SQLite.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use service_kit::database::{DatabaseSettings, back_up, stage_restore};
use service_kit::telemetry::Log;
use service_kit::timestamp::rfc3339;
use shared_claims::clock::{Clock, SystemClock};

use super::after_restore::{self, Document};
use super::output::{Format, Report};
use super::{Context, Failure};
use crate::config::Settings;
use crate::restore::Ended;
use crate::{startup, storage};

#[derive(Args)]
pub(super) struct BackupArguments {
    #[command(flatten)]
    pub(super) format: Format,
    /// Where to write the back-up
    file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    overwrite: bool,
}

#[derive(Args)]
pub(super) struct RestoreArguments {
    #[command(flatten)]
    pub(super) format: Format,
    /// A file that `backup` wrote
    file: PathBuf,
    /// Confirm that the database is replaced, and that everybody has to log in again
    #[arg(long)]
    yes: bool,
}

/// The JSON document of a back-up.
#[derive(Serialize)]
struct BackupDocument {
    file: String,
    bytes: u64,
    left_out: Vec<String>,
}

pub(super) async fn back_up_to(arguments: BackupArguments, settings: &Settings) -> Result<Report, Failure> {
    let BackupArguments { file, overwrite, .. } = arguments;
    let bytes = back_up(&settings.database, storage::migrations(), &file, overwrite).await?;
    let key = if settings.keys.encryption_key.is_some() {
        "the encryption key (keys.encryption_key)".to_owned()
    } else {
        format!("the encryption key ({})", settings.keys.master_key_path.display())
    };
    let left_out = vec![key, "the settings".to_owned(), "the mails in mail.folder".to_owned()];
    let text = format!(
        "{bytes} bytes in {}, read back and found whole.\nNot in it: {}.\nWithout the encryption key the back-up is of no use. \
         With both, anybody can sign: keep the key apart from it.",
        file.display(),
        left_out.join(", ")
    );
    Report::new(&BackupDocument { file: file.display().to_string(), bytes, left_out }, text)
}

/// The JSON document of a restore.
#[derive(Serialize)]
struct RestoreDocument {
    replaced: Option<String>,
    #[serde(flatten)]
    ended: Document,
}

/// Ends everything of before in a copy of the back-up. Only then the copy takes the place of the database, so that no server
/// can ever serve the back-up as it is.
pub(super) async fn restore_from(arguments: RestoreArguments, settings: Settings) -> Result<Report, Failure> {
    if !arguments.yes {
        let what = "this replaces the database, ends every session and replaces every signing key; repeat it with --yes";
        return Err(what.into());
    }
    let log = Context::log(&settings)?;
    let known_id = startup::database_in_redis(&settings).await;
    let settings = after_restore::patient(settings);
    let staged = stage_restore(&settings.database, storage::migrations(), &arguments.file).await?;
    let ended = end_everything_in(staged.settings(), &settings, known_id, &log).await?;
    let now = rfc3339(SystemClock.now_ms());
    let stamp = now.chars().filter(char::is_ascii_alphanumeric).collect();
    let replaced = staged.put_in_place(stamp).await?.map(|path| path.display().to_string());
    Context::of(settings, log).await?.deliver_revocations().await;
    let kept = replaced.as_ref().map_or_else(String::new, |path| {
        format!("The replaced database is {path}. Delete it when you need it no more.\n")
    });
    let ended = Document::of(&ended);
    let text = format!("Restored. {kept}{}", ended.text());
    Report::new(&RestoreDocument { replaced, ended }, text)
}

/// Says nothing to Redis: what is in the copy does not count yet.
async fn end_everything_in(
    copy: DatabaseSettings,
    settings: &Settings,
    known_id: Option<String>,
    log: &Arc<Log>,
) -> Result<Ended, Failure> {
    let mut settings = Settings { database: copy, ..settings.clone() };
    settings.revocation.redis_url = None;
    // A back-up of an older release lacks migrations.
    drop(startup::open(&settings).await?);
    let context = Context::of(settings, Arc::clone(log)).await?;
    Ok(context.after_restore(Arc::new(after_restore::say), known_id).await?.run().await?)
}
