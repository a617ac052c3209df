//! What the end of a browser session costs in the database, compared with the end of one session. `scripts/bench issue`
//! runs this in a release build, and prints the figures.

use std::time::Duration;

use auth_service::domain::{Client, EndReason, Initiator, LOGOUT_TOKEN, LogoutUri};
use auth_service::storage::queue::{self, MessageFilter};
use auth_service::tokens::Tokens;
use reqwest::{Method, RequestBuilder, StatusCode};
use service_kit::database::DatabaseError;
use tokio::time::Instant;
use uuid::Uuid;

use crate::helpers::clients::client;
use crate::helpers::codes::id_of;
use crate::helpers::person::Person;
use crate::helpers::sign_in::{claims, redeem, web1};
use crate::helpers::{TestApp, both, claims_of};

const CLIENTS: usize = 10;
const TIMES: usize = 12;

/// Ends a session as the service does, but without the calls to clients. Returns how long it took.
async fn end(tokens: &Tokens, user_id: Uuid, session_id: Uuid) -> Duration {
    let began = Instant::now();
    let ended = tokens.end_session(user_id, session_id, EndReason::Logout, Initiator::system());
    assert!(ended.await.unwrap());
    began.elapsed()
}

/// Sends a request that ends a session and whose answer does not wait for the calls to clients. Returns how long it took.
async fn end_over_http(request: RequestBuilder) -> Duration {
    let began = Instant::now();
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    began.elapsed()
}

async fn messages(app: &TestApp) -> usize {
    let filter = MessageFilter { kind: Some(LOGOUT_TOKEN.to_owned()), ..MessageFilter::default() };
    let listed =
        app.database.read(move |conn| Ok::<_, DatabaseError>(queue::list(conn, &filter, 0, 10_000)?.len()));
    listed.await.unwrap()
}

/// Signs a person in who then gets a code for each client. Returns the browser session.
async fn browser_session(app: &TestApp, client_ids: &[String]) -> Uuid {
    let mut person = Person::new(app);
    person.sign_in_bare("ada").await;
    let mut browser_session_id = Uuid::nil();
    for id in client_ids {
        let code = person.authorize(&[("client_id", id)]).await.code();
        let (_, given) = redeem(app, id, &code).await;
        browser_session_id = claims(&given["id_token"])["sid"].as_str().unwrap().parse().unwrap();
        app.clock.advance_ms(10_000);
    }
    browser_session_id
}

/// The shortest times of an end: of one session, and of a browser session with all clients.
struct Shortest {
    one: Duration,
    all: Duration,
}

impl Shortest {
    const NONE: Self = Self { one: Duration::MAX, all: Duration::MAX };

    fn add(&mut self, one: Duration, all: Duration) {
        (self.one, self.all) = (self.one.min(one), self.all.min(all));
    }

    #[expect(clippy::print_stdout, reason = "the figures that scripts/bench reads")]
    fn print(&self, what: &str) {
        let Self { one, all } = self;
        let ratio = all.as_secs_f64() / one.as_secs_f64();
        println!("{what}: {one:.2?} for a session, {all:.2?} with ten clients below it: {ratio:.1}");
    }
}

#[tokio::test]
async fn ten_clients_below_a_browser_session_are_ended_and_told_at_once() {
    for (app, database) in both().await.into_iter().zip(["SQLite", "PostgreSQL"]) {
        let user_id = id_of(&app.register("ada").await);
        let tokens = app.use_cases().await;
        let ids: Vec<_> = (0..CLIENTS).map(|number| format!("web{number}")).collect();
        for id in &ids {
            // An address at which nobody listens: the messages stay.
            let backchannel_logout_uri = LogoutUri::parse("https://nobody.invalid/out").ok();
            app.add_client(Client { id: client(id).id, backchannel_logout_uri, ..web1() }).await;
        }
        let (mut bare, mut over_http) = (Shortest::NONE, Shortest::NONE);
        for round in 1..=TIMES {
            let own = app.login("ada").await;
            let sid = claims_of(&own.access)["sid"].as_str().unwrap().parse().unwrap();
            let one = end(&tokens, user_id, sid).await;
            let id = browser_session(&app, &ids).await;
            bare.add(one, end(&tokens, user_id, id).await);

            let id = browser_session(&app, &ids).await;
            let own = app.login("ada").await;
            let path = format!("/auth/sessions/{id}");
            let all = end_over_http(app.request(Method::DELETE, &path).bearer_auth(&own.access)).await;
            let one = end_over_http(app.post("/auth/logout").bearer_auth(&own.access)).await;
            over_http.add(one, all);
            assert_eq!(messages(&app).await, 2 * round * CLIENTS, "each client is told");
        }
        bare.print(&format!("ends on {database}"));
        over_http.print(&format!("ends over HTTP on {database}"));
    }
}
