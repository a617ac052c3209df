//! Decides who gets which mail, at the moment when it is sent: looks the user up, makes the token of a link, and stores its
//! hash.

use service_kit::database::{DatabaseError, DbConnection};

use crate::domain::{
    AuditEvent, AuditKind, Credentials, Email, Identifier, Initiator, LinkPurpose, LinkToken, MailRequest,
    MailedLink, NewMessage, NoticeKind, QueuedMail, QueuedMessage, User, Username,
};
use crate::mail::{self, Letter, LetterError, LetterSource, LinkTarget, Locale, Writing, Written};
use crate::storage::{Transaction, UnitOfWork, mailed_links, users};

use super::Accounts;

/// How long a link counts in the limit of its mailbox, in milliseconds: an hour.
const COUNTED_MS: i64 = 3_600_000;

/// The parts that [`Letters`] is built from.
pub struct LetterParts {
    /// Commits the links.
    pub unit_of_work: UnitOfWork,
    /// The issuer's URL, of which links are built.
    pub issuer: String,
    /// The most mails with links that one mailbox gets in an hour; `None`: as many as are asked for.
    pub per_mailbox_per_hour: Option<u32>,
}

/// Writes the letters of the mails in the queue.
pub struct Letters {
    parts: LetterParts,
}

/// The recipient of a mail, and what kind of mail it is.
enum Plan {
    Link { owner: Option<Box<Credentials>>, purpose: LinkPurpose, to: String },
    Notice { username: Option<String>, kind: NoticeKind, to: String, at_ms: i64 },
    Nobody(&'static str),
}

impl Letters {
    /// Builds the source of letters.
    pub fn new(parts: LetterParts) -> Self {
        Self { parts }
    }

    async fn letter(&self, message: &QueuedMessage) -> Result<Written, LetterError> {
        let mail = QueuedMail::read(&message.payload).ok_or(LetterError::UnreadablePayload)?;
        let token = LinkToken::from_random(self.parts.unit_of_work.random().bytes());
        let draft = Draft {
            mail,
            token,
            message_id: message.id,
            issuer: self.parts.issuer.clone(),
            limit: self.parts.per_mailbox_per_hour.map(i64::from),
        };
        Ok(self.parts.unit_of_work.commit(move |transaction| draft.write(transaction)).await?.value)
    }
}

impl LetterSource for Letters {
    fn write<'a>(&'a self, message: &'a QueuedMessage) -> Writing<'a> {
        Box::pin(self.letter(message))
    }
}

/// A letter before it is known who gets it. Each try has a token of its own, so that the token is nowhere but in the mail.
struct Draft {
    mail: QueuedMail,
    token: LinkToken,
    message_id: uuid::Uuid,
    issuer: String,
    limit: Option<i64>,
}

impl Draft {
    fn write(&self, transaction: &mut Transaction<'_>) -> Result<Written, LetterError> {
        match self.plan(transaction)? {
            Plan::Nobody(why) => Ok(Written::Nobody(why)),
            Plan::Notice { username, kind, to, at_ms } => {
                let Ok(to) = Email::parse(&to) else {
                    return Ok(Written::Nobody("the address is not ASCII"));
                };
                let owner = self.owner_of_notice(transaction)?;
                let language = self.language(transaction, owner)?;
                let letter = match kind {
                    NoticeKind::PasswordChanged => Letter::PasswordChanged { username, at_ms },
                    NoticeKind::AddressChangeRequested => Letter::AddressChangeRequested { username, at_ms },
                    NoticeKind::AddressChanged => Letter::AddressChanged { username, at_ms },
                    NoticeKind::AccountLocked { length_s, callers } => {
                        Letter::AccountLocked { username, at_ms, length_s, callers }
                    }
                };
                Ok(Written::Letter { to, language, letter })
            }
            Plan::Link { owner, purpose, to } => self.link(transaction, owner.as_deref(), purpose, &to),
        }
    }

