//! Redis and its data. A moment is stored as an age: the number of ticks since then, on the clock with which it is
//! compared.

/// A set of facts. Bit n stands for the fact with sequence number n + 1.
pub(crate) type Facts = u8;

/// The facts with the sequence numbers 1 to `last`.
pub(crate) fn up_to(last: u8) -> Facts {
    (1 << last) - 1
}

/// The sequence number of the last fact in the set.
pub(crate) fn last_of(facts: Facts) -> u8 {
    u8::try_from(Facts::BITS - facts.leading_zeros()).unwrap()
}

/// The sequence number of the first fact after `position`.
pub(crate) fn next_behind(facts: Facts, position: u8) -> Option<u8> {
    let behind = facts & !up_to(position);
    (behind != 0).then(|| u8::try_from(behind.trailing_zeros()).unwrap() + 1)
}

/// An epoch: `<run_id>:<random>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Epoch {
    pub(crate) random: u8,
    /// Whether the `run_id` is that of the current Redis process.
    pub(crate) of_this_run: bool,
}

/// The keys `epoch` and `as_of`, which expire together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proof {
    pub(crate) epoch: Epoch,
    /// `TIME` minus `as_of`; negative if Redis's clock is behind.
    pub(crate) age: i8,
}

/// The keys of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct List {
    pub(crate) proof: Option<Proof>,
    pub(crate) stream: Facts,
    /// The stream's last-generated-id.
    pub(crate) last: u8,
    /// Whether the stream has fewer entries than the count that is stored with it.
    pub(crate) diminished: bool,
}

/// The most by which the clock of another machine may be behind after a failover, ticks.
pub(crate) const BEHIND: i8 = 1;

/// The lifetime of a proof, ticks (`list_ttl_seconds`).
pub(crate) const LIFE: i8 = 2;

/// A Redis process and its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Redis {
    pub(crate) list: List,
    /// The data in the last dump, or in a replica that lags behind.
    pub(crate) older: List,
}

impl List {
    fn older_by(&mut self, ticks: i8) {
        if let Some(proof) = &mut self.proof {
            proof.age += ticks;
        }
    }

    /// Removes an expired proof. With `grace`, keeps it longer, for a machine whose clock may be behind.
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

    /// Another client trims the stream; the proof stays.
    pub(crate) fn trim(&mut self) {
        self.list.stream = 0;
        self.list.diminished = true;
    }

    pub(crate) fn flush(&mut self) {
        self.list = List::default();
    }

    /// Redis is killed and started again, or fails over for good: a new process with the older data.
    pub(crate) fn restart(&mut self, clock_behind: i8) {
        if let Some(proof) = &mut self.older.proof {
            proof.epoch.of_this_run = false;
        }
        self.older.older_by(-clock_behind);
        self.fall_back();
    }

    /// Redis fails over to a replica that lags behind and back again: it takes the older data and keeps its `run_id`.
    pub(crate) fn fall_back(&mut self) {
        self.list = self.older;
        self.list.expire(0);
    }
}
