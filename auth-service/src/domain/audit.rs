//! Audit events: who did what, to whom, and from where. They contain no secret.

use uuid::Uuid;

use super::Initiator;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The kind of an audit event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AuditKind {
            $($(#[$doc])* $kind,)*
        }

        impl AuditKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name of the kind in the database and in the log.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// The kinds with this name, or whose names begin with it: `login` selects `login.ok` and
            /// `login.refused`.
            pub fn named(name: &str) -> Vec<Self> {
                let begins = |kind: &Self| {
                    let rest = kind.as_str().strip_prefix(name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                Self::ALL.iter().copied().filter(begins).collect()
            }
        }
    };
}

kinds! {
    /// A user logged in: a session began.
    LoggedIn = "login.ok",
    /// A login was refused.
    LoginRefused = "login.refused",
    /// Failed logins locked an account for a time, or an identifier that nobody has.
    LoginLocked = "login.locked",
    /// Too many failed logins with cookies of known devices: the account knows none of these any more.
    DevicesForgotten = "login.devices_forgotten",
    /// A session was ended.
    SessionEnded = "session.ended",
    /// All sessions and tokens of a user were ended.
    AllSessionsEnded = "session.all_ended",
    /// A used refresh token was presented again, later than a retry may be: its session was ended.
    RefreshReused = "refresh.reused",
    /// A used refresh token was presented again in time for a retry, but from another address or by another program.
    /// It was answered.
    RefreshReplayed = "refresh.replayed",
    /// An authorization code was used again: the session that it had begun was ended.
    CodeReused = "code.reused",
    /// A user allowed a client what it asked for.
    ConsentGiven = "consent.given",
    /// A user disconnected a client, which has to ask again.
    ConsentWithdrawn = "consent.withdrawn",
    /// An access token was revoked.
    TokenRevoked = "token.revoked",
    /// A client failed to authenticate.
    ClientRefused = "client.refused",
    /// A client was created.
    ClientCreated = "client.created",
    /// A client was changed.
    ClientUpdated = "client.updated",
    /// A client got a new secret.
    ClientSecretRotated = "client.secret_rotated",
    /// A client was disabled; its sessions ended and its tokens were revoked.
    ClientDisabled = "client.disabled",
    /// A client was enabled.
    ClientEnabled = "client.enabled",
    /// A client was deleted.
    ClientDeleted = "client.deleted",
    /// A user registered.
    UserRegistered = "user.registered",
    /// An operator created a user.
    UserCreated = "user.created",
    /// A user was disabled; the sessions ended and the tokens were revoked.
    UserDisabled = "user.disabled",
    /// A user was enabled.
    UserEnabled = "user.enabled",
    /// An operator ended a user's locks and forgot the failed logins.
    UserUnlocked = "user.unlocked",
    /// A user's password was changed; the sessions ended and the tokens were revoked.
    PasswordChanged = "user.password_changed",
    /// A mail with a link was made.
    LinkMailed = "user.link_mailed",
    /// A user who is signed in asked for another e-mail address.
    EmailChangeRequested = "user.email_change_requested",
    /// An operator invited somebody to register.
    UserInvited = "user.invited",
    /// A user's roles were changed.
    RolesChanged = "user.roles_changed",
    /// A user's e-mail address, or whether it is verified, was changed.
    EmailChanged = "user.email_changed",
    /// The claims about a user were changed.
    ClaimsChanged = "user.claims_changed",
    /// An operator ended a user's sessions and revoked the tokens.
    UserTokensRevoked = "user.tokens_revoked",
    /// A user was deleted.
    UserDeleted = "user.deleted",
    /// A signing key was generated.
    KeyGenerated = "key.generated",
    /// A signing key was imported.
    KeyImported = "key.imported",
    /// Another key became the active signing key.
    KeyRotated = "key.rotated",
    /// A retired key left the key set.
    KeyForgotten = "key.forgotten",
    /// A compromised key was removed, and every token that it signed was revoked.
    KeyCompromised = "key.compromised",
    /// A secret that an older encryption key had encrypted was encrypted anew.
    SecretsResealed = "key.resealed",
    /// An operator had a message of the queue tried again.
    MessageRetried = "queue.retried",
    /// An operator deleted a message of the queue.
    MessageDropped = "queue.dropped",
    /// The database was restored to an earlier state, and everything of before was ended.
    DatabaseRestored = "database.restored",
}

impl AuditKind {
    /// Whether a caller can cause this event at will, so that it has to be limited. Events of operators and of the
    /// service itself are never limited.
    pub fn is_repeatable(self) -> bool {
        match self {
            Self::LoggedIn
            | Self::LoginRefused
            | Self::LoginLocked
            | Self::DevicesForgotten
            | Self::SessionEnded
            | Self::AllSessionsEnded
            | Self::RefreshReused
            | Self::RefreshReplayed
            | Self::CodeReused
            | Self::ConsentGiven
            | Self::ConsentWithdrawn
            | Self::TokenRevoked
            | Self::ClientRefused
            | Self::PasswordChanged
            | Self::EmailChangeRequested
            | Self::EmailChanged
            | Self::UserRegistered => true,
            Self::ClientCreated
            | Self::ClientUpdated
            | Self::ClientSecretRotated
            | Self::ClientDisabled
            | Self::ClientEnabled
            | Self::ClientDeleted
            | Self::UserCreated
            | Self::UserDisabled
            | Self::UserEnabled
            | Self::UserUnlocked
            | Self::LinkMailed
            | Self::UserInvited
            | Self::RolesChanged
            | Self::ClaimsChanged
            | Self::UserTokensRevoked
            | Self::UserDeleted
            | Self::KeyGenerated
            | Self::KeyImported
            | Self::KeyRotated
            | Self::KeyForgotten
            | Self::KeyCompromised
            | Self::SecretsResealed
            | Self::MessageRetried
            | Self::MessageDropped
            | Self::DatabaseRestored => false,
        }
    }
}

/// One audit event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// What happened.
    pub kind: AuditKind,
    /// The user concerned.
    pub user_id: Option<Uuid>,
    /// The client concerned.
    pub client_id: Option<String>,
    /// The session concerned.
    pub session_id: Option<Uuid>,
    /// What else the event is about: the id of a key or token, the new roles, or the names of changed claims.
    pub subject: Option<String>,
    /// The reason, as one word.
    pub reason: Option<&'static str>,
    /// Who caused it, and from where.
    pub initiator: Initiator,
}

