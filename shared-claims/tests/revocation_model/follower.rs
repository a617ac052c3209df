//! What the reader remembers, and a follower.

use crate::list::Facts;
use crate::model::BOUND;

/// How many facts memory has room for.
const CAPACITY: usize = 1;

/// Facts by their names, in the order of their places.
pub(crate) type Log = Vec<u8>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    pub(crate) epoch: u8,
    pub(crate) life: u8,
    pub(crate) floor: usize,
    pub(crate) facts: Log,
}

impl Memory {
    pub(crate) fn last(&self) -> usize {
        self.floor + self.facts.len()
    }

    pub(crate) fn shrink(&mut self) {
        while self.facts.len() > CAPACITY {
            self.facts.remove(0);
            self.floor += 1;
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Answer {
    Gone,
    Entries { epoch: u8, facts: Log, reached: usize },
}

/// Each with how long ago the request was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Request {
    #[default]
    None,
    Waiting {
        ago: i8,
        /// The read in flight began after it came in.
        is_covered: bool,
    },
    Paging {
        ago: i8,
        epoch: u8,
        life: u8,
        after: usize,
        up_to: usize,
    },
    Answered(i8, Answer),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Follower {
    pub(crate) cursor: Option<(u8, usize)>,
    pub(crate) known: Facts,
    /// How long ago it was complete; nothing once that is beyond the bound.
    pub(crate) as_of: Option<i8>,
    pub(crate) request: Request,
}

pub(crate) fn named(facts: &[u8]) -> Facts {
    facts.iter().fold(0, |known, fact| known | (1 << fact))
}

impl Follower {
    pub(crate) fn tick(&mut self) {
        self.as_of = self.as_of.map(|age| age + 1).filter(|age| *age <= BOUND);
        match &mut self.request {
            Request::Waiting { ago, .. } | Request::Paging { ago, .. } | Request::Answered(ago, _) => {
                *ago = (*ago + 1).min(BOUND + 1);
            }
            Request::None => {}
        }
    }

    pub(crate) fn complete(&mut self, ago: i8) {
        if ago <= BOUND && self.as_of.is_none_or(|standing| ago < standing) {
            self.as_of = Some(ago);
        }
    }

    /// What memory has for it.
    pub(crate) fn answered(&self, ago: i8, memory: &Memory) -> Request {
        let (epoch, after) = self.cursor.unwrap_or((memory.epoch, 0));
        if epoch != memory.epoch || after > memory.last() {
            return Request::Answered(ago, Answer::Gone);
        }
        if after < memory.floor {
            return Request::Paging { ago, epoch, life: memory.life, after, up_to: memory.floor };
        }
        let facts = memory.facts[after - memory.floor..].to_vec();
        Request::Answered(ago, Answer::Entries { epoch, facts, reached: memory.last() })
    }

    pub(crate) fn receive(&mut self) {
        match std::mem::take(&mut self.request) {
            Request::Answered(_, Answer::Gone) => self.cursor = None,
            Request::Answered(ago, Answer::Entries { epoch, facts, reached }) => {
                self.known |= named(&facts);
                self.cursor = Some((epoch, reached));
                self.complete(ago);
            }
            other => self.request = other,
        }
    }
}
