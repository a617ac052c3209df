//! Events told as they happen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::revocation::Kind;
use crate::verifier::{Missing, Reason};

/// Is told what a verifier does. Each method does nothing unless it is written.
///
/// It is called after the outcome was decided, on the thread that checks, with no lock held: what takes long belongs
/// elsewhere. Whatever it does changes no outcome; when it panics, that is logged once and otherwise ignored.
///
/// ```
/// use std::sync::mpsc::Sender;
/// use shared_claims::metrics::Observer;
/// use shared_claims::revocation::Kind;
/// use shared_claims::verifier::{Missing, Reason, Verifier};
///
/// /// Tells another thread.
/// struct Tell(Sender<String>);
///
/// impl Tell {
///     fn tell(&self, what: &str) {
///         // Nobody listens any more: then nobody wants to know.
///         let _ = self.0.send(what.to_owned());
///     }
/// }
///
/// impl Observer for Tell {
///     fn accepted(&self) {
///         self.tell("accepted");
///     }
///
///     fn refused(&self, reason: Reason) {
///         self.tell(reason.as_str());
///     }
///
///     fn revoked(&self, kind: Kind) {
///         self.tell(kind.as_str());
///     }
///
///     fn unavailable(&self, missing: Missing) {
///         self.tell(missing.as_str());
///     }
///
///     fn accepted_on_outage(&self) {
///         self.tell("blind");
///     }
///
///     fn cache_asked(&self, hit: bool) {
///         self.tell(if hit { "hit" } else { "miss" });
///     }
///
///     fn keys_refreshed(&self) {
///         self.tell("keys");
///     }
///
///     fn key_refresh_failed(&self, why: &str) {
///         self.tell(why);
///     }
/// }
///
/// let (sender, _receiver) = std::sync::mpsc::channel();
/// let builder = Verifier::builder("http://localhost:8000").observer(Tell(sender));
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A token was accepted.
    fn accepted(&self) {}

    /// A token is bad in itself.
    fn refused(&self, reason: Reason) {
        let _ = reason;
    }

    /// A token was revoked.
    fn revoked(&self, kind: Kind) {
        let _ = kind;
    }

    /// A token could not be checked.
    fn unavailable(&self, missing: Missing) {
        let _ = missing;
    }

    /// A token is accepted although its revocation cannot be known; [`accepted`](Self::accepted) follows.
    fn accepted_on_outage(&self) {}

    /// Whether a well signed token was found in the cache; what becomes of it follows.
    fn cache_asked(&self, hit: bool) {
        let _ = hit;
    }

    /// The key set was read, or confirmed.
    fn keys_refreshed(&self) {}

    /// The key set could not be read.
    fn key_refresh_failed(&self, why: &str) {
        let _ = why;
    }
}

/// The observer of a verifier, if it has one, kept from doing harm.
#[derive(Clone, Default)]
pub(crate) struct Observed(Option<Arc<Guarded>>);

struct Guarded {
    observer: Box<dyn Observer>,
    panicked: AtomicBool,
}

impl Observed {
    pub(crate) fn by(observer: impl Observer) -> Self {
        Self(Some(Arc::new(Guarded { observer: Box::new(observer), panicked: AtomicBool::new(false) })))
    }

    #[inline]
    pub(crate) fn tell(&self, event: impl FnOnce(&dyn Observer)) {
        if let Some(guarded) = &self.0 {
            guarded.tell(event);
        }
    }
}

impl Guarded {
    fn tell(&self, event: impl FnOnce(&dyn Observer)) {
        // Nothing of ours is left half changed by it, and its own state is its own affair.
        let told = catch_unwind(AssertUnwindSafe(|| event(&*self.observer)));
        if told.is_err() && !self.panicked.swap(true, Ordering::Relaxed) {
            tracing::error!("the observer of a verifier panicked; this is said once");
        }
    }
}
