//! The newest facts of the log, in memory as of the last read, and the cursors of followers.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::storage::revocations::SequencedFact;
use crate::storage::revocations::{GRACE_S, LogPage};

/// The most facts in memory: about 8 MiB.
pub(super) const CAPACITY: usize = 30_000;

/// The most entries of one response.
pub(super) const PAGE_ENTRIES: usize = 5_000;
const _: () = assert!(PAGE_ENTRIES <= shared_claims::issuer::contract::MAX_FEED_ENTRIES);

/// The error for a cursor that cannot be used. The follower starts again without a cursor and keeps the facts that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor belongs to another list")]
pub struct UnusableCursor;

/// A place in the list of one database, as `<epoch>.<seq>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The database's id; `None` for the beginning of the list, whatever its database is.
    pub(super) epoch: Option<String>,
    /// The sequence number of the last fact that the follower has. Not below zero.
    pub(super) seq: i64,
}

impl Cursor {
    /// The cursor before the first fact.
    pub(super) const BEGINNING: Self = Self { epoch: None, seq: 0 };

    pub(super) fn parse(text: &str) -> Result<Self, UnusableCursor> {
        let (epoch, seq) = text.split_once('.').ok_or(UnusableCursor)?;
        let seq = seq.parse().ok().filter(|seq| *seq >= 0).ok_or(UnusableCursor)?;
        Ok(Self { epoch: Some(epoch.to_owned()), seq })
    }

    pub(super) fn render(epoch: &str, seq: i64) -> String {
        format!("{epoch}.{seq}")
    }

    /// Whether the cursor can belong to the list of this database.
    fn is_of(&self, epoch: &str) -> bool {
        self.epoch.as_ref().is_none_or(|own| own == epoch)
    }
}

/// Every fact that is later than `floor` and not later than `last_seq`, and that had not expired when the log was read.
#[derive(Debug)]
pub(super) struct RecentFacts {
    /// The database's id, read in the same snapshot.
    pub(super) epoch: Arc<str>,
    pub(super) floor: i64,
    pub(super) last_seq: i64,
    /// Changes whenever the log that was read is not a continuation of the log that was read before.
    pub(super) generation: u64,
    facts: VecDeque<Arc<SequencedFact>>,
    /// The wall clock at the read, seconds.
    read_at: i64,
}

/// A fact that must be unchanged in the log at the next read. Then it is enough to read the facts after it.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) epoch: Arc<str>,
    pub(super) last_seq: i64,
    pub(super) fact: Arc<SequencedFact>,
}

/// The result of a read of the log.
#[derive(Debug)]
pub(super) enum LogReading {
    /// The anchor is unchanged; these are the facts after it.
    Continuation { anchor: i64, page: LogPage },
    /// The newest facts of the log. It is not a continuation of the log that was read before, or there was no anchor.
    Newest { epoch: String, page: LogPage },
}

/// The content of a response to a follower.
#[derive(Debug)]
pub(super) struct PageContent {
    pub(super) epoch: Arc<str>,
    /// The sequence number up to which the follower has all facts after this page.
    pub(super) reached: i64,
    /// Whether there were no facts after this page when the log was read.
    pub(super) complete: bool,
    pub(super) facts: Vec<Arc<SequencedFact>>,
}

/// A part of the log that is older than the facts in memory.
#[derive(Clone, Debug)]
pub(super) struct LogRange {
    pub(super) epoch: Arc<str>,
    pub(super) generation: u64,
    pub(super) after: i64,
    /// The floor of the facts in memory. The log up to here is unchanged as long as the anchor, which is later, is unchanged.
    pub(super) up_to: i64,
}

/// Where a cursor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CursorPlace {
    /// In another list, or beyond the end of this one: 410.
    NotInList,
    /// Before the facts in memory.
    BeforeMemory,
    /// All facts after it are in memory.
    InMemory,
}

impl RecentFacts {
    pub(super) fn new(epoch: &str, page: LogPage, read_at: i64) -> Self {
        let floor = match page.facts.first() {
            // There may be older facts in the log.
            Some(first) if page.facts.len() >= CAPACITY => first.seq - 1,
            _ => 0,
        };
        let facts = page.facts.into_iter().map(Arc::new).collect();
        Self { epoch: epoch.into(), floor, last_seq: page.last_seq, generation: 0, facts, read_at }
    }

    /// The newest fact that no replica has deleted yet, not even one whose clock is a minute ahead. `None` if the clock was set
    /// back, because facts that had expired before may then count again.
    pub(super) fn anchor(&self, now: i64) -> Option<Anchor> {
        let fact =
            self.facts.iter().rev().find(|fact| fact.fact.exp > now).filter(|_| now >= self.read_at)?;
        Some(Anchor { epoch: Arc::clone(&self.epoch), last_seq: self.last_seq, fact: Arc::clone(fact) })
    }

    /// Replaces all facts after the anchor by those that were read. Returns whether anything changed.
    pub(super) fn replace_after(&mut self, anchor: i64, page: LogPage, read_at: i64) -> bool {
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

    /// Whether both hold the same part of the same log.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.epoch, self.floor, self.last_seq) == (&other.epoch, other.floor, other.last_seq)
            && self.facts == other.facts
    }

