//! The future of the layer's response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::answer::Form;
use super::body::ResponseBody;
use crate::bearer::Refusal;
use crate::verifier::Verified;

pin_project! {
    /// The future of [`BearerService`](super::BearerService). With a revocation mirror, it is the inner service's own
    /// future, or a refusal that is ready at once.
    ///
    /// ```
    /// use shared_claims::tower::{BearerService, ResponseFuture};
    /// use tower::Service;
    ///
    /// fn call<Inner, B, D>(service: &mut BearerService<Inner>, request: http::Request<B>) -> ResponseFuture<Inner, B>
    /// where
    ///     Inner: Service<http::Request<B>, Response = http::Response<D>> + Clone,
    ///     D: http_body::Body<Data = bytes::Bytes>,
    /// {
    ///     service.call(request)
    /// }
    /// ```
    pub struct ResponseFuture<Inner: Service<Request<B>>, B, C = ()> {
        #[pin]
        state: State<Inner, B, C>,
    }
}

type Check<C> = Pin<Box<dyn Future<Output = Result<Verified<C>, Refusal>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<Inner: Service<Request<B>>, B, C> {
        /// `held` is `Some` until the check is complete.
        Waiting { check: Check<C>, held: Option<(Inner, Request<B>)>, form: Form },
        Refused { refusal: Refusal, form: Form },
        Passed { #[pin] future: Inner::Future },
    }
}

impl<Inner: Service<Request<B>>, B, C> ResponseFuture<Inner, B, C> {
    pub(super) fn waiting(check: Check<C>, ready: Inner, request: Request<B>, form: Form) -> Self {
        Self { state: State::Waiting { check, held: Some((ready, request)), form } }
    }

    pub(super) fn refused(refusal: Refusal, form: Form) -> Self {
        Self { state: State::Refused { refusal, form } }
    }

    pub(super) fn passed(future: Inner::Future) -> Self {
        Self { state: State::Passed { future } }
    }
}

impl<Inner, B, C, D> Future for ResponseFuture<Inner, B, C>
where
    Inner: Service<Request<B>, Response = Response<D>>,
    D: http_body::Body<Data = Bytes>,
    C: Send + Sync + 'static,
{
    type Output = Result<Response<ResponseBody<D>>, Inner::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Passed { future } => {
                    return future.poll(context).map_ok(|answer| answer.map(ResponseBody::of_service));
                }
                StateProjection::Refused { refusal, form } => return Poll::Ready(Ok(form.answer(*refusal))),
                StateProjection::Waiting { check, held, form } => {
                    let outcome = ready!(check.as_mut().poll(context));
                    match (outcome, held.take()) {
                        (Ok(verified), Some((mut inner, mut request))) => {
                            request.extensions_mut().insert(verified);
                            State::Passed { future: inner.call(request) }
                        }
                        (Err(refusal), _) => State::Refused { refusal, form: *form },
                        // Unreachable: `held` is taken only once, because the state changes in the same poll.
                        (Ok(_), None) => return Poll::Pending,
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<Inner: Service<Request<B>>, B, C> fmt::Debug for ResponseFuture<Inner, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
