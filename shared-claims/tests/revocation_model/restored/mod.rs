//! The database is restored to an earlier state: a model of its own.
//!
//! What is in it: a database that is backed up, goes on (a token is revoked, another key signs), is set back, gets a fact that
//! belongs to neither, and then `after-restore`; two auth-services that run on or start anew, and that look at the log, read
//! the keys and deliver facts in separate steps; a Redis that may be flushed, or none; a verifier of one kind (mirror,
//! lookup, follower of the feed) that starts at any time and may be cut off from everything meanwhile.
//!
//! A tick is longer than the second in which a server that runs notices a change of its database. A back-up and its restore, and
//! the start of a server, take longer than that.
//!
//! What is asked: see the properties. While a verifier cannot read the key set that it is about to read, it accepts tokens of
//! a key that is younger than the back-up. What may be forgotten: without Redis, or when it was flushed, a server that starts
//! after the restore cannot know of it, and what was revoked since the back-up is accepted until `after-restore`.

mod issuer;
mod verifier;

use stateright::{Model, Property};

use self::issuer::{
    Database, KEY_REVOKED, LATER, List, NEW_KEY, OLD_KEY, REVOKED, Server, YOUNG_KEY, set_of,
};
pub(crate) use self::verifier::Kind;
use self::verifier::Verifier;
use crate::model::{BOUND, WITHIN_THE_BOUND};

pub(crate) const SERVES_NOTHING: &str = "a server that knows more than its database has serves nothing";
pub(crate) const REMEMBERED: &str = "what Redis has is not forgotten";
pub(crate) const ENDED: &str = "nothing of before is accepted later than the bound after after-restore";

/// A precaution that is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[default]
    None,
    /// Nobody compares the log's end with what is known of it.
    ServesOlder,
    /// A database whose log has grown again counts as current.
    GrownAgain,
    /// A transaction does not compare the number of its fact with what the server knows.
    CommitsUnchecked,
    /// A command does not ask Redis how many facts the database had.
    CommandsUnchecked,
    /// A reading of the log for the feed is not compared with what is known.
    FeedUnchecked,
    /// What Redis has of the database is not compared with it.
    RedisForgets,
    /// `after-restore` gives the database no other id.
    SameId,
    /// `after-restore` leaves the signing keys.
    KeysStay,
    /// A verifier does not read the key set when the list became another one.
    KeysNotReadAnew,
    /// It reads it, but not a second time.
    KeysReadOnce,
    /// The first list that a verifier finds is no reason to read the key set.
    FirstListUncounted,
}

/// One configuration. Time has no end in any of them.
#[derive(Clone, Debug)]
pub(crate) struct Restored {
    pub(crate) flaw: Flaw,
    pub(crate) kind: Kind,
    pub(crate) with_redis: bool,
    /// Whether Redis may be flushed once.
    pub(crate) is_flushed: bool,
}

impl Restored {
    pub(crate) fn of(kind: Kind) -> Self {
        Self { flaw: Flaw::None, kind, with_redis: kind != Kind::Feed, is_flushed: false }
    }

