//! Registers a user.

use super::address::take_address;
use super::links::{DeadLink, LinkPage};
use super::{AccountError, Accounts};
use crate::domain::{
    AuditEvent, AuditKind, Email, Initiator, InvalidEmail, InvalidRoles, InvalidUsername, LinkToken,
    LinkTokenHash, MailRequest, NewUser, Password, PasswordRule, User, Username,
};
use crate::storage::{Transaction, is_unique_violation, mailed_links, users};

/// The unparsed values of a registration.
#[derive(Debug)]
pub struct RegistrationRequest<'a> {
    /// The username.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The token of an invitation, which works while registration is closed, too.
    pub invitation: Option<&'a str>,
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
    /// An e-mail address is required (`registration.require_verified_email`).
    #[error("is required")]
    EmailMissing,
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
    /// Nobody may register without an invitation.
    Closed,
    /// The invitation does not work.
    InvitationDead(DeadLink),
}

/// The parsed values, or the fields that break a rule.
type Parsed = Result<(Username, Option<Email>, Password), Vec<InvalidField>>;

/// A live invitation: its token, and the address that it was sent to.
struct Invitation {
    token: LinkTokenHash,
    email: String,
}

/// The outcome of the transaction that inserts the user.
enum Decision {
    Registered,
    InvitationUsed,
}

impl Accounts {
    /// Creates an active user without roles. An address that was given gets a mail with a link that verifies it, unless it is
    /// the one that the invitation was sent to.
    pub async fn register(
        &self,
        request: RegistrationRequest<'_>,
        initiator: &Initiator,
    ) -> Result<Registration, AccountError> {
        let parts = &self.parts;
        let invitation = match request.invitation {
            Some(token) => match self.invitation(token).await? {
                Ok(invitation) => Some(invitation),
                Err(dead) => return Ok(Registration::InvitationDead(dead)),
            },
            None if !parts.policy.is_registration_open => return Ok(Registration::Closed),
            None => None,
        };
        let (username, email, password) = match self.parse(&request, invitation.as_ref()).await? {
            Ok(parsed) => parsed,
            Err(invalid) => return Ok(Registration::Invalid(invalid)),
        };
        // Counted before names are looked up and before hashing, so that nobody asks for names, or for hashes, without a limit.
        // A form that breaks a rule costs neither, and is not counted.
        self.count_registration(initiator).await?;
        // Checked before hashing, so that a taken name does not cost a hash. The unique index decides at the insert.
        let (key, skeleton) = (username.key().to_owned(), username.skeleton().to_owned());
        let taken: Result<_, AccountError> =
            parts.unit_of_work.database().read(move |conn| Ok(users::is_taken(conn, &key, &skeleton)?)).await;
        if taken? {
            return Ok(Registration::Taken);
        }
        let invited = invitation.as_ref().and_then(|invitation| Email::parse(&invitation.email).ok());
        let is_invited = |email: &Email| invited.as_ref().is_some_and(|to| to.key() == email.key());
        if self.parts.policy.sends_mail && email.as_ref().is_some_and(|email| !is_invited(email)) {
            self.count_mail(initiator).await?;
        }
        let new = NewUser {
            id: parts.unit_of_work.random().uuid(),
            email_verified: email.as_ref().is_some_and(is_invited),
            is_self_registered: true,
            username,
            email,
            is_active: true,
            roles: Vec::new(),
            hash: parts.passwords.asked_by(&initiator.device).hash(password).await?,
            created_at_ms: parts.unit_of_work.clock().now_ms(),
        };
        let user = new.user();
        let spent = invitation.map(|invitation| invitation.token);
        let (accounts, initiator) = (self.clone(), initiator.clone());
        let inserted = parts
            .unit_of_work
            .commit(move |transaction| accounts.insert(transaction, &new, spent.as_ref(), &initiator));
        match inserted.await.map(|committed| committed.value) {
            Ok(Decision::Registered) => Ok(Registration::Registered(Box::new(user))),
            Ok(Decision::InvitationUsed) => Ok(Registration::InvitationDead(DeadLink::Used)),
            // A concurrent registration took the name first.
            Err(AccountError::Database(error)) if is_unique_violation(&error) => Ok(Registration::Taken),
            Err(error) => Err(error),
        }
    }

    async fn invitation(&self, token: &str) -> Result<Result<Invitation, DeadLink>, AccountError> {
        let found = self.look_up(token, LinkPage::Register).await?;
        let hash = LinkToken::parse(token).map(|token| token.hash());
        let live = found.and_then(|live| Ok((live, hash.ok_or(DeadLink::Over)?)));
        Ok(live.map(|(live, token)| Invitation { token, email: live.email }))
    }

    fn insert(
        &self,
        transaction: &mut Transaction<'_>,
        new: &NewUser,
        invitation: Option<&LinkTokenHash>,
        initiator: &Initiator,
    ) -> Result<Decision, AccountError> {
        let event = AuditEvent::new(AuditKind::UserRegistered, initiator).user(new.id);
        if let Some(token) = invitation {
            let now_ms = transaction.now_ms();
            if !mailed_links::consume(transaction.conn(), token, None, now_ms)? {
                return Ok(Decision::InvitationUsed);
            }
        }
        match &new.email {
            Some(email) if new.email_verified => take_address(transaction, new.id, email, initiator)?,
            Some(_) => {
                if let Some(mail) = self.mail(MailRequest::Verify { user_id: new.id }, initiator) {
                    transaction.enqueue(mail);
                }
            }
            None => {}
        }
        users::insert(transaction.conn(), new)?;
        let reason = invitation.map(|_| "invited");
        transaction.record(AuditEvent { reason, ..event });
        Ok(Decision::Registered)
    }

    async fn parse(
        &self,
        request: &RegistrationRequest<'_>,
        invitation: Option<&Invitation>,
    ) -> Result<Parsed, AccountError> {
        fn invalid(field: &'static str, rule: impl Into<BrokenRule>) -> InvalidField {
            InvalidField { field, rule: rule.into() }
        }
        let typed = request.email.filter(|email| !email.is_empty());
        let email = typed.or(invitation.map(|invitation| invitation.email.as_str()));
        let password = self.accept_password("password", request.password, request.username, email).await?;
        let username = Username::parse_new(request.username).map_err(|error| invalid("username", error));
        let email = match email {
            None if self.parts.policy.requires_verified_email => {
                Err(invalid("email", BrokenRule::EmailMissing))
            }
            email => email.map(Email::parse).transpose().map_err(|error| invalid("email", error)),
        };
        Ok(match (username, email, password) {
            (Ok(username), Ok(email), Ok(password)) => Ok((username, email, password)),
            (username, email, password) => {
                Err([username.err(), password.err(), email.err()].into_iter().flatten().collect())
            }
        })
    }
}
