//! Judges a password that somebody presents for an account.

use service_kit::database::{DatabaseError, DbConnection};
use service_kit::telemetry::LogScope;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::known_device::{Acquaintance, CallerMarks};
use super::{AccountError, Accounts};
use crate::domain::{
    AuditEvent, AuditKind, BudgetName, Credentials, GuessBudget, GuessedAccount, Initiator, LoginBudget,
    LoginLock, LoginSource, NetworkTag, Password, Remaining, Throttled, common_spelling,
};
use crate::passwords::{PasswordError, Verification};
use crate::storage::{guess_accounts, login_locks};
use crate::throttle::{Refusal, Throttle};
use crate::tokens::VerifiedCredentials;

/// The account that a password is presented for, as it was read in one go with the lock of its budget.
pub(super) struct Guess {
    /// `None` if nobody has this account.
    stored: Option<Credentials>,
    /// What nobody has, in the spelling that all spellings of it have in common.
    typed: String,
    /// The budget that the attempt is counted in.
    pub(super) budget: GuessBudget,
    /// The name of the budget; `None` if nothing is limited.
    pub(super) name: Option<BudgetName>,
    /// The budget's last lock, which may have ended.
    lock: Option<LoginLock>,
    /// The caller's network, if a full login has to note it.
    network_to_note: Option<NetworkTag>,
}

/// The password that is right, and the account as it was read.
pub(super) type Proven = (VerifiedCredentials, Credentials);

impl Guess {
    /// Reads what else is known of an account: it was looked for by `typed`, a name, an address or an id, and `None` stands for
    /// one that nobody has. It is the same queries in every case.
    pub(super) fn read(
        conn: &mut DbConnection,
        throttle: &Throttle,
        caller: &CallerMarks,
        stored: Option<Credentials>,
        typed: &str,
    ) -> Result<Self, DatabaseError> {
        let user_id = stored.as_ref().map(|credentials| credentials.user.id);
        let counted = guess_accounts::find(conn, user_id)?;
        let account = match user_id {
            Some(id) => GuessedAccount::User { id, generation: counted.generation },
            None => GuessedAccount::nobody(typed),
        };
        let Acquaintance { known_by, network_to_note } = caller.find(conn, stored.as_ref(), &counted)?;
        let budget = GuessBudget { account, known_by };
        let name = throttle.name_of(&budget);
        let lock = name.map(|name| login_locks::find(conn, name)).transpose()?.flatten();
        Ok(Self { stored, typed: common_spelling(typed), budget, name, lock, network_to_note })
    }

    /// The user, active or not.
    pub(super) fn user_id(&self) -> Option<Uuid> {
        self.stored.as_ref().map(|credentials| credentials.user.id)
    }

    /// For how long the budget is locked.
    fn lock_left(&self, now_ms: i64) -> Option<Throttled> {
        self.lock?.remaining(now_ms)
    }

    /// Builds the audit event for a refused login.
    fn refusal(&self, client_id: &str, initiator: &Initiator) -> AuditEvent {
        let event = AuditEvent::new(AuditKind::LoginRefused, initiator).client(client_id);
        match self.stored.as_ref().map(|credentials| &credentials.user) {
            None => event.reason("unknown_user"),
            Some(user) if user.is_active => event.user(user.id).reason("wrong_password"),
            Some(user) => event.user(user.id).reason("disabled"),
        }
    }
}

/// A password that is presented, and by whom.
struct Presented {
    password: Zeroizing<String>,
    client_id: String,
    source: LoginSource,
    initiator: Initiator,
}

impl Accounts {
    /// Judges the password of a user who was found by the id, or by a link.
    pub(super) async fn judge_stored(
        &self,
        stored: Option<Credentials>,
        id: Uuid,
        password: &str,
        client_id: &str,
        initiator: &Initiator,
    ) -> Result<Option<Proven>, AccountError> {
        let source = LoginSource::network_of(initiator);
        let (throttle, caller) = (self.parts.throttle.clone(), self.marks_of(&source, initiator));
        let database = self.parts.unit_of_work.database();
        let guess = database.read(move |conn| {
            Ok::<_, AccountError>(Guess::read(conn, &throttle, &caller, stored.clone(), &id.to_string())?)
        });
        self.judge(guess.await?, password, client_id, source, initiator).await
    }

