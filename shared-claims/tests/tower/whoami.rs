//! A gRPC service with one method, which returns the subject of the token. It uses no generated code: its messages are
//! plain text.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};
use http::uri::PathAndQuery;
use shared_claims::verifier::Verified;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::NamedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tower::Service;

pub(crate) const METHOD: &str = "/test.WhoAmI/Ask";

#[derive(Clone, Debug)]
pub(crate) struct WhoAmI;

impl NamedService for WhoAmI {
    const NAME: &'static str = "test.WhoAmI";
}

type Answer = http::Response<tonic::body::Body>;

impl Service<http::Request<tonic::body::Body>> for WhoAmI {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let method = tower::service_fn(async |request: Request<String>| {
            let user = request.extensions().get::<Verified>().ok_or_else(|| Status::internal("nobody"))?;
            Ok::<_, Status>(Response::new(format!("{} asks {}", user.sub, request.get_ref())))
        });
        Box::pin(async move { Ok(tonic::server::Grpc::new(Text).unary(method, request).await) })
    }
}

/// Calls the service with these metadata.
pub(crate) async fn ask(channel: Channel, metadata: &[(&'static str, String)]) -> Result<String, Status> {
    let mut request = Request::new("who am I".to_owned());
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let answer = client.unary(request, PathAndQuery::from_static(METHOD), Text).await?;
    Ok(answer.into_inner())
}

#[derive(Clone, Copy)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining()).to_vec();
        String::from_utf8(bytes).map(Some).map_err(|_| Status::internal("no text"))
    }
}