    /// Who is meant, under the lock of the user.
    fn plan(&self, transaction: &mut Transaction<'_>) -> Result<Plan, DatabaseError> {
        let nobody = Plan::Nobody("no account is meant");
        Ok(match &self.mail.request {
            MailRequest::Forgot { identifier } => {
                let found = users::find_by_identifier(transaction.conn(), identifier.as_str())?;
                match lock(transaction, found)? {
                    Some(owner) if owner.user.email_verified => of_address(owner, LinkPurpose::Reset),
                    // An unverified address is nobody's, so the user was found by the name.
                    Some(owner) => of_address(owner, LinkPurpose::Verify),
                    None => nobody,
                }
            }
            MailRequest::VerifyAgain { identifier } => {
                let found = find_by_name(transaction.conn(), identifier)?;
                lock(transaction, found)?.map_or(nobody, unverified)
            }
            MailRequest::Verify { user_id } => {
                let found = users::find_credentials(transaction.conn(), *user_id)?;
                lock(transaction, found)?.map_or(nobody, unverified)
            }
            MailRequest::Change { user_id, email } => {
                let found = users::find_credentials(transaction.conn(), *user_id)?;
                match lock(transaction, found)? {
                    Some(owner) if owner.user.pending_email.as_ref() == Some(email) => Plan::Link {
                        owner: Some(Box::new(owner)),
                        purpose: LinkPurpose::Change,
                        to: email.clone(),
                    },
                    _ => Plan::Nobody("the address is not wanted any more"),
                }
            }
            MailRequest::Notice { user_id, kind, email, at_ms } => {
                let user = users::find(transaction.conn(), *user_id)?;
                let username = user.map(|user| user.username);
                Plan::Notice { username, kind: *kind, to: email.clone(), at_ms: *at_ms }
            }
            MailRequest::Invitation { email } => {
                Plan::Link { owner: None, purpose: LinkPurpose::Invitation, to: email.clone() }
            }
        })
    }

    fn link(
        &self,
        transaction: &mut Transaction<'_>,
        owner: Option<&Credentials>,
        purpose: LinkPurpose,
        to: &str,
    ) -> Result<Written, LetterError> {
        let Ok(email) = Email::parse(to) else { return Ok(Written::Nobody("the address is not ASCII")) };
        let now_ms = transaction.now_ms();
        let after_ms = now_ms.saturating_sub(COUNTED_MS);
        if let Some(limit) = self.limit.filter(|_| purpose != LinkPurpose::Invitation) {
            let is_reset = purpose == LinkPurpose::Reset;
            mailed_links::lock_mailbox(transaction.conn(), email.key())?;
            let (key, conn) = (email.key(), transaction.conn());
            let made = mailed_links::count_of_mailbox(conn, key, is_reset, self.message_id, after_ms, limit)?;
            if i64::try_from(made).is_ok_and(|made| made >= limit) {
                return Ok(Written::Nobody("the mailbox got enough of these mails in this hour"));
            }
        }
        let bound = owner.map(|owner| (owner.user.id, owner.version));
        let link = MailedLink::new(purpose, bound, email.as_str(), email.key().to_owned(), now_ms);
        mailed_links::insert(transaction.conn(), &self.token.hash(), &link, self.message_id)?;
        let event = AuditEvent::new(AuditKind::LinkMailed, &Initiator::system()).reason(purpose.as_str());
        transaction.record(AuditEvent { user_id: link.user_id, ..event });
        let language = self.language(transaction, owner.map(|owner| owner.user.id))?;
        let letter = self.letter(purpose, owner, &link);
        Ok(Written::Letter { to: email, language, letter })
    }

