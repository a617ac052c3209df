//! One transaction that changes one user.

use std::sync::Arc;

use service_kit::database::DbConnection;

use super::{Administration, AdministrationParts};
use crate::accounts::AccountError;
use crate::domain::{AuditEvent, AuditKind, EndReason, User};
use crate::storage::{audit, users};
use crate::tokens::UserCut;

/// The result of a committed change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The user after the change; for a removal, the user as it was before.
    pub user: User,
    /// The sequence number of the revocation fact, if the change revoked tokens.
    pub seq: Option<i64>,
}

/// A change in progress. The transaction holds the user's row lock.
pub(super) struct Change<'a> {
    pub(super) conn: &'a mut DbConnection,
    pub(super) user: User,
    pub(super) now_ms: i64,
    parts: &'a AdministrationParts,
    events: Vec<AuditEvent>,
    cut: Option<UserCut>,
}

impl Change<'_> {
    /// Ends every session of the user and revokes every token.
    pub(super) fn end_all(&mut self) -> Result<(), AccountError> {
        let cuts = self.parts.cuts;
        self.cut = Some(cuts.end_all(self.conn, &self.user, EndReason::Administration, self.now_ms)?);
        Ok(())
    }

    /// Revokes every access token. Sessions continue and can issue new ones.
    pub(super) fn end_access_tokens(&mut self) -> Result<(), AccountError> {
        self.cut = Some(self.parts.cuts.cut(self.conn, &self.user, self.now_ms)?);
        Ok(())
    }

    /// Writes an audit event of this kind about the user.
    pub(super) fn record(&mut self, kind: AuditKind) -> Result<(), AccountError> {
        let event = AuditEvent::new(kind, &self.parts.origin).user(self.user.id);
        self.record_event(event)
    }

    /// Writes an audit event about the user, with the event's `subject` (for example the new roles).
    pub(super) fn record_about(&mut self, kind: AuditKind, subject: String) -> Result<(), AccountError> {
        let event = AuditEvent::new(kind, &self.parts.origin).user(self.user.id).subject(subject);
        self.record_event(event)
    }

    fn record_event(&mut self, event: AuditEvent) -> Result<(), AccountError> {
        audit::record(self.conn, &event, &self.parts.random, self.now_ms)?;
        self.events.push(event);
        Ok(())
    }
}

impl Administration {
    /// Runs `work` on the user with this name or id, in one transaction. Returns `None` if there is no such user.
    pub(super) async fn change<W>(&self, who: &str, work: W) -> Result<Option<Changed>, AccountError>
    where
        W: Fn(&mut Change<'_>) -> Result<(), AccountError> + Send + 'static,
    {
        let Some(found) = self.find(who).await? else { return Ok(None) };
        let parts = Arc::clone(&self.parts);
        let done = self.parts.database.write(move |conn| {
            let Some(locked) = users::lock(conn, found.id)? else { return Ok(None) };
            let (user, now_ms) = (locked.user, parts.clock.now_ms());
            let mut change = Change { conn, user, now_ms, parts: &parts, events: Vec::new(), cut: None };
            work(&mut change)?;
            let Change { conn, user, events, cut, .. } = change;
            let user = users::find(conn, user.id)?.unwrap_or(user);
            let seq = cut.map(|cut| cut.append(conn, now_ms)).transpose()?;
            Ok::<_, AccountError>(Some((Changed { user, seq }, events)))
        });
        Ok(done.await?.map(|(changed, events)| {
            events.iter().for_each(AuditEvent::log);
            changed
        }))
    }
}
