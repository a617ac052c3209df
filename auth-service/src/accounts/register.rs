//! Registers a user.

use super::{AccountError, Accounts};
use crate::domain::{
    AuditEvent, AuditKind, Email, Initiator, InvalidEmail, InvalidRoles, InvalidUsername, NewUser, Password,
    PasswordRule, User, Username,
};
use crate::storage::{is_unique_violation, users};

/// The unparsed values of a registration.
#[derive(Debug)]
pub struct RegistrationRequest<'a> {
    /// The username.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
}

/// A field of a request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    /// The name of the field.
    pub field: &'static str,
    /// The rule. Its text is for the user.
    pub rule: BrokenRule,
}

/// A rule that a field of a registration breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    /// A rule for usernames.
    #[error(transparent)]
    Username(#[from] InvalidUsername),
    /// The rule for e-mail addresses.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
    /// A rule for passwords.
    #[error(transparent)]
    Password(#[from] PasswordRule),
    /// A rule for role names.
    #[error(transparent)]
    Roles(#[from] InvalidRoles),
}

/// The outcome of a registration.
#[derive(Debug)]
pub enum Registration {
    /// The user was created.
    Registered(Box<User>),
    /// The name, or a confusable name, is taken.
    Taken,
    /// These fields break a rule.
    Invalid(Vec<InvalidField>),
}

/// The parsed values, or the fields that break a rule.
type Parsed = Result<(Username, Option<Email>, Password), Vec<InvalidField>>;

impl Accounts {
    /// Creates an active user without roles.
    pub async fn register(
        &self,
        request: RegistrationRequest<'_>,
        initiator: &Initiator,
    ) -> Result<Registration, AccountError> {
        let parts = &self.parts;
        let (username, email, password) = match self.parse(&request).await? {
            Ok(parsed) => parsed,
            Err(invalid) => return Ok(Registration::Invalid(invalid)),
        };
        // Checked before hashing, so that a taken name does not cost a hash. The unique index decides at the insert.
        let (key, skeleton) = (username.key().to_owned(), username.skeleton().to_owned());
        let taken: Result<_, AccountError> =
            parts.unit_of_work.database().read(move |conn| Ok(users::is_taken(conn, &key, &skeleton)?)).await;
        if taken? {
            return Ok(Registration::Taken);
        }
        let now_ms = parts.unit_of_work.clock().now_ms();
        let new = NewUser {
            id: parts.unit_of_work.random().uuid(),
            username,
            email,
            email_verified: false,
            is_active: true,
            roles: Vec::new(),
            hash: parts.passwords.hash(password).await?,
            created_at_ms: now_ms,
        };
        let user = new.user();
        let event = AuditEvent::new(AuditKind::UserRegistered, initiator).user(user.id);
        let inserted = parts.unit_of_work.commit(move |transaction| {
            users::insert(transaction.conn(), &new)?;
            transaction.record(event.clone());
            Ok::<_, AccountError>(())
        });
        match inserted.await {
            Ok(_) => Ok(Registration::Registered(Box::new(user))),
            // A concurrent registration took the name first.
            Err(AccountError::Database(error)) if is_unique_violation(&error) => Ok(Registration::Taken),
            Err(error) => Err(error),
        }
    }

    async fn parse(&self, request: &RegistrationRequest<'_>) -> Result<Parsed, AccountError> {
        fn invalid(field: &'static str, rule: impl Into<BrokenRule>) -> InvalidField {
            InvalidField { field, rule: rule.into() }
        }
        let password = self.parts.passwords.accept(request.password, self.parts.password_rules).await?;
        let password = password.map_err(|error| invalid("password", error));
        let username = Username::parse_new(request.username).map_err(|error| invalid("username", error));
        let email = request.email.map(Email::parse).transpose().map_err(|error| invalid("email", error));
        Ok(match (username, email, password) {
            (Ok(username), Ok(email), Ok(password)) => Ok((username, email, password)),
            (username, email, password) => {
                Err([username.err(), password.err(), email.err()].into_iter().flatten().collect())
            }
        })
    }
}