    /// The part of the log from `seq`, which is below the floor, to the floor.
    pub(super) fn range_before(&self, seq: i64) -> LogRange {
        LogRange {
            epoch: Arc::clone(&self.epoch),
            generation: self.generation,
            after: seq,
            up_to: self.floor,
        }
    }

    pub(super) fn place_of(&self, cursor: &Cursor) -> CursorPlace {
        if !cursor.is_of(&self.epoch) || cursor.seq > self.last_seq {
            CursorPlace::NotInList
        } else if cursor.seq < self.floor {
            CursorPlace::BeforeMemory
        } else {
            CursorPlace::InMemory
        }
    }

    /// The page after `seq`, which is not below the floor, without facts that have expired at `now` (seconds).
    pub(super) fn page_after(&self, seq: i64, now: i64) -> PageContent {
        let start = self.facts.partition_point(|fact| fact.seq <= seq);
        let mut later = self.facts.range(start..).filter(|fact| fact.fact.exp > now.saturating_sub(GRACE_S));
        let facts: Vec<_> = later.by_ref().take(PAGE_ENTRIES).cloned().collect();
        let complete = later.next().is_none();
        let reached = match facts.last() {
            Some(last) if !complete => last.seq,
            _ => self.last_seq,
        };
        PageContent { epoch: Arc::clone(&self.epoch), reached, complete, facts }
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

    fn seqs(page: &PageContent) -> Vec<i64> {
        page.facts.iter().map(|fact| fact.seq).collect()
    }

    #[test]
    fn a_cursor_in_memory_gets_the_facts_after_it_in_pages() {
        let recent = RecentFacts::new("e", page(1..=7_000), 0);
        assert_eq!(recent.floor, 0);
        let first = recent.page_after(3, 0);
        assert_eq!((first.facts.len(), first.reached, first.complete), (PAGE_ENTRIES, 5_003, false));
        let second = recent.page_after(first.reached, 0);
        assert_eq!((second.facts.len(), second.reached, second.complete), (1_997, 7_000, true));
        assert!(seqs(&recent.page_after(7_000, 0)).is_empty());
    }

    #[test]
    fn only_the_newest_facts_are_kept_and_an_older_cursor_is_recognised() {
        let capacity = i64::try_from(CAPACITY).unwrap();
        let mut recent = RecentFacts::new("e", page(11..=10 + capacity), 0);
        assert_eq!(recent.floor, 10);
        let anchor = recent.anchor(0).unwrap();
        assert_eq!((anchor.fact.seq, anchor.last_seq), (10 + capacity, 10 + capacity));
        assert!(recent.replace_after(anchor.fact.seq, page(11 + capacity..=15 + capacity), 0));
        let at = |epoch: &str, seq| recent.place_of(&Cursor { epoch: Some(epoch.to_owned()), seq });
        assert_eq!(at("e", 14), CursorPlace::BeforeMemory);
        assert_eq!(at("e", 15), CursorPlace::InMemory);
        assert_eq!(at("e", 15 + capacity), CursorPlace::InMemory);
        assert_eq!(at("e", 16 + capacity), CursorPlace::NotInList);
        assert_eq!(at("f", 15 + capacity), CursorPlace::NotInList);
        assert_eq!(recent.place_of(&Cursor::BEGINNING), CursorPlace::BeforeMemory);
    }

    #[test]
    fn the_facts_after_the_anchor_are_replaced_by_those_that_were_read() {
        let facts = vec![fact(1, 100), fact(2, 5), fact(3, 5)];
        let mut recent = RecentFacts::new("e", LogPage { facts, last_seq: 3 }, 10);
        assert_eq!(recent.anchor(10).unwrap().fact.seq, 1);
        // The database was set back to 1, and 2 to 4 were committed again.
        assert!(recent.replace_after(1, page(2..=4), 10));
        assert_eq!(seqs(&recent.page_after(1, 10)), [2, 3, 4]);
        assert!(!recent.replace_after(4, LogPage { facts: Vec::new(), last_seq: 4 }, 10));
    }

    #[test]
    fn a_clock_that_was_set_back_and_a_list_without_live_facts_have_no_anchor() {
        let recent = RecentFacts::new("e", page(1..=3), 50);
        assert!(recent.anchor(50).is_some());
        assert!(recent.anchor(49).is_none());
        assert!(recent.anchor(100).is_none());
    }

    #[test]
    fn expired_facts_are_left_out_and_the_cursor_passes_them() {
        let facts = vec![fact(1, 100), fact(2, 5)];
        let recent = RecentFacts::new("e", LogPage { facts, last_seq: 2 }, 0);
        let page = recent.page_after(0, 5 + GRACE_S);
        assert_eq!((seqs(&page), page.reached, page.complete), (vec![1], 2, true));
    }

    #[test]
    fn a_cursor_survives_the_round_trip() {
        let cursor = Cursor::parse(&Cursor::render("0192-a", 41)).unwrap();
        assert_eq!(cursor, Cursor { epoch: Some("0192-a".to_owned()), seq: 41 });
        assert!(cursor.is_of("0192-a") && !cursor.is_of("0192-b") && Cursor::BEGINNING.is_of("0192-b"));
    }

    #[test]
    fn a_text_that_is_no_cursor_is_unusable() {
        for text in ["", "41", "a.", "a.-1", "a.b", "a.1.2", "a.99999999999999999999"] {
            assert_eq!(Cursor::parse(text), Err(UnusableCursor), "{text:?}");
        }
    }
}
