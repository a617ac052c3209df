//! Locks of accounts: beginning one, and forgetting all of a user.

use std::sync::atomic::Ordering;

use service_kit::database::DatabaseError;
use uuid::Uuid;

use super::judge::Guess;
use super::{AccountError, Accounts};
use crate::domain::{
    AuditEvent, AuditKind, BudgetName, CallerKind, Credentials, GuessedAccount, Initiator, LoginLock,
    NoticeKind,
};
use crate::storage::{Transaction, guess_accounts, login_locks, users};

/// A budget that a failure has filled.
struct FilledBudget {
    name: BudgetName,
    /// `None` if nobody has the account.
    user: Option<(Uuid, i64)>,
    callers: CallerKind,
    first_ms: i64,
    initiator: Initiator,
}

impl Accounts {
    /// The number of locks that this process began since its start.
    pub fn locks_begun(&self) -> u64 {
        self.locks_begun.load(Ordering::Relaxed)
    }

    /// Locks a budget that the last failure filled. If that fails, the counters alone hold until their failures have ended.
    pub(super) async fn lock(&self, guess: &Guess, initiator: &Initiator) {
        let Some(name) = guess.name else { return };
        let user = match guess.budget.account {
            GuessedAccount::User { id, generation } => Some((id, generation)),
            GuessedAccount::Nobody(_) => None,
        };
        let first_ms = i64::try_from(self.parts.first_lock.as_millis()).unwrap_or(i64::MAX);
        let callers = guess.budget.known_by.kind();
        let filled = FilledBudget { name, user, callers, first_ms, initiator: initiator.clone() };
        let accounts = self.clone();
        let begun = self.parts.unit_of_work.commit(move |transaction| filled.lock(&accounts, transaction));
        let begun = begun.await;
        match begun {
            Ok(committed) => {
                let Some((lock, length_s)) = committed.value else { return };
                self.locks_begun.fetch_add(1, Ordering::Relaxed);
                let user_id = guess.user_id().map(tracing::field::display);
                tracing::warn!(user_id, locks = lock.locks, length_s, "login.locked");
            }
            Err(error) => tracing::error!(%error, "login.not_locked"),
        }
    }
}

impl FilledBudget {
    /// Begins the lock, unless one stands, or everything that was counted for the account was forgotten meanwhile. Returns
    /// it with its length in seconds. It is the same queries for an account that nobody has.
    fn lock(
        &self,
        accounts: &Accounts,
        transaction: &mut Transaction<'_>,
    ) -> Result<Option<(LoginLock, i64)>, AccountError> {
        let owner = self.owner(transaction)?;
        if self.user.is_some() && owner.is_none() {
            return Ok(None);
        }
        login_locks::lock_budget(transaction.conn(), self.name)?;
        let now_ms = transaction.now_ms();
        let before = login_locks::find(transaction.conn(), self.name)?;
        let Some(lock) = LoginLock::next(before, self.first_ms, now_ms) else { return Ok(None) };
        let user_id = owner.as_ref().map(|owner| owner.user.id);
        login_locks::put(transaction.conn(), self.name, user_id, self.callers, lock)?;
        let length_s = lock.locked_until_ms.saturating_sub(now_ms).div_euclid(1000);
        transaction.record(self.event(user_id, length_s));
        if let Some(owner) = owner.filter(|owner| owner.user.is_active) {
            let kind = NoticeKind::AccountLocked { length_s, callers: self.callers };
            accounts.notify(transaction, &owner.user, kind, &self.initiator);
        }
        Ok(Some((lock, length_s)))
    }

    /// The owner of the account, under the lock of the user, while the generation is the one that was counted in.
    fn owner(&self, transaction: &mut Transaction<'_>) -> Result<Option<Credentials>, DatabaseError> {
        let (id, generation) = self.user.unwrap_or_default();
        let owner = users::lock(transaction.conn(), id)?;
        let counted = guess_accounts::find(transaction.conn(), self.user.map(|(id, _)| id))?;
        Ok(owner.filter(|_| counted.generation == generation))
    }

    fn event(&self, user_id: Option<Uuid>, length_s: i64) -> AuditEvent {
        let event = AuditEvent::new(AuditKind::LoginLocked, &self.initiator).subject(format!("{length_s} s"));
        match (user_id, self.callers) {
            // No name: it may be a password that somebody typed into the wrong field.
            (None, _) => event.reason("unknown_user"),
            (Some(id), CallerKind::Unknown) => event.user(id).reason("unknown_caller"),
            (Some(id), CallerKind::Device) => event.user(id).reason("known_device"),
            (Some(id), CallerKind::Network) => event.user(id).reason("known_network"),
        }
    }
}

/// Forgets all failed logins of an account, and all its locks, on every replica at once: what was counted before belongs to
/// another generation. The caller holds the user's lock.
pub(super) fn forget_guesses(transaction: &mut Transaction<'_>, user_id: Uuid) -> Result<(), DatabaseError> {
    guess_accounts::begin_generation(transaction.conn(), user_id)?;
    login_locks::delete_all_of_user(transaction.conn(), user_id)
}
