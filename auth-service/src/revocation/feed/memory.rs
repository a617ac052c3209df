//! The newest facts in memory, as of the last read of the log.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cursor::Cursor;
use crate::storage::revocations::SequencedFact;
use crate::storage::revocations::{GRACE_S, LogPage};

/// Facts that are kept in memory: about 8 MiB.
pub(super) const CAPACITY: usize = 30_000;

/// The most entries of one answer.
pub(super) const PAGE: usize = 5_000;
const _: () = assert!(PAGE <= shared_claims::issuer::contract::MAX_FEED_ENTRIES);

/// What is known of the log: every fact with a place later than `floor` and not later than `last_seq` that still counted when
/// the log was read.
#[derive(Debug)]
pub(super) struct Memory {
    /// The database's id, read in the same snapshot.
    pub(super) epoch: Arc<str>,
    pub(super) floor: i64,
    pub(super) last_seq: i64,
    /// Another number each time that something else than a continuation was read.
    pub(super) life: u64,
    facts: VecDeque<Arc<SequencedFact>>,
    /// The wall clock at the read, seconds.
    read_at: i64,
}

/// What the next read has to find unchanged, so that it may read only what is later.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) epoch: Arc<str>,
    pub(super) last_seq: i64,
    pub(super) fact: Arc<SequencedFact>,
}

/// What a read found.
#[derive(Debug)]
pub(super) enum Reading {
    /// The anchor stands, and these facts are behind it.
    Later { anchor: i64, page: LogPage },
    /// The log is not a continuation of what is known, or little was known: its newest facts.
    Anew { epoch: String, page: LogPage },
}

/// What a follower at a cursor is to get.
#[derive(Debug)]
pub(super) struct Portion {
    pub(super) epoch: Arc<str>,
    /// The place that the answer reaches.
    pub(super) reached: i64,
    /// Whether nothing is behind it, as of the read.
    pub(super) complete: bool,
    pub(super) facts: Vec<Arc<SequencedFact>>,
}

/// A part of the log that memory does not reach back to.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) epoch: Arc<str>,
    pub(super) life: u64,
    pub(super) after: i64,
    /// The floor. All up to it stands in the log as it was as long as the anchor, which is later, does.
    pub(super) up_to: i64,
}

/// Where a cursor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// In another list, or beyond the end of this one: 410.
    Elsewhere,
    /// Before what is in memory.
    Older,
    /// Memory has everything behind it.
    Within,
}

impl Memory {
    pub(super) fn new(epoch: &str, page: LogPage, read_at: i64) -> Self {
        let floor = match page.facts.first() {
            // Older ones were left in the log.
            Some(first) if page.facts.len() >= CAPACITY => first.seq - 1,
            _ => 0,
        };
        let facts = page.facts.into_iter().map(Arc::new).collect();
        Self { epoch: epoch.into(), floor, last_seq: page.last_seq, life: 0, facts, read_at }
    }

    /// The newest fact that nobody has forgotten yet, replicas with a clock that is a minute ahead included. None where the
    /// clock was set back: what was taken for expired then may count again.
    pub(super) fn anchor(&self, now: i64) -> Option<Anchor> {
        let fact =
            self.facts.iter().rev().find(|fact| fact.fact.exp > now).filter(|_| now >= self.read_at)?;
        Some(Anchor { epoch: Arc::clone(&self.epoch), last_seq: self.last_seq, fact: Arc::clone(fact) })
    }

    /// Puts what was read in the place of all behind the anchor. Says whether anything changed.
    pub(super) fn take_later(&mut self, anchor: i64, page: LogPage, read_at: i64) -> bool {
        self.read_at = read_at;
        let kept = self.facts.partition_point(|fact| fact.seq <= anchor);
        let is_same = self.last_seq == page.last_seq
            && self.facts.range(kept..).map(AsRef::as_ref).eq(page.facts.iter());
        if is_same {
            return false;
        }
        self.facts.truncate(kept);
        self.facts.extend(page.facts.into_iter().map(Arc::new));
        self.last_seq = page.last_seq;
        while self.facts.len() > CAPACITY {
            self.floor = self.facts.pop_front().map_or(self.floor, |fact| fact.seq);
        }
        true
    }

