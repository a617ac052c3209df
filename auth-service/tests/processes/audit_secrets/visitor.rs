//! Uses every endpoint and command of a service, correctly and incorrectly.

use std::io::Write;
use std::process::Stdio;

use reqwest::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::*;

/// Performs the actions and collects the secrets that occur.
pub(super) struct Visitor<'a> {
    pub(super) settings: &'a ServiceSettings,
    pub(super) service: &'a Service,
    pub(super) client: Client,
    pub(super) secrets: Vec<String>,
    /// The standard error of the commands.
    pub(super) complaints: String,
}

impl Visitor<'_> {
    /// Collects a secret, and the parts of it that would reveal it.
    pub(super) fn secret(&mut self, text: &str) -> String {
        assert!(text.len() >= 20, "{text}");
        self.secrets.push(text.to_owned());
        for part in text.split(['.', ':']).filter(|part| part.len() > 40) {
            self.secrets.extend([part[..24].to_owned(), part[part.len() - 24..].to_owned()]);
        }
        // The headers of all tokens are the same and not secret.
        self.secrets.retain(|secret| !secret.starts_with("eyJ") || secret.len() > 100);
        text.to_owned()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.service.url)
    }

    async fn form(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.client.post(self.url(path)).form(form).send().await.unwrap()
    }

    pub(super) async fn login(&mut self, name: &str, password: &str) -> (String, String) {
        let answer = self.form("/auth/token", &[("username", name), ("password", password)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        self.tokens(answer).await
    }

    async fn tokens(&mut self, answer: Response) -> (String, String) {
        let body: Value = answer.json().await.unwrap();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (access, refresh) = (text("access_token"), text("refresh_token"));
        self.secret(&access);
        if !refresh.is_empty() {
            self.secret(&refresh);
        }
        (access, refresh)
    }

    async fn bearer(&self, method: Method, path: &str, token: &str) -> Response {
        self.client.request(method, self.url(path)).bearer_auth(token).send().await.unwrap()
    }

    /// Runs a command with `--json`. Returns its output, if it succeeds.
    fn command(&mut self, arguments: &[&str], input: &str) -> Option<Value> {
        let mut command = self.settings.command();
        command.args(arguments).arg("--json").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The command may have ended without reading its input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        self.complaints.push_str(&String::from_utf8(output.stderr).unwrap());
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    pub(super) fn done(&mut self, arguments: &[&str], input: &str) -> Value {
        let done = self.command(arguments, input);
        done.unwrap_or_else(|| panic!("{arguments:?}: {}", self.complaints))
    }

    pub(super) async fn first_party(&mut self) {
        let body =
            json!({"username": "alice", "password": PASSWORD, "email": format!("{EMAIL}@example.org")});
        let register = async |body: &Value| {
            self.client.post(self.url("/auth/register")).json(body).send().await.unwrap().status()
        };
        assert_eq!(register(&body).await, StatusCode::CREATED);
        assert_eq!(register(&body).await, StatusCode::BAD_REQUEST);
        assert_eq!(register(&json!({"username": "", "password": PASSWORD})).await, 422);

        for (name, password) in [("alice", WRONG_PASSWORD), (NAME_THAT_IS_A_PASSWORD, PASSWORD)] {
            let refused = self.form("/auth/token", &[("username", name), ("password", password)]).await;
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        }
        // Credentials in the URL, where they do not belong.
        let path = format!("/auth/token?password={PASSWORD}&username=alice");
        self.form(&path, &[("username", "alice")]).await;
        self.client.post(self.url("/auth/login")).body(PASSWORD).send().await.unwrap();

        let (access, refresh) = self.login("alice", PASSWORD).await;
        for path in ["/auth/me", "/auth/sessions"] {
            assert_eq!(self.bearer(Method::GET, path, &access).await.status(), StatusCode::OK);
        }
        self.client.get(self.url(&format!("/auth/me?access_token={access}"))).send().await.unwrap();
        let again =
            self.form("/auth/token", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
        let (access, second) = self.tokens(again).await;
        let again =
            self.form("/auth/token", &[("grant_type", "refresh_token"), ("refresh_token", &second)]).await;
        self.tokens(again).await;
        let stolen =
            self.form("/auth/token", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
        assert_eq!(stolen.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(self.bearer(Method::POST, "/auth/logout", &access).await.status(), 401);

        let (access, refresh) = self.login("alice", PASSWORD).await;
        for token in [&access, &refresh, &format!("{access}x")] {
            self.form("/oauth2/revoke", &[("token", token), ("client_id", "first-party")]).await;
        }
        for path in ["/auth/logout", "/auth/logout-all"] {
            let (access, _) = self.login("alice", PASSWORD).await;
            assert_eq!(self.bearer(Method::POST, path, &access).await.status(), StatusCode::NO_CONTENT);
        }
        let (access, _) = self.login("alice", PASSWORD).await;
        let (other, _) = self.login("alice", PASSWORD).await;
        let sessions: Value = self.bearer(Method::GET, "/auth/sessions", &access).await.json().await.unwrap();
        for session in sessions.as_array().unwrap() {
            let path = format!("/auth/sessions/{}", session["id"].as_str().unwrap());
            self.bearer(Method::DELETE, &path, &other).await;
        }
    }

    pub(super) async fn browser(&mut self) {
        let body = json!({"username": "alice", "password": PASSWORD});
        let login = self.client.post(self.url("/auth/login")).json(&body).send().await.unwrap();
        assert_eq!(login.status(), StatusCode::NO_CONTENT);
        let set = login.headers().get_all(SET_COOKIE).iter();
        let cookies: Vec<_> =
            set.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
        for cookie in &cookies {
            let (_, value) = cookie.split_once('=').unwrap();
            self.secret(value);
        }
        for path in ["/auth/refresh", "/auth/refresh", "/auth/logout"] {
            let request = self.client.post(self.url(path)).header(COOKIE, cookies.join("; "));
            let answer = request.header("Sec-Fetch-Site", "same-origin").send().await.unwrap();
            for cookie in answer.headers().get_all(SET_COOKIE) {
                let (_, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                if value.len() >= 20 {
                    self.secrets.push(value.to_owned());
                }
            }
        }
        let foreign = self.client.post(self.url("/auth/logout")).header(COOKIE, cookies.join("; "));
        foreign.header("Origin", "https://evil.example").send().await.unwrap();
    }

    pub(super) async fn clients(&mut self) {
        let create = [
            "clients",
            "create",
            "--name",
            "Billing",
            "--id",
            "billing",
            "--grants",
            "client_credentials,refresh_token,password",
            "--scopes",
            "todos:read",
            "--audiences",
            "todo-service",
        ];
        let made = self.done(&create, "");
        let first = self.secret(made["client_secret"].as_str().unwrap());
        let rotated = self.done(&["clients", "rotate-secret", "billing"], "");
        let secret = self.secret(rotated["client_secret"].as_str().unwrap());
        for secret in [&first, &secret] {
            let form =
                [("grant_type", "client_credentials"), ("client_id", "billing"), ("client_secret", secret)];
            let answer = self.form("/oauth2/token", &form).await;
            assert_eq!(answer.status(), StatusCode::OK);
            self.tokens(answer).await;
        }
        let form = [
            ("grant_type", "password"),
            ("client_id", "billing"),
            ("client_secret", &secret),
            ("username", "alice"),
            ("password", PASSWORD),
        ];
        let answer = self.form("/oauth2/token", &form).await;
        let (access, refresh) = self.tokens(answer).await;
        let form = [
            ("grant_type", "password"),
            ("client_id", "billing"),
            ("client_secret", &secret),
            ("username", "alice"),
            ("password", WRONG_PASSWORD),
        ];
        self.form("/oauth2/token", &form).await;
        for (id, secret) in [("billing", WRONG_SECRET), ("nobody", WRONG_SECRET), (WRONG_SECRET, "")] {
            for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
                let form = [("grant_type", "client_credentials"), ("token", &*access)];
                let request = self.client.post(self.url(path)).form(&form).basic_auth(id, Some(secret));
                assert!(request.send().await.unwrap().status().is_client_error());
            }
        }
        let made_up = [
            ("grant_type", "authorization_code"),
            ("code", MADE_UP_CODE),
            ("client_id", "billing"),
            ("client_secret", &secret),
            ("redirect_uri", "https://example.org/"),
            ("code_verifier", WRONG_SECRET),
        ];
        self.form("/oauth2/token", &made_up).await;
        for token in [&access, &refresh] {
            for path in ["/oauth2/introspect", "/oauth2/revoke"] {
                self.form(path, &[("token", token), ("client_id", "billing"), ("client_secret", &secret)])
                    .await;
            }
        }
        let path = format!("/oauth2/token?client_secret={secret}");
        self.form(&path, &[("grant_type", "client_credentials"), ("client_id", "billing")]).await;
        for rest in [
            &["update", "billing", "--name", "Bills"][..],
            &["disable", "billing"],
            &["enable", "billing"],
            &["delete", "billing"],
        ] {
            self.done(&[&["clients"], rest].concat(), "");
        }
    }

    pub(super) async fn feed(&self) {
        let url = self.url("/revocations");
        for token in [FEED_TOKEN, WRONG_SECRET] {
            self.client.get(&url).header(AUTHORIZATION, format!("Bearer {token}")).send().await.unwrap();
        }
        self.client.get(format!("{url}?token={FEED_TOKEN}")).send().await.unwrap();
    }

    pub(super) async fn operator(&mut self) {
        let email = format!("{EMAIL}2@example.org");
        self.done(&["users", "create", "bob", "--email", &email, "--password-stdin"], PASSWORD);
        assert!(self.command(&["users", "create", "bob", "--password-stdin"], PASSWORD).is_none());
        assert!(self.command(&["users", "create", "carol", "--password-stdin"], "short").is_none());
        self.login("bob", PASSWORD).await;
        self.done(&["users", "set-password", "bob", "--password-stdin"], NEW_PASSWORD);
        self.login("bob", NEW_PASSWORD).await;
        let claims = format!("{{\"given_name\": \"{CLAIM}\"}}");
        let wrong = format!("{{\"given_name\": [\"{CLAIM}\"]}}");
        self.done(&["users", "set-claims", "bob", &claims], "");
        assert!(self.command(&["users", "set-claims", "bob", &wrong], "").is_none());
        assert!(self.command(&["users", "set-claims", "bob", &claims[..20]], "").is_none());
        let other = format!("{EMAIL}3@example.org");
        self.done(&["users", "set-email", "bob", &other, "--verified"], "");
        assert!(self.command(&["users", "set-email", "bob", EMAIL], "").is_none());
        for rest in [&["set-roles", "bob", "admin"][..], &["revoke-tokens", "bob"], &["disable", "bob"]] {
            self.done(&[&["users"], rest].concat(), "");
        }
        self.form("/auth/token", &[("username", "bob"), ("password", NEW_PASSWORD)]).await;
        self.done(&["users", "enable", "bob"], "");
        self.done(&["users", "delete", "bob"], "");

        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
        let pem = rsa::pkcs8::der::SecretDocument::try_from(der.as_ref()).unwrap();
        let pem = pem.to_pem("PRIVATE KEY", rsa::pkcs8::LineEnding::LF).unwrap();
        // The first line is the same in every key, so it is not a secret.
        self.secrets.extend(pem.lines().filter(|line| line.len() == 64).skip(1).map(str::to_owned));
        let keys = self.done(&["keys", "import", "-"], &pem);
        assert!(self.command(&["keys", "import", "-"], &pem).is_none());
        assert!(self.command(&["keys", "import", "-"], &pem[..1000]).is_none());
        self.done(&["keys", "rotate", "--now"], "");
        let kid = keys[0]["kid"].as_str().unwrap().to_owned();
        self.done(&["keys", "rotate", "--compromised", &kid], "");
        self.done(&["keys", "reencrypt"], "");
    }
}
