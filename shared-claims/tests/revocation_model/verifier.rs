//! A mirror and a check of a token.

use crate::list::{Facts, Redis, next_behind};
use crate::model::{BOUND, Flaw, Protocol};

/// A request of a mirror. Used only with [`Protocol::slow`]; otherwise a request is sent, executed and received in one
/// step. That loses no behaviour: a mirror that waits has not changed yet, and a request that was sent earlier proves
/// less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    #[default]
    None,
    /// Sent so many ticks ago.
    Sent(i8),
    Answered(i8, Redis),
}

/// The state of a mirror.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mirror {
    pub(crate) request: Request,
    /// The random part of the epoch that the mirror follows.
    pub(crate) epoch: Option<u8>,
    position: u8,
    pub(crate) known: Facts,
    /// All facts that the mirror ever knew, whose tokens it therefore refused.
    pub(crate) refused: Facts,
    /// How many ticks ago the mirror was complete; `None` when that is beyond the bound.
    as_of: Option<i8>,
    check: Check,
}

/// A check of a token in two separate reads. It stands for a check of any token, because it reads all facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Check {
    #[default]
    None,
    Aged(Option<i8>),
    LookedUp(Facts),
    /// Both reads are done; only the clock may still change the result.
    Both(Option<i8>, Facts),
}

fn older(age: Option<i8>) -> Option<i8> {
    age.map(|age| age + 1).filter(|age| *age <= BOUND)
}

impl Mirror {
    pub(crate) fn tick(&mut self) {
        self.as_of = older(self.as_of);
        match &mut self.request {
            Request::Sent(ago) | Request::Answered(ago, _) => *ago = (*ago + 1).min(BOUND + 1),
            Request::None => {}
        }
        match &mut self.check {
            Check::Aged(as_of) | Check::Both(as_of, _) => *as_of = older(*as_of),
            Check::None | Check::LookedUp(_) => {}
        }
    }

    pub(crate) fn current(&self) -> bool {
        self.as_of.is_some()
    }

    /// The revoked tokens that would be accepted now, of those with a fact in `facts`.
    pub(crate) fn accepted(&self, protocol: &Protocol, facts: Facts) -> Facts {
        match self.check {
            Check::None if !protocol.check_apart && self.as_of.is_some() => facts & !self.known,
            Check::Both(Some(_), known) => facts & !known,
            _ => 0,
        }
    }

    /// The next step of the check.
    pub(crate) fn look(&mut self, flaw: Flaw) {
        self.check = match self.check {
            Check::None if flaw == Flaw::AgeAfterFacts => Check::LookedUp(self.known),
            Check::None => Check::Aged(self.as_of),
            Check::Aged(as_of) => Check::Both(as_of, self.known),
            Check::LookedUp(known) => Check::Both(self.as_of, known),
            Check::Both(..) => Check::None,
        };
    }

    /// The connection broke. A response that has already arrived is still processed.
    pub(crate) fn disconnected(&mut self) {
        if matches!(self.request, Request::Sent(_)) {
            self.request = Request::None;
        }
    }

    /// The next step of following the list.
    pub(crate) fn follow(&mut self, protocol: &Protocol, redis: &Redis) {
        match self.request {
            Request::None if protocol.slow => self.request = Request::Sent(0),
            Request::None => self.take(protocol.flaw, 0, redis),
            Request::Sent(ago) => {
                self.request = Request::Answered(ago, Redis { list: redis.list, ..Redis::default() });
            }
            Request::Answered(ago, answer) => {
                self.request = Request::None;
                self.take(protocol.flaw, if protocol.flaw == Flaw::AgeFromAnswer { 0 } else { ago }, &answer);
            }
        }
    }

    /// Processes what one transaction read: a page of at most one entry, `epoch`, `as_of` and `TIME`.
    fn take(&mut self, flaw: Flaw, sent: i8, redis: &Redis) {
        let entry = next_behind(redis.list.stream, self.position);
        let learnt = entry.map_or(0, |entry| 1 << (entry - 1));
        self.known |= learnt;
        self.refused |= learnt;
        let ours = redis.list.proof.filter(|proof| proof.epoch.of_this_run || flaw == Flaw::AnyProcess);
        let Some(proof) = ours else {
            (self.epoch, self.position) = (None, 0);
            return;
        };
        if self.epoch != Some(proof.epoch.random) {
            let from_start = self.position == 0;
            (self.epoch, self.position) = (Some(proof.epoch.random), 0);
            if flaw == Flaw::ForgetsOnResync {
                self.known = learnt;
            }
            if !from_start {
                return;
            }
        }
        self.position = entry.unwrap_or(self.position);
        // A full page is never the last one.
        let last = entry.is_none() || flaw == Flaw::FirstPageSuffices;
        let as_of = sent + proof.age.max(0);
        let proved = last && as_of <= BOUND && proof.age >= 0;
        if proved && self.as_of.is_none_or(|standing| as_of < standing) {
            self.as_of = Some(as_of);
        }
    }
}
