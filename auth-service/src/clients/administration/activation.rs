//! Disables, enables and deletes clients.
//!
//! A replica issues tokens based on its last reading of the clients, which takes no lock. So a client is disabled in
//! two steps. First it is marked inactive and its sessions are ended. Then, when no replica can still hold an older
//! reading, a cut is taken and everything issued up to it is revoked. The first step also stores that a cut is due:
//! if the process dies between the steps, another process (or a repeated command) takes the second step.

use std::sync::Arc;
use std::time::Duration;

use super::change::end_session_batch;
use super::{Administration, AdministrationError};
use crate::clients::RegisteredClient;
use crate::clients::registry::VALID_MS;
use crate::domain::{AuditKind, Client};
use crate::storage::clients;

/// How long until no replica uses a reading that was begun before now. A reading is valid to the end of its last
/// millisecond, hence the margin.
const READINGS_EXPIRE_IN: Duration = Duration::from_millis(VALID_MS + 10);

/// The result of disabling, enabling or deleting a client.
#[derive(Debug)]
pub struct ActivationChange {
    /// The client after the change; of a deleted client, the last state.
    pub registered: RegisteredClient,
    /// The sequence number of the fact that revokes its tokens; `None` if that fact was there before.
    pub seq: Option<i64>,
}

impl Administration {
    /// Disables a client: it gets no more tokens, its sessions end, and its tokens are revoked.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn disable(&self, id: &str) -> Result<ActivationChange, AdministrationError> {
        self.deactivate(id).await?;
        let seq = self.cut(id).await?;
        Ok(ActivationChange { registered: self.show(id).await?, seq })
    }

    /// The first step: marks the client inactive and a cut as due.
    async fn deactivate(&self, id: &str) -> Result<(), AdministrationError> {
        let id = id.to_owned();
        let changed = self.change(move |change| {
            let client = change.find(&id)?;
            if client.is_active {
                change.update(&Client { is_active: false, ..client })?;
                clients::set_cut_due(change.conn(), &id, true)?;
                change.record(AuditKind::ClientDisabled, &id, |event| event);
            }
            Ok(())
        });
        changed.await.map(|_| ())
    }

    /// The second step, if a cut is due: ends the sessions and revokes the tokens, including those that requests in
    /// progress were given. Returns the sequence number of the revocation fact.
    async fn cut(&self, id: &str) -> Result<Option<i64>, AdministrationError> {
        let owned_id = id.to_owned();
        let database = self.inner.unit_of_work.database();
        let is_due = database
            .read(move |conn| clients::is_cut_due(conn, &owned_id).map_err(AdministrationError::from));
        if !is_due.await? {
            return Ok(None);
        }
        let ((), ended) = tokio::join!(tokio::time::sleep(READINGS_EXPIRE_IN), self.end_sessions(id));
        ended?;
        let id = id.to_owned();
        let cut = self.change(move |change| {
            // Another process may have taken the cut in the meantime.
            if clients::is_cut_due(change.conn(), &id)? {
                let client = change.find(&id)?;
                change.end_late_sessions(&id)?;
                change.cut(&client)?;
            }
            Ok(())
        });
        Ok(cut.await?.seq)
    }

    /// Ends the sessions of a client in batches. There may be very many, and other requests must not wait for all of
    /// them.
    async fn end_sessions(&self, id: &str) -> Result<(), AdministrationError> {
        loop {
            let (clock, id) = (Arc::clone(self.inner.unit_of_work.clock()), id.to_owned());
            let database = self.inner.unit_of_work.database();
            let may_be_more = database.write(move |conn| end_session_batch(conn, &id, clock.now_ms()));
            if !may_be_more.await? {
                return Ok(());
            }
        }
    }

    /// Takes every cut that is still due because a process died between the two steps. Returns the sequence number of
    /// the last fact.
    pub async fn complete_disabling(&self) -> Result<Option<i64>, AdministrationError> {
        let due = self
            .inner
            .unit_of_work
            .database()
            .read(|conn| clients::due_cuts(conn).map_err(AdministrationError::from));
        let mut last = None;
        for id in due.await? {
            last = self.cut(&id).await?.or(last);
        }
        Ok(last)
    }

    /// Enables a client. Its former sessions and tokens stay revoked.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn enable(&self, id: &str) -> Result<ActivationChange, AdministrationError> {
        let mut seq = None;
        loop {
            seq = self.cut(id).await?.or(seq);
            let id = id.to_owned();
            let changed = self.change(move |change| {
                let client = change.find(&id)?;
                if clients::is_cut_due(change.conn(), &id)? {
                    // The client was disabled again in the meantime.
                    return Ok(None);
                }
                if !client.is_active {
                    change.end_late_sessions(&id)?;
                    change.update(&Client { is_active: true, ..client })?;
                    change.record(AuditKind::ClientEnabled, &id, |event| event);
                }
                change.registered(&id).map(Some)
            });
            if let Some(registered) = changed.await?.value {
                return Ok(ActivationChange { registered, seq });
            }
        }
    }
    /// Disables a client, then deletes it. Its id may be used again; what was issued to the deleted client stays
    /// revoked.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn delete(&self, id: &str) -> Result<ActivationChange, AdministrationError> {
        let mut seq = None;
        loop {
            self.deactivate(id).await?;
            seq = self.cut(id).await?.or(seq);
            let id = id.to_owned();
            let deleted = self.change(move |change| {
                let registered = change.registered(&id)?;
                if registered.client.is_active || clients::is_cut_due(change.conn(), &id)? {
                    // The client was enabled in the meantime.
                    return Ok(None);
                }
                change.end_late_sessions(&id)?;
                clients::delete(change.conn(), &id)?;
                change.record(AuditKind::ClientDeleted, &id, |event| event);
                Ok(Some(registered))
            });
            if let Some(registered) = deleted.await?.value {
                return Ok(ActivationChange { registered, seq });
            }
        }
    }
}
