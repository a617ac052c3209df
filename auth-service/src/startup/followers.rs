//! Whether as many followers as are allowed can be there at once.

use rustix::process::{Resource, getrlimit};

use crate::config::Settings;

/// Files and connections for everything else: users, the database, Redis.
const REST: u64 = 1024;

/// Tells the log where the limit of open files, which was raised as far as it may be, does not hold the followers of the feed
/// beside the rest.
pub(super) fn warn_of_files(settings: &Settings) {
    let followers = settings.revocation.feed_followers;
    let Some(files) = getrlimit(Resource::Nofile).current else { return };
    if is_too_low(files, followers) {
        tracing::warn!(
            files,
            feed_followers = followers,
            "revocation.feed_followers does not fit into the limit of open files beside all other connections: raise the \
             limit (ulimit -n, LimitNOFILE) or set fewer"
        );
    }
}

fn is_too_low(files: u64, followers: usize) -> bool {
    u64::try_from(followers).unwrap_or(u64::MAX).saturating_add(REST) > files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_and_the_rest_have_to_fit() {
        assert!(is_too_low(1024, 1));
        assert!(is_too_low(20_000, 20_000));
        assert!(!is_too_low(21_024, 20_000));
        assert!(is_too_low(u64::MAX - 1, usize::MAX));
    }
}
