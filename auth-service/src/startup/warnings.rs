//! Warnings that are logged at the start: the service works, but an operator should change something.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::settings::feed_access;
use crate::config::Settings;
use crate::http::revocations::FeedAccess;
use crate::passwords::Passwords;

pub(super) fn log(settings: &Settings) {
    warn_about_settings(settings);
    super::mail::log(settings);
    warn_about_open_files(settings);
}

/// Warns about settings that are allowed, but are not meant for production.
fn warn_about_settings(settings: &Settings) {
    if settings.passwords.bcrypt_cost < 10 {
        tracing::warn!(
            cost = settings.passwords.bcrypt_cost,
            "passwords.bcrypt_cost is low: this is for tests only"
        );
    }
    if settings.revocation.redis_url.is_none() && matches!(feed_access(settings), FeedAccess::Closed) {
        tracing::warn!(
            "no verifier can learn of revocations: set revocation.redis_url, or set revocation.feed_token to open the feed"
        );
    }
    if settings.is_exposed() {
        tracing::warn!(
            issuer = settings.issuer,
            "issuer is plain http and not on this machine: passwords, tokens and cookies are sent unencrypted; use https"
        );
    } else if settings.cookies.secure == Some(false) && settings.issuer.starts_with("https://") {
        tracing::warn!(
            "cookies.secure is off although the issuer uses https: cookies may be sent unencrypted"
        );
    }
    if settings.keys.encryption_key.is_none() {
        tracing::warn!(
            path = %settings.keys.master_key_path.display(),
            "keys.encryption_key is unset, so the key is in a file: whoever has this file and the database has the signing keys"
        );
    }
}

/// A password hash that takes less time can be guessed too fast by whoever has a copy of the database.
const FAST_HASH: Duration = Duration::from_millis(50);
/// A password hash that takes more time makes each login slow, and the service can serve only few.
const SLOW_HASH: Duration = Duration::from_secs(1);

/// Measures how long a password hash takes on this machine, in the background, and warns if the cost does not fit.
pub(super) fn measure_hashing(passwords: &Passwords) {
    let passwords = passwords.clone();
    tokio::spawn(async move {
        // It fails only if so many logins arrived at once that one of them was measured instead.
        let Ok(took) = passwords.measure().await else { return };
        let milliseconds = took.as_millis();
        if took < FAST_HASH {
            tracing::warn!(
                milliseconds,
                "a password hash takes less than 50 ms on this machine: raise passwords.bcrypt_cost"
            );
        } else if took > SLOW_HASH {
            tracing::warn!(
                milliseconds,
                "a password hash takes more than a second on this machine: lower passwords.bcrypt_cost"
            );
        } else {
            tracing::info!(milliseconds, "password.hash_measured");
        }
    });
}

/// The open files that are reserved for everything but followers: requests of users, the database, Redis.
const OTHER_FILES: u64 = 1024;

/// Warns if the limit of open files is too low for the followers that the settings allow. The process has raised it to
/// the highest value that it may set.
fn warn_about_open_files(settings: &Settings) {
    let followers = settings.revocation.feed_followers;
    let Some(files) = getrlimit(Resource::Nofile).current else { return };
    if is_too_low(files, followers) {
        tracing::warn!(
            files,
            feed_followers = followers,
            "revocation.feed_followers is too high for the limit of open files, which also has to hold all other connections: \
             raise the limit (ulimit -n, LimitNOFILE) or lower revocation.feed_followers"
        );
    }
}

fn is_too_low(files: u64, followers: usize) -> bool {
    u64::try_from(followers).unwrap_or(u64::MAX).saturating_add(OTHER_FILES) > files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_and_all_other_files_must_fit() {
        assert!(is_too_low(1024, 1));
        assert!(is_too_low(20_000, 20_000));
        assert!(!is_too_low(21_024, 20_000));
        assert!(is_too_low(u64::MAX - 1, usize::MAX));
    }
}
