//! Disables and enables clients.
//!
//! A replica issues tokens based on its last reading of the clients, which takes no lock. So a client is disabled in
//! two steps. First it is marked inactive and its sessions are ended. Then, when no replica can still hold an older
//! reading, a cut is taken and everything issued up to it is revoked. The first step also stores that a cut is due:
//! if the process dies between the steps, another process (or a repeated command) takes the second step.

use std::sync::Arc;
use std::time::Duration;

use super::change::end_batch;
use super::{Administration, AdministrationError};
use crate::clients::RegisteredClient;
use crate::clients::registry::VALID_MS;
use crate::domain::{AuditKind, Client};
use crate::storage::clients;

/// How long until no replica uses a reading that was begun before now. A reading is valid to the end of its last
/// millisecond, hence the margin.
const FORGOTTEN: Duration = Duration::from_millis(VALID_MS + 10);

/// A client that was disabled or enabled.
#[derive(Debug)]
pub struct Switched {
    /// The client after the change.
    pub registered: RegisteredClient,
    /// The sequence number of the fact that revokes its tokens; `None` if that fact was there before.
    pub seq: Option<i64>,
}

impl Administration {
    /// Disables a client: it gets no more tokens, its sessions end, and its tokens are revoked.
    ///
    /// # Errors
    /// [`AdministrationError::Unknown`].
    pub async fn disable(&self, id: &str) -> Result<Switched, AdministrationError> {
        self.switch_off(id).await?;
        let seq = self.cut(id).await?;
        Ok(Switched { registered: self.show(id).await?, seq })
    }

    /// The first step: marks the client inactive and a cut as due.
    pub(super) async fn switch_off(&self, id: &str) -> Result<(), AdministrationError> {
        let id = id.to_owned();
        let switched = self.change(move |change| {
            let client = change.find(&id)?;
            if client.is_active {
                change.update(&Client { is_active: false, ..client })?;
                clients::set_cut_due(change.conn(), &id, true)?;
                change.record(AuditKind::ClientDisabled, &id, |event| event);
            }
            Ok(())
        });
        switched.await.map(|_| ())
    }

    /// The second step, if a cut is due: ends the sessions and revokes the tokens, including those that requests in
    /// progress were given. Returns the sequence number of the revocation fact.
    pub(super) async fn cut(&self, id: &str) -> Result<Option<i64>, AdministrationError> {
        let asked = id.to_owned();
        let database = self.inner.unit_of_work.database();
        let is_due =
            database.read(move |conn| clients::is_cut_due(conn, &asked).map_err(AdministrationError::from));
        if !is_due.await? {
            return Ok(None);
        }
        let ((), ended) = tokio::join!(tokio::time::sleep(FORGOTTEN), self.end_sessions(id));
        ended?;
        let id = id.to_owned();
        let cut = self.change(move |change| {
            // Another process may have taken the cut in the meantime.
            if clients::is_cut_due(change.conn(), &id)? {
                let client = change.find(&id)?;
                change.end_stragglers(&id)?;
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
            let some = database.write(move |conn| end_batch(conn, &id, clock.now_ms()));
            if !some.await? {
                return Ok(());
            }
        }
    }

    /// Takes every cut that is still due because a process died between the two steps. Returns the sequence number of
    /// the last fact.
    pub async fn settle(&self) -> Result<Option<i64>, AdministrationError> {
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
    pub async fn enable(&self, id: &str) -> Result<Switched, AdministrationError> {
        let mut seq = None;
        loop {
            seq = self.cut(id).await?.or(seq);
            let id = id.to_owned();
            let switched = self.change(move |change| {
                let client = change.find(&id)?;
                if clients::is_cut_due(change.conn(), &id)? {
                    // The client was disabled again in the meantime.
                    return Ok(None);
                }
                if !client.is_active {
                    change.end_stragglers(&id)?;
                    change.update(&Client { is_active: true, ..client })?;
                    change.record(AuditKind::ClientEnabled, &id, |event| event);
                }
                change.registered(&id).map(Some)
            });
            if let Some(registered) = switched.await?.value {
                return Ok(Switched { registered, seq });
            }
        }
    }
}
