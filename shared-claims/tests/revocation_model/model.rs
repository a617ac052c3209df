//! The whole model: states, actions and properties.

use stateright::{Model, Property};

use crate::issuer::Issuer;
use crate::list::{BEHIND, Epoch, Facts, List, Proof, Redis, up_to};
use crate::verifier::{Mirror, Request};

/// The staleness bound, ticks (`max_staleness_seconds`).
pub(crate) const BOUND: i8 = 1;

pub(crate) const WITHIN_THE_BOUND: &str = "nothing is accepted later than the bound after its revocation";
pub(crate) const NEVER_AGAIN: &str = "what was refused is never accepted again";

/// A deliberate error in the protocol. With each of them, the model checker must find a violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[default]
    None,
    /// A renewal reads `TIME` after its snapshot of the database instead of before it.
    TimeAfterSnapshot,
    /// Facts that another auth-service is about to deliver count as delivered.
    Claims,
    /// A delivery does not check what the last entry of the stream is.
    NoPredecessor,
    /// A renewal finds the list complete in one step and renews the proof in another.
    TornRenewal,
    /// No auth-service checks the number of entries in the stream.
    EntriesUncounted,
    /// The mirror does not compare `run_id`.
    AnyProcess,
    /// The mirror measures its age from when the response arrived, not from when the request was sent.
    AgeFromAnswer,
    /// The mirror counts as complete before its last page.
    FirstPageSuffices,
    /// The mirror drops its facts when a new epoch begins.
    ForgetsOnResync,
    /// A check reads the mirror's age after the facts instead of before.
    AgeAfterFacts,
}

/// One configuration of the model. Time is unlimited in every configuration.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) flaw: Flaw,
    /// The number of facts that are committed.
    pub(crate) facts: u8,
    /// The number of failures of Redis.
    pub(crate) faults: u8,
    /// Whether time may pass between a request of the mirror and its response.
    pub(crate) slow: bool,
    /// Whether time may pass between the two reads of a check.
    pub(crate) check_apart: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self { flaw: Flaw::None, facts: 1, faults: 1, slow: false, check_apart: false }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// How many ticks ago each fact was committed. A commit is acknowledged at once.
    acknowledged: [Option<i8>; 2],
    pub(crate) claimed: Facts,
    faults: u8,
    /// Whether the list was rebuilt after the last failure.
    pub(crate) rebuilt: bool,
    pub(crate) redis: Redis,
    issuers: [Issuer; 2],
    pub(crate) mirror: Mirror,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    Commit,
    /// Redis writes a dump, or the replica catches up.
    Save,
    Flush,
    /// Another client trims the stream. The model then treats all facts as acknowledged just now, because the loss
    /// cannot be known before an auth-service checks the list.
    Trim,
    Restart {
        clock_behind: i8,
    },
    FallBack,
    Issue(usize),
    Follow,
    Look,
}

impl State {
    /// The sequence number of the last fact.
    pub(crate) fn committed(&self) -> u8 {
        u8::try_from(self.acknowledged.iter().flatten().count()).unwrap()
    }

    fn accepted(&self, protocol: &Protocol) -> Facts {
        self.mirror.accepted(protocol, up_to(self.committed()))
    }

    /// The revoked tokens that a lookup would accept now.
    fn looked_up(&self, protocol: &Protocol) -> Facts {
        let current = |proof: Proof| {
            (0..=BOUND).contains(&proof.age) && (proof.epoch.of_this_run || protocol.flaw == Flaw::AnyProcess)
        };
        let list = &self.redis.list;
        if list.proof.is_some_and(current) { up_to(self.committed()) & !list.stream } else { 0 }
    }

    fn tick(&mut self) {
        for age in self.acknowledged.iter_mut().flatten() {
            *age = (*age + 1).min(BOUND + 1);
        }
        self.redis.tick();
        self.issuers.iter_mut().for_each(Issuer::tick);
        self.mirror.tick();
    }

    /// An unused random part for an epoch. The value itself does not matter.
    pub(crate) fn fresh_random(&mut self) -> u8 {
        let used: Vec<u8> = self.randoms().into_iter().map(|random| *random).collect();
        (1..u8::MAX).find(|random| !used.contains(random)).unwrap()
    }

