//! The JSON form of users and sessions.

use serde::Serialize;
use service_kit::timestamp::rfc3339;
use shared_claims::claims::FIRST_PARTY_CLIENT;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Session, User, device_name};

/// A user, for the user's own eyes and the operator's.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserResponse {
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

/// What a session was given to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum SessionKind {
    /// A front end of this product.
    FirstParty,
    /// A registered client.
    Client,
}

/// A session, for its user's eyes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionResponse {
    id: Uuid,
    kind: SessionKind,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
    #[schema(example = "first-party")]
    client_id: String,
    /// What the user agent says to a person; null where it says nothing.
    #[schema(example = "Firefox on Linux")]
    device: Option<String>,
    user_agent: Option<String>,
    address: Option<String>,
    /// Whether this request was made with it.
    current: bool,
}

impl SessionResponse {
    pub(super) fn of(session: Session, current: Option<Uuid>) -> Self {
        let is_first_party = session.client_id == FIRST_PARTY_CLIENT;
        Self {
            id: session.id,
            kind: if is_first_party { SessionKind::FirstParty } else { SessionKind::Client },
            created_at: rfc3339(session.created_at_ms),
            last_used_at: rfc3339(session.last_used_at_ms),
            client_id: session.client_id,
            device: session.user_agent.as_deref().and_then(device_name),
            user_agent: session.user_agent,
            address: session.address,
            current: current == Some(session.id),
        }
    }
}
