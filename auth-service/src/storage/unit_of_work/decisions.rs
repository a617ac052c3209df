//! Which audit events of a unit of work are stored, over all attempts of its transaction.

use std::sync::Arc;

use super::AuditPolicy;
use crate::domain::AuditEvent;

/// The decisions so far. A transaction that runs a second time uses those of the first attempt: the policy counts events,
/// and must count each one once.
pub(super) struct Decisions {
    policy: Option<Arc<dyn AuditPolicy>>,
    decided: Vec<Decision>,
}

struct Decision {
    event: AuditEvent,
    rows: Vec<AuditEvent>,
}

impl Decisions {
    /// Without a policy every event is stored.
    pub(super) fn new(policy: Option<Arc<dyn AuditPolicy>>) -> Self {
        Self { policy, decided: Vec::new() }
    }

    /// The rows to store for the event with this index in its transaction.
    pub(super) fn rows(&mut self, index: usize, event: &AuditEvent) -> Vec<AuditEvent> {
        let Some(policy) = &self.policy else { return vec![event.clone()] };
        if let Some(decision) = self.decided.get(index)
            && decision.is_about(event)
        {
            let mut rows = decision.rows.clone();
            // The second attempt may have made other ids.
            if let Some(last) = rows.last_mut() {
                *last = event.clone();
            }
            return rows;
        }
        let rows = policy.rows(event);
        self.decided.truncate(index);
        self.decided.push(Decision { event: event.clone(), rows: rows.clone() });
        rows
    }
}

impl Decision {
    /// Whether a policy would count this event in the same way.
    fn is_about(&self, event: &AuditEvent) -> bool {
        let AuditEvent { kind, user_id, client_id, .. } = &self.event;
        (*kind, user_id, client_id) == (event.kind, &event.user_id, &event.client_id)
    }
}
