//! What is done with mailed links.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::visitor::Visitor;
use super::{EMAIL, NEW_PASSWORD, PASSWORD, WRONG_PASSWORD};
use crate::helpers::eventually;

const NEW_ADDRESS: &str = "recognisable0new0address@example.org";
const IDENTIFIER: &str = "recognisable0identifier@example.org";

impl Visitor<'_> {
    async fn json(&self, path: &str, token: Option<&str>, body: &Value) -> StatusCode {
        let request = self.client.request(Method::POST, self.url(path)).json(body);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status()
    }

    /// The tokens of all mails so far. Each is a secret.
    async fn mailed(&mut self, count: usize) -> Vec<String> {
        let folder = self.settings.mail_folder();
        let read = || -> Vec<String> {
            let Ok(files) = std::fs::read_dir(&folder) else { return Vec::new() };
            let mut files: Vec<_> = files
                .map(|file| file.unwrap())
                // What is being written has another ending.
                .filter(|file| file.path().extension().is_some_and(|ending| ending == "eml"))
                .map(|file| (file.metadata().unwrap().modified().unwrap(), file.path()))
                .collect();
            files.sort();
            let link = |mail: String| {
                mail.lines()
                    .find(|line| line.starts_with("http") && line.contains("=lkm_"))
                    .map(str::to_owned)
            };
            let links =
                files.into_iter().filter_map(|(_, path)| link(std::fs::read_to_string(path).unwrap()));
            links.map(|link| link.split_once('=').unwrap().1.to_owned()).collect()
        };
        eventually("the links are mailed", Duration::from_secs(20), async || read().len() >= count).await;
        let tokens = read();
        for token in &tokens {
            self.secret(token);
        }
        tokens
    }

    /// Registers, verifies, forgets, resets and changes, correctly and incorrectly.
    pub(super) async fn mailed_links(&mut self) {
        self.secrets.extend([NEW_ADDRESS, IDENTIFIER].map(str::to_owned));
        let before = self.mailed(0).await.len();
        let address = format!("{EMAIL}2@example.org");
        let body = json!({"username": "mailed", "password": PASSWORD, "email": address});
        assert_eq!(self.json("/auth/register", None, &body).await, StatusCode::CREATED);
        let token = self.mailed(before + 1).await.pop().unwrap();
        for (password, expected) in [
            (WRONG_PASSWORD, StatusCode::UNAUTHORIZED),
            (PASSWORD, StatusCode::NO_CONTENT),
            (PASSWORD, StatusCode::BAD_REQUEST),
        ] {
            let body = json!({"token": token, "password": password});
            assert_eq!(self.json("/auth/email/verify", None, &body).await, expected);
        }
        for identifier in [address.as_str(), IDENTIFIER] {
            let body = json!({"identifier": identifier});
            assert_eq!(self.json("/auth/password/forgot", None, &body).await, StatusCode::ACCEPTED);
            assert_eq!(self.json("/auth/email/verify/request", None, &body).await, StatusCode::ACCEPTED);
        }
        let token = self.mailed(before + 2).await.pop().unwrap();
        for (password, expected) in [
            ("short", StatusCode::UNPROCESSABLE_ENTITY),
            (NEW_PASSWORD, StatusCode::NO_CONTENT),
            (WRONG_PASSWORD, StatusCode::BAD_REQUEST),
            (NEW_PASSWORD, StatusCode::NO_CONTENT),
        ] {
            let body = json!({"token": token, "password": password});
            assert_eq!(self.json("/auth/password/reset", None, &body).await, expected);
        }
        let (access, _) = self.login("mailed", NEW_PASSWORD).await;
        let body = json!({"email": NEW_ADDRESS, "password": NEW_PASSWORD});
        assert_eq!(self.json("/auth/email", Some(&access), &body).await, StatusCode::ACCEPTED);
        let token = self.mailed(before + 3).await.pop().unwrap();
        assert_eq!(
            self.json("/auth/email/verify", Some(&access), &json!({"token": token})).await,
            StatusCode::NO_CONTENT
        );
        for (current, expected) in
            [(WRONG_PASSWORD, StatusCode::UNPROCESSABLE_ENTITY), (NEW_PASSWORD, StatusCode::NO_CONTENT)]
        {
            let body = json!({"current_password": current, "new_password": PASSWORD});
            assert_eq!(self.json("/auth/password", Some(&access), &body).await, expected);
        }
        self.done(&["users", "invite", NEW_ADDRESS], "");
        self.mailed(before + 4).await;
    }
}
