//! The mails that the service sent, as a mail program reads them.

use std::path::PathBuf;
use std::time::Duration;

use auth_service::storage::queue::{self, MessageFilter};
use mail_parser::MessageParser;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use shared_claims::clock::Clock as _;
use shared_claims::testing::eventually;

use super::TestApp;

/// A mail.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) message_id: String,
    /// The whole file.
    pub(crate) source: String,
}

impl Mail {
    fn read(path: PathBuf) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        Self {
            to: mail.to().unwrap().first().unwrap().address().unwrap().to_owned(),
            subject: mail.subject().unwrap().to_owned(),
            text: mail.body_text(0).unwrap().into_owned(),
            message_id: mail.message_id().unwrap().to_owned(),
            source: String::from_utf8(bytes).unwrap(),
        }
    }

    /// The link, which stands alone on its line.
    pub(crate) fn link(&self) -> Option<&str> {
        self.text.lines().find(|line| line.starts_with("http") && line.contains("lkm_"))
    }

    /// The token of the link.
    pub(crate) fn token(&self) -> String {
        let link = self.link().unwrap_or_else(|| panic!("no link: {}", self.text));
        link.split_once('=').unwrap().1.to_owned()
    }
}

impl TestApp {
    /// Waits until every mail was sent, and reads them, oldest first.
    pub(crate) async fn mails(&self) -> Vec<Mail> {
        eventually("every mail is sent", Duration::from_secs(20), || async {
            let now_ms = self.clock.now_ms();
            let listed =
                self.database.read(move |conn| queue::list(conn, &MessageFilter::default(), now_ms, 10));
            listed.await.unwrap().is_empty()
        })
        .await;
        let Ok(files) = std::fs::read_dir(&self.settings().mail.folder) else { return Vec::new() };
        let mut files: Vec<_> = files
            .map(|file| file.unwrap())
            .map(|file| (file.metadata().unwrap().modified().unwrap(), file.path()))
            .collect();
        files.sort();
        files.into_iter().map(|(_, path)| Mail::read(path)).collect()
    }

    /// The mails to this address, compared as it was typed.
    pub(crate) async fn mails_to(&self, address: &str) -> Vec<Mail> {
        let mut mails = self.mails().await;
        mails.retain(|mail| mail.to == address);
        mails
    }

    /// The token of the last mail with a link to this address.
    pub(crate) async fn last_token(&self, address: &str) -> String {
        let mails = self.mails_to(address).await;
        let last = mails.iter().rev().find(|mail| mail.link().is_some());
        last.unwrap_or_else(|| panic!("no link to {address}: {mails:?}")).token()
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Response {
        self.post(path).json(body).send().await.unwrap()
    }

    pub(crate) async fn forgot(&self, identifier: &str) {
        let response = self.post_json("/auth/password/forgot", &json!({ "identifier": identifier })).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }

    pub(crate) async fn reset(&self, token: &str, password: &str) -> StatusCode {
        let body = json!({ "token": token, "password": password });
        self.post_json("/auth/password/reset", &body).await.status()
    }

    /// Verifies an address with the password of the account.
    pub(crate) async fn verify(&self, token: &str, password: &str) -> StatusCode {
        let body = json!({ "token": token, "password": password });
        self.post_json("/auth/email/verify", &body).await.status()
    }

    /// Registers a user with the usual password and an address, which stays unverified.
    pub(crate) async fn register_at(&self, username: &str, email: &str) {
        let body = json!({ "username": username, "password": super::PASSWORD, "email": email });
        assert_eq!(self.register_with(&body).await.status(), StatusCode::CREATED, "{username}");
    }

    /// Registers a user with the usual password and an address, and verifies it.
    pub(crate) async fn verified(&self, username: &str, email: &str) {
        self.register_at(username, email).await;
        let token = self.last_token(email).await;
        assert_eq!(self.verify(&token, super::PASSWORD).await, StatusCode::NO_CONTENT, "{username}");
    }

    /// What `GET /auth/me` says of the user of this token.
    pub(crate) async fn user_of(&self, token: &str) -> Value {
        self.me(token).await.json().await.unwrap()
    }

    /// The status of a login.
    pub(crate) async fn login_status(&self, identifier: &str, password: &str) -> StatusCode {
        self.try_login(identifier, password).await.status()
    }
}