impl AuditEvent {
    /// Creates an event that is not about any user, client or session yet.
    pub fn new(kind: AuditKind, initiator: &Initiator) -> Self {
        Self {
            kind,
            user_id: None,
            client_id: None,
            session_id: None,
            subject: None,
            reason: None,
            initiator: initiator.clone(),
        }
    }

    /// Sets the user that the event is about.
    #[must_use]
    pub fn user(self, id: Uuid) -> Self {
        Self { user_id: Some(id), ..self }
    }

    /// Sets the client that the event is about.
    #[must_use]
    pub fn client(self, id: impl Into<String>) -> Self {
        Self { client_id: Some(id.into()), ..self }
    }

    /// Sets the session that the event is about.
    #[must_use]
    pub fn session(self, id: Uuid) -> Self {
        Self { session_id: Some(id), ..self }
    }

    /// Sets the subject of the event. It must not be a secret.
    #[must_use]
    pub fn subject(self, what: impl Into<String>) -> Self {
        Self { subject: Some(what.into()), ..self }
    }

    /// Sets the reason.
    #[must_use]
    pub fn reason(self, why: &'static str) -> Self {
        Self { reason: Some(why), ..self }
    }

    /// Writes the event to the log. Call it after the commit.
    pub fn log(&self) {
        let Self { kind, user_id, client_id, session_id, subject, reason, initiator } = self;
        tracing::info!(
            target: "audit",
            event = kind.as_str(),
            actor = initiator.actor.as_str(),
            user_id = user_id.map(tracing::field::display),
            client_id,
            session_id = session_id.map(tracing::field::display),
            subject,
            reason,
            address = initiator.device.address,
            "audit"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::AuditKind;

    #[test]
    fn a_group_is_named_by_what_stands_before_the_point() {
        assert_eq!(
            AuditKind::named("login"),
            [
                AuditKind::LoggedIn,
                AuditKind::LoginRefused,
                AuditKind::LoginLocked,
                AuditKind::DevicesForgotten
            ]
        );
        assert_eq!(AuditKind::named("login.ok"), [AuditKind::LoggedIn]);
        assert_eq!(AuditKind::named("logi"), []);
        assert_eq!(AuditKind::named(""), []);
    }

    #[test]
    fn the_page_explains_every_kind() {
        let page = include_str!("../../../docs/audit.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        let explained: Vec<_> = rows.map(|(name, _)| name).filter(|name| name.contains('.')).collect();
        let kinds: Vec<_> = AuditKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(explained, kinds);
    }

    #[test]
    fn no_two_kinds_share_a_name() {
        let names: HashSet<_> = AuditKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), AuditKind::ALL.len());
    }
}
