//! Redis, and what stands in it. Moments are ages: how many ticks ago, on the clock they are held against.

/// A set of facts, by their places.
pub(crate) type Facts = u8;

/// The facts 1 to `last`.
pub(crate) fn up_to(last: u8) -> Facts {
    (1 << last) - 1
}

/// The place of the last of them.
pub(crate) fn last_of(facts: Facts) -> u8 {
    u8::try_from(Facts::BITS - facts.leading_zeros()).unwrap()
}

/// The place of the first fact behind `position`.
pub(crate) fn next_behind(facts: Facts, position: u8) -> Option<u8> {
    let behind = facts & !up_to(position);
    (behind != 0).then(|| u8::try_from(behind.trailing_zeros()).unwrap() + 1)
}

/// `<run_id>:<random>`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Epoch {
    pub(crate) random: u8,
    /// Whether the `run_id` is that of the Redis process that is there.
    pub(crate) of_this_run: bool,
}

/// `epoch` and `as_of`, which expire together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proof {
    pub(crate) epoch: Epoch,
    /// `TIME` less `as_of`; below zero where the clock is behind.
    pub(crate) age: i8,
}

/// The keys of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct List {
    pub(crate) proof: Option<Proof>,
    pub(crate) stream: Facts,
    /// The stream's last-generated-id.
    pub(crate) last: u8,
    /// Whether the stream holds fewer entries than were noted beside it.
    pub(crate) diminished: bool,
}

/// By how much the clock of a machine that takes over may be behind.
pub(crate) const BEHIND: i8 = 1;

/// `list_ttl_seconds`
pub(crate) const LIFE: i8 = 2;

/// A Redis process and its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Redis {
    pub(crate) list: List,
    /// What a dump, or a replica that lags, holds.
    pub(crate) older: List,
}

impl List {
    fn older_by(&mut self, ticks: i8) {
        if let Some(proof) = &mut self.proof {
            proof.age += ticks;
        }
    }

    /// What has expired is gone; with `grace` for a clock that may be behind yet.
    fn expire(&mut self, grace: i8) {
        self.proof = self.proof.filter(|proof| proof.age < LIFE + grace);
    }
}

impl Redis {
    pub(crate) fn tick(&mut self) {
        self.list.older_by(1);
        self.older.older_by(1);
        self.list.expire(0);
        self.older.expire(BEHIND);
    }

    pub(crate) fn prove(&mut self, epoch: Epoch, age: i8) {
        self.list.proof = Some(Proof { epoch, age });
        self.list.expire(0);
    }

    /// Somebody trims the stream; all that is said of it stays.
    pub(crate) fn trim(&mut self) {
        self.list.stream = 0;
        self.list.diminished = true;
    }

    pub(crate) fn flush(&mut self) {
        self.list = List::default();
    }

    /// Killed and started again, or failed over for good: another process, with what it held before.
    pub(crate) fn restart(&mut self, clock_behind: i8) {
        if let Some(proof) = &mut self.older.proof {
            proof.epoch.of_this_run = false;
        }
        self.older.older_by(-clock_behind);
        self.fall_back();
    }

    /// Failed over to a replica that lags and back again, which takes its data and keeps its `run_id`.
    pub(crate) fn fall_back(&mut self) {
        self.list = self.older;
        self.list.expire(0);
    }
}