    fn randoms(&mut self) -> Vec<&mut u8> {
        let Redis { list, older } = &mut self.redis;
        let mut epochs: Vec<&mut Epoch> = [list, older]
            .into_iter()
            .filter_map(|list| list.proof.as_mut())
            .map(|proof| &mut proof.epoch)
            .collect();
        epochs.extend(self.issuers.iter_mut().filter_map(Issuer::epoch_mut));
        let mut randoms: Vec<&mut u8> = epochs.into_iter().map(|epoch| &mut epoch.random).collect();
        randoms.extend(self.mirror.epoch.as_mut());
        if let Request::Answered(_, answer) = &mut self.mirror.request {
            randoms.extend(answer.list.proof.as_mut().map(|proof| &mut proof.epoch.random));
        }
        randoms
    }

    /// The representative of all states that differ only in names: in the ids of epochs and in the order of the
    /// auth-services.
    fn canonical(mut self, protocol: &Protocol) -> Self {
        if self.faults == protocol.faults {
            // No further failure is possible, so the older data cannot come back.
            self.redis.older = List::default();
        }
        let mut names = Vec::new();
        for random in self.randoms() {
            let known = names.iter().position(|name| name == random).unwrap_or_else(|| {
                names.push(*random);
                names.len() - 1
            });
            *random = u8::try_from(known + 1).unwrap();
        }
        self.issuers.sort_unstable();
        self
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend([Action::Tick, Action::Issue(0), Action::Issue(1), Action::Follow]);
        if state.committed() < self.facts {
            actions.push(Action::Commit);
        }
        if state.faults < self.faults {
            actions.extend([Action::Flush, Action::FallBack, Action::Save]);
            if state.redis.list.stream != 0 {
                actions.push(Action::Trim);
            }
            actions.extend([0, BEHIND].map(|clock_behind| Action::Restart { clock_behind }));
        }
        if self.check_apart {
            actions.push(Action::Look);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Tick => state.tick(),
            Action::Commit => state.acknowledged[usize::from(state.committed())] = Some(0),
            Action::Save => state.redis.older = state.redis.list,
            Action::Flush => state.redis.flush(),
            Action::Trim => {
                state.redis.trim();
                state.acknowledged.iter_mut().flatten().for_each(|age| *age = 0);
            }
            Action::Restart { clock_behind } => {
                state.redis.restart(clock_behind);
                // A restart of Redis breaks all connections.
                state.issuers = [Issuer::Idle; 2];
                state.mirror.disconnected();
            }
            Action::FallBack => state.redis.fall_back(),
            Action::Issue(which) => state.issuers[which] = self.issue(&mut state, before.issuers[which]),
            Action::Follow => state.mirror.follow(self, &before.redis),
            Action::Look => state.mirror.look(self.flaw),
        }
        if matches!(action, Action::Flush | Action::Trim | Action::Restart { .. } | Action::FallBack) {
            state.faults += 1;
            state.rebuilt = false;
        }
        let state = state.canonical(self);
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(WITHIN_THE_BOUND, |protocol: &Self, state: &State| {
                let accepted = state.accepted(protocol) | state.looked_up(protocol);
                let late = |age: &Option<i8>| age.is_some_and(|age| age > BOUND);
                (0..).zip(&state.acknowledged).all(|(n, age)| accepted & (1 << n) == 0 || !late(age))
            }),
            // A check that began earlier may end after another check refused the token. That does not count as accepted
            // again.
            Property::always(NEVER_AGAIN, |protocol: &Self, state: &State| {
                protocol.check_apart || state.accepted(protocol) & state.mirror.refused == 0
            }),
            Property::sometimes(
                "it happens: a revoked token lives on within the bound",
                |protocol, state: &State| state.accepted(protocol) != 0,
            ),
            Property::sometimes(
                "it happens: everything is revoked and known",
                |protocol: &Self, state: &State| {
                    state.mirror.current() && state.mirror.known == up_to(protocol.facts)
                },
            ),
            Property::sometimes(
                "it happens: a lost list is rebuilt and followed",
                |protocol: &Self, state: &State| {
                    state.mirror.current() && state.rebuilt && state.faults == protocol.faults
                },
            ),
            Property::sometimes("it happens: nothing can be known", |_, state: &State| {
                state.mirror.known != 0 && !state.mirror.current()
            }),
        ]
    }
}
