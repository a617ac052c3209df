//! Decides on a refresh token that was used before: either a repeated request, or an attacker who has a copy.

use super::logout::end_session;
use super::refresh::{Decided, Found, Request};
use super::{Given, Inner, TokenError, TooMuch};
use crate::domain::{AuditEvent, AuditKind, EndReason, Presented};
use crate::storage::{Transaction, refresh_tokens};

impl Inner {
    /// Decides on a token that was used or cannot be consumed. The caller holds the user's lock and has read the
    /// session and the token under it.
    pub(super) fn decide_replay(
        &self,
        transaction: &mut Transaction<'_>,
        found: &mut Found,
        request: &Request<'_>,
    ) -> Result<Decided, TokenError> {
        let asked = found.asked(request);
        let child = request.presented.child(&self.refresh_derivation);
        let successor = refresh_tokens::find(transaction.conn(), &child.hash())?;
        let meaning = found.means(successor.as_ref(), self.settings.refresh_replay_s.saturating_mul(1000));
        let (mut successor, is_late) = match (meaning, successor) {
            // The token is unused but could not be consumed: its session ended at this moment because its client was
            // disabled.
            (Presented::Expired | Presented::Rotate, _) => return Ok(Decided::refused(asked)),
            (Presented::Replay { is_late }, Some(successor)) => (successor, Some(is_late)),
            (Presented::ReplayTooMany, Some(successor)) => (successor, None),
            (Presented::Replay { .. } | Presented::ReplayTooMany | Presented::Reuse, _) => {
                return end_family(transaction, found, request, asked);
            }
        };
        let given = match asked {
            Ok(given) => given,
            Err(what) => return Ok(Decided::TooMuch(what)),
        };
        let counted = successor.refreshes.add(self.settings.limits.refreshes_of_session, found.now_ms);
        let refreshes = match counted {
            Ok(refreshes) => refreshes,
            Err(throttled) => return Ok(Decided::Throttled(throttled)),
        };
        let Some(is_late) = is_late else { return Ok(Decided::Refused) };
        if is_late || refreshes != successor.refreshes {
            successor.late_replays = successor.late_replays.saturating_add(i64::from(is_late));
            refresh_tokens::note_replay(
                transaction.conn(),
                &child.hash(),
                successor.late_replays,
                refreshes,
            )?;
        }
        let is_from_elsewhere =
            successor.first_caller.is_some_and(|first| first != self.caller_mark(request));
        if is_from_elsewhere {
            transaction.record(replayed(found, request));
        }
        let refresh = (child, successor.expires_at_ms);
        self.give_beside(transaction, found, request, given, refresh, true)
    }
}

fn end_family(
    transaction: &mut Transaction<'_>,
    found: &Found,
    request: &Request<'_>,
    asked: Result<Given, TooMuch>,
) -> Result<Decided, TokenError> {
    let event = AuditEvent::new(AuditKind::RefreshReused, request.initiator);
    end_session(transaction, &found.session, EndReason::Reuse, event)?;
    Ok(Decided::Reused { asked })
}

fn replayed(found: &Found, request: &Request<'_>) -> AuditEvent {
    let (session, event) = (&found.session, AuditEvent::new(AuditKind::RefreshReplayed, request.initiator));
    event.user(session.user_id).client(&session.client_id).session(session.id)
}
