//! The queue for hashing. Each network of callers has a line of its own, and the lines take turns, so that one network that
//! sends many logins does not delay those of others.

use std::collections::{HashMap, VecDeque};

use crate::domain::CallerNetwork;

/// The number of an entry. Numbers are not used twice.
pub(super) type Ticket = u64;

/// What became of an entry that was added.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added<T> {
    /// It waits.
    Waiting(Ticket),
    /// It waits, and the last one of the longest line had to leave for it.
    Instead(Ticket, T),
    /// The queue is full, and no line is longer than that of this caller's network.
    Full,
}

#[derive(Debug)]
pub(super) struct FairQueue<T> {
    lines: HashMap<CallerNetwork, VecDeque<(Ticket, T)>>,
    /// Every network whose line is not empty, in the order of their turns.
    turns: VecDeque<CallerNetwork>,
    length: usize,
    last_ticket: Ticket,
}

impl<T> FairQueue<T> {
    pub(super) fn new() -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), length: 0, last_ticket: 0 }
    }

    /// The number of entries.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The number of entries whose turn comes before that of a new entry of this network.
    pub(super) fn ahead_of(&self, network: CallerNetwork) -> usize {
        let own = self.line_length(network);
        let others = self.lines.iter().filter(|(other, _)| **other != network);
        own + others.map(|(_, line)| line.len().min(own + 1)).sum::<usize>()
    }

    /// Adds an entry to a queue that holds at most `limit`.
    pub(super) fn add(&mut self, network: CallerNetwork, item: T, limit: usize) -> Added<T> {
        let mut displaced = None;
        if self.length >= limit {
            let longest = self.lines.iter().max_by_key(|(_, line)| line.len());
            let Some((&longest, line)) = longest else { return Added::Full };
            if line.len() <= self.line_length(network) + 1 {
                return Added::Full;
            }
            displaced = self.take(longest, VecDeque::pop_back);
        }
        let line = self.lines.entry(network).or_default();
        if line.is_empty() {
            self.turns.push_back(network);
        }
        self.last_ticket += 1;
        line.push_back((self.last_ticket, item));
        self.length += 1;
        displaced.map_or(Added::Waiting(self.last_ticket), |item| Added::Instead(self.last_ticket, item))
    }

    /// Takes the entry whose turn it is.
    pub(super) fn next(&mut self) -> Option<T> {
        let network = self.turns.pop_front()?;
        // The network goes to the end, and leaves the turns if that was its last entry.
        self.turns.push_back(network);
        self.take(network, VecDeque::pop_front)
    }

    /// Takes an entry out. Returns `None` if its turn has come already, or if it had to leave.
    pub(super) fn withdraw(&mut self, network: CallerNetwork, ticket: Ticket) -> Option<T> {
        self.take(network, |line| {
            let place = line.iter().position(|(waiting, _)| *waiting == ticket)?;
            line.remove(place)
        })
    }

    fn line_length(&self, network: CallerNetwork) -> usize {
        self.lines.get(&network).map_or(0, VecDeque::len)
    }

    fn take(
        &mut self,
        network: CallerNetwork,
        choose: impl FnOnce(&mut VecDeque<(Ticket, T)>) -> Option<(Ticket, T)>,
    ) -> Option<T> {
        let line = self.lines.get_mut(&network)?;
        let (_, item) = choose(line)?;
        self.length -= 1;
        if line.is_empty() {
            self.lines.remove(&network);
            self.turns.retain(|turn| *turn != network);
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 4;

    fn network(number: u8) -> CallerNetwork {
        CallerNetwork::of(Some(&format!("192.0.2.{number}")))
    }

    fn rest(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn networks_take_turns() {
        let mut queue = FairQueue::new();
        for item in ["a1", "a2", "a3"] {
            queue.add(network(1), item, LIMIT);
        }
        assert_eq!(queue.ahead_of(network(1)), 3);
        assert_eq!(queue.ahead_of(network(2)), 1, "one of the other line comes first");
        for (who, item) in [(2, "b1"), (3, "c1"), (2, "b2")] {
            queue.add(network(who), item, 10);
        }
        assert_eq!(rest(&mut queue), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!((queue.length(), queue.ahead_of(network(1))), (0, 0));
    }

    #[test]
    fn the_longest_line_makes_room_when_the_queue_is_full() {
        let mut queue = FairQueue::new();
        for item in ["a1", "a2", "a3", "a4"] {
            queue.add(network(1), item, LIMIT);
        }
        assert_eq!(queue.add(network(1), "a5", LIMIT), Added::Full);
        assert_eq!(queue.add(network(2), "b1", LIMIT), Added::Instead(5, "a4"));
        assert_eq!(queue.add(network(2), "b2", LIMIT), Added::Instead(6, "a3"));
        assert_eq!(
            queue.add(network(2), "b3", LIMIT),
            Added::Full,
            "no line is longer than this one would be"
        );
        assert_eq!(queue.add(network(3), "c1", LIMIT), Added::Instead(7, queue_last(&mut queue)));
        assert_eq!(queue.length(), 4);
    }

    /// One of two lines of the same length; either may make room.
    fn queue_last(queue: &mut FairQueue<&'static str>) -> &'static str {
        if queue.line_length(network(1)) == 1 { "a2" } else { "b2" }
    }

    #[test]
    fn an_entry_that_is_withdrawn_is_gone() {
        let mut queue = FairQueue::new();
        let Added::Waiting(first) = queue.add(network(1), "a1", LIMIT) else { panic!("there is room") };
        queue.add(network(1), "a2", LIMIT);
        assert_eq!(queue.withdraw(network(1), first), Some("a1"));
        assert_eq!(queue.withdraw(network(1), first), None);
        assert_eq!(queue.withdraw(network(2), first), None);
        assert_eq!(rest(&mut queue), ["a2"]);
    }

    proptest! {
        /// Nothing is lost or doubled, the limit holds, and no line overtakes another by more than one.
        #[test]
        fn whatever_is_added_leaves_once(steps in proptest::collection::vec((0_u8..5, 0_u8..4), 0..200)) {
            let mut queue = FairQueue::new();
            let (mut inside, mut taken) = (std::collections::BTreeSet::new(), Vec::new());
            for (number, (who, what)) in steps.into_iter().enumerate() {
                if what == 0 {
                    let next = queue.next();
                    prop_assert_eq!(next.is_none(), inside.is_empty());
                    if let Some(item) = next {
                        prop_assert!(inside.remove(&item));
                        taken.push(item);
                    }
                } else {
                    match queue.add(network(who), number, LIMIT) {
                        Added::Waiting(_) => prop_assert!(inside.insert(number)),
                        Added::Instead(_, left) => {
                            prop_assert!(inside.remove(&left));
                            inside.insert(number);
                        }
                        Added::Full => prop_assert_eq!(inside.len(), LIMIT),
                    }
                }
                prop_assert_eq!(queue.length(), inside.len());
                prop_assert!(queue.length() <= LIMIT);
                prop_assert_eq!(queue.turns.len(), queue.lines.len());
            }
        }

        /// A new entry waits for no more entries than was said.
        #[test]
        fn as_many_come_first_as_was_said(others in proptest::collection::vec(0_u8..5, 0..30)) {
            let mut queue = FairQueue::new();
            for who in others {
                queue.add(network(who), false, 100);
            }
            let said = queue.ahead_of(network(9));
            queue.add(network(9), true, 100);
            let waited = std::iter::from_fn(|| queue.next()).take_while(|is_it| !is_it).count();
            prop_assert_eq!(waited, said);
        }
    }
}
