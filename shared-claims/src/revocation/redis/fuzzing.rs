//! The fuzz check for pages of the stream, as Redis sends them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

use redis::{FromRedisValue as _, Parser};

use super::stream::{Page, PageOutcome, StreamPosition, TransactionReply};
use crate::revocation::fuzzing::CheckedMirror;

const RUN_ID: &str = "r";

/// Three properties hold. Every fact in a page is refused, whatever else the page contains and whatever follows it. The
/// list counts as complete only after a last page under the epoch with which this reading began, if that epoch belongs
/// to the connected process and `as_of` does not lie in the future. And no fact refuses a token for longer than its
/// kind allows.
///
/// The input: responses to the mirror's transaction, in RESP, one after the other.
pub fn stream(data: &[u8]) {
    let (mut mirror, mut position) = (CheckedMirror::new(), StreamPosition::new());
    position.connected(RUN_ID);
    let (mut parser, mut rest) = (Parser::new(), data);
    let mut has_malformed = false;
    for _ in 0..16 {
        let Ok(value) = parser.parse_value(&mut rest) else { break };
        let Ok(reply) = TransactionReply::from_redis_value(value) else { continue };
        let page = Page::of(reply);
        let before = position.last_id().to_owned();
        let good: Vec<_> = page.entries.iter().filter_map(|entry| entry.fact.clone().ok()).collect();
        let all_good = mirror.record(&good) && good.len() == page.entries.len();
        let outcome = position.process(&page, mirror.state.boot_ms(), &mirror.state);
        mirror.check();
        let (from_start, unmoved) = (before == "0-0", position.last_id() == before);
        has_malformed = !all_good || (has_malformed && !from_start);
        match outcome {
            PageOutcome::Complete => {
                let epoch = page.epoch.as_deref().expect("an epoch");
                assert!(epoch.strip_prefix(RUN_ID).is_some_and(|rest| rest.starts_with(':')));
                let as_of_ms = page.as_of_ms.expect("a moment");
                assert!(as_of_ms <= page.time_ms.saturating_add(1_000));
                assert!(!page.full && all_good && !has_malformed);
                assert!(page.entries.last().map_or(unmoved, |last| last.id == position.last_id()));
            }
            PageOutcome::ReadNext | PageOutcome::Unproven(_) => {}
        }
    }
    mirror.check_all_expire();
}
