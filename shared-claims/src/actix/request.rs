//! Reads from an actix-web request what authentication needs.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use actix_web::http::uri::{Authority, Scheme};

use crate::bearer::Request;

impl Request for HttpRequest {
    fn bytes<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name).map(HeaderValue::as_bytes)
    }

    fn is_safe(&self) -> bool {
        self.method().is_safe()
    }

    fn query(&self) -> &str {
        self.query_string()
    }

    fn authority(&self) -> Option<&str> {
        self.uri().authority().map(Authority::as_str)
    }

    fn scheme(&self) -> Option<&str> {
        let target = self.uri().scheme().map(Scheme::as_str);
        target.or_else(|| self.app_config().secure().then_some("https"))
    }
}
