//! Callers who guess and who log in: from an address, with or without the cookie of a device.

use auth_service::config::Settings;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Response, StatusCode};
use serde_json::json;

use super::{OnEachStore, PASSWORD, TestApp, on_each_store};

/// The cookie by which accounts know a device.
pub(crate) const DEVICE: &str = "__Host-device";

pub(crate) const HOME: &str = "192.0.2.1";
pub(crate) const OFFICE: &str = "192.0.2.2";
/// Addresses from which nobody has logged in.
pub(crate) const ELSEWHERE: &str = "198.51.100.1";
pub(crate) const ABROAD: &str = "198.51.100.2";
pub(crate) const STRANGER: &str = "203.0.113.1";

/// Apps where Alice is registered.
pub(crate) async fn apps() -> OnEachStore {
    let apps = on_each_store(proxied).await;
    for app in &apps {
        app.register("alice").await;
    }
    apps
}

/// Lets tests name the address that they call from, under the limits of a new installation for an account.
pub(crate) fn proxied(settings: &mut Settings) {
    settings.throttle.failures_per_name = 10;
    settings.throttle.lock_seconds = 900;
    settings.http.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
}

/// The value of the device's cookie that a response sets.
pub(crate) fn device_of(headers: &reqwest::header::HeaderMap) -> Option<String> {
    let lines = headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let mut values = lines.filter_map(|line| line.strip_prefix(DEVICE)?.strip_prefix('=')?.split(';').next());
    values.next().map(str::to_owned)
}

/// A caller at `POST /auth/login`.
#[derive(Clone, Copy)]
pub(crate) struct CallerAt<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) address: &'a str,
    /// The whole header.
    pub(crate) cookies: Option<&'a str>,
}

impl TestApp {
    /// A caller at this address, whom nobody knows.
    pub(crate) fn at<'a>(&'a self, address: &'a str) -> CallerAt<'a> {
        CallerAt { app: self, address, cookies: None }
    }
}

impl<'a> CallerAt<'a> {
    /// The same caller with this `Cookie` header.
    pub(crate) fn with(self, cookies: &'a str) -> Self {
        Self { cookies: Some(cookies), ..self }
    }

    pub(crate) async fn log_in(self, username: &str, password: &str) -> Response {
        let body = json!({ "username": username, "password": password });
        let request = self.app.post("/auth/login").json(&body).header("x-forwarded-for", self.address);
        let request = match self.cookies {
            Some(cookies) => request.header(COOKIE, cookies),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn status(self, username: &str, password: &str) -> StatusCode {
        self.log_in(username, password).await.status()
    }

    /// Guesses wrong so often, and is answered each time.
    pub(crate) async fn guess(self, username: &str, times: usize) {
        for _ in 0..times {
            assert_eq!(self.status(username, "a wrong guess").await, StatusCode::UNAUTHORIZED, "{username}");
        }
    }

    /// Uses up a budget of ten guesses.
    pub(crate) async fn lock(self, username: &str) {
        self.guess(username, 10).await;
        assert_eq!(self.status(username, "a wrong guess").await, StatusCode::TOO_MANY_REQUESTS, "{username}");
    }

    /// Whether the right password is let in. Otherwise the budget is locked.
    pub(crate) async fn gets_in(self, username: &str) -> bool {
        match self.status(username, PASSWORD).await {
            StatusCode::NO_CONTENT => true,
            StatusCode::TOO_MANY_REQUESTS => false,
            other => panic!("{other}"),
        }
    }

    /// Logs in, and returns the `Cookie` header of the device from then on.
    pub(crate) async fn known(self, username: &str) -> String {
        let response = self.log_in(username, PASSWORD).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        format!("{DEVICE}={}", device_of(response.headers()).unwrap())
    }
}
