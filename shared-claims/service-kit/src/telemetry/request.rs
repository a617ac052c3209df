//! The request to which a log line belongs.
//!
//! A span of `tracing` would be stored in a registry and rendered for each request when it arrives. Here the request is
//! only kept in a thread-local variable, and is rendered when a line is written.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tracing::Span;

/// The fields of a request in a log line.
pub trait LogFields: Send + Sync {
    /// The name of the object that the fields describe: `http.request`.
    fn name(&self) -> &'static str;
    /// Calls `field` for each field that has a value.
    fn visit(&self, field: &mut dyn FnMut(&'static str, &dyn Display));
}

type Current = Arc<dyn LogFields>;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The request on which this thread works.
fn current() -> Option<Current> {
    CURRENT.with_borrow(Clone::clone)
}

/// Calls `shown` with the request on which this thread works, if there is one.
pub(super) fn show(shown: impl FnOnce(&dyn LogFields) -> fmt::Result) -> Option<fmt::Result> {
    CURRENT.with_borrow(|current| current.as_deref().map(shown))
}

/// Runs `work` for a request: its log lines name the request.
pub fn with_request<T>(request: Current, work: impl FnOnce() -> T) -> T {
    let _restored = Entered(CURRENT.replace(Some(request)));
    work()
}

/// Restores the earlier request when dropped, also after a panic.
struct Entered(Option<Current>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// The request and the span of this thread's log lines, to be passed to another thread or task.
#[derive(Clone)]
pub struct LogScope {
    span: Span,
    request: Option<Current>,
}

impl LogScope {
    /// The scope of the calling thread.
    pub fn current() -> Self {
        Self { span: Span::current(), request: current() }
    }

    /// Runs `work` in this scope.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.request {
            Some(request) => with_request(Arc::clone(request), || self.span.in_scope(work)),
            None => self.span.in_scope(work),
        }
    }

    /// Wraps a future so that it is polled in this scope.
    pub fn instrument<F: Future>(self, future: F) -> InScope<F> {
        InScope { scope: self, future }
    }
}

pin_project! {
    /// The future that [`LogScope::instrument`] returns.
    pub struct InScope<F> {
        scope: LogScope,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.scope.run(|| this.future.poll(context))
    }
}
