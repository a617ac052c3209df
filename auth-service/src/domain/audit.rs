//! A record of what concerns security: who did what, to whom, from where. It holds no secret.

use uuid::Uuid;

use super::Origin;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AuditKind {
            $($(#[$doc])* $kind,)*
        }

        impl AuditKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name in the database and in the log.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Those with that name, or whose names begin with it: `login` is `login.ok` and `login.refused`.
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
    /// A session was ended.
    SessionEnded = "session.ended",
    /// All sessions and tokens of a user were ended.
    AllSessionsEnded = "session.all_ended",
    /// A refresh token was used again after its time: its session was ended.
    RefreshReused = "refresh.reused",
    /// A refresh token was presented again in time, from another address or by another program: it was answered.
    RefreshReplayed = "refresh.replayed",
    /// An authorization code was used again: what it gave was ended.
    CodeReused = "code.reused",
    /// An access token was revoked.
    TokenRevoked = "token.revoked",
    /// A client failed to authenticate.
    ClientRefused = "client.refused",
    /// A client was made.
    ClientCreated = "client.created",
    /// A client was changed.
    ClientUpdated = "client.updated",
    /// A client got another secret.
    ClientSecretRotated = "client.secret_rotated",
    /// A client was switched off; its sessions and tokens were ended.
    ClientDisabled = "client.disabled",
    /// A client was switched on.
    ClientEnabled = "client.enabled",
    /// A client was removed.
    ClientDeleted = "client.deleted",
    /// A user registered.
    UserRegistered = "user.registered",
    /// An operator made a user.
    UserCreated = "user.created",
    /// A user was switched off; the sessions and tokens were ended.
    UserDisabled = "user.disabled",
    /// A user was switched on.
    UserEnabled = "user.enabled",
    /// A user's password was changed; the sessions and tokens were ended.
    PasswordChanged = "user.password_changed",
    /// A user's roles were changed.
    RolesChanged = "user.roles_changed",
    /// A user's sessions and tokens were ended by an operator.
    UserTokensRevoked = "user.tokens_revoked",
    /// A user was removed.
    UserDeleted = "user.deleted",
    /// A signing key was made.
    KeyGenerated = "key.generated",
    /// A signing key was imported.
    KeyImported = "key.imported",
    /// Another key signs.
    KeyRotated = "key.rotated",
    /// A retired key left the key set.
    KeyForgotten = "key.forgotten",
    /// A key was dropped, and all that it signed revoked.
    KeyCompromised = "key.compromised",
    /// What an older encryption key had sealed was sealed anew.
    SecretsResealed = "key.resealed",
}

impl AuditKind {
    /// Whether a caller may cause it again and again. What an operator or the service does is never too much.
    pub fn is_repeatable(self) -> bool {
        match self {
            Self::LoggedIn
            | Self::LoginRefused
            | Self::SessionEnded
            | Self::AllSessionsEnded
            | Self::RefreshReused
            | Self::RefreshReplayed
            | Self::CodeReused
            | Self::TokenRevoked
            | Self::ClientRefused
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
            | Self::PasswordChanged
            | Self::RolesChanged
            | Self::UserTokensRevoked
            | Self::UserDeleted
            | Self::KeyGenerated
            | Self::KeyImported
            | Self::KeyRotated
            | Self::KeyForgotten
            | Self::KeyCompromised
            | Self::SecretsResealed => false,
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// What.
    pub kind: AuditKind,
    /// The user concerned.
    pub user_id: Option<Uuid>,
    /// The client concerned.
    pub client_id: Option<String>,
    /// The session concerned.
    pub session_id: Option<Uuid>,
    /// What else it is about: a key's id, a token's, the new roles.
    pub subject: Option<String>,
    /// Why, in a word.
    pub reason: Option<&'static str>,
    /// Who caused it, from where.
    pub origin: Origin,
}

impl AuditEvent {
    /// Something that happened, so far about nobody.
    pub fn new(kind: AuditKind, origin: &Origin) -> Self {
        Self {
            kind,
            user_id: None,
            client_id: None,
            session_id: None,
            subject: None,
            reason: None,
            origin: origin.clone(),
        }
    }

    /// It concerns this user.
    #[must_use]
    pub fn user(self, id: Uuid) -> Self {
        Self { user_id: Some(id), ..self }
    }

    /// It concerns this client.
    #[must_use]
    pub fn client(self, id: impl Into<String>) -> Self {
        Self { client_id: Some(id.into()), ..self }
    }

    /// It concerns this session.
    #[must_use]
    pub fn session(self, id: Uuid) -> Self {
        Self { session_id: Some(id), ..self }
    }

    /// It is about this, which is no secret.
    #[must_use]
    pub fn subject(self, what: impl Into<String>) -> Self {
        Self { subject: Some(what.into()), ..self }
    }

    /// For this reason.
    #[must_use]
    pub fn reason(self, why: &'static str) -> Self {
        Self { reason: Some(why), ..self }
    }

    /// Says it, once it is committed.
    pub fn log(&self) {
        let Self { kind, user_id, client_id, session_id, subject, reason, origin } = self;
        tracing::info!(
            target: "audit",
            event = kind.as_str(),
            actor = origin.actor.as_str(),
            user_id = user_id.map(tracing::field::display),
            client_id,
            session_id = session_id.map(tracing::field::display),
            subject,
            reason,
            address = origin.device.address,
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
        assert_eq!(AuditKind::named("login"), [AuditKind::LoggedIn, AuditKind::LoginRefused]);
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
