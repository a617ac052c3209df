//! The layer calls the inner service only after `poll_ready`, and frees what the inner service reserved there.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use shared_claims::tower::{BearerLayer, BearerService};
use shared_claims::verifier::Verified;
use tower::{Layer as _, Service, ServiceExt as _};

use crate::support::{Source, token, verifier};

/// A service that reserves a place in `poll_ready`. Its clones have no reservation.
#[derive(Default)]
struct Strict {
    reserved: bool,
    places: Arc<AtomicUsize>,
}

impl Strict {
    fn give_back(&mut self) {
        if std::mem::take(&mut self.reserved) {
            self.places.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { reserved: false, places: Arc::clone(&self.places) }
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Service<Request<String>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if !std::mem::replace(&mut self.reserved, true) {
            self.places.fetch_add(1, Ordering::SeqCst);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        assert!(self.reserved, "called when it was not ready");
        self.give_back();
        assert!(request.extensions().get::<Verified>().is_some());
        ready(Ok(Response::new(request.into_body())))
    }
}

async fn call(service: &mut BearerService<Strict>, token: &str) -> u16 {
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    let request = request.body("hello".to_owned()).unwrap();
    service.ready().await.unwrap().call(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_service_that_was_ready_is_called() {
    for source in [Source::None, Source::Waited] {
        let inner = Strict::default();
        let places = Arc::clone(&inner.places);
        let mut service = BearerLayer::new(verifier(source).await).layer(inner);
        for (token, status) in [
            (token().sign(), 200),
            ("rubbish".to_owned(), 401),
            (token().claim("exp", 1).sign(), 401),
            (token().sign(), 200),
        ] {
            assert_eq!(call(&mut service, &token).await, status, "{source:?}");
            assert_eq!(places.load(Ordering::SeqCst), 0, "{source:?}: a reserved place was not freed");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_its_place_back() {
    let inner = Strict::default();
    let places = Arc::clone(&inner.places);
    let mut service = BearerLayer::new(verifier(Source::Waited).await).layer(inner);
    let request = Request::builder().header("authorization", format!("Bearer {}", token().sign()));
    let waiting = service.ready().await.unwrap().call(request.body(String::new()).unwrap());
    assert_eq!(places.load(Ordering::SeqCst), 1);
    drop(waiting);
    assert_eq!(places.load(Ordering::SeqCst), 0);
}
