//! The fuzz check for pages of the stream, as Redis sends them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

use redis::{FromRedisValue as _, Parser};

use super::follower::{Follower, Step};
use super::page::{Answer, Page};
use crate::revocation::fuzzing::Watched;

const RUN_ID: &str = "r";

/// Three properties hold. Every fact in a page is refused, whatever else the page contains and whatever follows it. The
/// list counts as complete only after a last page under the epoch with which this reading began, if that epoch belongs
/// to the connected process and `as_of` does not lie in the future. And no fact refuses a token for longer than its
/// kind allows.
///
/// The input: responses to the mirror's transaction, in RESP, one after the other.
pub fn stream(data: &[u8]) {
    let (mut watched, mut follower) = (Watched::new(), Follower::new());
    follower.connected(RUN_ID);
    let (mut parser, mut rest) = (Parser::new(), data);
    let mut blemished = false;
    for _ in 0..16 {
        let Ok(value) = parser.parse_value(&mut rest) else { break };
        let Ok(answer) = Answer::from_redis_value(value) else { continue };
        let page = Page::of(answer);
        let before = follower.position().to_owned();
        let good: Vec<_> = page.entries.iter().filter_map(|entry| entry.fact.clone().ok()).collect();
        let all_good = watched.told(&good) && good.len() == page.entries.len();
        let step = follower.take(&page, watched.state.boot_ms(), &watched.state);
        watched.check();
        let (from_start, unmoved) = (before == "0-0", follower.position() == before);
        blemished = !all_good || (blemished && !from_start);
        match step {
            Step::Complete => {
                let epoch = page.epoch.as_deref().expect("an epoch");
                assert!(epoch.strip_prefix(RUN_ID).is_some_and(|rest| rest.starts_with(':')));
                let as_of_ms = page.as_of_ms.expect("a moment");
                assert!(as_of_ms <= page.time_ms.saturating_add(1_000));
                assert!(!page.full && all_good && !blemished);
                assert!(page.entries.last().map_or(unmoved, |last| last.id == follower.position()));
            }
            Step::More | Step::Unproven(_) => {}
        }
    }
    watched.outlive();
}
