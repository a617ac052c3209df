//! A counter that many threads can increment without contention.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const STRIPES: usize = 16;

/// Each thread counts in its own cache lines (with more than 16 threads they are shared). Reading adds up all stripes.
#[derive(Debug, Default)]
pub(super) struct Striped([Stripe; STRIPES]);

/// Two cache lines, because some processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

impl Striped {
    pub(super) fn count(&self) {
        if let Some(stripe) = self.0.get(own_stripe()) {
            stripe.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// The index of the current thread's stripe. Threads get the stripes in turn.
fn own_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
    }
    OWN.with(Cell::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_counted_is_read() {
        let counter = Striped::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * STRIPES {
                scope.spawn(|| (0..100).for_each(|_| counter.count()));
            }
        });
        assert_eq!(counter.read(), 3_200);
    }
}