    /// Judges a password for an account. The cost is the same in every case, and `None` is returned when the account is
    /// unknown or disabled as well as when the password is wrong.
    ///
    /// **Every attempt to guess a password passes through here, whatever it is for**: logins of each face, changes of the
    /// password or the address, the verification of an address, and the repeated use of a reset link. So this is the place
    /// where attempts are counted and locks are looked at.
    ///
    /// The judgement runs in a task of its own. A caller who hangs up meanwhile changes nothing: it is finished, and counts.
    pub(super) async fn judge(
        &self,
        guess: Guess,
        password: &str,
        client_id: &str,
        source: LoginSource,
        initiator: &Initiator,
    ) -> Result<Option<Proven>, AccountError> {
        if let Some(throttled) = guess.lock_left(self.parts.unit_of_work.clock().now_ms()) {
            return Err(AccountError::Throttled(throttled));
        }
        let presented = Presented {
            password: Zeroizing::new(password.to_owned()),
            client_id: client_id.to_owned(),
            source,
            initiator: initiator.clone(),
        };
        let accounts = self.clone();
        let judging = async move { accounts.judge_to_the_end(guess, presented).await };
        let judged = tokio::spawn(LogScope::current().instrument(judging)).await;
        // It is never aborted, so it panicked, and that was logged where it happened.
        judged.unwrap_or_else(|_| Err(PasswordError::Panicked.into()))
    }

    async fn judge_to_the_end(
        &self,
        guess: Guess,
        presented: Presented,
    ) -> Result<Option<Proven>, AccountError> {
        let parts = &self.parts;
        let Presented { password, client_id, source, initiator } = presented;
        // A disabled user is treated like an unknown one: the password is verified against the dummy hash.
        let active = guess.stored.as_ref().filter(|credentials| credentials.user.is_active);
        let hash = active.map(|credentials| credentials.hash.clone());
        // A password above the size limit cannot be right: the dummy is verified instead, at the same cost.
        let is_possible = !Password::is_out_of_reach(password.len(), self.password_rules());
        let (text, hash) = if is_possible { (password.as_str(), hash) } else { ("", None) };
        let permit = match parts.throttle.begin(&source, &guess.budget).await {
            Ok(permit) => permit,
            Err(Refusal::Throttled { throttled, source: left }) => {
                self.report(&source, left, LoginBudget::uncounted, &initiator);
                return Err(AccountError::Throttled(throttled));
            }
            Err(Refusal::Busy) => return Err(AccountError::Busy),
        };
        let left = permit.remaining();
        let passwords = parts.passwords.asked_by(&initiator.device);
        let verified = match passwords.verify(Password::presented(text), hash).await {
            Ok(verified) => verified,
            Err(error) => {
                permit.give_back().await;
                return Err(error.into());
            }
        };
        let credentials = active.cloned();
        match (credentials, verified) {
            (Some(credentials), Verification::Right { upgraded }) => {
                permit.succeed().await;
                self.report(&source, left, LoginBudget::after_success, &initiator);
                self.end_row_of_locks(&guess).await?;
                let proven = VerifiedCredentials {
                    user_id: credentials.user.id,
                    version: credentials.version,
                    upgrade: upgraded.map(|new| (credentials.hash.clone(), new)),
                    network: guess.network_to_note,
                };
                Ok(Some((proven, credentials)))
            }
            (None, _) | (_, Verification::Wrong) => {
                let is_filled = permit.fail().await;
                self.report(&source, left, LoginBudget::after_failure, &initiator);
                let refused = guess.refusal(&client_id, &initiator);
                if guess.stored.is_some() {
                    parts.refusals.record(refused).await;
                } else {
                    parts.refusals.record_unknown(refused, &guess.typed).await;
                }
                self.count_cookie_failure(&guess, &initiator).await;
                if is_filled {
                    self.lock(&guess, &initiator).await;
                }
                Ok(None)
            }
        }
    }

    /// Tells the caller what is left of the attempts from its network. The budget of a client with the password grant is that
    /// of all its users, so nothing is said of it.
    fn report(
        &self,
        source: &LoginSource,
        left: Option<Remaining>,
        after: fn(Remaining, i64) -> LoginBudget,
        initiator: &Initiator,
    ) {
        if let (LoginSource::Network(_), Some(left)) = (source, left) {
            initiator.budget.set(after(left, self.parts.unit_of_work.clock().now_ms()));
        }
    }

    /// A good login ends the row of locks of its budget. Only a lock that has ended can be there.
    async fn end_row_of_locks(&self, guess: &Guess) -> Result<(), AccountError> {
        let (Some(name), Some(_)) = (guess.name, guess.lock) else { return Ok(()) };
        let ended = self
            .parts
            .unit_of_work
            .commit(move |transaction| Ok::<_, AccountError>(login_locks::delete(transaction.conn(), name)?));
        ended.await.map(drop)
    }
}
