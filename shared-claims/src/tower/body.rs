//! The body of a response, of the inner service or of the layer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of the inner service's response, or of a response of the layer.
    ///
    /// ```
    /// use shared_claims::tower::ResponseBody;
    ///
    /// // Convert it for axum like any other body.
    /// fn into_axum(answer: http::Response<ResponseBody<axum::body::Body>>) -> axum::response::Response {
    ///     answer.map(axum::body::Body::new)
    /// }
    /// ```
    #[derive(Debug)]
    pub struct ResponseBody<D> {
        #[pin]
        source: Source<D>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = SourceProjection]
    enum Source<D> {
        Service { #[pin] body: D },
        Layer { bytes: Option<Bytes> },
    }
}

impl<D> ResponseBody<D> {
    pub(super) fn of_service(body: D) -> Self {
        Self { source: Source::Service { body } }
    }

    pub(super) fn of_layer(bytes: Vec<u8>) -> Self {
        Self { source: Source::Layer { bytes: (!bytes.is_empty()).then(|| bytes.into()) } }
    }
}

impl<D: Body<Data = Bytes>> Body for ResponseBody<D> {
    type Data = Bytes;
    type Error = D::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, D::Error>>> {
        match self.project().source.project() {
            SourceProjection::Service { body } => body.poll_frame(context),
            SourceProjection::Layer { bytes } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Service { body } => body.is_end_stream(),
            Source::Layer { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Service { body } => body.size_hint(),
            Source::Layer { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}
