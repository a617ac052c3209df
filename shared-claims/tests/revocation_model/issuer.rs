//! The steps of one round of an auth-service. Each step is atomic in Redis or in the database. Between two steps the
//! auth-service may be paused for any time; a pause that never ends stands for a crash.

use crate::list::{Epoch, Facts, LIFE, last_of, up_to};
use crate::model::{Flaw, Protocol, State};

/// What the first script of a round read from a complete list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Look {
    /// How many ticks ago `TIME` was read.
    taken: i8,
    epoch: Epoch,
    last: u8,
}

/// The position of an auth-service in its round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Issuer {
    #[default]
    Idle,
    /// The list looked complete. Next, the facts that are not in it are read from the database.
    Whole(Look),
    /// The facts were read. Next, they are delivered and the proof is renewed.
    Read(Look, Facts),
    /// Only with some flaws: the facts were delivered, and the proof is renewed in a step of its own.
    Delivered(Look),
    /// The list with this epoch did not look complete. Next, `TIME` and all facts are read. (Both in one step: reading
    /// the facts later could only find more of them, under the same proof.)
    Bad(Option<Epoch>),
    /// A new stream was filled next to the old one, as of so many ticks ago. Next, it replaces the old one.
    Filled(Option<Epoch>, i8, Facts),
}

impl Issuer {
    pub(crate) fn tick(&mut self) {
        match self {
            Self::Whole(look) | Self::Read(look, _) | Self::Delivered(look) => {
                look.taken = LIFE.min(look.taken + 1);
            }
            Self::Filled(_, taken, _) => *taken = LIFE.min(*taken + 1),
            Self::Idle | Self::Bad(_) => {}
        }
    }

    pub(crate) fn epoch_mut(&mut self) -> Option<&mut Epoch> {
        match self {
            Self::Whole(look) | Self::Read(look, _) | Self::Delivered(look) => Some(&mut look.epoch),
            Self::Bad(epoch) | Self::Filled(epoch, ..) => epoch.as_mut(),
            Self::Idle => None,
        }
    }
}

impl Protocol {
    /// The next step of an auth-service at this position.
    pub(crate) fn issue(&self, state: &mut State, issuer: Issuer) -> Issuer {
        let list = &state.redis.list;
        let standing = list.proof.map(|proof| proof.epoch);
        match issuer {
            Issuer::Idle => match list.proof {
                Some(proof) if proof.epoch.of_this_run && proof.age >= 0 && !self.misses(state) => {
                    Issuer::Whole(Look { taken: 0, epoch: proof.epoch, last: list.last })
                }
                _ => Issuer::Bad(standing),
            },
            Issuer::Whole(look) => {
                let mut undelivered = up_to(state.committed()) & !up_to(look.last);
                if self.flaw == Flaw::Claims {
                    undelivered &= !state.claimed;
                    state.claimed |= undelivered;
                }
                Issuer::Read(look, undelivered)
            }
            Issuer::Read(look, facts) => self.deliver(state, look, facts),
            Issuer::Delivered(look) => {
                let taken = if self.flaw == Flaw::TimeAfterSnapshot { 0 } else { look.taken };
                state.redis.prove(look.epoch, taken);
                Issuer::Idle
            }
            Issuer::Bad(epoch) => Issuer::Filled(epoch, 0, up_to(state.committed())),
            Issuer::Filled(epoch, taken, facts) => {
                if standing == epoch {
                    state.redis.list.stream = facts;
                    state.redis.list.last = last_of(facts);
                    state.redis.list.diminished = false;
                    let fresh = Epoch { random: state.fresh_random(), of_this_run: true };
                    state.redis.prove(fresh, taken);
                    state.rebuilt = true;
                }
                Issuer::Idle
            }
        }
    }

    /// Whether entries are missing from the stream, as far as the auth-service checks.
    fn misses(&self, state: &State) -> bool {
        state.redis.list.diminished && self.flaw != Flaw::EntriesUncounted
    }

    fn deliver(&self, state: &mut State, look: Look, facts: Facts) -> Issuer {
        if self.misses(state) {
            return Issuer::Idle;
        }
        let list = &mut state.redis.list;
        let predecessor = list.last == look.last || matches!(self.flaw, Flaw::Claims | Flaw::NoPredecessor);
        let Some(proof) = list.proof.filter(|proof| proof.epoch == look.epoch && predecessor) else {
            return Issuer::Idle;
        };
        list.stream |= facts;
        list.last = list.last.max(last_of(facts));
        if matches!(self.flaw, Flaw::TornRenewal | Flaw::TimeAfterSnapshot) {
            return Issuer::Delivered(look);
        }
        if look.taken < proof.age {
            state.redis.prove(look.epoch, look.taken);
        }
        Issuer::Idle
    }
}
