//! What users and sessions look like on the wire.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Session, User};

/// A user, for the user's own eyes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserResponse {
    id: Uuid,
    #[schema(example = "alice")]
    username: String,
    email: Option<String>,
    email_verified: bool,
    is_active: bool,
    roles: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<User> for UserResponse {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            email: user.email,
            email_verified: user.email_verified,
            is_active: user.is_active,
            roles: user.roles,
            created_at: rfc3339(user.created_at_ms),
        }
    }
}

/// A session, for its user's eyes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionResponse {
    id: Uuid,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
    #[schema(example = "first-party")]
    client_id: String,
    user_agent: Option<String>,
    address: Option<String>,
    /// Whether this request was made with it.
    current: bool,
}

impl SessionResponse {
    pub(super) fn of(session: Session, current: Option<Uuid>) -> Self {
        Self {
            id: session.id,
            created_at: rfc3339(session.created_at_ms),
            last_used_at: rfc3339(session.last_used_at_ms),
            client_id: session.client_id,
            user_agent: session.user_agent,
            address: session.address,
            current: current == Some(session.id),
        }
    }
}

/// A moment in UTC. What lies beyond the calendar (no clock shows it) becomes the epoch.
fn rfc3339(ms: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    moment.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
