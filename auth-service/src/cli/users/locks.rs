//! What `users show` says about the locks of a user.

use serde::Serialize;
use service_kit::timestamp::rfc3339;

use super::super::output::Report;
use super::super::{Context, Failure};
use super::{claims_as_text, user_as_text};
use crate::accounts::UserLock;
use crate::domain::{CallerKind, User};
use crate::http::UserResponse;

/// A user with the locks.
#[derive(Serialize)]
struct ShownUser {
    #[serde(flatten)]
    user: UserResponse,
    /// Without a lock the document is that of a registration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locks: Vec<ShownLock>,
}

/// The last lock of one budget.
#[derive(Serialize)]
struct ShownLock {
    /// How the account knows the callers who are locked out: `unknown`, `device` or `network`.
    callers: &'static str,
    /// `null` if the lock has ended.
    locked_until: Option<String>,
    locks_in_a_row: i64,
}

/// The report about a user with the locks.
pub(super) async fn report_user(user: User, context: &Context) -> Result<Report, Failure> {
    let claims = claims_as_text(&user, context).await?;
    let locks = context.users().locks(user.id).await?;
    let lines: Vec<_> =
        std::iter::once(user_as_text(&user)).chain(locks.iter().map(as_text)).chain(claims).collect();
    let shown = locks.iter().map(|lock| ShownLock {
        callers: lock.callers.as_str(),
        locked_until: lock.locked_until_ms.map(rfc3339),
        locks_in_a_row: lock.locks,
    });
    let shown = ShownUser { locks: shown.collect(), user: UserResponse::from(user) };
    Report::new(&shown, lines.join("\n"))
}

fn as_text(lock: &UserLock) -> String {
    let callers = match lock.callers {
        CallerKind::Unknown => "unknown devices",
        CallerKind::Device => "a known device",
        CallerKind::Network => "a known network",
    };
    let state = match lock.locked_until_ms {
        Some(until_ms) => format!("locked until {}", rfc3339(until_ms)),
        None => "not locked now".to_owned(),
    };
    format!("lock      {callers}: {state} ({} in a row)", lock.locks)
}
