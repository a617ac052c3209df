//! The feed: one reader of the log that answers all followers, as a model of its own.
//!
//! What is in it: a database that commits facts in order, and is restored to an earlier state, under another id or under the same
//! one (then the followers begin anew as well: under the same id a cursor of before cannot be told from one of after); a
//! reader whose read begins, meets the log, and ends or fails in separate steps, and whose memory is smaller than the log;
//! pages of the log that are kept for later followers; followers whose requests and answers take time. A read answers those
//! whose request was there when it began.
//!
//! What is asked: no follower accepts something later than the bound after its revocation was acknowledged.

use stateright::{Model, Property};

use crate::follower::{Follower, Log, Memory, Request, named};
use crate::model::{BOUND, WITHIN_THE_BOUND};

/// A precaution that is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[default]
    None,
    /// A read also answers requests that came in while it was in flight.
    AnswersLatecomers,
    /// A request is answered from memory without a read.
    AnswersFromMemory,
    /// A read that failed answers those who waited for it from memory.
    FailureIsSilent,
    /// A page of the log that was kept is called complete.
    PageIsComplete,
    /// Nobody looks whether the newest fact known is still there.
    AnchorUnchecked,
    /// The database's id is not read with the log.
    IdUnread,
    /// Pages are kept beyond a restore of the database.
    PagesOutliveMemory,
}

/// One configuration. Time has no end in any of them.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    pub(crate) flaw: Flaw,
    /// How many facts are committed.
    pub(crate) facts: usize,
    /// How often the database is restored.
    pub(crate) restores: u8,
    pub(crate) followers: usize,
}

impl Default for Feed {
    fn default() -> Self {
        Self { flaw: Flaw::None, facts: 2, restores: 1, followers: 1 }
    }
}

/// Where the read in flight is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Read {
    #[default]
    None,
    Begun,
    /// What memory is once the read has ended.
    Done(Memory),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Page {
    life: u8,
    after: usize,
    facts: Log,
    reached: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    log: Log,
    epoch: u8,
    made: u8,
    /// How long ago each fact that the database has was committed, and acknowledged at once.
    acknowledged: [Option<i8>; 4],
    restores: u8,
    memory: Option<Memory>,
    read: Read,
    page: Option<Page>,
    followers: Vec<Follower>,
    has_paged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    Commit,
    Restore { to: usize, new_id: bool },
    Begin,
    MeetLog,
    End,
    Fail,
    Send(usize),
    ReadPage(usize),
    TakePage(usize),
    Receive(usize),
}

impl Feed {
    /// What a read finds that meets the log now.
    fn met(&self, state: &State) -> Memory {
        let log = &state.log;
        if let Some(memory) = &state.memory {
            let last = memory.last();
            let anchor = memory.facts.last().filter(|anchor| log.get(last - 1) == Some(anchor));
            let stands = anchor.is_some() || self.flaw == Flaw::AnchorUnchecked;
            if stands && (memory.epoch == state.epoch || self.flaw == Flaw::IdUnread) {
                let mut later = memory.clone();
                later.facts.extend(log.get(last..).unwrap_or_default());
                later.shrink();
                return later;
            }
        }
        let life = state.memory.as_ref().map_or(0, |memory| memory.life);
        let epoch = if self.flaw == Flaw::IdUnread { 0 } else { state.epoch };
        let mut anew = Memory { epoch, life, floor: 0, facts: log.clone() };
        anew.shrink();
        if state.memory.as_ref().is_some_and(|memory| *memory != anew)
            && self.flaw != Flaw::PagesOutliveMemory
        {
            anew.life += 1;
        }
        anew
    }

    fn answer(&self, state: &mut State, everybody: bool) {
        let Some(memory) = &state.memory else { return };
        for follower in &mut state.followers {
            if let Request::Waiting { ago, is_covered } = follower.request
                && (is_covered || everybody || self.flaw == Flaw::AnswersLatecomers)
            {
                follower.request = follower.answered(ago, memory);
            }
        }
    }

    fn read_page(state: &mut State, which: usize) {
        let request = &mut state.followers[which].request;
        let Request::Paging { epoch, life, after, up_to, .. } = *request else { return };
        if epoch == state.epoch {
            let facts = state.log.get(after..up_to.min(state.log.len())).unwrap_or_default().to_vec();
            state.page = Some(Page { life, after, facts, reached: up_to });
        } else {
            // 503.
            *request = Request::None;
        }
    }

