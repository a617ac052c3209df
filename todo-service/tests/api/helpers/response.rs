//! A response, with its whole body.

use reqwest::RequestBuilder;
use reqwest::header::HeaderMap;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl TestResponse {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("a response");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.text().await.expect("a body") }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON, not {self:?}"))
    }

    /// The value of a header that was sent at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().expect("a readable header");
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        Some(value)
    }

    /// The problem's `detail`. Asserts the status and the other members.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(problem["type"].is_string() && problem["title"].is_string(), "{self:?}");
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    /// The fields that a 422 response names.
    pub(crate) fn refused_fields(&self) -> Vec<String> {
        self.problem(422);
        let problem = self.json();
        let errors = problem["errors"].as_array().expect("errors");
        assert!(errors.iter().all(|error| error["message"].is_string()), "{self:?}");
        errors.iter().map(|error| error["field"].as_str().expect("a field").to_owned()).collect()
    }
}
