//! What makes a device or a network known to an account, and how an account knows a caller.

use service_kit::database::{DatabaseError, DbConnection};
use uuid::Uuid;

use super::judge::Guess;
use super::{AccountError, Accounts};
use crate::domain::{
    AuditEvent, AuditKind, CallerNetwork, Credentials, DeviceCookie, GuessAccount, GuessBudget,
    GuessedAccount, GuessedUser, Initiator, KnownBy, LoginSource, NetworkTag, User,
};
use crate::storage::{guess_accounts, login_networks, users};
use crate::throttle::Throttle;
use crate::tokens::VerifiedCredentials;

/// By what an account may know a caller.
#[derive(Clone)]
pub(super) struct CallerMarks {
    cookie: Option<DeviceCookie>,
    network: Option<(CallerNetwork, NetworkTag)>,
    /// Whether a full login makes the network known. That of a password grant does not: the address is the client's.
    is_by_user: bool,
    now_ms: i64,
}

/// Whether and how an account knows a caller.
pub(super) struct Acquaintance {
    pub(super) known_by: KnownBy,
    /// The caller's network, if a full login has to note it.
    pub(super) network_to_note: Option<NetworkTag>,
}

impl CallerMarks {
    /// Looks for the caller among those that an account knows. `None` stands for an account that nobody has, and costs the same
    /// queries.
    pub(super) fn find(
        &self,
        conn: &mut DbConnection,
        stored: Option<&Credentials>,
        counted: &GuessAccount,
    ) -> Result<Acquaintance, DatabaseError> {
        let user_id = stored.map(|credentials| credentials.user.id);
        let (network, tag) = self.network.unzip();
        let logins = tag.map(|tag| login_networks::find(conn, user_id, tag, self.now_ms)).transpose()?;
        let logins = logins.unwrap_or_default();
        let Some(credentials) = stored else {
            return Ok(Acquaintance { known_by: KnownBy::Nothing, network_to_note: None });
        };
        let user = GuessedUser {
            id: credentials.user.id,
            version: credentials.version,
            cookies_valid_from_ms: counted.cookies_valid_from_ms,
        };
        let network = (network.unwrap_or_default(), logins);
        let known_by = KnownBy::decide(user, self.cookie.as_ref(), network, self.now_ms);
        let is_to_note = |_: &NetworkTag| logins.is_to_note(user.version, self.now_ms);
        Ok(Acquaintance { known_by, network_to_note: tag.filter(|_| self.is_by_user).filter(is_to_note) })
    }
}

impl Accounts {
    /// By what an account may know this caller.
    pub(super) fn marks_of(&self, source: &LoginSource, initiator: &Initiator) -> CallerMarks {
        let now_ms = self.parts.unit_of_work.clock().now_ms();
        let network = CallerNetwork::of(initiator.device.address.as_deref());
        CallerMarks {
            cookie: initiator.cookie.clone(),
            network: tag_of(&self.parts.throttle, network).map(|tag| (network, tag)),
            is_by_user: matches!(source, LoginSource::Network(_)),
            now_ms,
        }
    }

    /// Counts a failure with the cookie of a known device. Too many of them void all cookies of the account, so that somebody who
    /// has collected some gains little.
    pub(super) async fn count_cookie_failure(&self, guess: &Guess, initiator: &Initiator) {
        let GuessBudget { account: GuessedAccount::User { id, generation }, known_by: KnownBy::Cookie(_) } =
            guess.budget
        else {
            return;
        };
        let initiator = initiator.clone();
        let counted = self.parts.unit_of_work.commit(move |transaction| {
            let owner = users::lock(transaction.conn(), id)?;
            let counted = guess_accounts::find(transaction.conn(), Some(id))?;
            // The account was deleted, or everything that was counted for it was forgotten meanwhile.
            if owner.is_none() || counted.generation != generation {
                return Ok::<_, AccountError>(false);
            }
            let (counted, is_void) = counted.after_cookie_failure(transaction.now_ms());
            guess_accounts::put(transaction.conn(), id, counted)?;
            if is_void {
                transaction.record(AuditEvent::new(AuditKind::DevicesForgotten, &initiator).user(id));
            }
            Ok(is_void)
        });
        match counted.await {
            Ok(committed) if committed.value => tracing::warn!(user_id = %id, "login.devices_forgotten"),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "login.cookie_failure_not_counted"),
        }
    }

    /// What the device of a request keeps after a full login of this user with this version of the credentials.
    pub fn remember_device(&self, user_id: Uuid, version: i64, initiator: &Initiator) -> DeviceCookie {
        let parts = &self.parts.unit_of_work;
        let before = initiator.cookie.clone();
        let before = before.unwrap_or_else(|| DeviceCookie::new(parts.random().bytes()));
        before.with(user_id, version, parts.clock().now_ms())
    }

    /// The credentials of a user who has just registered, and so needs not log in.
    pub fn just_registered(&self, user: &User, initiator: &Initiator) -> VerifiedCredentials {
        let network = CallerNetwork::of(initiator.device.address.as_deref());
        VerifiedCredentials {
            user_id: user.id,
            version: 1,
            upgrade: None,
            network: tag_of(&self.parts.throttle, network),
        }
    }
}

/// The tag of a network; `None` if nobody knows it, or nothing is limited, so that nothing has to be known.
fn tag_of(throttle: &Throttle, network: CallerNetwork) -> Option<NetworkTag> {
    match network {
        CallerNetwork::Unknown => None,
        CallerNetwork::Known(_) => throttle.tag_of(network),
    }
}