    /// Whether they say the same of the log.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.epoch, self.floor, self.last_seq) == (&other.epoch, other.floor, other.last_seq)
            && self.facts == other.facts
    }

    /// Which part of the log a follower behind the floor has to read.
    pub(super) fn below(&self, seq: i64) -> Stretch {
        Stretch { epoch: Arc::clone(&self.epoch), life: self.life, after: seq, up_to: self.floor }
    }

    pub(super) fn position(&self, cursor: &Cursor) -> Position {
        if !cursor.is_of(&self.epoch) || cursor.seq > self.last_seq {
            Position::Elsewhere
        } else if cursor.seq < self.floor {
            Position::Older
        } else {
            Position::Within
        }
    }

    /// What is behind `seq`, which is not below the floor, and counts at `now` (seconds).
    pub(super) fn after(&self, seq: i64, now: i64) -> Portion {
        let start = self.facts.partition_point(|fact| fact.seq <= seq);
        let mut behind = self.facts.range(start..).filter(|fact| fact.fact.exp > now.saturating_sub(GRACE_S));
        let facts: Vec<_> = behind.by_ref().take(PAGE).cloned().collect();
        let complete = behind.next().is_none();
        let reached = match facts.last() {
            Some(last) if !complete => last.seq,
            _ => self.last_seq,
        };
        Portion { epoch: Arc::clone(&self.epoch), reached, complete, facts }
    }
}

#[cfg(test)]
mod tests {
    use shared_claims::revocation::{RevocationFact, RevocationKind};

    use super::*;

    fn fact(seq: i64, exp: i64) -> SequencedFact {
        SequencedFact {
            seq,
            fact: RevocationFact { kind: RevocationKind::Sid, id: format!("s{seq}"), at: None, exp },
        }
    }

    fn page(seqs: std::ops::RangeInclusive<i64>) -> LogPage {
        LogPage { last_seq: *seqs.end(), facts: seqs.map(|seq| fact(seq, 100)).collect() }
    }

    fn seqs(portion: &Portion) -> Vec<i64> {
        portion.facts.iter().map(|fact| fact.seq).collect()
    }

    #[test]
    fn a_cursor_within_gets_what_is_behind_it_in_pages() {
        let memory = Memory::new("e", page(1..=7_000), 0);
        assert_eq!(memory.floor, 0);
        let first = memory.after(3, 0);
        assert_eq!((first.facts.len(), first.reached, first.complete), (PAGE, 5_003, false));
        let second = memory.after(first.reached, 0);
        assert_eq!((second.facts.len(), second.reached, second.complete), (1_997, 7_000, true));
        assert!(seqs(&memory.after(7_000, 0)).is_empty());
    }

    #[test]
    fn only_the_newest_are_kept_and_an_older_cursor_is_told_apart() {
        let capacity = i64::try_from(CAPACITY).unwrap();
        let mut memory = Memory::new("e", page(11..=10 + capacity), 0);
        assert_eq!(memory.floor, 10);
        let anchor = memory.anchor(0).unwrap();
        assert_eq!((anchor.fact.seq, anchor.last_seq), (10 + capacity, 10 + capacity));
        assert!(memory.take_later(anchor.fact.seq, page(11 + capacity..=15 + capacity), 0));
        let at = |epoch: &str, seq| memory.position(&Cursor { epoch: Some(epoch.to_owned()), seq });
        assert_eq!(at("e", 14), Position::Older);
        assert_eq!(at("e", 15), Position::Within);
        assert_eq!(at("e", 15 + capacity), Position::Within);
        assert_eq!(at("e", 16 + capacity), Position::Elsewhere);
        assert_eq!(at("f", 15 + capacity), Position::Elsewhere);
        assert_eq!(memory.position(&Cursor::BEGINNING), Position::Older);
    }

    #[test]
    fn what_stands_behind_the_anchor_is_replaced_by_what_was_read() {
        let facts = vec![fact(1, 100), fact(2, 5), fact(3, 5)];
        let mut memory = Memory::new("e", LogPage { facts, last_seq: 3 }, 10);
        assert_eq!(memory.anchor(10).unwrap().fact.seq, 1);
        // The database was set back to 1, and 2 to 4 were committed again.
        assert!(memory.take_later(1, page(2..=4), 10));
        assert_eq!(seqs(&memory.after(1, 10)), [2, 3, 4]);
        assert!(!memory.take_later(4, LogPage { facts: Vec::new(), last_seq: 4 }, 10));
    }

    #[test]
    fn a_clock_that_was_set_back_and_a_list_without_live_facts_have_no_anchor() {
        let memory = Memory::new("e", page(1..=3), 50);
        assert!(memory.anchor(50).is_some());
        assert!(memory.anchor(49).is_none());
        assert!(memory.anchor(100).is_none());
    }

    #[test]
    fn expired_facts_are_left_out_and_the_cursor_passes_them() {
        let facts = vec![fact(1, 100), fact(2, 5)];
        let memory = Memory::new("e", LogPage { facts, last_seq: 2 }, 0);
        let portion = memory.after(0, 5 + GRACE_S);
        assert_eq!((seqs(&portion), portion.reached, portion.complete), (vec![1], 2, true));
    }
}
