//! Reads from a tower request what authentication needs.

use http::HeaderValue;
use http::uri::{Authority, Scheme};

use crate::bearer::Request;

pub(super) struct Incoming<'r, B> {
    pub(super) request: &'r http::Request<B>,
    /// Whether the connection uses TLS, as far as the service knows.
    pub(super) over_tls: bool,
}

impl<B> Request for Incoming<'_, B> {
    fn bytes<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.request.headers().get_all(name).iter().map(HeaderValue::as_bytes)
    }

    fn is_safe(&self) -> bool {
        self.request.method().is_safe()
    }

    fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    fn authority(&self) -> Option<&str> {
        self.request.uri().authority().map(Authority::as_str)
    }

    fn scheme(&self) -> Option<&str> {
        let target = self.request.uri().scheme().map(Scheme::as_str);
        target.or_else(|| self.over_tls.then_some("https"))
    }
}
