//! Word of the stop, for whoever would wait through it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use tokio::sync::watch;

/// Tells a handler that the server is stopping: one that waits for news answers then, instead of holding the stop up.
/// An extractor.
#[derive(Clone, Debug)]
pub struct Stopping(Option<watch::Receiver<bool>>);

impl Stopping {
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(Some(receiver)))
    }

    /// Done when the server begins to stop.
    pub async fn wait(mut self) {
        if let Some(receiver) = &mut self.0 {
            // An error is the end of the server.
            let _ = receiver.wait_for(|is_stopping| *is_stopping).await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}

impl FromRequest for Stopping {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    /// Outside of [`bind`](super::bind) nothing stops.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.app_data::<Self>().cloned().unwrap_or(Self(None))))
    }
}
