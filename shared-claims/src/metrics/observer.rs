//! Events of a verifier, reported as they happen.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::revocation::RevocationKind;
use crate::verifier::{Missing, Reason};

/// Receives the events of a verifier. Each method does nothing by default.
///
/// It is called after the outcome was decided, on the thread that checks the token, while no lock is held. A method
/// that takes long should pass the event to another thread. An observer cannot change an outcome; if it panics, the
/// first panic is logged and all are ignored.
///
/// ```
/// use std::sync::mpsc::Sender;
/// use shared_claims::metrics::Observer;
/// use shared_claims::revocation::RevocationKind;
/// use shared_claims::verifier::{Missing, Reason, Verifier};
///
/// /// Sends each event to another thread.
/// struct EventSender(Sender<String>);
///
/// impl EventSender {
///     fn send(&self, what: &str) {
///         // An error means that the receiver is gone, so there is nobody to inform.
///         let _ = self.0.send(what.to_owned());
///     }
/// }
///
/// impl Observer for EventSender {
///     fn accepted(&self) {
///         self.send("accepted");
///     }
///
///     fn refused(&self, reason: Reason) {
///         self.send(reason.as_str());
///     }
///
///     fn revoked(&self, kind: RevocationKind) {
///         self.send(kind.as_str());
///     }
///
///     fn unavailable(&self, missing: Missing) {
///         self.send(missing.as_str());
///     }
///
///     fn accepted_on_outage(&self) {
///         self.send("accepted on outage");
///     }
///
///     fn cache_asked(&self, hit: bool) {
///         self.send(if hit { "hit" } else { "miss" });
///     }
///
///     fn keys_refreshed(&self) {
///         self.send("keys");
///     }
///
///     fn key_refresh_failed(&self, why: &str) {
///         self.send(why);
///     }
/// }
///
/// let (sender, _receiver) = std::sync::mpsc::channel();
/// let builder = Verifier::builder("http://localhost:8000").observer(EventSender(sender));
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A token was accepted.
    fn accepted(&self) {}

    /// A token was refused because it is not valid.
    fn refused(&self, reason: Reason) {
        let _ = reason;
    }

    /// A token was refused because it is revoked.
    fn revoked(&self, kind: RevocationKind) {
        let _ = kind;
    }

    /// A token could not be checked because something is missing, for example the key set.
    fn unavailable(&self, missing: Missing) {
        let _ = missing;
    }

    /// A token is accepted although it is not known whether it is revoked. [`accepted`](Self::accepted) is called next.
    fn accepted_on_outage(&self) {}

    /// A token with a valid signature was looked up in the cache; `hit` says whether it was found. The call with the
    /// outcome follows.
    fn cache_asked(&self, hit: bool) {
        let _ = hit;
    }

    /// The key set was read, or the issuer confirmed that it is unchanged.
    fn keys_refreshed(&self) {}

    /// The key set could not be read.
    fn key_refresh_failed(&self, why: &str) {
        let _ = why;
    }
}

/// The observer of a verifier, if it has one. Its panics are caught.
#[derive(Clone, Default)]
pub(crate) struct OptionalObserver(Option<Arc<Guarded>>);

struct Guarded {
    observer: Box<dyn Observer>,
    panicked: AtomicBool,
}

impl OptionalObserver {
    pub(crate) fn new(observer: impl Observer) -> Self {
        Self(Some(Arc::new(Guarded { observer: Box::new(observer), panicked: AtomicBool::new(false) })))
    }

    #[inline]
    pub(crate) fn notify(&self, event: impl FnOnce(&dyn Observer)) {
        if let Some(guarded) = &self.0 {
            guarded.notify(event);
        }
    }
}

impl Guarded {
    fn notify(&self, event: impl FnOnce(&dyn Observer)) {
        // The observer shares no state with the verifier, so a panic in it leaves nothing of the verifier half changed.
        let called = catch_unwind(AssertUnwindSafe(|| event(&*self.observer)));
        if called.is_err() && !self.panicked.swap(true, Ordering::Relaxed) {
            tracing::error!("the observer of a verifier panicked; further panics of it are not logged");
        }
    }
}
