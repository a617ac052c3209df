//! Sends one request to the feed and parses the response.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL};
use serde::Deserialize;

use super::FeedSettings;
use super::follower::Query;
use crate::outbound;
use crate::revocation::RevocationFact;

/// Four times the size of a page of ten thousand entries, which is about one megabyte.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The issuer's cursors are shorter than this.
const MAX_CURSOR_BYTES: usize = 1024;

/// The body of a response of the feed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct FeedPage {
    pub(super) epoch: String,
    pub(super) cursor: Cursor,
    pub(super) complete: bool,
    pub(super) entries: Vec<RevocationFact>,
}

/// Opaque to the verifier: sent back as it was received.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(super) enum Cursor {
    Text(String),
    Number(u64),
}

impl Cursor {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// The outcome of a request.
#[derive(Debug)]
pub(super) enum Answer {
    Page(FeedPage),
    /// Status 410: the cursor cannot be used any more.
    Gone,
}

/// Why a request to the feed failed. Shown in logs and status, so it must not contain secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("no answer from the feed within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("no answer from the feed: {0}")]
    Failed(String),
    #[error("the feed answers {0}")]
    Refused(StatusCode),
    #[error("the feed's answer is longer than {MAX_BODY_BYTES} bytes")]
    TooLong,
    #[error("the feed's answer cannot be read: {0}")]
    Malformed(&'static str),
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(outbound::cause(error))
    }
}

impl FeedSettings {
    pub(super) async fn ask(&self, query: &Query, limit: Duration) -> Result<Answer, Fault> {
        tokio::time::timeout(limit, self.exchange(query)).await.unwrap_or(Err(Fault::TimedOut(limit)))
    }

    async fn exchange(&self, query: &Query) -> Result<Answer, Fault> {
        let mut url = self.url.clone();
        if let Some(after) = &query.after {
            url.query_pairs_mut().append_pair("after", after).append_pair("wait", &query.wait_s.to_string());
        }
        // `no-store`, because a cached response would be older than its request.
        let mut request =
            self.client.get(url).header(ACCEPT, "application/json").header(CACHE_CONTROL, "no-cache");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let mut response = request.send().await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::GONE => return Ok(Answer::Gone),
            status => return Err(Fault::Refused(status)),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(Fault::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        parse(&body).map(Answer::Page)
    }
}

pub(super) fn parse(body: &[u8]) -> Result<FeedPage, Fault> {
    let malformed = || Fault::Malformed("not the JSON of a feed");
    // Serde would accept invalid UTF-8 in a member that is not read, and an array of the members instead of an object.
    let text = str::from_utf8(body).map_err(|_| malformed())?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(malformed());
    }
    let page: FeedPage = serde_json::from_str(text).map_err(|_| malformed())?;
    match &page.cursor {
        Cursor::Text(text) if text.len() > MAX_CURSOR_BYTES => {
            Err(Fault::Malformed("the cursor is too long"))
        }
        _ => Ok(page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::RevocationKind;

    #[test]
    fn an_answer_of_the_contract_is_read() {
        let body = br#"{"epoch":"e","cursor":"12","complete":true,"more":1,"entries":[
            {"kind":"sub","id":"u","at":17,"exp":18},{"kind":"jti","id":"j","at":null,"exp":19}]}"#;
        let page = parse(body).unwrap();
        assert_eq!(
            (page.epoch.as_str(), page.complete, page.cursor.into_text()),
            ("e", true, "12".to_owned())
        );
        let facts = [(RevocationKind::Sub, "u", Some(17), 18), (RevocationKind::Jti, "j", None, 19)];
        let facts = facts.map(|(kind, id, at, exp)| RevocationFact { kind, id: id.to_owned(), at, exp });
        assert_eq!(page.entries, facts);
        assert!(matches!(parse(br#"{"epoch":"e","cursor":7,"complete":false,"entries":[]}"#), Ok(page) if
            page.cursor.clone().into_text() == "7"));
    }

    #[test]
    fn what_is_not_understood_is_not_skipped() {
        for bad in [
            &br#"{"epoch":"e","cursor":"1","complete":true,"entries":[{"kind":"device","id":"d","at":null,"exp":1}]}"#[..],
            br#"{"epoch":"e","cursor":"1","complete":true,"entries":[{"kind":"jti","id":"d","at":null}]}"#,
            br#"{"epoch":"e","cursor":"1","complete":true}"#,
            br#"{"epoch":"e","cursor":"1","entries":[]}"#,
            br#"{"epoch":null,"cursor":"1","complete":true,"entries":[]}"#,
            br#"["e","1",true,[]]"#,
            b"<html>",
            b"",
        ] {
            assert!(matches!(parse(bad), Err(Fault::Malformed(_))), "{}", String::from_utf8_lossy(bad));
        }
        let long = format!(r#"{{"epoch":"e","cursor":"{}","complete":true,"entries":[]}}"#, "x".repeat(1025));
        assert!(matches!(parse(long.as_bytes()), Err(Fault::Malformed(_))));
    }
}