    pub(crate) fn with_flaw(kind: Kind, flaw: Flaw) -> Self {
        Self { flaw, ..Self::of(kind) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each says of another event whether it happened")]
pub(crate) struct State {
    database: Database,
    list: Option<List>,
    servers: [Server; 2],
    verifier: Verifier,
    /// How long ago the revocation was acknowledged.
    acknowledged: Option<i8>,
    is_restored: bool,
    /// How long ago `after-restore` was run.
    after_restore: Option<i8>,
    has_later_fact: bool,
    /// Whether Redis had more facts than the restored database, and was not flushed since.
    redis_knows: bool,
    was_flushed: bool,
    /// A server serves the restored database, without a way to know.
    is_forgotten: bool,
    /// The verifier was cut off while the database was restored.
    missed_it: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Tick,
    Revoke(usize),
    /// Another key signs, which the back-up does not have.
    RotateKeys,
    Restore,
    /// A server commits a fact that belongs to the restored database.
    CommitLater(usize),
    /// A command does.
    Command,
    AfterRestore,
    Restart(usize),
    Look(usize),
    ReadKeys(usize),
    Project(usize),
    Flush,
    /// The verifier is cut off from everything, or connected again.
    Cut,
    /// Another verifier starts in its place.
    StartVerifier,
    Follow(usize),
    FetchKeys(usize),
}

fn is_late(age: Option<i8>) -> bool {
    age.is_some_and(|age| age > BOUND)
}

impl State {
    /// Whether the restored database is in use as it is.
    fn is_as_restored(&self) -> bool {
        self.is_restored && self.after_restore.is_none()
    }

    fn accepts(&self, protocol: &Restored, key: u8, facts: &[u8]) -> bool {
        self.verifier.accepts(protocol.kind, self.list.as_ref(), key, set_of(facts))
    }

    /// Whether each server has noticed what became of its database.
    fn all_noticed(&self, protocol: &Restored) -> bool {
        self.servers.iter().all(|server| {
            let mut next = server.clone();
            if protocol.with_redis {
                next.project(&self.database, &mut self.list.clone(), protocol.flaw);
            }
            next.look(&self.database, protocol.flaw);
            next.read_keys(&self.database);
            next == *server
        })
    }

    /// Whether a server serves the restored database, and neither it nor Redis can know. (At the end of a tick each of them has
    /// noticed what it can.)
    fn forgets(&self, is_tick: bool) -> bool {
        let is_lost = self.acknowledged.is_some() && !self.database.log.contains(&REVOKED);
        let redis_knows = self.list.as_ref().is_some_and(|list| list.delivered > self.database.log.len());
        let forgets =
            |server: &Server| !server.is_older && (is_tick || !(server.knows_of_loss || redis_knows));
        self.is_as_restored() && is_lost && self.servers.iter().any(forgets)
    }

    fn tick(&mut self) {
        self.is_forgotten |= self.forgets(true);
        for age in [&mut self.acknowledged, &mut self.after_restore].into_iter().flatten() {
            *age = (*age + 1).min(BOUND + 1);
        }
        if let Some(list) = &mut self.list {
            list.age = (list.age + 1).min(BOUND + 1);
        }
        self.verifier.tick();
    }

    fn project(&mut self, protocol: &Restored, which: usize) {
        let Self { database, list, servers, verifier, .. } = self;
        if servers[which].project(database, list, protocol.flaw) {
            verifier.list_replaced();
        }
    }

    /// A command commits a fact, unless Redis has more facts of the database. It comes after the servers have looked.
    fn command(&mut self, protocol: &Restored) {
        let (id, seq) = (self.database.id, self.database.log.len());
        let delivered = self.list.as_ref().filter(|list| list.id == id).map_or(0, |list| list.delivered);
        if delivered <= seq || protocol.flaw == Flaw::CommandsUnchecked {
            self.database.log.push(LATER);
            self.has_later_fact = true;
        }
    }

    fn restore(&mut self) {
        self.database = Database::backed_up();
        self.is_restored = true;
        let Self { database, servers, .. } = self;
        for server in servers {
            server.restored(database);
        }
        self.redis_knows = self.list.as_ref().is_some_and(|list| list.delivered > 0);
        self.missed_it = self.verifier.is_cut_off;
    }
}

impl Model for Restored {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let database = Database::backed_up();
        let server = Server::start(&database, None, self.flaw);
        vec![State {
            database,
            list: None,
            servers: [server.clone(), server],
            verifier: Verifier::default(),
            acknowledged: None,
            is_restored: false,
            after_restore: None,
            has_later_fact: false,
            redis_knows: false,
            was_flushed: false,
            is_forgotten: false,
            missed_it: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let can_read_keys = state.servers.iter().any(|server| !server.is_older);
        let is_busy = state.verifier.is_busy(self.kind, state.list.as_ref(), can_read_keys);
        let has_noticed = state.all_noticed(self);
        if !is_busy && has_noticed {
            actions.push(Action::Tick);
        }
        if state.is_restored {
            if state.is_as_restored() {
                actions.push(Action::AfterRestore);
                if !state.has_later_fact {
                    actions.extend([Action::CommitLater(0), Action::CommitLater(1)]);
                    if has_noticed {
                        actions.push(Action::Command);
                    }
                }
            }
        } else {
            if state.acknowledged.is_none() {
                actions.extend([Action::Revoke(0), Action::Revoke(1)]);
            }
            actions.push(Action::RotateKeys);
            if has_noticed {
                actions.push(Action::Restore);
            }
        }
        if self.is_flushed && !state.was_flushed {
            actions.push(Action::Flush);
        }
        actions.extend([Action::Cut, Action::StartVerifier]);
        for which in [0, 1] {
            if has_noticed {
                actions.push(Action::Restart(which));
            }
            actions.extend([Action::Look(which), Action::ReadKeys(which)]);
            if self.with_redis {
                actions.push(Action::Project(which));
            }
            if !state.verifier.is_cut_off {
                if !state.servers[which].is_older {
                    actions.push(Action::FetchKeys(which));
                }
                if self.kind != Kind::Feed || !state.servers[which].is_older {
                    actions.push(Action::Follow(which));
                }
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Tick => state.tick(),
            Action::Revoke(which) => {
                if state.servers[which].commit(&mut state.database, REVOKED, self.flaw) {
                    state.acknowledged = Some(0);
                }
            }
            Action::RotateKeys => state.database.keys |= YOUNG_KEY,
            Action::Restore => state.restore(),
            Action::CommitLater(which) => {
                state.has_later_fact = state.servers[which].commit(&mut state.database, LATER, self.flaw);
            }
            Action::Command => state.command(self),
            Action::AfterRestore => {
                state.database.after_restore(self.flaw);
                state.after_restore = Some(0);
            }
            Action::Restart(which) => {
                state.servers[which] = Server::start(&state.database, state.list.as_ref(), self.flaw);
            }
            Action::Look(which) => state.servers[which].look(&state.database, self.flaw),
            Action::ReadKeys(which) => state.servers[which].read_keys(&state.database),
            Action::Project(which) => state.project(self, which),
            Action::Flush => {
                (state.list, state.was_flushed, state.redis_knows) = (None, true, false);
                state.verifier.list_replaced();
            }
            Action::Cut => state.verifier.is_cut_off = !state.verifier.is_cut_off,
            Action::StartVerifier => {
                state.verifier = Verifier::start(state.verifier.is_cut_off);
            }
            Action::Follow(which) if self.kind == Kind::Feed => {
                if state.servers[which].reads_feed(&state.database, self.flaw) {
                    state.verifier.follow_feed(&state.database, self.flaw);
                }
            }
            Action::Follow(_) => state.verifier.follow_redis(self.kind, state.list.as_ref(), self.flaw),
            Action::FetchKeys(which) => state.verifier.read_keys(state.servers[which].keys, self.flaw),
        }
        state.servers.sort_unstable();
        state.is_forgotten |= state.forgets(false);
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(WITHIN_THE_BOUND, |protocol: &Self, state: &State| {
                let is_due = is_late(state.acknowledged) && !state.is_forgotten;
                !is_due || !state.accepts(protocol, OLD_KEY, &[REVOKED, KEY_REVOKED])
            }),
            Property::always(ENDED, |protocol: &Self, state: &State| {
                let accepts_old = state.accepts(protocol, OLD_KEY, &[KEY_REVOKED]);
                let is_due = is_late(state.after_restore)
                    && !state.verifier.is_behind(protocol.kind, state.list.as_ref());
                !is_due || !(accepts_old || state.accepts(protocol, YOUNG_KEY, &[]))
            }),
            Property::always(SERVES_NOTHING, |_, state: &State| {
                !state.is_as_restored() || !state.servers.iter().any(Server::serves_against_better_knowledge)
            }),
            Property::always(REMEMBERED, |_, state: &State| !(state.redis_knows && state.is_forgotten)),
            Property::sometimes("it happens: a new token is accepted", |protocol, state: &State| {
                state.accepts(protocol, NEW_KEY, &[])
            }),
            Property::sometimes(
                "it happens: a verifier that was cut off accepts a new token",
                |protocol, state: &State| state.missed_it && state.accepts(protocol, NEW_KEY, &[]),
            ),
            Property::sometimes("it happens: no server serves the restored database", |_, state: &State| {
                state.is_as_restored() && state.servers.iter().all(|server| server.is_older)
            }),
            Property::sometimes(
                "it happens: a token of a young key is accepted",
                |protocol, state: &State| state.accepts(protocol, YOUNG_KEY, &[]),
            ),
        ]
    }
}
