//! The service that the layer creates.

use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::answer::Form;
use super::body::ResponseBody;
use super::future::ResponseFuture;
use super::layer::{BearerLayer, Decision};
use crate::claims::CustomClaims;
use crate::require::{AnyToken, Requirement};

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
        let form = Form::of(&request);
        match self.layer.decide(&request) {
            Decision::Known(Ok(verified)) => {
                request.extensions_mut().insert(verified);
                ResponseFuture::passed(self.inner.call(request))
            }
            Decision::Known(Err(refusal)) => {
                // Frees what the inner service reserved in `poll_ready`, so that other requests can use it.
                drop(self.take_ready());
                ResponseFuture::refused(refusal, form)
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
