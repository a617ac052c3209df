//! Helpers to create many sessions and to read the whole list of them.

use auth_service::storage::sessions;
use reqwest::StatusCode;
use serde_json::Value;
use service_kit::database::DatabaseError;
use shared_claims::clock::Clock as _;
use uuid::Uuid;

use super::{TestApp, Tokens, claims_of};

/// The target of the `Link` header to the next page.
pub(crate) fn next_page(response: &reqwest::Response) -> Option<String> {
    let link = response.headers().get("link")?.to_str().unwrap();
    Some(link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned())
}

impl TestApp {
    /// Inserts this many sessions like the one of these tokens.
    pub(crate) async fn add_sessions(&self, tokens: &Tokens, count: usize) {
        let sid: Uuid = claims_of(&tokens.access)["sid"].as_str().unwrap().parse().unwrap();
        let now_ms = self.clock.now_ms();
        let added = self.database.write(move |conn| {
            let mut session = sessions::find(conn, sid)?.unwrap();
            session.last_used_at_ms = now_ms;
            for _ in 0..count {
                // The ids are not in the order of time, to test that rows are locked in the order of ids.
                session.id = Uuid::from_u128(rand::random());
                sessions::insert(conn, &session)?;
            }
            Ok::<_, DatabaseError>(())
        });
        added.await.unwrap();
    }

    /// Reads every page of the list of sessions.
    pub(crate) async fn all_sessions(&self, token: &str) -> Vec<Value> {
        let (mut all, mut path) = (Vec::new(), "/auth/sessions?limit=200".to_owned());
        loop {
            let response = self.get(&path).bearer_auth(token).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let next = next_page(&response);
            all.extend(response.json::<Vec<Value>>().await.unwrap());
            match next {
                Some(next) => path = next,
                None => return all,
            }
        }
    }
}
