//! Gives a code to a browser that is signed in, without a page and in one transaction.

use std::sync::Arc;

use super::browser::find;
use super::progress::Action;
use super::request::ReadyRequest;
use super::{CurrentSession, PendingSignIn, SignInError, SignIns};
use crate::domain::sign_in_step::SignInStep;
use crate::domain::{AuthorizationCode, Handle, Initiator, OpaqueSecret};
use crate::storage::browser_sessions::{self, LockedSession};
use crate::storage::{Transaction, consents};
use crate::tokens::{CodeOutcome, TokenError, Tokens};

/// The outcome of trying to give a code without a page.
pub(super) enum AtOnce {
    /// The code was given.
    Granted(OpaqueSecret<AuthorizationCode>),
    /// Something else follows, or the attempt met a change that was just made. The session of the browser is the one that
    /// was found, if it is live.
    Undecided(Option<Box<CurrentSession>>),
}

/// What the attempt needs to know.
struct Attempt {
    tokens: Tokens,
    ready: Arc<ReadyRequest>,
    pending: PendingSignIn,
    handle: Handle,
    initiator: Initiator,
}

impl SignIns {
    /// Gives a code if the session that the handle names allows it without a page.
    ///
    /// Most requests of people who are signed in end here. One statement finds the session and takes every lock, so that
    /// the database is asked four times: to begin, for the locks, for the code, to commit.
    pub(super) async fn grant_at_once(
        &self,
        ready: &Arc<ReadyRequest>,
        pending: &PendingSignIn,
        handle: Handle,
        initiator: &Initiator,
    ) -> Result<AtOnce, SignInError> {
        let attempt = Attempt {
            tokens: self.parts.tokens.clone(),
            ready: Arc::clone(ready),
            pending: pending.clone(),
            handle,
            initiator: initiator.clone(),
        };
        let done = self.parts.unit_of_work.commit(move |transaction| attempt.run(transaction));
        Ok(done.await?.value)
    }
}

impl Attempt {
    fn run(&self, transaction: &mut Transaction<'_>) -> Result<AtOnce, TokenError> {
        let (hash, client) = (self.handle.hash(), self.ready.client());
        let locked =
            browser_sessions::lock_with_user_and_client(transaction.conn(), &hash, client.id.as_str())?;
        let now_ms = transaction.now_ms();
        let undecided = |current: Option<CurrentSession>| Ok(AtOnce::Undecided(current.map(Box::new)));
        let Some(LockedSession { session, credentials, client: locked_client, unredeemed_codes }) = locked
        else {
            // There is no such session, or the client was deleted a moment ago.
            return undecided(find(transaction.conn(), &self.handle, now_ms)?);
        };
        let Some(current) = CurrentSession::live(session, credentials, &hash, now_ms) else {
            return undecided(None);
        };
        let remembered = if client.is_first_party {
            None
        } else {
            consents::find(transaction.conn(), current.user.id, client.id.as_str())?
        };
        let action = Action::opened();
        let state = self.ready.state(&self.pending, Some(&current), remembered.as_ref(), &action, now_ms);
        if state.next() != SignInStep::Grant {
            return undecided(Some(current));
        }
        let new = self.ready.new_code(&current, &self.initiator);
        let issued = self.tokens.issue_code_under_locks(
            transaction,
            &new,
            &locked_client,
            current.session.clone(),
            unredeemed_codes,
        )?;
        match issued {
            CodeOutcome::Issued(code) => Ok(AtOnce::Granted(code)),
            CodeOutcome::CredentialsChanged
            | CodeOutcome::ClientEnded
            | CodeOutcome::ConsentWithdrawn
            | CodeOutcome::ExceedsGrant(_) => undecided(Some(current)),
        }
    }
}