    fn letter(&self, purpose: LinkPurpose, owner: Option<&Credentials>, made: &MailedLink) -> Letter {
        let target = match purpose {
            LinkPurpose::Reset => LinkTarget::ResetPassword,
            LinkPurpose::Verify | LinkPurpose::Change => LinkTarget::VerifyEmail,
            LinkPurpose::Invitation => LinkTarget::Register,
        };
        let link = mail::MailedLink {
            url: mail::link(&self.issuer, target, self.token.expose()),
            life_s: purpose.life_s(),
            ends_at_ms: made.expires_at_ms,
        };
        match purpose {
            // A reset goes to the verified address.
            LinkPurpose::Reset => {
                Letter::PasswordReset { username: owner.map(|owner| owner.user.username.clone()), link }
            }
            LinkPurpose::Verify => Letter::Verification { link },
            LinkPurpose::Change => Letter::NewAddress { link },
            LinkPurpose::Invitation => Letter::Invitation { link },
        }
    }

    fn owner_of_notice(
        &self,
        transaction: &mut Transaction<'_>,
    ) -> Result<Option<uuid::Uuid>, DatabaseError> {
        let MailRequest::Notice { user_id, .. } = &self.mail.request else { return Ok(None) };
        Ok(users::find(transaction.conn(), *user_id)?.map(|user| user.id))
    }

    /// The language of the request that caused the mail, else the user's own, which an operator may have set.
    fn language(
        &self,
        transaction: &mut Transaction<'_>,
        user_id: Option<uuid::Uuid>,
    ) -> Result<Locale, DatabaseError> {
        let asked = self.mail.language.as_deref().and_then(Locale::of_tag);
        let (None, Some(user_id)) = (asked, user_id) else { return Ok(asked.unwrap_or_default()) };
        let profile = users::find_with_profile(transaction.conn(), user_id)?;
        let tag =
            profile.and_then(|(_, claims, _)| Some(claims.as_object().get("locale")?.as_str()?.to_owned()));
        Ok(tag.as_deref().and_then(Locale::of_tag).unwrap_or_default())
    }
}

/// Locks a user who was found, and reads the row again. A disabled user gets no links.
fn lock(
    transaction: &mut Transaction<'_>,
    found: Option<Credentials>,
) -> Result<Option<Credentials>, DatabaseError> {
    let Some(found) = found else { return Ok(None) };
    let locked = users::lock(transaction.conn(), found.user.id)?;
    Ok(locked.filter(|locked| locked.user.is_active))
}

fn find_by_name(
    conn: &mut DbConnection,
    identifier: &Identifier,
) -> Result<Option<Credentials>, DatabaseError> {
    let Ok(name) = Username::parse(identifier.as_str()) else { return Ok(None) };
    users::find_by_name(conn, name.key())
}

fn of_address(owner: Credentials, purpose: LinkPurpose) -> Plan {
    match owner.user.email.clone() {
        Some(to) => Plan::Link { owner: Some(Box::new(owner)), purpose, to },
        None => Plan::Nobody("the account has no address"),
    }
}

fn unverified(owner: Credentials) -> Plan {
    if owner.user.email_verified {
        return Plan::Nobody("the address is verified already");
    }
    of_address(owner, LinkPurpose::Verify)
}

impl Accounts {
    /// The message for a mail, in the language of its initiator; `None` if this service sends none.
    pub(super) fn mail(&self, request: MailRequest, initiator: &Initiator) -> Option<NewMessage> {
        self.parts.policy.sends_mail.then(|| message(request, initiator))
    }

    /// Tells the owner of something, at the verified address. Such notices are never withheld.
    pub(super) fn notify(
        &self,
        transaction: &mut Transaction<'_>,
        user: &User,
        kind: NoticeKind,
        initiator: &Initiator,
    ) {
        let Some(email) = user.email.clone().filter(|_| user.email_verified) else { return };
        let at_ms = transaction.now_ms();
        let request = MailRequest::Notice { user_id: user.id, kind, email, at_ms };
        if let Some(mail) = self.mail(request, initiator) {
            transaction.enqueue(mail);
        }
    }
}

/// The message for a mail, in the language of its initiator.
pub(super) fn message(request: MailRequest, initiator: &Initiator) -> NewMessage {
    let mail = QueuedMail { request, language: initiator.language.map(str::to_owned) };
    NewMessage::mail(mail.receiver(), mail.payload())
}
