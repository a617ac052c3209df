//! A client is switched off, and on.
//!
//! A token is given on what its issuer last read of the client, which takes no lock. So a client is switched off in two
//! steps: first it is inactive; its sessions end; when no replica can hold an older reading any longer, the moment is
//! taken and everything up to it is revoked. Whoever dies in between leaves a mark, and whoever comes next goes on.

use std::sync::Arc;
use std::time::Duration;

use super::change::end_batch;
use super::{Administration, AdministrationError};
use crate::clients::RegisteredClient;
use crate::clients::registry::VALID_MS;
use crate::domain::{AuditKind, Client};
use crate::storage::clients;

/// A reading counts up to the end of its last millisecond.
const FORGOTTEN: Duration = Duration::from_millis(VALID_MS + 10);

/// A client that was switched off.
#[derive(Debug)]
pub struct Switched {
    /// As it stands.
    pub registered: RegisteredClient,
    /// The place in the log of the fact that its tokens are revoked; `None` if that stood there before.
    pub seq: Option<i64>,
}

impl Administration {
    /// Switches a client off: it gets no token any more, its sessions end, its tokens are revoked.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn disable(&self, id: &str) -> Result<Switched, AdministrationError> {
        self.switch_off(id).await?;
        let seq = self.cut(id).await?;
        Ok(Switched { registered: self.show(id).await?, seq })
    }

    /// The first step.
    pub(super) async fn switch_off(&self, id: &str) -> Result<(), AdministrationError> {
        let id = id.to_owned();
        let switched = self.change(move |change| {
            let client = change.find(&id)?;
            if client.is_active {
                change.update(&Client { is_active: false, ..client })?;
                clients::set_cut_due(change.conn, &id, true)?;
                change.note(AuditKind::ClientDisabled, &id, |event| event);
            }
            Ok(())
        });
        switched.await.map(|((), _)| ())
    }

    /// The second step, where it is due: the place of the fact. What an issue that was under way gave ends with the rest.
    pub(super) async fn cut(&self, id: &str) -> Result<Option<i64>, AdministrationError> {
        let asked = id.to_owned();
        let database = &self.parts.database;
        let is_due =
            database.read(move |conn| clients::is_cut_due(conn, &asked).map_err(AdministrationError::from));
        if !is_due.await? {
            return Ok(None);
        }
        let ((), ended) = tokio::join!(tokio::time::sleep(FORGOTTEN), self.end_sessions(id));
        ended?;
        let id = id.to_owned();
        let cut = self.change(move |change| {
            // Somebody else may have been faster.
            if clients::is_cut_due(change.conn, &id)? {
                let client = change.find(&id)?;
                change.end_stragglers(&id)?;
                change.cut(&client)?;
            }
            Ok(())
        });
        cut.await.map(|((), seq)| seq)
    }

    /// Ends the sessions of a client, a few at a time: there may be very many, and nobody should wait for all of them.
    async fn end_sessions(&self, id: &str) -> Result<(), AdministrationError> {
        loop {
            let (parts, id) = (Arc::clone(&self.parts), id.to_owned());
            let some = self.parts.database.write(move |conn| end_batch(conn, &id, parts.clock.now_ms()));
            if !some.await? {
                return Ok(());
            }
        }
    }

    /// Does what somebody who died left to do; the place of the last fact.
    pub async fn settle(&self) -> Result<Option<i64>, AdministrationError> {
        let due = self.parts.database.read(|conn| clients::due_cuts(conn).map_err(AdministrationError::from));
        let mut last = None;
        for id in due.await? {
            last = self.cut(&id).await?.or(last);
        }
        Ok(last)
    }

    /// Switches a client on. What it had before stays ended.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn enable(&self, id: &str) -> Result<Switched, AdministrationError> {
        let mut seq = None;
        loop {
            seq = self.cut(id).await?.or(seq);
            let id = id.to_owned();
            let switched = self.change(move |change| {
                let client = change.find(&id)?;
                if clients::is_cut_due(change.conn, &id)? {
                    // Switched off once more meanwhile.
                    return Ok(None);
                }
                if !client.is_active {
                    change.end_stragglers(&id)?;
                    change.update(&Client { is_active: true, ..client })?;
                    change.note(AuditKind::ClientEnabled, &id, |event| event);
                }
                change.registered(&id).map(Some)
            });
            if let (Some(registered), _) = switched.await? {
                return Ok(Switched { registered, seq });
            }
        }
    }
}
