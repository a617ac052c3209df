//! A verifier that follows the list, and its copy of the issuer's key set.

use super::Flaw;
use super::issuer::{Database, Keys, List, set_of};
use crate::list::Facts;
use crate::model::BOUND;

/// How the verifier learns of revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mirror,
    Lookup,
    Feed,
}

/// When the key set is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Reading {
    /// The first one, at the start.
    #[default]
    First,
    /// The list became another one.
    Now,
    /// The second one after that, in a while.
    AgainLater,
    Again,
    None,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Verifier {
    pub(super) is_cut_off: bool,
    /// A mirror and a lookup: whether the list that is followed is the one that is there.
    followed: Option<bool>,
    /// A follower of the feed: the database and how many of its facts were read.
    cursor: Option<(u8, usize)>,
    has_followed: bool,
    known: Facts,
    as_of: Option<i8>,
    pub(super) keys: Keys,
    reading: Reading,
}

impl Verifier {
    pub(super) fn start(is_cut_off: bool) -> Self {
        Self { is_cut_off, ..Self::default() }
    }

    pub(super) fn tick(&mut self) {
        self.as_of = self.as_of.map(|age| age + 1).filter(|age| *age <= BOUND);
        if self.reading == Reading::AgainLater {
            self.reading = Reading::Again;
        }
    }

    /// Whether it has to read the key set, before time goes on.
    fn reads_keys(&self) -> bool {
        matches!(self.reading, Reading::First | Reading::Now | Reading::Again)
    }

    /// Whether the heartbeat of a lookup has to notice another list.
    fn looks(&self, kind: Kind, list: Option<&List>) -> bool {
        kind == Kind::Lookup && list.is_some_and(List::is_proven) && self.followed != Some(true)
    }

    pub(super) fn is_behind(&self, kind: Kind, list: Option<&List>) -> bool {
        self.reads_keys() || self.looks(kind, list)
    }

    /// Whether it does something at once, before time goes on.
    pub(super) fn is_busy(&self, kind: Kind, list: Option<&List>, can_read_keys: bool) -> bool {
        !self.is_cut_off && ((self.reads_keys() && can_read_keys) || self.looks(kind, list))
    }

    /// The list in Redis has another epoch.
    pub(super) fn list_replaced(&mut self) {
        self.followed = self.followed.map(|_| false);
    }

    fn found_another_list(&mut self, flaw: Flaw) {
        if std::mem::replace(&mut self.has_followed, true) || flaw != Flaw::FirstListUncounted {
            self.list_changed(flaw);
        }
    }

    fn list_changed(&mut self, flaw: Flaw) {
        if flaw != Flaw::KeysNotReadAnew {
            self.reading = Reading::Now;
        }
    }

    pub(super) fn read_keys(&mut self, keys: Keys, flaw: Flaw) {
        self.keys = keys;
        self.reading = match self.reading {
            Reading::Now if flaw != Flaw::KeysReadOnce => Reading::AgainLater,
            Reading::First | Reading::Now | Reading::Again => Reading::None,
            other => other,
        };
    }

    /// Reads the list in Redis, or only its state.
    pub(super) fn follow_redis(&mut self, kind: Kind, list: Option<&List>, flaw: Flaw) {
        let Some(list) = list else {
            self.followed = None;
            return;
        };
        if kind == Kind::Mirror {
            self.known |= set_of(&list.stream);
        }
        if !list.is_proven() {
            self.followed = None;
            return;
        }
        if self.followed != Some(true) {
            self.followed = Some(true);
            self.found_another_list(flaw);
        }
        if kind == Kind::Mirror {
            self.complete(list.age);
        }
    }

    /// Requests a page of the feed.
    pub(super) fn follow_feed(&mut self, database: &Database, flaw: Flaw) {
        let (id, after) = self.cursor.unwrap_or((database.id, 0));
        let Some(later) = database.log.get(after..).filter(|_| id == database.id) else {
            // 410.
            self.cursor = None;
            self.list_changed(flaw);
            return;
        };
        self.known |= set_of(later);
        let is_new = self.cursor.is_none();
        self.cursor = Some((id, database.log.len()));
        if is_new && flaw != Flaw::FirstListUncounted {
            self.list_changed(flaw);
        }
        self.complete(0);
    }

    fn complete(&mut self, age: i8) {
        if self.as_of.is_none_or(|standing| age < standing) {
            self.as_of = Some(age);
        }
    }

    /// Whether it accepts a token of this key, which each of these facts revokes.
    pub(super) fn accepts(&self, kind: Kind, list: Option<&List>, key: Keys, facts: Facts) -> bool {
        let (is_current, known) = match (kind, list.filter(|list| !self.is_cut_off && list.is_proven())) {
            (Kind::Lookup, Some(list)) => (true, self.known | set_of(&list.stream)),
            (Kind::Lookup, None) => (false, self.known),
            _ => (self.as_of.is_some(), self.known),
        };
        is_current && self.keys & key != 0 && known & facts == 0
    }
}
