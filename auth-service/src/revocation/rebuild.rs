//! Rebuilds the list if it is not complete: after a flush, a restart, a failover, the return of older data, an
//! eviction, or a change of the database.

use super::projector::{FACTS_PER_SCRIPT, LogReading, Projector, RoundError};
use super::redis::{ListState, RebuiltStream, WriteOutcome};

impl Projector {
    /// Fills a new stream next to the current one and then replaces the current one, if its epoch is still the one
    /// in `list_state`.
    ///
    /// Most facts are read first. The facts that were committed in the meantime are read last, after another `TIME`,
    /// so that the proof is fresh however long the first part took.
    pub(super) async fn rebuild(&mut self, list_state: &ListState) -> Result<WriteOutcome, RoundError> {
        let epoch = self.random.uuid().to_string();
        let stream = format!("events:rebuild:{epoch}");
        let (mut facts, mut after, mut began) = (0, 0, None);
        let (taken_ms, evicted_before) = loop {
            let taken = self.list.read_state(began.is_none()).await?;
            let evicted_before = *began.get_or_insert(taken.evicted_keys);
            if taken.run_id != list_state.run_id {
                return Ok(WriteOutcome::Conflict);
            }
            let now = self.clock.now_seconds();
            let LogReading::Page(mut page) = self.read_page(after, None, now).await? else {
                return Ok(WriteOutcome::Conflict);
            };
            let end = page.last_seq;
            let fits_in_one = page.is_last(FACTS_PER_SCRIPT);
            loop {
                let last = page.is_last(FACTS_PER_SCRIPT);
                if !page.facts.is_empty() {
                    facts += page.facts.len();
                    match self.list.fill(&stream, &page.facts).await? {
                        Some(filled) if filled == facts => {}
                        // The new stream expired or was lost while it was being filled.
                        Some(_) => return Ok(WriteOutcome::Conflict),
                        None => return Ok(WriteOutcome::Full),
                    }
                }
                after = if last { end } else { page.last_read(after) };
                if last {
                    break;
                }
                let LogReading::Page(next) = self.read_page(after, Some(end), now).await? else {
                    return Ok(WriteOutcome::Conflict);
                };
                page = next;
            }
            if fits_in_one {
                break (taken.time_ms, evicted_before);
            }
        };
        let rebuilt = RebuiltStream {
            stream: &stream,
            epoch: &epoch,
            database: &self.database_id,
            facts,
            up_to: after,
            evicted_before,
        };
        let outcome = self.list.install(list_state, taken_ms, &rebuilt, self.settings.list_ttl).await?;
        if outcome == WriteOutcome::Done {
            self.evicted = false;
            self.shared.update(|status| status.rebuilds += 1);
            self.shared.record_delivered(after);
            tracing::info!(facts, "revocation.projection.rebuilt");
        }
        Ok(outcome)
    }
}
