//! Runs each case against axum and actix-web: both must give the expected response, and the same one.

use std::collections::BTreeMap;

use shared_claims::verifier::Verifier;

use crate::cases::{self, Case, INVALID_TOKEN};
use crate::servers::Server;
use crate::support::{Source, token, verifier, without_keys};

/// A response. Without `Date` and `Connection`, which the servers set themselves.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, Vec<u8>>,
    body: String,
}

impl Answer {
    async fn of(client: &reqwest::Client, server: &Server, case: &Case) -> Self {
        let url = format!("{}{}", server.url, case.target);
        let request = client.request(case.method.parse().unwrap(), url);
        let request =
            case.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = request.send().await.unwrap();
        let headers = answer.headers().iter();
        let headers = headers.filter(|(name, _)| *name != "date" && *name != "connection");
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        Self { status: answer.status().as_u16(), headers, body: answer.text().await.unwrap() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| str::from_utf8(value).unwrap())
    }

    #[track_caller]
    fn assert(&self, case: &Case) {
        assert_eq!(self.status, case.status, "{case}: {self:?}");
        assert_eq!(self.header("www-authenticate"), case.challenge, "{case}: {self:?}");
        if self.status == 200 {
            return;
        }
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{case}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{case}");
        if case.method != "HEAD" {
            let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
            assert_eq!(problem["status"], self.status, "{case}");
            assert!(problem["detail"].is_string(), "{case}");
        }
    }
}

async fn compare(verifier: Verifier, cases: impl Fn(&str) -> Vec<Case>) {
    let client = reqwest::Client::new();
    let (actix, axum) = (Server::actix(verifier.clone()), Server::axum(verifier));
    // Some cases contain the service's own origin.
    for (of_actix, of_axum) in cases(&actix.url).into_iter().zip(cases(&axum.url)) {
        let by_axum = Answer::of(&client, &axum, &of_axum).await;
        by_axum.assert(&of_axum);
        assert_eq!(Answer::of(&client, &actix, &of_actix).await, by_axum, "{of_axum}");
    }
}

#[tokio::test]
async fn actix_and_axum_answer_alike_at_once() {
    compare(verifier(Source::None).await, |url| cases::all(url, Source::None)).await;
}

#[tokio::test]
async fn actix_and_axum_answer_alike_after_waiting() {
    compare(verifier(Source::Waited).await, |url| cases::all(url, Source::Waited)).await;
}

#[tokio::test]
async fn what_cannot_be_checked_is_503_with_retry_after() {
    let verifier = without_keys().await;
    let axum = Server::axum(verifier.clone());
    let case = |token: String, status, challenge| Case {
        name: "no keys".to_owned(),
        method: "GET",
        target: "/whoami".to_owned(),
        headers: vec![("Authorization", format!("Bearer {token}"))],
        status,
        challenge,
    };
    let unknown = case(token().sign(), 503, None);
    let answer = Answer::of(&reqwest::Client::new(), &axum, &unknown).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    compare(verifier, |_| {
        vec![case(token().sign(), 503, None), case("rubbish".to_owned(), 401, INVALID_TOKEN)]
    })
    .await;
}
