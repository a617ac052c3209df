//! The responses that the layer sends itself.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};

use super::body::ResponseBody;
use super::grpc;
use crate::bearer::Refusal;
use crate::problem::PROBLEM_JSON;

/// The form in which a client expects responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Http,
    /// gRPC, with this media type.
    Grpc(&'static str),
}

impl Form {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        grpc::media_type(request).map_or(Self::Http, Self::Grpc)
    }

    pub(super) fn answer<D>(self, refusal: Refusal) -> Response<ResponseBody<D>> {
        match self {
            Self::Http => problem(refusal),
            Self::Grpc(media_type) => grpc::answer(refusal, media_type),
        }
    }
}

fn problem<D>(refusal: Refusal) -> Response<ResponseBody<D>> {
    let mut answer = Response::new(ResponseBody::of_layer(refusal.problem().to_json()));
    *answer.status_mut() = refusal.status();
    answer.headers_mut().extend(refusal.headers());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    answer
}
