//! The claims about a person that an access token gives (OpenID Connect Core §5.3).

use serde_json::{Map, Value};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::{TokenError, Tokens};
use crate::domain::{ProfileClaims, USERINFO_CLAIMS, User};
use crate::storage::{sessions, users};

impl Tokens {
    /// The claims about a user that a token of this session and scope may read; `None` if the user or the session has gone.
    /// A claim without a value is left out.
    pub async fn userinfo(
        &self,
        user_id: Uuid,
        session_id: Option<Uuid>,
        scope: Scopes,
    ) -> Result<Option<Map<String, Value>>, TokenError> {
        let shows_unverified_email = self.inner.settings.shows_unverified_email;
        let read = self.inner.unit_of_work.database().read(move |conn| {
            let Some((user, profile, updated_at_ms)) = users::find_with_profile(conn, user_id)? else {
                return Ok(None);
            };
            let single = match session_id {
                Some(id) => sessions::find(conn, id)?.map(|session| session.userinfo_claims),
                None => None,
            };
            let single = single.unwrap_or_default();
            let mut claims = Map::new();
            claims.insert("sub".to_owned(), user.id.to_string().into());
            for (name, holder) in USERINFO_CLAIMS {
                if scope.contains(holder) || single.contains(name) {
                    let value = value_of(name, &user, &profile, updated_at_ms, shows_unverified_email);
                    if let Some(value) = value {
                        claims.insert(name.to_owned(), value);
                    }
                }
            }
            Ok::<_, TokenError>(Some(claims))
        });
        read.await
    }
}

fn value_of(
    name: &str,
    user: &User,
    profile: &ProfileClaims,
    updated_at_ms: i64,
    shows_unverified_email: bool,
) -> Option<Value> {
    // Clients link accounts by the address, so one that nobody proved to own is not given.
    let email = user.email.as_ref().filter(|_| user.email_verified || shows_unverified_email);
    match name {
        "preferred_username" => Some(user.username.clone().into()),
        "updated_at" => Some(updated_at_ms.div_euclid(1000).into()),
        "email" => email.map(|email| email.clone().into()),
        "email_verified" => email.map(|_| user.email_verified.into()),
        _ => profile.get(name).cloned(),
    }
}
