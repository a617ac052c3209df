//! Issues the tokens of a login.

use std::sync::Arc;

use shared_claims::claims::FIRST_PARTY_CLIENT;
use uuid::Uuid;

use super::begin::{Beginning, Begun};
use super::{Ask, Inner, Terms, TokenAnswer, TokenError, Tokens, TooMuch};
use crate::domain::{AuditEvent, AuditKind, Initiator, PasswordHash};
use crate::storage::{Transaction, clients, users};

/// Credentials that were verified.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The user they belong to.
    pub user_id: Uuid,
    /// The version of the credentials when they were verified.
    pub version: i64,
    /// The verified hash and its replacement, if the verified one has an older scheme or cost.
    pub upgrade: Option<(PasswordHash, PasswordHash)>,
}

/// The outcome of a login.
#[derive(Debug)]
pub enum Login {
    /// A session was begun.
    Issued {
        /// The session.
        session_id: Uuid,
        /// Its first tokens.
        tokens: Box<TokenAnswer>,
    },
    /// The user was disabled, or the password was changed, since the password was verified.
    Refused,
    /// The client was disabled or deleted since it authenticated.
    ClientEnded,
    /// The request asks for more than the client is allowed.
    TooMuch(TooMuch),
}

/// The outcome as committed, before the token is signed.
enum Decided {
    Begun(Box<Begun>),
    Refused,
    ClientEnded,
    TooMuch(TooMuch),
}

impl Tokens {
    /// Begins a session with a client, if the credentials have not changed since they were verified.
    pub async fn issue(
        &self,
        proven: Proven,
        client_id: String,
        ask: Ask,
        initiator: Initiator,
    ) -> Result<Login, TokenError> {
        let inner = Arc::clone(&self.inner);
        let decided = self.inner.unit_of_work.commit(move |transaction| {
            inner.decide_login(transaction, &proven, &client_id, &ask, &initiator)
        });
        match decided.await?.value {
            Decided::Begun(begun) => {
                let Begun { session_id, minted } = *begun;
                let tokens = Box::new(self.inner.answer(minted).await?);
                Ok(Login::Issued { session_id, tokens })
            }
            Decided::Refused => Ok(Login::Refused),
            Decided::ClientEnded => Ok(Login::ClientEnded),
            Decided::TooMuch(what) => Ok(Login::TooMuch(what)),
        }
    }
}

impl Inner {
    fn decide_login(
        &self,
        transaction: &mut Transaction<'_>,
        proven: &Proven,
        client_id: &str,
        ask: &Ask,
        initiator: &Initiator,
    ) -> Result<Decided, TokenError> {
        let credentials = users::lock(transaction.conn(), proven.user_id)?;
        let terms = self.lock_terms(transaction, client_id)?;
        let now_ms = transaction.now_ms();
        // Compares the version and not the hash, because a concurrent login may have upgraded the hash of the same
        // password.
        let same = credentials.filter(|found| found.user.is_active && found.version == proven.version);
        let Some(credentials) = same else {
            let refused = AuditEvent::new(AuditKind::LoginRefused, initiator)
                .user(proven.user_id)
                .client(client_id)
                .reason("changed_meanwhile");
            transaction.record(refused);
            return Ok(Decided::Refused);
        };
        let Some(terms) = terms else { return Ok(Decided::ClientEnded) };
        let given = match ask.of(terms.most()) {
            Ok(given) => given,
            Err(what) => return Ok(Decided::TooMuch(what)),
        };
        let user = credentials.user;
        if let Some((old, new)) = &proven.upgrade {
            users::upgrade_hash(transaction.conn(), user.id, old, new, now_ms)?;
        }
        let beginning = Beginning {
            user: &user,
            terms: &terms,
            most: given.clone(),
            given,
            amr: vec!["pwd".to_owned()],
            auth_time_s: now_ms.div_euclid(1000),
            device: initiator.device.clone(),
            initiator,
            reason: None,
        };
        Ok(Decided::Begun(Box::new(self.begin(transaction, beginning)?)))
    }

    /// The terms of an active client, whose row is locked until this transaction ends. A transaction that disables
    /// the client waits for this one, and then finds the session that it began.
    pub(super) fn lock_terms(
        &self,
        transaction: &mut Transaction<'_>,
        client_id: &str,
    ) -> Result<Option<Terms>, TokenError> {
        if client_id == FIRST_PARTY_CLIENT {
            return Ok(Some(Terms::first_party(&self.settings)));
        }
        let client = clients::lock(transaction.conn(), client_id)?.filter(|client| client.is_active);
        Ok(client.map(|client| Terms::of(&client, &self.settings)))
    }
}
