//! Time as a parameter: the wall clock, with which the times in claims are compared, and the boot clock, with which
//! durations are measured.
//!
//! ```
//! use shared_claims::clock::{Clock, ManualClock};
//!
//! let clock = ManualClock::at(1_700_000_000_999);
//! let before = clock.boot_ms();
//! clock.advance_ms(1);
//! assert_eq!((clock.now_seconds(), clock.boot_ms() - before), (1_700_000_001, 1));
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The two clocks of a machine. All code that needs the time gets it from this trait, so that a test can set it.
///
/// ```
/// use shared_claims::clock::{Clock, SystemClock};
///
/// /// Shows a time later than the system's.
/// struct Ahead(i64);
///
/// impl Clock for Ahead {
///     fn now_ms(&self) -> i64 {
///         SystemClock.now_ms() + self.0
///     }
///
///     fn boot_ms(&self) -> u64 {
///         SystemClock.boot_ms()
///     }
/// }
///
/// assert!(Ahead(60_000).now_seconds() > SystemClock.now_seconds());
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Wall clock, milliseconds since the Unix epoch. It may be set forward and back.
    fn now_ms(&self) -> i64;

    /// Milliseconds since boot. Never set back, and includes time in suspend (`CLOCK_BOOTTIME`).
    fn boot_ms(&self) -> u64;

    /// Wall clock, whole seconds since the Unix epoch (`NumericDate`, RFC 7519 §2).
    fn now_seconds(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// A clock that is shared between components and threads.
///
/// ```
/// use std::sync::Arc;
/// use shared_claims::clock::{SharedClock, SystemClock};
///
/// let clock: SharedClock = Arc::new(SystemClock);
/// ```
pub type SharedClock = Arc<dyn Clock>;

/// The clocks of the operating system.
///
/// ```
/// use shared_claims::clock::{Clock, SystemClock};
///
/// assert!(SystemClock.now_ms() > 1_700_000_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
    }

    fn boot_ms(&self) -> u64 {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        const BOOT: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        const BOOT: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(BOOT);
        u64::try_from(now.tv_sec).unwrap_or(0).saturating_mul(1000)
            + u64::try_from(now.tv_nsec / 1_000_000).unwrap_or(0)
    }
}

/// A clock that moves only when a test moves it.
///
/// ```
/// use shared_claims::clock::{Clock, ManualClock};
///
/// let clock = ManualClock::at(5_000);
/// clock.advance_ms(1_000);
/// assert_eq!(clock.now_ms(), 6_000);
/// // The wall clock is set back; the boot clock is not affected.
/// let boot = clock.boot_ms();
/// clock.set_wall_ms(0);
/// assert_eq!((clock.now_ms(), clock.boot_ms()), (0, boot));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    boot_ms: AtomicU64,
}

impl ManualClock {
    /// A clock whose wall clock shows `now_ms` (milliseconds since the Unix epoch) and whose machine booted an hour
    /// ago.
    pub fn at(now_ms: i64) -> Arc<Self> {
        Arc::new(Self { wall_ms: AtomicI64::new(now_ms), boot_ms: AtomicU64::new(3_600_000) })
    }

    /// Moves both clocks forward.
    pub fn advance_ms(&self, ms: u64) {
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
        self.wall_ms.fetch_add(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the wall clock only, as an operator would.
    pub fn set_wall_ms(&self, now_ms: i64) {
        self.wall_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn boot_ms(&self) -> u64 {
        self.boot_ms.load(Ordering::SeqCst)
    }
}
