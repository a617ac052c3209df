//! The service that the layer creates, and the future of its response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::ResponseBody;
use super::layer::{BearerLayer, Decision};
use super::response::ResponseForm;
use crate::bearer::BearerError;
use crate::claims::CustomClaims;
use crate::require::{AnyToken, Requirement};
use crate::verifier::Verified;

/// The service that [`BearerLayer`] puts around another service.
///
/// ```
/// # use shared_claims::verifier::Verifier;
/// use shared_claims::tower::{BearerLayer, BearerService};
/// use tower::Layer;
///
/// fn protect<Inner>(inner: Inner, verifier: Verifier) -> BearerService<Inner> {
///     BearerLayer::new(verifier).layer(inner)
/// }
/// ```
#[derive(Debug)]
pub struct BearerService<Inner, S = AnyToken, C = ()> {
    pub(super) inner: Inner,
    pub(super) layer: BearerLayer<S, C>,
}

impl<Inner: Clone, S, C> BearerService<Inner, S, C> {
    /// Takes the inner service that `poll_ready` was called on and leaves a clone in its place. The clone need not be
    /// ready, so it cannot serve this request.
    fn take_ready(&mut self) -> Inner {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}

impl<Inner, S, C, B, D> Service<Request<B>> for BearerService<Inner, S, C>
where
    Inner: Service<Request<B>, Response = Response<D>> + Clone,
    D: http_body::Body<Data = Bytes>,
    S: Requirement,
    C: CustomClaims,
{
    type Response = Response<ResponseBody<D>>;
    type Error = Inner::Error;
    type Future = ResponseFuture<Inner, B, C>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Inner::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let form = ResponseForm::of(&request);
        match self.layer.decide(&request) {
            Decision::Known(Ok(verified)) => {
                request.extensions_mut().insert(verified);
                ResponseFuture::passed(self.inner.call(request))
            }
            Decision::Known(Err(error)) => {
                // Frees what the inner service reserved in `poll_ready`, so that other requests can use it.
                drop(self.take_ready());
                ResponseFuture::refused(error, form)
            }
            Decision::Pending(token) => {
                let check = Box::pin(self.layer.clone().wait(token));
                ResponseFuture::waiting(check, self.take_ready(), request, form)
            }
        }
    }
}

impl<Inner: Clone, S, C> Clone for BearerService<Inner, S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

pin_project! {
    /// The future of [`BearerService`]. With a revocation mirror, it is the inner service's own
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

type Check<C> = Pin<Box<dyn Future<Output = Result<Verified<C>, BearerError>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<Inner: Service<Request<B>>, B, C> {
        /// `waiting_call` is `Some` until the check is complete: the inner service that is ready, and the request.
        Waiting { check: Check<C>, waiting_call: Option<(Inner, Request<B>)>, form: ResponseForm },
        Refused { error: BearerError, form: ResponseForm },
        Passed { #[pin] future: Inner::Future },
    }
}

impl<Inner: Service<Request<B>>, B, C> ResponseFuture<Inner, B, C> {
    fn waiting(check: Check<C>, ready: Inner, request: Request<B>, form: ResponseForm) -> Self {
        Self { state: State::Waiting { check, waiting_call: Some((ready, request)), form } }
    }

    fn refused(error: BearerError, form: ResponseForm) -> Self {
        Self { state: State::Refused { error, form } }
    }

    fn passed(future: Inner::Future) -> Self {
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
                    return future.poll(context).map_ok(|response| response.map(ResponseBody::of_service));
                }
                StateProjection::Refused { error, form } => return Poll::Ready(Ok(form.response(*error))),
                StateProjection::Waiting { check, waiting_call, form } => {
                    let outcome = ready!(check.as_mut().poll(context));
                    match (outcome, waiting_call.take()) {
                        (Ok(verified), Some((mut inner, mut request))) => {
                            request.extensions_mut().insert(verified);
                            State::Passed { future: inner.call(request) }
                        }
                        (Err(error), _) => State::Refused { error, form: *form },
                        // Unreachable: `waiting_call` is taken only once, because the state changes in the same poll.
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
