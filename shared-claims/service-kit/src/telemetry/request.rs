//! The request that a line of the log belongs to.
//!
//! A span of `tracing` would be stored in a registry and rendered when the request comes in, for each request. Here the
//! request is only kept in reach of the thread that works on it, and is rendered when a line is written.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tracing::Span;

/// What a line says of its request.
pub trait LogFields: Send + Sync {
    /// The name of what the fields describe: `http.request`.
    fn name(&self) -> &'static str;
    /// Hands over each field that has a value, with its name.
    fn visit(&self, field: &mut dyn FnMut(&'static str, &dyn Display));
}

type Current = Arc<dyn LogFields>;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The request that this thread works on.
fn current() -> Option<Current> {
    CURRENT.with_borrow(Clone::clone)
}

/// Shows the request that this thread works on, if there is one.
pub(super) fn show(shown: impl FnOnce(&dyn LogFields) -> fmt::Result) -> Option<fmt::Result> {
    CURRENT.with_borrow(|current| current.as_deref().map(shown))
}

/// Runs a part of the work for a request: what is logged meanwhile names it.
pub fn within<T>(request: Current, part: impl FnOnce() -> T) -> T {
    let _restored = Entered(CURRENT.replace(Some(request)));
    part()
}

/// Puts back what was there before, after a panic too.
struct Entered(Option<Current>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// What the lines of this thread belong to, to be carried to another thread or task: its request and its span.
#[derive(Clone)]
pub struct LogScope {
    span: Span,
    request: Option<Current>,
}

impl LogScope {
    /// That of the calling thread.
    pub fn current() -> Self {
        Self { span: Span::current(), request: current() }
    }

    /// Runs a part of the work in it.
    pub fn run<T>(&self, part: impl FnOnce() -> T) -> T {
        match &self.request {
            Some(request) => within(Arc::clone(request), || self.span.in_scope(part)),
            None => self.span.in_scope(part),
        }
    }

    /// Runs a future in it, wherever that is polled.
    pub fn carry<F: Future>(self, future: F) -> Carried<F> {
        Carried { scope: self, future }
    }
}

pin_project! {
    /// See [`LogScope::carry`].
    pub struct Carried<F> {
        scope: LogScope,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.scope.run(|| this.future.poll(context))
    }
}