    fn take_page(&self, state: &mut State, which: usize) {
        let follower = &mut state.followers[which];
        let Request::Paging { ago, epoch, life, after, .. } = follower.request else { return };
        let Some(page) = state.page.as_ref().filter(|page| (page.life, page.after) == (life, after)) else {
            return;
        };
        follower.known |= named(&page.facts);
        follower.cursor = Some((epoch, page.reached));
        follower.request = Request::None;
        if self.flaw == Flaw::PageIsComplete {
            follower.complete(ago);
        }
        state.has_paged = true;
    }

    fn restore(state: &mut State, to: usize, new_id: bool) {
        for lost in state.log.split_off(to) {
            // The database does not have it any more: nothing is promised of it.
            state.acknowledged[usize::from(lost)] = None;
        }
        state.restores += 1;
        if new_id {
            state.epoch += 1;
        } else {
            state.followers.fill(Follower::default());
        }
    }
}

impl Model for Feed {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { followers: vec![Follower::default(); self.followers], ..State::default() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        if usize::from(state.made) < self.facts {
            actions.push(Action::Commit);
        }
        if state.restores < self.restores {
            let restore = |to| [true, false].map(|new_id| Action::Restore { to, new_id });
            actions.extend((0..state.log.len()).flat_map(restore));
        }
        actions.extend(match state.read {
            Read::None => vec![Action::Begin],
            Read::Begun => vec![Action::MeetLog, Action::Fail],
            Read::Done(_) => vec![Action::End, Action::Fail],
        });
        for (which, follower) in state.followers.iter().enumerate() {
            actions.extend(match follower.request {
                Request::None => vec![Action::Send(which)],
                Request::Waiting { .. } => vec![],
                Request::Paging { .. } => vec![Action::ReadPage(which), Action::TakePage(which)],
                Request::Answered(..) => vec![Action::Receive(which)],
            });
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Tick => {
                for age in state.acknowledged.iter_mut().flatten() {
                    *age = (*age + 1).min(BOUND + 1);
                }
                state.followers.iter_mut().for_each(Follower::tick);
            }
            Action::Commit => {
                state.log.push(state.made);
                state.acknowledged[usize::from(state.made)] = Some(0);
                state.made += 1;
            }
            Action::Restore { to, new_id } => Self::restore(&mut state, to, new_id),
            Action::Begin => {
                state.read = Read::Begun;
                for follower in &mut state.followers {
                    if let Request::Waiting { is_covered, .. } = &mut follower.request {
                        *is_covered = true;
                    }
                }
            }
            Action::MeetLog => state.read = Read::Done(self.met(&state)),
            Action::End => {
                let Read::Done(memory) = std::mem::take(&mut state.read) else { return None };
                state.memory = Some(memory);
                self.answer(&mut state, false);
            }
            Action::Fail => {
                state.read = Read::None;
                if self.flaw == Flaw::FailureIsSilent {
                    self.answer(&mut state, false);
                }
                for follower in &mut state.followers {
                    if matches!(follower.request, Request::Waiting { is_covered: true, .. }) {
                        follower.request = Request::None;
                    }
                }
            }
            Action::Send(which) => {
                state.followers[which].request = Request::Waiting { ago: 0, is_covered: false };
                if self.flaw == Flaw::AnswersFromMemory {
                    self.answer(&mut state, true);
                }
            }
            Action::ReadPage(which) => Self::read_page(&mut state, which),
            Action::TakePage(which) => self.take_page(&mut state, which),
            Action::Receive(which) => state.followers[which].receive(),
        }
        state.followers.sort_unstable();
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(WITHIN_THE_BOUND, |_, state: &State| {
                let is_late =
                    |fact: &u8| state.acknowledged[usize::from(*fact)].is_some_and(|age| age > BOUND);
                let late: Vec<u8> = state.log.iter().copied().filter(is_late).collect();
                state.followers.iter().all(|one| one.as_of.is_none() || named(&late) & !one.known == 0)
            }),
            Property::sometimes(
                "it happens: all is known, part of it from a page",
                |protocol: &Self, state: &State| {
                    let is_whole = |one: &Follower| one.as_of.is_some() && one.known == named(&state.log);
                    state.has_paged
                        && state.log.len() == protocol.facts
                        && state.followers.iter().all(is_whole)
                },
            ),
            Property::sometimes(
                "it happens: a restored list is followed",
                |protocol: &Self, state: &State| {
                    let follows =
                        |one: &Follower| one.as_of.is_some() && one.cursor.is_some_and(|(_, at)| at > 0);
                    state.restores == protocol.restores && state.followers.iter().all(follows)
                },
            ),
        ]
    }
}
