//! The number of files and connections that the process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// The most descriptors that are kept for other uses than clients' connections: database, Redis, other services, files.
const MOST_KEPT: u64 = 1024;

/// Raises the limit of open files to the hard limit. Many systems set the soft limit to 1,024 for programs that cannot
/// handle more.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, soft = limit.current, hard = limit.maximum, "files.limit_not_raised");
    }
}

/// The connections that each worker may hold so that all of them fit into the limit of open files and some descriptors
/// remain, for example for the database. Otherwise many clients could use up the descriptors that are needed to serve
/// them.
pub(super) fn fitting(wanted: usize, workers: usize) -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let fitting = fit(files, workers);
    if wanted <= fitting {
        return wanted;
    }
    tracing::warn!(
        wanted,
        fitting,
        workers,
        files,
        "http.max_connections does not fit into the limit of open files: fewer connections are accepted"
    );
    fitting
}

fn fit(files: u64, workers: usize) -> usize {
    let kept = (files / 4).min(MOST_KEPT);
    let each = (files - kept) / u64::try_from(workers).unwrap_or(u64::MAX).max(1);
    usize::try_from(each).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_kept_for_the_database() {
        assert_eq!(fit(1024, 1), 768);
        assert_eq!(fit(1024, 2), 384);
        assert_eq!(fit(1_048_576, 2), 523_776);
        assert_eq!(fit(4, 8), 1);
    }

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(fitting(1, 1), 1);
        assert!(fitting(usize::MAX, 1) < usize::MAX || getrlimit(Resource::Nofile).current.is_none());
    }
}
