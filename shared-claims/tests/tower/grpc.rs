//! gRPC calls get gRPC statuses, and never a JSON body.

use http::{Method, Request};
use http_body::Body as _;
use shared_claims::tower::BearerLayer;
use shared_claims::verifier::Verifier;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::service::LayerExt as _;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Status};
use tower::{Layer as _, ServiceExt as _};

use crate::cases::{BARE, INVALID_TOKEN};
use crate::support::{Admin, COOKIE, LISTED, MALLORY, Source, TodosWrite, token, verifier, without_keys};
use crate::whoami::{METHOD, WhoAmI, ask};

/// A server that stops when it is dropped.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn layer(verifier: Verifier) -> BearerLayer {
    BearerLayer::new(verifier).cookie(COOKIE).allowed_origins([LISTED]).unwrap()
}

/// Starts the server with a layer in front of all services, which requires a scope.
async fn start(verifier: Verifier) -> (Running, Channel) {
    let (incoming, endpoint) = bind();
    let layer = layer(verifier).require::<TodosWrite>();
    let router = Server::builder().layer(layer).add_service(WhoAmI);
    let task = tokio::spawn(async { router.serve_with_incoming(incoming).await.unwrap() });
    (Running(task), endpoint.connect().await.unwrap())
}

/// Starts the server with a layer in front of one service, which requires a role.
async fn start_admin(verifier: Verifier) -> (Running, Channel) {
    let (incoming, endpoint) = bind();
    let service = layer(verifier).require::<Admin>().named_layer(WhoAmI);
    let router = Server::builder().add_service(service);
    let task = tokio::spawn(async { router.serve_with_incoming(incoming).await.unwrap() });
    (Running(task), endpoint.connect().await.unwrap())
}

fn bind() -> (TcpIncoming, Endpoint) {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", incoming.local_addr().unwrap());
    (incoming, Endpoint::from_shared(url).unwrap())
}

fn bearer(token: &str) -> Vec<(&'static str, String)> {
    vec![("authorization", format!("Bearer {token}"))]
}

#[track_caller]
fn assert_status(status: &Status, code: Code, challenge: Option<&str>) {
    assert_eq!(status.code(), code, "{status:?}");
    assert!(!status.message().is_empty() && !status.message().contains('%'), "{status:?}");
    let sent = status.metadata().get("www-authenticate").map(|value| value.to_str().unwrap());
    assert_eq!(sent, challenge, "{status:?}");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").map(|value| value.to_str().unwrap());
    assert_eq!(pushback, (code == Code::Unavailable).then_some("1000"));
}

#[tokio::test]
async fn a_valid_call_has_the_verified_token() {
    for source in [Source::None, Source::Waited] {
        let (_server, channel) = start(verifier(source).await).await;
        let answer = ask(channel, &bearer(&token().claim("sub", "ada").sign())).await.unwrap();
        assert_eq!(answer, "ada asks who am I", "{source:?}");
    }
}

#[tokio::test]
async fn a_call_without_a_good_token_is_unauthenticated() {
    let (_server, channel) = start(verifier(Source::Waited).await).await;
    let none = ask(channel.clone(), &[]).await.unwrap_err();
    assert_status(&none, Code::Unauthenticated, BARE);
    for bad in ["rubbish".to_owned(), token().claim("exp", 1).sign(), token().claim("sub", MALLORY).sign()] {
        let status = ask(channel.clone(), &bearer(&bad)).await.unwrap_err();
        assert_status(&status, Code::Unauthenticated, INVALID_TOKEN);
    }
    let twice = [bearer(&token().sign()), bearer(&token().sign())].concat();
    assert_eq!(ask(channel, &twice).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_call_without_the_right_is_denied() {
    const NO_SCOPE: &str = "Bearer error=\"insufficient_scope\", scope=\"todos:write\"";
    for source in [Source::None, Source::Waited] {
        let (_server, channel) = start(verifier(source).await).await;
        let reader = token().claim("scope", "todos:read").sign();
        let status = ask(channel.clone(), &bearer(&reader)).await.unwrap_err();
        assert_status(&status, Code::PermissionDenied, Some(NO_SCOPE));
        let cookie = ("cookie", format!("{COOKIE}={}", token().sign()));
        let foreign = [cookie.clone(), ("origin", "https://evil.example".to_owned())];
        assert_status(&ask(channel.clone(), &foreign).await.unwrap_err(), Code::PermissionDenied, None);
        assert!(ask(channel, &[cookie, ("origin", LISTED.to_owned())]).await.is_ok());
    }
}

#[tokio::test]
async fn a_layer_before_one_service() {
    let (_server, channel) = start_admin(verifier(Source::None).await).await;
    let denied = ask(channel.clone(), &bearer(&token().sign())).await.unwrap_err();
    assert_status(&denied, Code::PermissionDenied, Some("Bearer error=\"insufficient_scope\""));
    assert!(ask(channel, &bearer(&token().claim("roles", vec!["admin"]).sign())).await.is_ok());
}

#[tokio::test]
async fn a_call_that_cannot_be_checked_is_unavailable() {
    let (_server, channel) = start(without_keys().await).await;
    assert_status(&ask(channel, &bearer(&token().sign())).await.unwrap_err(), Code::Unavailable, None);
}

#[tokio::test]
async fn a_refused_call_has_headers_only() {
    let service = BearerLayer::new(verifier(Source::None).await).layer(WhoAmI);
    let asked = |method: Method, media_type: &'static str| {
        let request = Request::builder().method(method).uri(METHOD).header("content-type", media_type);
        service.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    for (sent, answered) in [
        ("application/grpc", "application/grpc"),
        ("application/grpc+proto", "application/grpc"),
        ("Application/gRPC; charset=x", "application/grpc"),
        ("application/grpc-web+proto", "application/grpc-web"),
        ("application/grpc-web-text", "application/grpc-web-text"),
    ] {
        let answer = asked(Method::POST, sent).await.unwrap();
        assert_eq!(answer.status(), 200, "{sent}");
        assert_eq!(answer.headers()["grpc-status"], "16", "{sent}");
        assert_eq!(answer.headers()["grpc-message"], "Not authenticated", "{sent}");
        assert_eq!(answer.headers()["content-type"], answered);
        assert!(answer.body().is_end_stream(), "{sent}");
        assert_eq!(answer.body().size_hint().exact(), Some(0), "{sent}");
    }
    for (method, sent) in [
        (Method::POST, "application/grpcx"),
        (Method::POST, "application/json"),
        (Method::POST, ""),
        (Method::GET, "application/grpc"),
    ] {
        let answer = asked(method, sent).await.unwrap();
        assert_eq!(answer.status(), 401, "{sent}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{sent}");
        assert!(!answer.headers().contains_key("grpc-status") && !answer.body().is_end_stream(), "{sent}");
    }
}
