//! Tells handlers that wait for a long time that the server is stopping.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use tokio::sync::watch;

/// Tells a handler that the server is stopping, so that a handler that waits for new data can respond at once instead
/// of delaying the shutdown. An extractor.
#[derive(Clone, Debug)]
pub struct Stopping(Option<watch::Receiver<bool>>);

impl Stopping {
    pub(super) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(Some(receiver)))
    }

    /// Completes when the server starts to stop.
    pub async fn wait(mut self) {
        if let Some(receiver) = &mut self.0 {
            // An error means that the server has ended.
            let _ = receiver.wait_for(|is_stopping| *is_stopping).await;
        } else {
            std::future::pending::<()>().await;
        }
    }
}

impl FromRequest for Stopping {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    /// In an application that was not created by [`bind`](super::bind), it never completes.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.app_data::<Self>().cloned().unwrap_or(Self(None))))
    }
}
