//! What a request of actix-web tells.

use actix_web::HttpRequest;
use actix_web::http::uri::{Authority, Scheme};

use crate::bearer::{Request, ascii};

impl Request for HttpRequest {
    fn values<'a>(&'a self, name: &'static str) -> impl Iterator<Item = Option<&'a str>> {
        self.headers().get_all(name).map(|value| ascii(value.as_bytes()))
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
