//! The fuzz check for a sequence of responses of the feed.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a panic is a finding"
)]

use super::pages::{FeedPosition, PageOutcome, parse};
use crate::revocation::RevocationFact;
use crate::revocation::fuzzing::CheckedMirror;

/// Three properties hold. Every fact in a response is refused, whatever else the response contains and whatever follows
/// it. A mirror counts as complete only after a response that says so, that comes from the database with which it
/// began, and in which every entry was understood. And no fact refuses a token for longer than its kind allows.
///
/// The input: response bodies, one per line.
pub fn feed(data: &[u8]) {
    let (mut mirror, mut position) = (CheckedMirror::new(), FeedPosition::default());
    let mut epoch: Option<String> = None;
    for body in data.split(|byte| *byte == b'\n').take(16) {
        let Ok(page) = parse(body) else { continue };
        let read: Vec<RevocationFact> = page.entries.clone();
        let all_good = mirror.record(&read);
        let (this, complete) = (page.epoch.clone(), page.complete);
        let outcome = position.process(page, mirror.state.boot_ms(), &mirror.state);
        mirror.check();
        assert_eq!(outcome.is_ok(), all_good);
        let continues = epoch.as_ref().is_none_or(|known| *known == this);
        match outcome {
            Ok(PageOutcome::Complete) => assert!(complete && continues),
            Ok(PageOutcome::RequestNext) => assert!(!complete || !continues),
            Err(_) => {}
        }
        if all_good {
            epoch = continues.then_some(this);
        }
    }
    mirror.check_all_expire();
}
